"""Classifies the columns of a result for charts: as times, categories, or figures to draw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from cfo_kernel import fiscal_periods
from cfo_kernel.number_formats import NumberFormat, as_number
from cfo_kernel.replies import ResultColumn, ResultTable

Kind = Literal["time", "order", "category", "figure", "rate", "key", "other"]
_PERIOD = re.compile(r"(^|[_\s])(year|quarter|month|week|day|period)s?($|[_\s])", re.IGNORECASE)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_PERIODS = re.compile(r"(FY\s?)?\d{4}([- ]?(Q[1-4]|H[12]|W\d{1,2}))?|Q[1-4]([- ]\d{4})?", re.IGNORECASE)
_PLAIN = NumberFormat(role="number")
_UNSAFE = re.compile(r"['\"\\\x00-\x1f]|^(__proto__|constructor|prototype)$")
"""Names that Vega cannot use as fields, even if they are escaped."""


@dataclass(frozen=True)
class ChartColumn:
    """A column in a chart. A time has a `unit`, and a figure or rate has a `format`.

    An `order` is an ordered dimension that is not drawn on a time axis, such as a year or quarter. A `key` is a number
    that identifies a row. A `rate` is not drawn next to figures, which have a different unit. An `other` column cannot
    be drawn.
    """

    name: str
    kind: Kind
    cells: tuple[Any, ...]
    unit: str = ""
    format: NumberFormat = _PLAIN

    @property
    def field(self) -> str:
        """The name as a Vega field, with dots and brackets escaped because Vega would read them as a path."""
        return re.sub(r"([.\[\]])", r"\\\1", self.name)

    @property
    def order(self) -> list[str] | None:
        """The fiscal periods in chronological order, or None if that is also their alphabetical order."""
        found = fiscal_periods.ordered(self.name, [str(cell) for cell in self.cells]) if self.kind == "order" else ()
        return list(found) if list(found) != sorted(found) else None

    @property
    def numbers(self) -> list[Decimal]:
        return [n for n in map(as_number, self.cells) if n is not None]

    @property
    def largest(self) -> Decimal:
        return max(map(abs, self.numbers), default=Decimal(0))

    @property
    def axis_format(self) -> str:
        """The format of the axis in d3's notation, with fewer decimals than the cells."""
        if self.format.role == "percent":
            return "(.0%" if self.largest >= Decimal("0.1") else f"(.{self.format.decimals}%"
        return "(,.0f" if self.largest >= 10 else f"(,.{max(2, min(self.format.decimals, 4))}~f"

    @property
    def exact_format(self) -> str:
        return f"(,.{self.format.decimals}{'%' if self.format.role == 'percent' else 'f'}"


def read(table: ResultTable) -> list[ChartColumn] | None:
    """Returns the columns of a table, or None if Vega cannot use one of their names."""
    names = [column.name for column in table.columns]
    if len({*names}) < len(names) or any(not name.strip() or _UNSAFE.search(name) for name in names):
        return None
    return [_column(column, tuple(row[i] for row in table.rows)) for i, column in enumerate(table.columns)]


def _column(column: ResultColumn, cells: tuple[Any, ...]) -> ChartColumn:
    name, kind = column.name, column.type
    if column.format and column.format.role != "month":
        return _numbers(name, column.format, cells)
    present = [cell for cell in cells if cell is not None]
    texts = [cell for cell in present if isinstance(cell, str)]
    if not present or len(texts) < len(present):
        return ChartColumn(name, "other", cells)
    if unit := _time_unit(kind, texts):
        return ChartColumn(name, "time", cells, unit=unit)
    if all(map(_PERIODS.fullmatch, texts)) or fiscal_periods.ordered(name, texts):
        return ChartColumn(name, "order", cells)
    return ChartColumn(name, "category" if kind == "VARCHAR" or kind.startswith("ENUM") else "other", cells)


def _numbers(name: str, format: NumberFormat, cells: tuple[Any, ...]) -> ChartColumn:
    is_ordinal = all(n == int(n) and 0 < n < 10_000 for n in map(as_number, cells) if n is not None)
    if is_ordinal and (format.role == "year" or (format.role == "code" and _PERIOD.search(name))):
        return ChartColumn(name, "order", cells)
    if format.role == "code":
        return ChartColumn(name, "key", cells)
    return ChartColumn(name, "rate" if format.role in ("percent", "rate") else "figure", cells, format=format)


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
