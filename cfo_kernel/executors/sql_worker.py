"""The SQL worker: a process that holds one locked-down DuckDB over the Parquet files of a workspace.

Run as `python -m cfo_kernel.executors.sql_worker`. DuckDB itself can open these files and no other, write none, and
change no setting; a full result is written by this process, to the one file that the engine named.
"""

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cfo_kernel import errors
from cfo_kernel.executors import policy, wire
from cfo_kernel.executors.child import serve
from cfo_kernel.executors.names import distinct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

Row = tuple[Any, ...]
_MEMORY = 4 << 30  # address space; DuckDB reserves far more than it uses
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1500MB",
    "threads": "2",
}
_BATCH = 50_000
_AS_TEXT = re.compile(r"\b(INTERVAL|UHUGEINT|UNION|BIT|BIGNUM|TIME WITH TIME ZONE)\b")
"""Types that Python or Parquet would cut short (a month becomes 30 days, a large UHUGEINT -1): DuckDB writes them."""


class SqlWorker:
    """Answers `open`, `check` and `query`."""

    def __init__(self) -> None:
        self.tables: frozenset[str] = frozenset()
        self.connection = duckdb.connect(config=_CONFIG)

    def open(self, tables: dict[str, str]) -> dict[str, Any]:
        """Starts anew with these tables (name to Parquet file), and locks the door behind itself."""
        self.connection.close()
        self.connection = connection = duckdb.connect(config=_CONFIG)
        paths = ", ".join(_text(path) for path in tables.values())
        connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("SET temp_directory = ''")
        for name, path in tables.items():
            connection.execute(f"CREATE VIEW {_identifier(name)} AS FROM read_parquet({_text(path)})")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        self.tables = frozenset(name.lower() for name in tables)
        return {"tables": len(tables)}

    def check(self, sql: str) -> dict[str, Any]:
        """Raises what `query` would raise before it reads a row."""
        with self.connection.cursor() as cursor:
            self._relation(sql, cursor)
        return {}

    def query(self, sql: str, cap: int, file: str | None) -> dict[str, Any]:
        """Runs `sql`: the first `cap` rows as JSON, the count of all, and all of them in `file` if one is named."""
        start = time.perf_counter()
        with self.connection.cursor() as cursor:
            relation = self._relation(sql, cursor)
            names, types = distinct(relation.columns), [str(t) for t in relation.types]
            columns = [{"name": n, "type": t} for n, t in zip(names, types, strict=True)]
            try:
                exact = relation.project(
                    ", ".join(_exactly(i, t, n) for i, (n, t) in enumerate(zip(names, types, strict=True), 1))
                )
                reader = exact.to_arrow_reader(_BATCH)
                batches = _written(reader, Path(file)) if file else _streamed(reader)
                rows, count = _counted(batches, reader.schema, cap, cursor)
            except duckdb.Error as error:
                raise _translated(error) from error
        notes = _notes(columns, rows)
        return {
            "columns": columns,
            "rows": [[wire.plain(cell) for cell in row] for row in rows],
            "row_count": count,
            "truncated": count > len(rows),
            "elapsed_ms": round((time.perf_counter() - start) * 1000, 1),
            "notes": notes,
        }

    def _relation(self, sql: str, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        policy.check(sql, self.tables, cursor)
        try:
            return cursor.sql(sql)
        except duckdb.Error as error:
            raise _translated(error) from error


def _exactly(position: int, kind: str, name: str) -> str:
    """The column of a relation under its own name, as text where that alone keeps its value."""
    column = f"CAST(#{position} AS VARCHAR)" if _AS_TEXT.search(kind) else f"#{position}"
    return f"{column} AS {_identifier(name)}"


def _streamed(reader: "pa.RecordBatchReader") -> "Iterator[pa.RecordBatch]":
    try:
        yield from reader
    except OSError as error:
        raise _translated(error) from error


def _written(reader: "pa.RecordBatchReader", file: Path) -> "Iterator[pa.RecordBatch]":
    """The batches, each once it is in the Parquet file, which appears when it is whole."""
    import pyarrow.parquet as pq

    partial = file.with_name(file.name + ".part")
    try:
        with pq.ParquetWriter(partial, reader.schema) as writer:
            for batch in _streamed(reader):
                writer.write_batch(batch)
                yield batch
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _counted(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", cap: int, cursor: duckdb.DuckDBPyConnection
) -> tuple[list[Row], int]:
    """The first `cap` rows, and the count of all. DuckDB makes them Python values: Arrow's overflow at its ends."""
    import pyarrow as pa

    first: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if count < cap:
            first.append(batch.slice(0, cap - count))
        count += batch.num_rows
    return cursor.from_arrow(pa.Table.from_batches(first, schema)).fetchall(), count


def _notes(columns: list[dict[str, str]], rows: list[Row]) -> list[str]:
    """What the JSON rows cannot show as it is."""
    notes: list[str] = []
    for i, column in enumerate(columns):
        cells = [row[i] for row in rows]
        if any(isinstance(c, float) and wire.plain(c) is None for c in cells):
            notes.append(f"{column['name']}: NaN or infinity is shown as empty.")
        if any(isinstance(c, int | Decimal) and isinstance(wire.plain(c), str) for c in cells):
            notes.append(f"{column['name']}: numbers too long for a double are given as text, exactly.")
    return notes


def _translated(error: Exception) -> errors.QueryError:
    """DuckDB's error as one of ours, without the internal tables it likes to suggest and without paths.

    It is known by its text, for an error in the middle of a stream comes through Arrow as an `OSError`.
    """
    message = str(error).split("\n\nLINE")[0]
    if message.startswith("Out of Memory Error"):
        return errors.QueryOutOfMemory("The query needs more memory than it may use. Narrow it, or aggregate first.")
    if message.startswith("INTERRUPT Error"):
        return errors.QueryTimeout("The query took too long and was stopped. Narrow it, or aggregate first.")
    if message.startswith("Permission Error"):
        return errors.SqlPolicyViolation("Files and settings are out of reach. Read the tables of the workspace.")
    if "Referenced column" in message or "does not have a column" in message:
        return errors.UnknownColumn(message)
    return errors.SqlInvalid(message)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    worker = SqlWorker()
    serve({"open": worker.open, "check": worker.check, "query": worker.query}, _MEMORY)
