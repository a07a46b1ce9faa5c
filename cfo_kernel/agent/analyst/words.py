"""The words of a question: how a text is cut up, and when two words count as the same.

Names of the tables are cut by the same function, so that `Land & Improvements` and "land and improvements" meet.
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
    """A word as typed, at its place in the text; `before` holds the punctuation since the word before."""

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
    """The words of a text; punctuation that means something stays with the word after it."""
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
    """Lower case, without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def stem(word: str) -> str:
    """The word without the endings in which a question and a name often differ: plural and British spelling."""
    word = word.replace("isation", "ization").replace("labour", "labor")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def key(words: tuple[Word, ...]) -> str:
    """What two spellings of a name have in common: `Head count`, `headcounts` and `Headcount` have one key."""
    return "".join(w.stem for w in words)


def words_in(text: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(text.split())


def listed(text: str) -> tuple[str, ...]:
    """The same in their order."""
    return tuple(text.split())


def phrases_in(text: str) -> frozenset[str]:
    """A set of phrases with a bar between them."""
    return frozenset(text.split("|"))
