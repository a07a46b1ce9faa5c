"""Text of a foreign server or model, made safe to store and to show."""

import re

# An escape sequence of a terminal: a color, a title of the window, a link. One without an end is left to _HIDDEN.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]|(?:\x1b[\]P^_X]|[\x9d\x90])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"
)
# Control characters except tab and line feed; marks that change the direction of text, so that it reads differently
# from what it says; and characters that no one sees but a model reads (language tags).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """The text without escape sequences, control characters and changes of direction. Tabs and line ends stay.

    Half of a surrogate pair, which UTF-8 cannot encode, becomes a replacement character.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", _HIDDEN.sub("", _ESCAPE_SEQUENCE.sub("", text)))
