"""The SQL worker: a process that holds one locked-down DuckDB over the Parquet files of a workspace.

Run as `python -m cfo_kernel.executors.sql_worker`. DuckDB itself can open these files and no other, write none, and
change no setting; a full result is written by this process, to the one file that the engine named.
"""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel import errors
from cfo_kernel.executors import policy, wire
from cfo_kernel.executors.child import serve

_MEMORY = 4 << 30  # address space; DuckDB reserves far more than it uses
_CONFIG = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1500MB",
    "threads": "2",
}
_BATCH = 50_000


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
            view = '"' + name.replace('"', '""') + '"'
            connection.execute(f"CREATE VIEW {view} AS FROM read_parquet({_text(path)})")  # noqa: S608 - both quoted
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
            types = [str(t) for t in relation.types]
            columns = [{"name": n, "type": t} for n, t in zip(_distinct(relation.columns), types, strict=True)]
            try:
                rows, count = _write(relation, columns, Path(file), cap) if file else _fetch(cursor.execute(sql), cap)
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


def _fetch(result: duckdb.DuckDBPyConnection, cap: int) -> tuple[list[tuple[Any, ...]], int]:
    rows = result.fetchmany(cap)
    count = len(rows)
    while batch := result.fetchmany(_BATCH):
        count += len(batch)
    return rows, count


def _write(
    relation: duckdb.DuckDBPyRelation, columns: list[dict[str, str]], file: Path, cap: int
) -> tuple[list[tuple[Any, ...]], int]:
    """Streams the result to a Parquet file, keeping the first rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [c["name"] for c in columns]
    reader = relation.to_arrow_reader(_BATCH)
    text = [i for i, t in enumerate(reader.schema.types) if pa.types.is_interval(t)]
    schema = pa.schema([
        pa.field(name, pa.string() if i in text else t)
        for i, (name, t) in enumerate(zip(names, reader.schema.types, strict=True))
    ])  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    count = 0
    partial = file.with_name(file.name + ".part")
    with pq.ParquetWriter(partial, schema) as writer:
        for batch in reader:
            arrays = [
                pa.array([None if v is None else str(v) for v in a.to_pylist()], pa.string()) if i in text else a
                for i, a in enumerate(batch.columns)
            ]
            named = pa.RecordBatch.from_arrays(arrays, schema=schema)
            writer.write_batch(named)
            if len(rows) < cap:
                part = named.slice(0, cap - len(rows))
                rows.extend(zip(*(c.to_pylist() for c in part.columns), strict=True))
            count += named.num_rows
    partial.replace(file)
    return rows, count


def _notes(columns: list[dict[str, str]], rows: list[tuple[Any, ...]]) -> list[str]:
    """What the JSON rows cannot show as it is."""
    notes: list[str] = []
    for i, column in enumerate(columns):
        cells = [row[i] for row in rows]
        if any(isinstance(c, float) and wire.plain(c) is None for c in cells):
            notes.append(f"{column['name']}: NaN or infinity is shown as empty.")
        if any(isinstance(c, int | Decimal) and isinstance(wire.plain(c), str) for c in cells):
            notes.append(f"{column['name']}: numbers too long for a double are given as text, exactly.")
    return notes


def _translated(error: duckdb.Error) -> errors.QueryError:
    """DuckDB's error as one of ours, without the list of internal tables that it likes to suggest."""
    message = str(error).split("\n\nLINE")[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return errors.QueryOutOfMemory("The query needs more memory than it may use. Narrow it, or aggregate first.")
    if isinstance(error, duckdb.InterruptException):
        return errors.QueryTimeout("The query took too long and was stopped. Narrow it, or aggregate first.")
    if isinstance(error, duckdb.PermissionException):
        return errors.SqlPolicyViolation("Files and settings are out of reach. Read the tables of the workspace.")
    if "Referenced column" in message or "does not have a column" in message:
        return errors.UnknownColumn(message)
    return errors.SqlInvalid(message)


def _distinct(names: list[str]) -> list[str]:
    """The names, the second of two equal ones with a number behind it."""
    taken: dict[str, int] = {}
    distinct: list[str] = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        distinct.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return distinct


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    worker = SqlWorker()
    serve({"open": worker.open, "check": worker.check, "query": worker.query}, _MEMORY)
