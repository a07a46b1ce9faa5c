"""Converts the SQL worker's results: all rows to Parquet, the first ones to JSON, with notes on unusual values.

No value loses a digit: a value that Arrow, Parquet or Python would truncate is passed as DuckDB's own text.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cfo_kernel.errors import CfoError
from cfo_kernel.executors import json_cells, stored_formats, stored_orders
from cfo_kernel.number_formats import NumberFormat
from cfo_kernel.sql_text import quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Buffer

_FLOATS = ("float", "double")
Row = tuple[Any, ...]
_AS_TEXT = re.compile(r"\b(INTERVAL|UHUGEINT|UNION|BIT|BIGNUM|TIME WITH TIME ZONE|TIME_NS|VARIANT)\b")
"""Types that Python or Parquet would change (a month to 30 days, a large UHUGEINT to -1).

DuckDB converts them to text.
"""

_MAX_CELL, _MAX_SAMPLE = 2000, 1_000_000  # characters


def exact_column(position: int, kind: str, name: str) -> str:
    """SQL for a column under its own name, converted to text if only text preserves its values."""
    column = f"CAST(#{position} AS VARCHAR)" if _AS_TEXT.search(kind) else f"#{position}"
    if (text := stored_orders.as_text(kind)) != kind:
        column = f"CAST(#{position} AS {text})"
    return f"{column} AS {quoted(name)}"


def readable_column(position: int, kind: str) -> str:
    """SQL for a column that Python can read: dates and times that Python cannot represent become text.

    Without this, DuckDB would return the last day that Python can represent instead of infinity, and would cut off
    nanoseconds. A union type keeps the other cells of the column as dates.
    """
    if (kind != "DATE" and not kind.startswith("TIMESTAMP")) or kind.endswith("]"):
        return f"#{position}"
    column, either = f"#{position}", f"UNION(value {kind}, text VARCHAR)"
    # `isfinite` does not know every type of time, and not every one can be cast to TIMESTAMP
    plain_kind = "DATE" if kind == "DATE" else "TIMESTAMPTZ" if "TZ" in kind or "ZONE" in kind else "TIMESTAMP"
    is_plain = f"isfinite(CAST({column} AS {plain_kind}))"
    if kind.endswith("_NS"):
        is_plain += f" AND epoch_ns({column}) % 1000 = 0"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN {is_plain} THEN CAST({column} AS {either})"
        f" ELSE CAST(CAST({column} AS VARCHAR) AS {either}) END"
    )


def write_batches(
    batches: "Iterable[pa.RecordBatch]",
    schema: "pa.Schema",
    file: Path,
    formats: Callable[[], Mapping[str, NumberFormat | None]],
    orders: Mapping[str, Sequence[str]],
    max_bytes: int,
    too_large: CfoError,
) -> "Iterator[pa.RecordBatch]":
    """Yields each batch after writing it to the Parquet file, which appears under its name when it is complete.

    After the last batch, `formats` returns the columns' formats. They are stored in the file, as are the `orders` of
    columns of periods. Raises `too_large` if the file would have more than `max_bytes`.
    """
    import pyarrow.parquet as pq

    partial = file.with_name(file.name + ".part")
    try:
        with _LimitedFile(partial, max_bytes, too_large) as target, pq.ParquetWriter(target, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                yield batch
            footer = {stored_formats.KEY: stored_formats.to_text(formats())}
            writer.add_key_value_metadata(
                footer | ({stored_orders.KEY: stored_orders.to_text(orders)} if orders else {})
            )
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


class _LimitedFile(io.BufferedWriter):
    """A new file with a size limit, because a few kilobytes of Parquet can expand to billions of rows."""

    def __init__(self, path: Path, max_bytes: int, too_large: CfoError) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._left = max_bytes
        self._too_large = too_large

    def write(self, piece: "Buffer", /) -> int:
        self._left -= memoryview(piece).nbytes
        if self._left < 0:
            raise self._too_large
        return super().write(piece)


def count_and_sample(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", cap: int, cursor: duckdb.DuckDBPyConnection
) -> tuple[list[Row], int, list[str]]:
    """The first `cap` rows, the number of all rows, and the columns with NaN or infinity in any row.

    DuckDB converts the rows to Python values, since Arrow overflows on extreme dates.
    """
    import pyarrow as pa

    floats = [i for i, kind in enumerate(schema.types) if any(name in str(kind) for name in _FLOATS)]
    non_finite: set[int] = set()
    first: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if count < cap:
            first.append(batch.slice(0, cap - count))
        count += batch.num_rows
        non_finite |= {i for i in floats if i not in non_finite and _has_non_finite(batch, i)}
    shown = cursor.from_arrow(pa.Table.from_batches(first, schema))
    rows = shown.project(", ".join(readable_column(i, str(kind)) for i, kind in enumerate(shown.types, 1))).fetchall()
    return rows, count, [schema.names[i] for i in sorted(non_finite)]


def _has_non_finite(batch: "pa.RecordBatch", position: int) -> bool:
    import pyarrow.compute as pc

    compute: Any = pc  # its stubs have neither function
    return any(compute.all(compute.is_finite(a)).as_py() is False for a in _floats(batch.column(position)))


def _floats(array: Any) -> Iterator[Any]:
    """The floating-point arrays of a column, including those in its lists, structs and maps."""
    import pyarrow as pa

    types: Any = pa.types
    if types.is_floating(array.type):
        yield array
    elif types.is_map(array.type):
        yield from (*_floats(array.keys), *_floats(array.items))
    elif types.is_struct(array.type):
        for field in array.flatten():
            yield from _floats(field)
    elif types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type):
        yield from _floats(array.flatten())


def to_json_rows(rows: list[Row]) -> tuple[list[list[Any]], list[str]]:
    """The rows as JSON, small enough to show, store and send to a model, with a note if anything was shortened."""
    shown: list[list[Any]] = []
    size = cut = 0
    for row in rows:
        cells = [json_cells.to_json(cell) for cell in row]
        for i, cell in enumerate(cells):
            text = cell if isinstance(cell, str) else json.dumps(cell) if isinstance(cell, list | dict) else ""
            if len(text) > _MAX_CELL:
                cells[i], cut = text[:_MAX_CELL] + "…", cut + 1
            size += min(len(text), _MAX_CELL) + 10
        if shown and size > _MAX_SAMPLE:
            return shown, [f"Only {len(shown)} rows are shown because they are long; the file has all of them."]
        shown.append(cells)
    if not cut:
        return shown, []
    count = "1 long cell was" if cut == 1 else f"{cut} long cells were"
    return shown, [f"{count} shortened; the file has the full text."]


def json_notes(columns: list[dict[str, Any]], rows: list[Row], non_finite: list[str]) -> list[str]:
    """Notes on values that the JSON rows cannot show as they are."""
    found: list[str] = []
    for i, column in enumerate(columns):
        cells = [leaf for row in rows for leaf in json_cells.leaves(row[i])]
        if column["name"] in non_finite:
            found.append(f"{column['name']}: NaN or infinity is shown as empty.")
        if any(isinstance(c, int | Decimal) and isinstance(json_cells.to_json(c), str) for c in cells):
            found.append(f"{column['name']}: numbers too long for a double are shown as text, to keep every digit.")
        if _AS_TEXT.search(column["type"]):
            found.append(f"{column['name']}: {column['type']} is shown as text, to keep its exact value.")
    return found
