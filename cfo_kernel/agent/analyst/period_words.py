"""Parses calendar periods as people write them: `March 2012`, `first half of 2012`, `FY12`."""

import re

from cfo_kernel.agent.analyst.numbers import number_at
from cfo_kernel.agent.analyst.periods import MONTHS, Fiscal, Found, Part, Period, day_of, span
from cfo_kernel.agent.analyst.words import Word, words_in

_SPELLINGS = {"september": ("sept",)}
_MONTH_NUMBERS = {
    form: number for number, name in enumerate(MONTHS, start=1) for form in (name, name[:3], *_SPELLINGS.get(name, ()))
}
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 0}
_BEFORE_MAY = words_in("in of since from to until till through between and during after before for by vs or")
_LINKS = ("of", "in", "the", "year")
_SHORT = re.compile(r"(q|h|fy|fq|cy)(\d{1,4})")
_FISCAL = ("fiscal", "financial", "fy", "fq")


def period_at(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    """The period that begins at this word, and its length in words."""
    for reader in (_fiscal, _iso, _some_months, _dated, _part, _year):
        if found := reader(words, at):
            return found
    return None


def _some_months(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    """Reads `first 6 months of 2012` and `last three months of 2012`."""
    found = number_at(words, at + 1) if _norm(words, at) in ("first", "last") and at + 1 < len(words) else None
    if found is None or _norm(words, at + 1 + found[1]) not in ("months", "quarters"):
        return None
    place = _skip(words, at + 2 + found[1])
    year = _year_at(words, place)
    months = found[0].value * (3 if _norm(words, at + 1 + found[1]) == "quarters" else 1)
    if year is None or months not in range(1, 13):
        return None
    months = int(months)
    first = 1 if _norm(words, at) == "first" else 13 - months
    start, end = span(year, first, 1).start, span(year, first + months - 1, 1).end
    label = f"{MONTHS[first - 1].title()} to {MONTHS[first + months - 2].title()} {year}"
    return Period(start, end, label), place + 1 - at


def _norm(words: tuple[Word, ...], at: int) -> str:
    return words[at].norm if 0 <= at < len(words) else ""


def _skip(words: tuple[Word, ...], at: int) -> int:
    while _norm(words, at) in _LINKS:
        at += 1
    return at


def year_of(word: Word) -> int | None:
    """The year, if the word can be one; `$2012` and `2,012` are numbers."""
    if re.fullmatch(r"(19|20)\d\d", word.norm) and not any(sign in word.before for sign in "$€£"):
        return int(word.norm)
    return None


def _year_at(words: tuple[Word, ...], at: int) -> int | None:
    return year_of(words[at]) if at < len(words) else None


def _iso(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    parts = words[at].norm.split("-")
    if len(parts) == 1 or not all(p.isdigit() for p in parts) or not 1 <= int(parts[1]) <= 12:
        return None
    year, month = int(parts[0]), int(parts[1])
    if not 1900 <= year <= 2100:
        return None
    found = day_of(year, month, int(parts[2])) if len(parts) == 3 else span(year, month, 1)
    return (found, 1) if found else None


def _dated(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    """Reads `March 2012`, `March 30, 2012`, `30 March 2012`, `2012 March` and `March`."""
    day, place = _day_number(words, at), at
    if day is not None:
        place = at + 1 + (_norm(words, at + 1) == "of")
    elif (year := _year_at(words, at)) and _is_month(words, at + 1) and not _year_at(words, at + 2):
        return span(year, _MONTH_NUMBERS[_norm(words, at + 1)], 1), 2
    if not _is_month(words, place):
        return None
    month, end = _MONTH_NUMBERS[words[place].norm], place + 1
    if day is None and (day := _day_number(words, end)) is not None:
        end += 1
    year_place = _skip(words, end)
    year = _year_at(words, year_place)
    if year is None:
        return Part(1, month, day), end - at
    found = day_of(year, month, day) if day is not None else span(year, month, 1)
    return (found, year_place + 1 - at) if found else None


def _is_month(words: tuple[Word, ...], at: int) -> bool:
    """Whether the word is a month; `may` counts only if the words around it suggest a date."""
    norm = _norm(words, at)
    if norm not in _MONTH_NUMBERS:
        return False
    return norm != "may" or _year_at(words, _skip(words, at + 1)) is not None or _norm(words, at - 1) in _BEFORE_MAY


def _day_number(words: tuple[Word, ...], at: int) -> int | None:
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", _norm(words, at))
    return int(match.group(1)) if match and 1 <= int(match.group(1)) <= 31 else None


def _part(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    """Reads `Q1 2012`, `first quarter of 2012`, `2012 Q1`, `H1` and `second half`."""
    if (year := _year_at(words, at)) and (found := _bare_part(words, at + 1)) and "," not in words[at + 1].before:
        part, length = found
        if not _year_at(words, at + 1 + length):
            return part.of(year) or part, length + 1
    found = _bare_part(words, at)
    if not found:
        return None
    part, length = found
    place = _skip(words, at + length)
    year = _year_at(words, place)
    return (part.of(year) or part, place + 1 - at) if year else (part, length)


def _bare_part(words: tuple[Word, ...], at: int) -> tuple[Part, int] | None:
    norm, following = _norm(words, at), _norm(words, at + 1)
    months = {"quarter": 3, "half": 6, "q": 3, "h": 6}
    if (match := _SHORT.fullmatch(norm)) and match.group(1) in ("q", "h"):
        kind, number, length = match.group(1), int(match.group(2)), 1
    elif norm in _ORDINALS and following in ("quarter", "half"):
        kind, length = following, 2
        number = _ORDINALS[norm] or 12 // months[kind]
        if norm == "last" and not _year_at(words, _skip(words, at + 2)):
            return None  # "last quarter" without a year is relative to today
    elif norm == "quarter" and following.isdigit() and len(following) == 1:
        kind, number, length = norm, int(following), 2
    else:
        return None
    return (Part(months[kind], number), length) if 1 <= number <= 12 // months[kind] else None


def _year(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    place = at
    if _norm(words, place) == "calendar" and _norm(words, place + 1) == "year":
        place += 1
    if _norm(words, place) == "year":
        place += 1
    year = _year_at(words, place)
    if year is None and (match := _SHORT.fullmatch(_norm(words, place))) and match.group(1) == "cy":
        year = _long_year(match.group(2))
    return (span(year, 1, 12), place + 1 - at) if year else None


def _long_year(digits: str) -> int | None:
    return int(digits) if len(digits) == 4 else 2000 + int(digits) if len(digits) == 2 else None


def _fiscal(words: tuple[Word, ...], at: int) -> tuple[Found, int] | None:
    """Reads `FY12`, `FY 2012`, `fiscal year 2012`, `fiscal Q1 2012`, `fiscal quarter 1 of 2012` and `Q1 FY2012`."""
    short = _SHORT.fullmatch(_norm(words, at))
    if short and short.group(1) == "fy" and (year := _long_year(short.group(2))):
        return Fiscal(year), 1
    quarter, place = None, at
    if found := _bare_part(words, at):
        if found[0].months != 3:
            return None
        quarter, place = found[0].number, _skip(words, at + found[1])
        if (later := _fiscal_year(words, place)) is None:
            return None
        return Fiscal(later[0], quarter), later[1] - at
    if _norm(words, at) not in _FISCAL:
        return None
    if later := _fiscal_year(words, at):
        return Fiscal(later[0]), later[1] - at
    if (found := _bare_part(words, at + 1)) and found[0].months == 3:
        end = at + 1 + found[1]
        place = _skip(words, end)
        place += _norm(words, place) in _FISCAL
        place = _skip(words, place)
        year = _year_at(words, place)
        return Fiscal(year, found[0].number), (place + 1 if year else end) - at
    return None


def _fiscal_year(words: tuple[Word, ...], at: int) -> tuple[int, int] | None:
    """The fiscal year at this word, and the index of the word after it."""
    short = _SHORT.fullmatch(_norm(words, at))
    if short and short.group(1) == "fy" and (year := _long_year(short.group(2))):
        return year, at + 1
    if _norm(words, at) not in _FISCAL:
        return None
    place = at + 1 + (_norm(words, at + 1) == "year")
    year = _year_at(words, place)
    return (year, place + 1) if year else None
