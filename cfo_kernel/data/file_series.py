"""Recognizes series of files by their names: `sales_2023.csv` and `sales_2024.csv`, `GL Jan.xlsx` and `GL Feb.xlsx`.

A name consists of words and numbers. Those that name a period are the file's place in the series, and the rest is its
form. A trailing number may be a place too, or a version (`NUMBER`). Marked versions and copies of a file (`v2`, `(1)`)
do not form a series, because they repeat its rows.
"""

import re
from dataclasses import dataclass
from datetime import date

from cfo_kernel.data.vocabulary import MONTHS, plain

_TOKEN = re.compile(r"\d+|[^\W\d_]+|[(\[]")
NUMBER = "number"
"""The kind of a place that is only a number."""
_FIRST_YEAR, _LAST_YEAR = 1980, 2079
_FISCAL = frozenset(("fy", "gj", "ej", "year", "jahr"))
_QUARTER, _HALF = frozenset(("q", "qtr", "quarter", "quartal", "t", "trim", "kw")) - {"kw"}, frozenset(("h", "hy"))
_NUMBERED = frozenset(("p", "period", "periode", "m", "month", "monat", "w", "wk", "week", "kw", "woche"))
_VERSIONS = frozenset(
    ("v", "ver", "version", "rev", "revision", "draft", "entwurf", "(", "[", "copy", "kopie", "copie")
)
_MOST_DIGITS = 3  # of a trailing number; longer ones are codes


@dataclass(frozen=True)
class SeriesName:
    """A file's name as a member of a series.

    `kinds` say what its place is made of, such as a year and a month. Only files with the same form and kinds form a
    series. `start` is the first day of the period if the year is known.
    """

    form: str
    place: str
    kinds: tuple[str, ...]
    start: date | None = None
    order: tuple[int, int, int] = (0, 0, 0)
    """The year, month and day, as far as they are known."""


@dataclass
class _Place:
    """The parts of a name that give its place in a series, collected while the name is read."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    kinds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def add(self, kind: str, *words: str) -> None:
        self.kinds, self.words = (*self.kinds, kind), (*self.words, *words)

    @property
    def start(self) -> date | None:
        try:
            return date(self.year, self.month or 1, self.day or 1) if self.year else None
        except ValueError:
            return None


def series_name(stem: str) -> SeriesName | None:
    """The name as a member of a series, or None if it has no place in one."""
    tokens = _TOKEN.findall(plain(stem))
    place, form = _Place(), list[str]()
    at = 0
    while at < len(tokens):
        taken = _take(tokens, at, place)
        if not taken:
            form.append(tokens[at])
        at += max(1, taken)
    if not place.kinds and len(form) > 1 and _is_number(form[-1]) and form[-2] not in _VERSIONS:
        place.add(NUMBER, form.pop())
    if not place.kinds or not _VERSIONS.isdisjoint(form):
        return None
    order = (place.year or 0, place.month or 0, place.day or 0)
    return SeriesName(" ".join(form), " ".join(place.words), tuple(sorted(place.kinds)), place.start, order)


def _is_number(token: str) -> bool:
    return token.isdecimal() and len(token) <= _MOST_DIGITS


def _take(tokens: list[str], at: int, place: _Place) -> int:
    """Reads the part of the place that begins at a token. Returns how many tokens it has, or 0."""
    token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
    if token.isdecimal():
        return _take_date(token, place) or _take_year(token, following, place) or _take_part(token, following, place)
    if token in MONTHS:
        place.month = MONTHS[token]
        place.add("month", token)
        return 1 + _take_short_year(following, place)
    if token in _FISCAL and following.isdecimal() and (_year(following) or len(following) == 2):
        place.year = _year(following) or 2000 + int(following)
        place.add("year", following)
        return 2
    if token in _QUARTER | _HALF and re.fullmatch("[1-4]", following):
        place.month = 3 * int(following) - 2 if token in _QUARTER else 6 * int(following) - 5
        place.add("quarter" if token in _QUARTER else "half", token + following)
        return 2 + _take_short_year(tokens[at + 2] if at + 2 < len(tokens) else "", place)
    if token in _NUMBERED and re.fullmatch(r"\d{1,2}", following):
        place.add(token, token + following)
        return 2
    return 0


def _take_date(token: str, place: _Place) -> int:
    """Reads a date or month that consists only of digits: 20240131, 31012024, 202401."""
    for pattern in (
        r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
        r"(?P<d>\d\d)(?P<m>\d\d)(?P<y>\d{4})",
        r"(?P<y>\d{4})(?P<m>\d\d)",
    ):
        found = re.fullmatch(pattern, token)
        if found and (year := _year(found["y"])) and 1 <= int(found["m"]) <= 12:
            place.year, place.month = place.year or year, place.month or int(found["m"])
            day = found.groupdict().get("d")
            place.day = place.day or (int(day) if day else None)
            place.add("day" if day else "month", token)
            return 1
    return 0


def _take_year(token: str, following: str, place: _Place) -> int:
    """Reads a year, which may be followed by the next one: 2024, 2023-24."""
    year = _year(token)
    if year is None:
        return 0
    place.year = place.year or year
    place.add("year", token)
    is_pair = following in (str(year + 1), f"{(year + 1) % 100:02}") and int(following) > 12
    return 1 + is_pair


def _take_part(token: str, following: str, place: _Place) -> int:
    """Reads the number of a month or day next to a year or the name of a month, or of a quarter such as 1Q."""
    if following in MONTHS and re.fullmatch(r"\d{1,2}", token) and 1 <= int(token) <= 31 and place.day is None:
        place.day = int(token)
        place.add("day", token)
        return 1
    if following == "q" and re.fullmatch("[1-4]", token):
        place.month = 3 * int(token) - 2
        place.add("quarter", f"q{token}")
        return 2
    number = int(token) if len(token) <= 2 else 0
    is_last = place.kinds[-1:] in (("year",), ("month",), ("day",))
    if is_last and place.month is None and 1 <= number <= 12:
        place.month = number
        place.add("month", token)
        return 1
    if is_last and place.month and place.day is None and 1 <= number <= 31:
        place.day = number
        place.add("day", token)
        return 1
    if 1 <= number <= 31 and _year(following) and place.year is None:
        place.month = number if number <= 12 else None
        place.add("month", token)
        return 1
    return 0


def _take_short_year(token: str, place: _Place) -> int:
    """Reads a two-digit year after a month or quarter: Jan-24."""
    if place.year or not re.fullmatch(r"\d\d", token):
        return 0
    place.year = 2000 + int(token)
    place.add("year", token)
    return 1


def _year(token: str) -> int | None:
    is_year = len(token) == 4 and token.isdecimal() and _FIRST_YEAR <= int(token) <= _LAST_YEAR
    return int(token) if is_year else None
