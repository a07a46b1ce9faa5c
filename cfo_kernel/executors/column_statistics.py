"""Collects statistics on the values of each column while the rows of a result pass through in batches."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cfo_kernel.number_formats import MOST_DECIMALS, ColumnValues

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnStatistics:
    """Statistics on the values of each column of numbers or dates, over all batches so far."""

    def __init__(self, schema: "pa.Schema") -> None:
        import pyarrow as pa

        types: Any = pa.types
        self._columns = {
            i: _Column(decimals=types.is_floating(kind) or types.is_decimal(kind))
            for i, kind in enumerate(schema.types)
            if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
        }

        self._months = {i: True for i, kind in enumerate(schema.types) if types.is_date(kind)}

    def observe(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yields the batches unchanged."""
        for batch in batches:
            for i, column in self._columns.items():
                column.add(batch.column(i))
            for i, are_months in self._months.items():
                self._months[i] = are_months and _are_first_days(batch.column(i))
            yield batch

    def values(self, position: int) -> ColumnValues:
        column = self._columns.get(position)
        return column.values if column else ColumnValues()

    def are_months(self, position: int) -> bool:
        """Whether every date in a column is the first day of a month."""
        return self._months.get(position, False)


def _are_first_days(dates: Any) -> bool:
    import pyarrow.compute as pc

    compute: Any = pc  # its stubs are incomplete
    return compute.all(compute.equal(compute.day(dates), 1)).as_py() is not False


class _Column:
    def __init__(self, *, decimals: bool) -> None:
        self.values = ColumnValues()
        self._has_decimals = decimals

    def add(self, array: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        compute, types = pc, pa.types  # pyright: ignore[reportUnknownMemberType] - the stubs are incomplete
        present = array.drop_null()
        if types.is_floating(present.type):
            present = present.filter(compute.is_finite(present))
        if not len(present):
            return
        ends = compute.min_max(present)
        low, high = float(ends["min"].as_py()), float(ends["max"].as_py())
        total = float(compute.sum(compute.cast(present, pa.float64(), safe=False)).as_py())
        before = self.values
        self.values = ColumnValues(
            count=before.count + len(present),
            minimum=min(low, before.minimum) if before.count else low,
            maximum=max(high, before.maximum) if before.count else high,
            total=before.total + total,
            decimals=self._decimals(present, compute) if self._has_decimals else 0,
        )

    def _decimals(self, present: Any, compute: Any) -> int:
        """The largest number of decimals in these values and in all earlier ones."""
        decimals = self.values.decimals
        scale = getattr(present.type, "scale", MOST_DECIMALS)
        while decimals < min(scale, MOST_DECIMALS):
            with contextlib.suppress(ValueError):  # a value of 38 digits may need one more when it is rounded
                if compute.all(compute.equal(compute.round(present, decimals), present)).as_py():
                    break
            decimals += 1
        return decimals
