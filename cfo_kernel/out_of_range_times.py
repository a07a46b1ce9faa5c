"""Handles dates and times that Python cannot represent, such as infinity, 44 BC or 24:00.

In DataFrames, they are strings in DuckDB's notation.
"""

import io
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

_TEMPORAL = ("date32", "timestamp", "time64")
_UNITS = {"day": 1 / 86_400, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # the years 1 to 9999, in days since 1970
_compute: Any = pyarrow.compute  # the stubs are incomplete
_parquet: Any = pyarrow.parquet


def as_texts(path: Path) -> io.BytesIO | None:
    """Returns the Parquet file with strings in the columns that contain such values, or None if no column does."""
    if not any(str(kind).startswith(_TEMPORAL) for kind in _parquet.read_schema(path).types):
        return None
    table = _parquet.read_table(path)
    affected = [i for i, column in enumerate(table.columns) if _is_out_of_range(column)]
    if not affected:
        return None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for i in affected:
            texts = connection.from_arrow(table.select([i])).project("CAST(#1 AS VARCHAR)").to_arrow_table()
            table = table.set_column(i, table.schema.names[i], texts.column(0))
    file = io.BytesIO()
    _parquet.write_table(table, file)
    file.seek(0)
    return file


def _is_out_of_range(column: Any) -> bool:
    """Whether the column has a value before the year 1 or after 9999, or 24:00."""
    kind = str(column.type)
    unit = next((size for name, size in _UNITS.items() if f"[{name}" in kind), 0)
    if not kind.startswith(_TEMPORAL) or not unit:
        return False
    first, last = (0, 86_399) if kind.startswith("time64") else (_FIRST_DAY * 86_400, _LAST_DAY * 86_400 + 86_399)
    ends = _compute.min_max(column.cast(pa.int32() if kind.startswith("date32") else pa.int64())).as_py()
    return ends["min"] is not None and (ends["min"] // unit < first or ends["max"] // unit > last)
