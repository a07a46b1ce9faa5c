"""Compares an answer with the rows of hand-written SQL.

It is right if its rows contain every figure and label of the gold rows, row by row, and there are no further rows (a
change over time may begin with the row of its base). A period may be written in any usual way: 2012-01-01, 2012-01,
2012-Q1, 2012.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cfo_kernel import Reply, ResultTable

TOLERANCE = 1e-6


def names_of(value: Any) -> set[str]:
    """All the ways in which a label may be written."""
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        return {str(value).strip().lower()}
    names = {value.isoformat()}
    if value.day == 1:
        names.add(f"{value:%Y-%m}")
        if value.month in (1, 4, 7, 10):
            names.add(f"{value.year}-q{(value.month + 2) // 3}")
        if value.month == 1:
            names.add(str(value.year))
    return names


def same(gold: Any, cell: Any) -> bool:
    """Whether a cell of the answer equals the gold value."""
    if gold is None or cell is None:
        return gold is None and cell is None
    if isinstance(gold, int | float | Decimal) and not isinstance(gold, bool):
        try:
            return abs(float(cell) - float(gold)) <= TOLERANCE * max(1.0, abs(float(gold)))
        except (TypeError, ValueError):
            return False
    return bool(names_of(gold) & {str(cell).strip().lower(), str(cell).strip().lower()[:10]})


def covers(row: Sequence[Any], gold: Sequence[Any]) -> bool:
    """Whether a row of an answer contains every gold value, each in a different column."""
    free = list(range(len(row)))
    for value in gold:
        found = next((i for i in free if same(value, row[i])), None)
        if found is None:
            return False
        free.remove(found)
    return True


def is_right(reply: Reply, gold: Sequence[Sequence[Any]], kind: str) -> bool:
    """Whether the reply's table equals the gold rows."""
    table: ResultTable | None = getattr(reply, "result", None)
    if table is None:
        return False
    rows = list(table.rows)
    for wanted in gold:
        found = next((i for i, row in enumerate(rows) if covers(row, wanted)), None)
        if found is None:
            return False
        del rows[found]
    return len(rows) <= (1 if kind == "period_over_period" else 0)
