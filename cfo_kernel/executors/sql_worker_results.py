"""How a result leaves the SQL worker: all rows to Parquet, the first ones as Python values, with notes on the odd ones.

Nothing loses a digit on the way: what Arrow, Parquet or Python would cut short travels as DuckDB's own text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cfo_kernel.executors import json_cells
from cfo_kernel.sql_text import quoted

if TYPE_CHECKING:
    import pyarrow as pa

_FLOATS = ("float", "double")
Row = tuple[Any, ...]
_AS_TEXT = re.compile(r"\b(INTERVAL|UHUGEINT|UNION|BIT|BIGNUM|TIME WITH TIME ZONE|TIME_NS|VARIANT)\b")
"""Types that Python or Parquet would cut short (a month becomes 30 days, a large UHUGEINT -1): DuckDB writes them."""

_LONGEST_CELL, _LARGEST_SAMPLE = 2000, 1_000_000  # characters


def exactly(position: int, kind: str, name: str) -> str:
    """The column of a relation under its own name, as text where that alone keeps its value."""
    column = f"CAST(#{position} AS VARCHAR)" if _AS_TEXT.search(kind) else f"#{position}"
    return f"{column} AS {quoted(name)}"


def readable(position: int, kind: str) -> str:
    """The column of a relation as Python can read it: what it has no value for is a text.

    DuckDB gives the last of Python's days for infinity, and cuts off the nanoseconds.
    """
    if kind != "DATE" and not kind.startswith("TIMESTAMP"):
        return f"#{position}"
    column, either = f"#{position}", f"UNION(value {kind}, text VARCHAR)"
    is_plain = f"isfinite({column})" if kind == "DATE" else f"isfinite(CAST({column} AS TIMESTAMP))"
    if kind == "TIMESTAMP_NS":
        is_plain += f" AND epoch_ns({column}) % 1000 = 0"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN {is_plain} THEN CAST({column} AS {either})"
        f" ELSE CAST(CAST({column} AS VARCHAR) AS {either}) END"
    )


def streamed(reader: "pa.RecordBatchReader") -> "Iterator[pa.RecordBatch]":
    yield from reader


def written(reader: "pa.RecordBatchReader", file: Path) -> "Iterator[pa.RecordBatch]":
    """The batches, each once it is in the Parquet file, which appears when it is whole."""
    import pyarrow.parquet as pq

    partial = file.with_name(file.name + ".part")
    try:
        with pq.ParquetWriter(partial, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                yield batch
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def counted(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", cap: int, cursor: duckdb.DuckDBPyConnection
) -> tuple[list[Row], int, list[str]]:
    """The first `cap` rows, the count of all, and the columns with NaN or infinity in any row.

    DuckDB makes the rows Python values: Arrow's overflow at its ends.
    """
    import pyarrow as pa

    floats = [i for i, kind in enumerate(schema.types) if any(name in str(kind) for name in _FLOATS)]
    odd: set[int] = set()
    first: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if count < cap:
            first.append(batch.slice(0, cap - count))
        count += batch.num_rows
        odd |= {i for i in floats if i not in odd and _has_odd(batch, i)}
    shown = cursor.from_arrow(pa.Table.from_batches(first, schema))
    rows = shown.project(", ".join(readable(i, str(kind)) for i, kind in enumerate(shown.types, 1))).fetchall()
    return rows, count, [schema.names[i] for i in sorted(odd)]


def _has_odd(batch: "pa.RecordBatch", position: int) -> bool:
    import pyarrow.compute as pc

    compute: Any = pc  # its stubs know neither of the two
    return any(compute.all(compute.is_finite(a)).as_py() is False for a in _floats(batch.column(position)))


def _floats(array: Any) -> Iterator[Any]:
    """The floating numbers of a column, also those in its lists, structs and maps."""
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


def short(rows: list[Row]) -> tuple[list[list[Any]], list[str]]:
    """The rows as JSON, small enough to be shown, kept and sent to a model, with a note on what was cut."""
    shown: list[list[Any]] = []
    size = cut = 0
    for row in rows:
        cells = [json_cells.to_json(cell) for cell in row]
        for i, cell in enumerate(cells):
            text = cell if isinstance(cell, str) else json.dumps(cell) if isinstance(cell, list | dict) else ""
            if len(text) > _LONGEST_CELL:
                cells[i], cut = text[:_LONGEST_CELL] + "…", cut + 1
            size += min(len(text), _LONGEST_CELL) + 10
        if shown and size > _LARGEST_SAMPLE:
            return shown, [f"Only {len(shown)} rows are shown, for they are long; the file has all."]
        shown.append(cells)
    return shown, [f"{cut} long cells are shown cut; the file has them whole."] if cut else []


def notes(columns: list[dict[str, str]], rows: list[Row], odd: list[str]) -> list[str]:
    """What the JSON rows cannot show as it is."""
    found: list[str] = []
    for i, column in enumerate(columns):
        cells = [leaf for row in rows for leaf in json_cells.leaves(row[i])]
        if column["name"] in odd:
            found.append(f"{column['name']}: NaN or infinity is shown as empty.")
        if any(isinstance(c, int | Decimal) and isinstance(json_cells.to_json(c), str) for c in cells):
            found.append(f"{column['name']}: numbers too long for a double are given as text, exactly.")
        if _AS_TEXT.search(column["type"]):
            found.append(f"{column['name']}: {column['type']} is given as text, exactly.")
    return found
