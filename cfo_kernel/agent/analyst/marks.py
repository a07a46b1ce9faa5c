"""Cuts a question into marks: stretches of words with their possible meanings. The longest match wins."""

from dataclasses import dataclass, replace
from enum import StrEnum

from rapidfuzz.distance import OSA

from cfo_kernel.agent.analyst.lexicon import Lexicon, Name
from cfo_kernel.agent.analyst.numbers import Number, number_at
from cfo_kernel.agent.analyst.period_words import period_at
from cfo_kernel.agent.analyst.periods import Found
from cfo_kernel.agent.analyst.phrases import (
    ADJECTIVES,
    ASKS,
    FILLERS,
    GRAINS,
    LONGEST,
    MONEY_TALK,
    NEVER_CORRECTED,
    Ask,
)
from cfo_kernel.agent.analyst.words import Word, listed, words_in
from cfo_kernel.data.plan import Grain


class Sort(StrEnum):
    """The kinds of meaning that a mark can have."""

    NAME = "name"
    ASK = "ask"
    PERIOD = "period"
    GRAIN = "grain"
    NUMBER = "number"
    FILLER = "filler"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mark:
    """The meaning of words `start` to `end` (exclusive) of the question; `remark` is shown to the user."""

    sort: Sort
    start: int
    end: int
    names: tuple[Name, ...] = ()
    ask: Ask | None = None
    period: Found | None = None
    grain: Grain | None = None
    adjective: bool = False
    number: Number | None = None
    remark: str | None = None

    @property
    def length(self) -> int:
        return self.end - self.start

    def is_ask(self, *asks: Ask) -> bool:
        return self.sort is Sort.ASK and self.ask in asks

    @property
    def values(self) -> tuple[Name, ...]:
        return tuple(n for n in self.names if n.kind == "value")

    @property
    def columns(self) -> tuple[Name, ...]:
        return tuple(n for n in self.names if n.kind != "value")

    def filler(self) -> "Mark":
        return replace(self, sort=Sort.FILLER)


def cut(words: tuple[Word, ...], lexicon: Lexicon) -> list[Mark]:
    """Cuts a question into marks, from left to right and without gaps."""
    marks: list[Mark] = []
    at = 0
    while at < len(words):
        mark = _best(words, at, lexicon)
        mark = _misspelled(words, at, lexicon, mark.length if mark else 1) or mark or _partial(words, at, lexicon)
        mark = mark or _corrected(words, at, lexicon) or Mark(Sort.UNKNOWN, at, at + 1)
        marks.append(mark)
        at = mark.end
    return marks


def _best(words: tuple[Word, ...], at: int, lexicon: Lexicon) -> Mark | None:
    """The longest match. Ties are resolved in the order period, value, phrase, number, name, filler."""
    named = _named(words, at, lexicon)
    phrase = _phrase(words, at)
    if named and phrase and phrase.is_ask(Ask.ROWS) and all(n.kind == "table" for n in named.names):
        phrase = None  # the glossary's word for a table's rows identifies the table
    found = [_period(words, at), named if named and named.values else None, phrase]
    found += [_number(words, at), named]
    if words[at].norm in FILLERS:
        found.append(Mark(Sort.FILLER, at, at + 1))
    return max((m for m in found if m), key=lambda m: m.length, default=None)


def _period(words: tuple[Word, ...], at: int) -> Mark | None:
    if found := period_at(words, at):
        return Mark(Sort.PERIOD, at, at + found[1], period=found[0])
    return None


def _number(words: tuple[Word, ...], at: int) -> Mark | None:
    if found := number_at(words, at):
        return Mark(Sort.NUMBER, at, at + found[1], number=found[0])
    return None


def _named(words: tuple[Word, ...], at: int, lexicon: Lexicon) -> Mark | None:
    for end in range(min(len(words), at + lexicon.longest), at, -1):
        names = lexicon.whole(words[at:end])
        if end - at == 1:
            names = tuple(n for n in names if _meant(words, at, n))
        if names and not (end - at > 1 and _is_list(words[at:end], lexicon)):
            return Mark(Sort.NAME, at, end, names=names)
    return None


def _meant(words: tuple[Word, ...], at: int, name: Name) -> bool:
    """Whether a single word is used as this name.

    A value that is also an everyday word (the currency code ALL) must be typed exactly like the value. A synonym such
    as 'pay' is read as a verb, not as a name, if a subject or auxiliary precedes it: 'what did we pay in rent'.
    """
    word = words[at]
    if name.kind == "value" and ASKS.get(word.norm) in MONEY_TALK and name.synonym:
        return not any(w.norm in _DOERS for w in words[max(0, at - 3) : at])
    everyday = word.norm in FILLERS or ASKS.get(word.norm) not in (None, Ask.BALANCE, *MONEY_TALK)
    if name.kind != "value" or not everyday or name.synonym:
        return True
    shouted = all(w.text.isupper() for w in words if w.text.isalpha())
    return word.text == name.value and not shouted


_DOERS = words_in("did do does we they you i to who")


def _is_list(words: tuple[Word, ...], lexicon: Lexicon) -> bool:
    """Whether the words are a list such as 'Meals, Rent', not a name that contains a comma."""
    return any("," in w.before for w in words[1:]) and not any(
        "," in n.value or n.kind != "value" for n in lexicon.whole(words)
    )


def _phrase(words: tuple[Word, ...], at: int) -> Mark | None:
    for end in range(min(len(words), at + LONGEST), at, -1):
        phrase = " ".join(w.norm for w in words[at:end])
        if phrase in ASKS:
            return Mark(Sort.ASK, at, end, ask=ASKS[phrase])
        if phrase in GRAINS:
            return Mark(Sort.GRAIN, at, end, grain=GRAINS[phrase])
        if phrase in ADJECTIVES:
            return Mark(Sort.GRAIN, at, end, grain=ADJECTIVES[phrase], adjective=True)
    return None


def _partial(words: tuple[Word, ...], at: int, lexicon: Lexicon) -> Mark | None:
    """Matches part of a value's name, with as many words as possible, or part of a column's name."""
    if not lexicon.containing(words[at : at + 1]):
        columns = lexicon.columns_containing(words[at])
        return Mark(Sort.NAME, at, at + 1, names=columns) if columns else None
    end = at + 1
    for further in range(at + 2, min(len(words), at + lexicon.longest) + 1):
        joined = any("," in w.before for w in words[at + 1 : further])
        if joined or not lexicon.containing(words[at:further]):
            break
        if words[further - 1].norm not in FILLERS and words[further - 1].norm not in ASKS:
            end = further
    return Mark(Sort.NAME, at, end, names=lexicon.containing(words[at:end]))


def _misspelled(words: tuple[Word, ...], at: int, lexicon: Lexicon, longer_than: int) -> Mark | None:
    """Matches a name of several words despite typing errors in some of them: 'trade slaes'."""
    for end in range(min(len(words), at + lexicon.longest), at + longer_than, -1):
        stretch = words[at:end]
        slips = [w for w in stretch if not lexicon.is_part(w)]
        if not slips or len(slips) == len(stretch) or any(_is_word(w) for w in slips):
            continue
        names = lexicon.misspelled(stretch)
        if len(names) == 1:
            said = " ".join(w.text for w in stretch)
            return Mark(Sort.NAME, at, end, names=names, remark=f"'{said}' was read as '{names[0].value}'.")
    return None


def _is_word(word: Word) -> bool:
    """Whether the word is a known English word, and so not a typing error."""
    return word.norm in NEVER_CORRECTED or any(word.norm in known for known in (ASKS, FILLERS, GRAINS, ADJECTIVES))


def _corrected(words: tuple[Word, ...], at: int, lexicon: Lexicon) -> Mark | None:
    """Matches the word after correcting a typing error, with a remark that says so."""
    word = words[at]
    if word.norm in NEVER_CORRECTED:
        return None
    form = lexicon.correction(word)
    asked = None if form else _asked_for(word)
    if not form and not asked:
        return None
    right = Word(word.text, form or asked or "", word.start, word.end, word.before, word.possessive)
    corrected = (*words[:at], right, *words[at + 1 :])
    mark = _best(corrected, at, lexicon) or _partial(corrected, at, lexicon)
    if mark is None:
        return None
    said = " ".join(w.text for w in words[at : mark.end])
    return replace(mark, remark=f"'{said}' was read as '{_spelled(mark, asked)}'.")


def _spelled(mark: Mark, asked: str | None) -> str:
    name = mark.names[0] if mark.names else None
    if name is None:
        return asked or ""
    return name.value or (name.column or name.table).replace("_", " ")


_ASKED_FOR = listed(
    "total average median minimum maximum highest lowest largest smallest share percentage growth "
    "variance cumulative quarterly monthly yearly quarter month year between excluding without postings "
    "running"
)


def _asked_for(word: Word) -> str | None:
    """The word in the fixed vocabulary that is one typing error away, if there is only one."""
    if len(word.norm) < 5 or not word.norm.isalpha():
        return None
    close = [w for w in _ASKED_FOR if len(w) >= 5 and w[0] == word.norm[0] and OSA.distance(w, word.norm) <= 1]
    return close[0] if len(close) == 1 else None
