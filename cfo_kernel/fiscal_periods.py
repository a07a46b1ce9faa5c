"""Recognizes the names of fiscal periods, and sorts them chronologically: `P03`, `FY24 Q1`, `1. Quartal 2024`.

A period has a unit (year, half, quarter, period, week), a number and, unless the labels omit it, a year. The words
cover the ten languages that files may be written in.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from cfo_kernel import column_names

MOST = 1000
"""The maximum number of distinct periods in a column."""
_LONGEST = 40
_YEARS = (1900, 2100)
_CENTURY_ENDS = 70  # 69 is 2069, and 70 is 1970


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNITS = {
    "half": (2, "h s hj hy half halves halbjahr halbj semester semestre semestral sem halvar polrocze polr 半期"),
    "quarter": (
        4,
        "q t k qtr qu quarter quartal quart trimestre trimester trim kvartal kv kwartaal kwartal kwart trymestr 四半期",
    ),
    "period": (16, "p per period periode periodo fp okres 期"),
    "month": (13, "m mo month monat mois mes mese maand manad miesiac"),
    "week": (53, "w wk week weeks woche kw cw semaine semana settimana vecka v tydzien tydz 週"),
}
_UNIT_OF = {word: (unit, most) for unit, (most, words) in _UNITS.items() for word in words.split()}
_MARKERS = _listed(
    "fy gj fiscal year yr jahr geschaftsjahr exercice ejercicio esercizio exercicio ej ex ano anno annee y cy"
    " boekjaar bj wj ar rok 年度 年"
)
_ORDINALS = _listed("st nd rd th er ere e eme o a de of des du del di do der den 第")
_NAMES = _listed(
    "period periods periode periodo perioden quarter quartal trimestre kvartal kwartaal kwartal half halbjahr"
    " semester semestre month monat mois mes mese maand manad week woche semaine semana settimana vecka tydzien"
    " time zeitraum fiscal jahr year fy date datum okres"
)
_TOKEN = re.compile(r"[a-z]+|\d+|[年月週期第]")
_SEPARATORS = re.compile(r"[\s./'’_\-:,()º°ª]*")


class Period(NamedTuple):
    """A period. `year` and `number` are 0 if the label does not contain them."""

    year: int
    number: int
    unit: str


def ordered(name: str, texts: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels in chronological order. Empty unless all of them are periods with the same unit.

    `name` is the name of their column. A letter with a number but no year may be any code, unless the column's name
    indicates a period.
    """
    different: dict[str, Period] = {}
    for text in texts:
        found = period_of(text)
        if found is None or len(different) > MOST:
            return ()
        different[text] = found
    units = {(period.unit, period.year > 0) for period in different.values()}
    if len(different) < 2 or len(units) != 1:
        return ()
    [(unit, has_year)] = units
    is_plain = has_year or unit == "year" or all(len(re.findall("[A-Za-z]", text)) > 1 for text in different)
    is_quarter = all(text[:1] in "Qq" for text in different)
    if not is_plain and not is_quarter and not {*column_names.words(name)} & _NAMES:
        return ()
    return tuple(sorted(different, key=lambda text: (different[text], text)))


@lru_cache(maxsize=1 << 12)
def period_of(text: str) -> Period | None:
    """The period that the label stands for, or None."""
    if not text or len(text) > _LONGEST or not any(c.isdigit() for c in text):
        return None
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    plain = plain.replace("ł", "l").replace("ß", "ss").replace("四半期", "q").replace("半期", "h").replace("年度", "年")
    tokens = _TOKEN.findall(plain)
    if _SEPARATORS.fullmatch(_TOKEN.sub("", plain)) is None or not 0 < len(tokens) <= 6:
        return None
    return _numeric(plain, tokens) if all(t.isdecimal() for t in tokens) else _worded(tokens)


def _numeric(plain: str, tokens: list[str]) -> Period | None:
    """A period written only in digits: 2024.003 or 003/2024, or the fiscal year 2023/24."""
    if len(tokens) != 2:
        return None
    first, last = tokens
    for year, number in ((first, last), (last, first)):
        if len(year) == 4 and len(number) == 3 and _is_year(year) and 0 < int(number) <= _UNITS["period"][0]:
            return Period(int(year), int(number), "period")
    if len(first) == 4 and len(last) in (2, 4) and re.search(r"\d[/\-–]\d", plain) and _is_span(first, last):
        return Period(int(first), 0, "year")
    return None


def _worded(tokens: list[str]) -> Period | None:
    words = [t for t in tokens if not t.isdecimal()]
    if any(w not in _UNIT_OF and w not in _MARKERS and w not in _ORDINALS for w in words):
        return None
    units = [i for i, t in enumerate(tokens) if t in _UNIT_OF]
    has_marker = any(w in _MARKERS for w in words)
    if not units:
        numbers = [t for t in tokens if t.isdecimal()]
        year = _year(numbers, is_short=has_marker) if has_marker else None
        return Period(year, 0, "year") if year else None
    for at in _numbers_of(tokens, units):
        unit, most = _UNIT_OF[tokens[units[0]]]
        rest = [t for i, t in enumerate(tokens) if t.isdecimal() and i != at]
        year = _year(rest, is_short=True) if rest else 0
        if len(units) == 1 and len(tokens[at]) <= 3 and 0 < int(tokens[at]) <= most and year is not None:
            return Period(year, int(tokens[at]), unit)
    return None


def _numbers_of(tokens: list[str], units: list[int]) -> Iterator[int]:
    """The possible positions of a unit's number: after the unit, as in Q1, or before it, as in 1. Quartal."""
    behind = units[0] + 1
    if behind < len(tokens) and tokens[behind].isdecimal():
        yield behind
    before = [i for i in range(units[0]) if tokens[i].isdecimal()]
    if before:
        yield before[-1]


def _year(numbers: list[str], *, is_short: bool) -> int | None:
    """The year in these numbers: 2024, 24, 2023/24, or 23/24. None if they are not a year."""
    lengths = (2, 4) if is_short else (4,)
    if not 0 < len(numbers) <= 2 or any(len(n) not in lengths for n in numbers):
        return None
    year = _full(numbers[0])
    if not _YEARS[0] <= year <= _YEARS[1] or (len(numbers) == 2 and not _is_span(*numbers)):
        return None
    return year


def _full(year: str) -> int:
    return int(year) if len(year) == 4 else int(year) + (2000 if int(year) < _CENTURY_ENDS else 1900)


def _is_year(text: str) -> bool:
    return _YEARS[0] <= int(text) <= _YEARS[1]


def _is_span(first: str, last: str) -> bool:
    return (
        _is_year(str(_full(first)))
        and (int(first) + 1) % 100 == int(last) % 100
        and (len(last) == 2 or int(last) == _full(first) + 1)
    )
