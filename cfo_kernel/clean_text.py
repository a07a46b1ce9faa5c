"""Cleans text from foreign servers and models, so that it is safe to store and to show."""

import re

# A terminal escape sequence, such as a color, a window title or a link. _HIDDEN handles unterminated sequences. A match
# cannot contain the beginning of another sequence, so that no part of the text is searched twice.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|(?:\x1b[\]P^_X]|[\x9d\x90])[^\x07\x1b\x90\x9c\x9d]{0,4096}(?:\x07|\x1b\\|\x9c)"
)
# Control characters except tab and line feed; marks that change the text direction, so that the text looks different
# from its content; and characters that are invisible to people but not to models (language tags).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Returns the text without escape sequences, control characters and direction marks. Keeps tabs and line breaks.

    A lone surrogate, which UTF-8 cannot encode, is replaced with a replacement character.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", _HIDDEN.sub("", _ESCAPE_SEQUENCE.sub("", text)))


def storable_text(text: str) -> str:
    """The text without characters that a database or UTF-8 cannot hold: NUL and unpaired surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return _HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", ""))
