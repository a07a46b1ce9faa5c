"""Classifies the columns of a result for charts: as times, categories, or figures to draw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from cfo_kernel.display import is_number
from cfo_kernel.replies import ResultTable

Kind = Literal["time", "order", "category", "figure", "rate", "key", "other"]
_KEY = re.compile(r"(^|[_\s])(id|key|keys|code|no|nr|number|uuid)$", re.IGNORECASE)
_PERIOD = re.compile(r"(^|[_\s])(year|quarter|month|week|day|period)s?($|[_\s])", re.IGNORECASE)
_RATE = re.compile(r"percent|pct|%|share|ratio|margin_rate|growth|(^|[_\s])rate", re.IGNORECASE)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_PERIODS = re.compile(r"(FY\s?)?\d{4}([- ]?(Q[1-4]|H[12]|W\d{1,2}))?|Q[1-4]([- ]\d{4})?", re.IGNORECASE)
_UNSAFE = re.compile(r"['\"\\\x00-\x1f]|^(__proto__|constructor|prototype)$")
"""Names that Vega cannot use as fields, even if they are escaped."""


@dataclass(frozen=True)
class ChartColumn:
    """A column in a chart. A time has a `unit`, and a figure has a number of `decimals`.

    An `order` is an ordered dimension that is not drawn on a time axis, such as a year or quarter. A `key` is a number
    that identifies a row. An `other` column cannot be drawn.
    """

    name: str
    kind: Kind
    cells: tuple[Any, ...]
    unit: str = ""
    decimals: int = 0

    @property
    def field(self) -> str:
        """The name as a Vega field, with dots and brackets escaped because Vega would read them as a path."""
        return re.sub(r"([.\[\]])", r"\\\1", self.name)

    @property
    def numbers(self) -> list[Decimal]:
        return [n for n in map(number, self.cells) if n is not None]

    @property
    def largest(self) -> Decimal:
        return max(map(abs, self.numbers), default=Decimal(0))

    @property
    def axis_format(self) -> str:
        if self.kind == "rate":
            return "(.0%" if self.largest <= 5 else "(,.1f"
        return "(,.0f" if self.largest >= 10 else "(,.2~f"

    @property
    def exact_format(self) -> str:
        if self.kind == "rate":
            return "(.1%" if self.largest <= 5 else "(,.2f"
        return f"(,.{self.decimals}f"


def read(table: ResultTable) -> list[ChartColumn] | None:
    """Returns the columns of a table, or None if Vega cannot use one of their names."""
    names = [column.name for column in table.columns]
    if len({*names}) < len(names) or any(not name.strip() or _UNSAFE.search(name) for name in names):
        return None
    return [
        _column(column.name, column.type, tuple(row[i] for row in table.rows)) for i, column in enumerate(table.columns)
    ]


def number(cell: Any) -> Decimal | None:
    """Returns a cell as a number, or None. Cells contain strings for figures that a double cannot represent."""
    if cell is None or isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        found = Decimal(str(cell))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _column(name: str, kind: str, cells: Sequence[Any]) -> ChartColumn:
    present = [cell for cell in cells if cell is not None]
    if is_number(kind):
        return _numbers(name, kind, tuple(cells))
    texts = [cell for cell in present if isinstance(cell, str)]
    if not present or len(texts) < len(present):
        return ChartColumn(name, "other", tuple(cells))
    if unit := _time_unit(kind, texts):
        return ChartColumn(name, "time", tuple(cells), unit=unit)
    if all(map(_PERIODS.fullmatch, texts)):
        return ChartColumn(name, "order", tuple(cells))
    return ChartColumn(name, "category" if kind == "VARCHAR" or kind.startswith("ENUM") else "other", tuple(cells))


def _numbers(name: str, kind: str, cells: tuple[Any, ...]) -> ChartColumn:
    is_whole = kind.endswith("INT") or kind == "INTEGER" or kind.endswith(",0)")
    if _PERIOD.search(name) and all(n == int(n) and 0 < n < 10_000 for n in map(number, cells) if n is not None):
        return ChartColumn(name, "order", cells)
    if _KEY.search(name) and is_whole:
        return ChartColumn(name, "key", cells)
    if kind in ("DOUBLE", "FLOAT"):
        column = ChartColumn(name, "rate" if _RATE.search(name) else "figure", cells)
        return ChartColumn(name, column.kind, cells, decimals=4 if column.largest < 10 else 2)
    scale = re.search(r",\s*(\d+)\)", kind)
    return ChartColumn(name, "figure", cells, decimals=min(int(scale[1]), 6) if scale else 0)


def _time_unit(kind: str, texts: Sequence[str]) -> str:
    """Returns the coarsest Vega time unit that distinguishes all values, or an empty string if they are not times.

    Browsers parse a date as UTC midnight, so only a `utc` unit keeps the day. They parse a timestamp without a time
    zone as local time, so it gets a local unit.
    """
    if not (kind == "DATE" or kind.startswith("TIMESTAMP")):
        return "utcyearmonth" if texts and all(map(_MONTH.fullmatch, texts)) else ""
    if not all(map(_DAY.fullmatch, texts)):  # infinity, or a year with five digits
        return ""
    days = {text[:10] for text in texts}
    if len({day[:7] for day in days}) == len({*texts}):
        return "utcyearmonth" if kind == "DATE" else "yearmonth"
    if len(days) == len({*texts}):
        return "utcyearmonthdate" if kind == "DATE" else "yearmonthdate"
    return "yearmonthdatehoursminutes"


def distinct(column: ChartColumn) -> Iterator[Any]:
    """Yields the distinct values of a dimension in the order of their first appearance."""
    yield from dict.fromkeys(str(cell) for cell in column.cells)
