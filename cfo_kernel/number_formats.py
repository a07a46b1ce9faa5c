"""Decides how the numbers in a column are shown: as amounts, percentages, rates, counts, years or codes.

All front ends and exports follow this decision: tables, charts, CSV, workbooks, terminals and notebooks. It is based on
the column's name, type and values, and on how the values were computed, if that is known.

The worst mistake is to be off by a factor of 100. Values are therefore multiplied by 100 only if they are certainly
fractions: the query divided one figure by another, the file said `12.5 %`, or the name and values have no other
sensible reading. Values that are certainly in percent already get a percent sign. All other values are shown unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal, get_args

from cfo_kernel import column_names

Role = Literal["amount", "percent", "points", "rate", "count", "year", "code", "number", "month"]
Known = Literal["percent", "points", "count", "number", "month"]
MOST_DECIMALS = 12
_MAX_DECIMALS = 38  # of a DECIMAL
_NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "DOUBLE", "FLOAT", "DECIMAL",
)  # fmt: skip
_WHOLE_TYPE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\s*0\)")
_YEARS = (1000, 2999)
_PRICE_DECIMALS = 4
_MIN_POINTS, _MIN_MEAN_POINTS = 2, 0.5  # as fractions, these would be 200 and 50 percent
_MIN_LEVEL = 0.05  # a column's largest margin may well be 5 percent, but not 0.05 percent


@dataclass(frozen=True)
class NumberFormat:
    """The format in which the numbers or months in a column are shown.

    A `percent` is a fraction that is shown multiplied by 100; `points` are in percent already and are shown as such. A
    `year` or a `code` has no thousands separators. A `month` is a date that is shown without its day. `decimals` is the
    number of decimals shown in all cells; for a `percent`, it refers to the percentage.
    """

    # Not a pydantic model, because each SQL worker would then spend a fifth of its start on importing pydantic.
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    role: Role
    decimals: int = field(default=0, metadata={"ge": 0, "le": _MAX_DECIMALS})

    def __post_init__(self) -> None:
        if self.role not in get_args(Role) or type(self.decimals) is not int or not 0 <= self.decimals <= _MAX_DECIMALS:
            raise ValueError(f"not a number format: {self.role!r}, {self.decimals!r}")


MONTH = NumberFormat(role="month")
"""The format of a column of dates that stand for months, as files write them: 2024-01."""


@dataclass(frozen=True)
class ColumnValues:
    """Statistics on all values of a column, except empty cells and NaN.

    `decimals` is the highest number of decimals that a value has, up to `MOST_DECIMALS`.
    """

    count: int = 0
    minimum: float = 0
    maximum: float = 0
    total: float = 0
    decimals: int = 0

    @property
    def largest(self) -> float:
        return max(abs(self.minimum), abs(self.maximum))


def is_number(kind: str) -> bool:
    """Whether a column of this DuckDB type contains numbers. A list of numbers does not count."""
    return kind.split("(")[0] in _NUMBERS and not kind.endswith("]")


def as_number(cell: Any) -> Decimal | None:
    """Returns a cell as a number, or None. Cells contain strings for figures that a double cannot represent."""
    if cell is None or isinstance(cell, bool) or not isinstance(cell, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(cell))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def values_of(cells: Iterable[Any]) -> ColumnValues:
    """Summarizes the cells of a column."""
    numbers = [number for number in map(as_number, cells) if number is not None]
    if not numbers:
        return ColumnValues()
    decimals = max(-int(number.normalize().as_tuple().exponent) for number in numbers)
    return ColumnValues(
        count=len(numbers),
        minimum=float(min(numbers)),
        maximum=float(max(numbers)),
        total=float(sum(numbers)),
        decimals=min(max(0, decimals), MOST_DECIMALS),
    )


def number_format(
    name: str, kind: str, values: ColumnValues, known: Known | None = None, *, is_source: bool = False
) -> NumberFormat | None:
    """Returns the format of a column, or None if it contains no numbers.

    `known` is the role that follows from how the values were computed. `number` means that they may not be fractions.
    `is_source` means that the column belongs to a file. A result may contain only some of a file's rows, so its values
    may look different.
    """
    if not is_number(kind):
        return None
    role = _role(column_names.words(name), kind, values, known, is_source=is_source)
    return NumberFormat(role=role, decimals=_decimals(role, kind, values))


def _role(parts: tuple[str, ...], kind: str, values: ColumnValues, known: Known | None, *, is_source: bool) -> Role:
    is_whole = values.decimals == 0
    if known == "percent" or (known == "count" and is_whole):
        return known
    if known == "points":
        return "points" if values.largest > 1 else "number"
    if is_whole and column_names.says_year(parts) and _YEARS[0] <= values.minimum <= values.maximum <= _YEARS[1]:
        return "year"
    if is_whole and column_names.says_count(parts):
        return "count"
    if is_whole and column_names.says_code(parts):
        return "code"
    if column_names.says_percent(parts):
        if known is None and _are_fractions(parts, values, is_source=is_source):
            return "percent"
        return "points" if known is None and is_source and _are_points(parts, values) else "number"
    if column_names.says_rate(parts):
        return "rate"
    if column_names.says_count(parts) or _WHOLE_TYPE.fullmatch(kind):
        return "number"
    return "amount" if kind.startswith("DECIMAL") or column_names.says_money(parts) else "number"


def _are_fractions(parts: tuple[str, ...], values: ColumnValues, *, is_source: bool) -> bool:
    """Whether values of unknown origin can only be fractions: parts that add up to 1, or margins and the like up to 1.

    Values of only 0 and 1 may be flags. Growth, interest or a market share of 0.5 may be half a percent or 50 percent.
    """
    if values.largest > 1 or values.decimals == 0:
        return False
    adds_up = values.count > 1 and values.minimum >= 0 and abs(values.total - 1) < 0.001
    return adds_up or (is_source and column_names.says_level(parts) and values.largest >= _MIN_LEVEL)


def _are_points(parts: tuple[str, ...], values: ColumnValues) -> bool:
    """Whether values can only be percentages already: the header says percent, and fractions would be absurd."""
    is_large = values.largest >= _MIN_POINTS and abs(values.total) > values.count * _MIN_MEAN_POINTS
    return bool({*parts} & column_names.PERCENT) and is_large


def _decimals(role: Role, kind: str, values: ColumnValues) -> int:
    match role:
        case "year" | "code" | "count":
            return 0
        case "percent":
            return _of_magnitude(values.largest * 100, large=1, usual=1)
        case "amount" if kind.startswith("DECIMAL") or (values.largest >= 1 and values.decimals <= _PRICE_DECIMALS):
            return max(values.decimals, 2)
        case "amount" if values.largest >= 1:  # the result of a division
            return 2
        case _ if kind.startswith("DECIMAL"):
            return values.decimals
        case _:
            return min(values.decimals, _of_magnitude(values.largest, large=2, usual=4))


def _of_magnitude(largest: float, *, large: int, usual: int) -> int:
    """The number of decimals that suits the largest value: enough to show tiny values, and fewer for large ones."""
    if largest >= 1000:
        return large
    if largest >= 0.01 or largest == 0:
        return usual
    return min(MOST_DECIMALS, usual - 1 - Decimal(repr(largest)).adjusted())
