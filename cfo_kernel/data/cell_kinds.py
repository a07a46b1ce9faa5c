"""Classifies the cells of a raw table, before columns have types, as evidence for headers, units and footers."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from cfo_kernel.data import currencies, date_formats, number_grammar
from cfo_kernel.data.vocabulary import EMPTY_WORDS, MONTHS, PENDING_WORDS, plain


class CellKind(Enum):
    """The kind of a cell. A `BLANK` is a sign for a missing value, such as a dash or `n/a`."""

    EMPTY = auto()
    BLANK = auto()
    FIGURE = auto()
    YEAR = auto()
    DATE = auto()
    WORDS = auto()


_YEARS = range(1900, 2101)
_YEAR = re.compile(r"(19|20)\d\d|(1 9|2 0) \d \d")
_BLANK = re.compile(rf"[$€£¥]?\s*({EMPTY_WORDS}|n\.?m\.?)\s*%?", re.IGNORECASE)
_FIGURE = re.compile(number_grammar.ANY, re.IGNORECASE | re.ASCII)
_DATE = re.compile(date_formats.ANY, re.IGNORECASE | re.ASCII)
_SERIAL = re.compile(date_formats.SERIAL)
_LETTERS = re.compile(r"[^\W\d_]+\.?")
_SIDES = frozenset(["dr", "db", "debit", "soll", "cr", "credit", "haben"])
_SHORTEST_MONTH = 3
_CJK = "\u3000"  # the first character of the scripts that number months
_LONGEST = 60  # characters of a figure or date


def kind_of(cell: Any) -> CellKind:
    """The kind of a cell of a text file or workbook."""
    if cell is None or cell == "":
        return CellKind.EMPTY
    if isinstance(cell, str):
        return _kind_of_text(cell) if len(cell) <= _LONGEST else CellKind.WORDS
    if isinstance(cell, date):
        return CellKind.DATE
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return CellKind.YEAR if cell in _YEARS else CellKind.FIGURE
    return CellKind.FIGURE if isinstance(cell, bool | time | timedelta) else CellKind.WORDS


@lru_cache(maxsize=1 << 14)
def _kind_of_text(cell: str) -> CellKind:
    text = cell.strip(number_grammar.SPACES)
    if not text:
        return CellKind.EMPTY
    if _YEAR.fullmatch(text):
        return CellKind.YEAR
    if _BLANK.fullmatch(text):
        return CellKind.BLANK
    if _DATE.fullmatch(text) and not _SERIAL.fullmatch(text) and _may_name_month(text):
        return CellKind.DATE
    return CellKind.FIGURE if _is_figure(text) else CellKind.WORDS


def _may_name_month(text: str) -> bool:
    """Whether one of the words in a possible date names a month, unlike in `1000 Production`.

    True if there are no words.
    """
    words = [word for word in _LETTERS.findall(text) if len(word) > _SHORTEST_MONTH - 1 and word[0] < _CJK]
    return not words or any(plain(word).rstrip(".") in MONTHS for word in words)


def _is_figure(text: str) -> bool:
    if not any(c.isdigit() for c in text) or text[-1] in ".," or not _FIGURE.fullmatch(text):
        return False
    letters = [word.rstrip(".") for word in _LETTERS.findall(text)]
    return all(word.lower() in _SIDES or currencies.is_currency(word) for word in letters)


@lru_cache(maxsize=1 << 14)
def is_pending(text: str) -> bool:
    """Whether the text stands for a value that is not known yet, such as `TBD`."""
    return len(text) < _LONGEST and plain(text).strip(".!?*()[] ") in PENDING_WORDS


def column_kinds(rows: Sequence[Sequence[CellKind]], width: int) -> list[CellKind]:
    """The kind of the values in each column: figures, years, dates, or else words. Header cells are ignored."""
    return [_column_kind([row[i] for row in rows if i < len(row)]) for i in range(width)]


_HEADER_ROWS = 6  # this many cells above the first value may be words


def _column_kind(cells: Sequence[CellKind]) -> CellKind:
    filled = [kind for kind in cells if kind not in (CellKind.EMPTY, CellKind.BLANK)]
    starts = [i for i, kind in enumerate(filled[: _HEADER_ROWS + 1]) if kind is not CellKind.WORDS]
    if not starts:
        return CellKind.WORDS
    # Years and dates may be headers, with words below them.
    first = next((i for i in starts if filled[i] is CellKind.FIGURE), starts[0])
    counts = Counter(filled[first:])
    words = counts.pop(CellKind.WORDS, 0)
    if words and words >= counts.total():
        return CellKind.WORDS
    if counts[CellKind.FIGURE]:  # years and dates above figures are headers, and years among figures are figures
        return (
            CellKind.FIGURE
            if counts[CellKind.FIGURE] + counts[CellKind.YEAR] >= counts[CellKind.DATE]
            else CellKind.DATE
        )
    return CellKind.DATE if counts[CellKind.DATE] > counts[CellKind.YEAR] else CellKind.YEAR
