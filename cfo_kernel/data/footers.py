"""Finds lines below a table that are not part of it, such as its source, the print date, footnotes or a page number.

They have no figures, so no sum changes without them. The evidence is an empty row above, words that are typical of a
footer, or text in a column of dates or figures. A last row with only a name may be a customer without an amount, so it
is kept.
"""

import re
from collections.abc import Sequence
from typing import Any

from cfo_kernel.data.cell_kinds import CellKind, kind_of
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.vocabulary import FOOTER_WORDS, plain

_MOST = 50  # rows
_VALUES = (CellKind.FIGURE, CellKind.YEAR, CellKind.DATE)
_FOOTNOTE = re.compile(r"[*†‡§]|\(?[\da-z]{1,2}\)\s|[¹²³⁴⁵⁶⁷⁸⁹]|https?:|©")
_SHOWN = 200


def count_footers(rows: Sequence[tuple[int, Sequence[Any]]], values: frozenset[int]) -> int:
    """How many of the last rows are a footer. `values` are the columns of figures, years and dates.

    Each row comes with its number in the file, which shows where rows between them are empty.
    """
    tail = rows[-_MOST:]
    last = next((i for i in reversed(range(len(tail))) if _has_value(tail[i][1], values)), None)
    if last is None or not values:
        return 0
    is_footer = False
    for i in range(last + 1, len(tail)):
        gap = tail[i][0] > tail[i - 1][0] + 1
        is_footer = is_footer or gap or _says_footer(tail[i][1], values)
        if is_footer:
            return len(tail) - i
    return 0


def decision(rows: Sequence[tuple[int, Sequence[Any]]]) -> Decision:
    """The decision about the rows of a footer, whose row numbers are counted from zero."""
    texts = "; ".join(" ".join(str(cell) for cell in row if cell is not None) for _, row in rows)
    count = "1 row below the table was" if len(rows) == 1 else f"{len(rows)} rows below the table were"
    where = tuple(number + 1 for number, _ in rows[:MAX_ROWS])
    text = f"{count} left out: {texts[:_SHOWN]}."
    return Decision(kind=DecisionKind.LAYOUT, text=text, rows=where, count=len(rows))


def _has_value(row: Sequence[Any], values: frozenset[int]) -> bool:
    return any(kind_of(row[i]) in _VALUES for i in values if i < len(row))


def _says_footer(row: Sequence[Any], values: frozenset[int]) -> bool:
    filled = [i for i, cell in enumerate(row) if cell is not None]
    if len(filled) != 1:
        return False
    text = str(row[filled[0]]).strip()
    first = plain(text).split(maxsplit=1)[:1]
    said = bool(first) and first[0].strip(".:,") in FOOTER_WORDS
    return filled[0] in values or bool(_FOOTNOTE.match(text)) or said
