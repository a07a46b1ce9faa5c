"""Parquet files as DataFrames; decimals stay `decimal.Decimal`, so that money stays exact."""

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfo_kernel.errors import ResultNotFound, UnreadableFile

if TYPE_CHECKING:
    import pandas as pd

_TEMPORAL = ("date32", "timestamp", "time64")
_UNITS = {"day": 1 / 86_400, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # the years 1 to 9999, counted from 1970


async def read_frame(path: Path) -> "pd.DataFrame":
    """The whole file as a DataFrame, read in a thread of its own. Raises `ResultNotFound` or `UnreadableFile`."""
    try:
        return await asyncio.to_thread(_read, path)
    except FileNotFoundError as error:
        raise ResultNotFound(f"The file {path.name} is no longer there. Ask again.") from error
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "it is damaged")
        raise UnreadableFile(f"The file {path.name} cannot be read ({reason}). Ask again.") from error


def _read(path: Path) -> "pd.DataFrame":
    """The file; a column with a day or time that Python has not, such as infinity or 44 BC, in DuckDB's words."""
    import pandas as pd
    import pyarrow.parquet

    parquet: Any = pyarrow.parquet  # its stubs know too little
    if any(str(kind).startswith(_TEMPORAL) for kind in parquet.read_schema(path).types):
        table = parquet.read_table(path)
        odd = [i for i, column in enumerate(table.columns) if _is_odd(column)]
        if odd:
            return pd.read_parquet(_in_words(table, odd))
    return pd.read_parquet(path)


def _is_odd(column: Any) -> bool:
    """Whether there is a value before the year 1, after 9999, or 24:00."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = str(column.type)
    unit = next((size for name, size in _UNITS.items() if f"[{name}" in kind), 0)
    if not kind.startswith(_TEMPORAL) or not unit:
        return False
    first, last = (0, 86_399) if kind.startswith("time64") else (_FIRST_DAY * 86_400, _LAST_DAY * 86_400 + 86_399)
    compute: Any = pc
    ends = compute.min_max(column.cast(pa.int32() if kind.startswith("date32") else pa.int64())).as_py()
    return ends["min"] is not None and (ends["min"] // unit < first or ends["max"] // unit > last)


def _in_words(table: Any, positions: list[int]) -> io.BytesIO:
    """The table as a Parquet file in which these columns are texts."""
    import duckdb
    import pyarrow.parquet

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for i in positions:
            texts = connection.from_arrow(table.select([i])).project("CAST(#1 AS VARCHAR)").to_arrow_table()
            table = table.set_column(i, table.schema.names[i], texts.column(0))
    file = io.BytesIO()
    parquet: Any = pyarrow.parquet
    parquet.write_table(table, file)
    file.seek(0)
    return file
