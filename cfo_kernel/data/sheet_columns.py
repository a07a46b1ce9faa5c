"""Gives each column of a sheet one type: numbers, dates, booleans, durations, or else text.

Runs in the ingest worker. A workbook types its cells one by one, so a column may mix them. Text is examined again later
(`type_inference`), like text from a text file.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from math import isfinite
from types import NoneType
from typing import Any

import pyarrow as pa

from cfo_kernel.data import number_masks
from cfo_kernel.data.date_formats import DAYS
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind

_MIXED = "cells are stored as numbers, the rest as text."
_SHOWN = 3
_NUMBER = (int, float)
_EXACT = 2**53  # a workbook stores every number as a double, which is exact for whole numbers up to here


def read_column(
    name: str, values: Sequence[Any], mask: str | None, numbers: Sequence[int]
) -> tuple["pa.Array[Any]", list[Decision]]:
    """The values of a column as an array of one type, and the decisions made.

    `mask` is the format that shows all its numbers as codes. `numbers` are the row numbers of the values, counted from
    zero.
    """
    decisions: list[Decision] = []
    figures = _numbers(values)
    if not all(map(isfinite, figures)):
        infinite = sum(not isfinite(v) for v in figures)
        values = [None if isinstance(v, float) and not isfinite(v) else v for v in values]
        cells = "1 cell was" if infinite == 1 else f"{infinite:,} cells were"
        text = f"{name}: {cells} infinite or not a number, and read as empty."
        decisions.append(Decision(kind=DecisionKind.EMPTY_CELLS, text=text, column=name, count=infinite))
        figures = _numbers(values)
    if figures and max(map(abs, figures)) >= _EXACT:
        rounded = sum(abs(v) >= _EXACT for v in figures)
        text = f"{name}: {_rounded(rounded)}"
        decisions.append(Decision(kind=DecisionKind.CODES, text=text, column=name, count=rounded, needs_check=True))
    is_code = mask is not None and number_masks.is_mask(mask)
    column, note = _typed(_masked(values, mask) if mask and is_code else values)
    if mask and is_code:
        note = f"the numbers were read as text, as the sheet shows them with the format {mask[:40]}."
    elif note and _MIXED in note:
        decisions.append(_mixed(name, note, values, numbers))
        return column, decisions
    if note:
        decisions.append(Decision(kind=DecisionKind.NUMBERS, text=f"{name}: {note}", column=name))
    return column, decisions


def _numbers(values: Sequence[Any]) -> Sequence[int | float]:
    """The numbers among the values."""
    kinds = {*map(type, values)}
    if kinds <= {int, float}:
        return values
    return [v for v in values if isinstance(v, _NUMBER)] if kinds & {int, float, bool} else []


def _mixed(name: str, note: str, values: Sequence[Any], numbers: Sequence[int]) -> Decision:
    """A decision about a column that mixes numbers and text, with the rows of the less frequent kind."""
    pairs = zip(numbers, values, strict=True)
    cells = [(number + 1, isinstance(v, int | float)) for number, v in pairs if v is not None]
    are_numbers = 2 * sum(is_number for _, is_number in cells) <= len(cells)
    rows = [row for row, is_number in cells if is_number == are_numbers]
    what = "numbers" if are_numbers else "text cells"
    shown = ", ".join(f"{row:,}" for row in rows[:_SHOWN]) + (", …" if len(rows) > _SHOWN else "")
    text = f"{name}: {note} The {what} are in row{'s' if len(rows) > 1 else ''} {shown}."
    where = tuple(rows[:MAX_ROWS])
    return Decision(kind=DecisionKind.NUMBERS, text=text, column=name, rows=where, count=len(rows))


def _rounded(count: int) -> str:
    """The note for numbers that may have lost their last digits."""
    cells = "1 cell holds a number" if count == 1 else f"{count:,} cells hold numbers"
    problem = "a workbook stores such numbers as doubles, so the last digits may be wrong"
    return f"{cells} of {_EXACT:,} or more: {problem}. Save keys and other codes as text."


def _typed(values: Sequence[Any]) -> tuple["pa.Array[Any]", str | None]:
    """The values as an array of one type: numbers, dates, booleans, or else text, with a note if some are numbers.

    Text is examined again later (`type_inference`), like text from a text file.
    """
    kinds: set[type] = {*map(type, values)} - {NoneType}
    if kinds <= {str}:
        return pa.array(values, pa.string()), None
    present = [v for v in values if v is not None]
    if kinds <= {int, float}:
        figures = _numbers(present)
        if all(map(float.is_integer, map(float, figures))) and max(map(abs, figures)) < _EXACT:
            return pa.array([None if v is None else int(v) for v in values], pa.int64()), None
        return pa.array(values, pa.float64(), from_pandas=True), None
    if kinds <= {date, datetime}:
        moments = [v if isinstance(v, datetime) or v is None else datetime(v.year, v.month, v.day) for v in values]
        if all(m is None or m.time() == time() for m in moments):
            return pa.array([m and m.date() for m in moments], pa.date32()), None
        return pa.array(moments, pa.timestamp("us")), None
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), None
    if timedelta in kinds and kinds <= {timedelta, time}:
        hours = [None if v is None else _hours(v) for v in values]
        return pa.array(hours, pa.float64()), "durations were read as hours."
    numbers = sum(isinstance(v, int | float) and not _may_be_day(v, kinds) for v in present)
    note = f"{numbers} of {len(present)} {_MIXED}"
    return pa.array([None if v is None else _text(v) for v in values], pa.string()), note if numbers else None


def _may_be_day(number: float, kinds: set[type]) -> bool:
    """Whether a number is probably a date that has lost its format."""
    return kinds <= {date, datetime, int, float} and DAYS[0] <= number <= DAYS[1]


def _masked(values: Sequence[Any], mask: str) -> list[Any]:
    """The values with whole numbers as the mask shows them."""
    return [
        number_masks.masked(v, mask) if isinstance(v, int | float) and v >= 0 and float(v).is_integer() else v
        for v in values
    ]


def _hours(value: timedelta | time) -> float:
    clock = (
        timedelta(hours=value.hour, minutes=value.minute, seconds=value.second) if isinstance(value, time) else value
    )
    return clock / timedelta(hours=1)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))  # 5, not 5.0: in a column of codes, the number is a code
    return value if isinstance(value, str) else str(value)
