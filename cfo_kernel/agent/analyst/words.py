"""Splits text into words, and decides when two words count as the same.

Names in the data are split in the same way, so that `Land & Improvements` matches "land and improvements".
"""

import re
import unicodedata
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?!\d)|\d{4}-\d{1,2}(?!\d)"  # dates and months
    r"|\d+(?:st|nd|rd|th)(?![^\W_])"
    r"|\d+(?:,\d{3})*(?:\.\d+)?(?:k|m|mn|mio|bn|b)?(?![^\W_])"
    r"|\d+"
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*\d*"
    r"|<=|>=|\S",
    re.IGNORECASE,
)
_SILENT = frozenset(".,;:!?()[]{}\"'’‘“”`´/\\|_-–—−$€£*•…")
_SPOKEN = {"%": "percent", "&": "and", "+": "plus"}
_POSSESSIVE = ("'s", "’s")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as typed, with its position in the text; `before` is the punctuation after the previous word."""

    text: str
    norm: str
    start: int
    end: int
    before: str = ""
    possessive: bool = False

    @property
    def stem(self) -> str:
        return stem(self.norm)


def split(text: str) -> tuple[Word, ...]:
    """Splits text into words. Most punctuation goes into the next word's `before`, but signs such as % are words."""
    words: list[Word] = []
    before = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _SILENT:
            before += token
            continue
        possessive = token.lower().endswith(_POSSESSIVE)
        norm = plain(token[:-2] if possessive else token).replace("'", "").replace("’", "")
        words.append(Word(token, _SPOKEN.get(norm, norm), match.start(), match.end(), before, possessive))
        before = ""
    return tuple(words)


def plain(text: str) -> str:
    """The text in lower case and without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def stem(word: str) -> str:
    """The word without plural endings and with US spelling, as questions and names often differ in these."""
    word = word.replace("isation", "ization").replace("labour", "labor")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def key(words: tuple[Word, ...]) -> str:
    """The key that different spellings of a name share: `Head count`, `headcounts` and `Headcount`."""
    return "".join(w.stem for w in words)


def words_in(text: str) -> frozenset[str]:
    """The set of words in a space-separated string."""
    return frozenset(text.split())


def listed(text: str) -> tuple[str, ...]:
    """The words in a space-separated string, in order."""
    return tuple(text.split())


def phrases_in(text: str) -> frozenset[str]:
    """The set of phrases in a string separated by bars."""
    return frozenset(text.split("|"))
