"""The SQL worker: a process that holds one locked-down DuckDB over the Parquet files of a workspace.

Run as `python -m cfo_kernel.executors.sql_worker CACHE FOLDER`. Three walls stand one behind the other: the policy lets
one SELECT over known tables through; DuckDB itself can open these files and no other, write none, and change no
setting; and the kernel lets the process read the workspace's Parquet `CACHE` and `FOLDER/in`, and write below
`FOLDER/out`. Where the kernel cannot do that, the first two and the limits of memory and time hold alone.
"""

import contextlib
import importlib
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.executors import confine, sql_policy
from cfo_kernel.executors.duckdb_config import duckdb_config
from cfo_kernel.executors.sql_names import fold_case, unique_names
from cfo_kernel.executors.sql_worker_errors import translate_errors
from cfo_kernel.executors.sql_worker_results import (
    counted,
    exactly,
    notes,
    short,
    streamed,
    written,
)
from cfo_kernel.executors.worker_server import serve
from cfo_kernel.sql_text import quoted, text_literal

MEMORY = 5 << 29  # 2.5 GiB of address space, which holds also what DuckDB does not count
_BEFORE_THE_TABLES = (
    "SET temp_directory = ''",
    "SET enable_progress_bar = true",  # of this connection alone: without it nobody knows how far a query is
    "SET enable_progress_bar_print = false",
    "SET progress_bar_time = 0",
)
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")
_BATCH = 50_000


class SqlWorker:
    """Answers `open`, `check`, `describe` and `query`, one at a time; `stop` and `progress` come from other threads."""

    def __init__(self) -> None:
        self.tables: dict[str, str] = {}
        self._seconds: float | None = None
        self.connection = duckdb.connect(config=duckdb_config("1500MB"))
        self._running = self.connection

    def open(self, tables: dict[str, str], seconds: float | None = None) -> dict[str, Any]:
        """Starts anew with these tables (name to Parquet file), and locks the door behind itself.

        `seconds` is how long a query may take if nobody stops it before: the engine does, while it lives.
        """
        self.connection.close()
        self._seconds = seconds
        self.connection = self._running = _locked(tables, seconds)
        self.tables = {fold_case(name): path for name, path in tables.items()}
        return {"tables": len(tables)}

    def check(
        self, sql: str, thread_tables: dict[str, str] | None = None, known: list[str] | None = None
    ) -> dict[str, Any]:
        """Raises what `query` would raise before it reads a row."""
        with self._relation(sql, thread_tables or {}, known or []):
            return {}

    def describe(
        self, sql: str, name: str, thread_tables: dict[str, str], known: list[str] | None = None
    ) -> dict[str, Any]:
        """The columns of the earlier result `name`, which is `sql` as an identifier, and how many rows it has."""
        only, others = {name: thread_tables[name]}, known or []
        with self._relation(f"FROM {sql}", only, others) as relation:
            columns = [{"name": n, "type": str(t)} for n, t in zip(relation.columns, relation.types, strict=True)]
        with self._relation(f"SELECT count(*) FROM {sql}", only, others) as relation:  # noqa: S608 - an identifier
            [(count,)] = relation.fetchall()
        return {"columns": columns, "row_count": count}

    def query(
        self,
        sql: str,
        cap: int,
        file: str | None,
        thread_tables: dict[str, str] | None = None,
        known: list[str] | None = None,
    ) -> dict[str, Any]:
        """Runs `sql`: the first `cap` rows as JSON, the count of all, and all of them in `file` if one is named.

        `thread_tables` are tables for this query alone, by name; an error may suggest the names in `known`.
        """
        start = time.perf_counter()
        with self._relation(sql, thread_tables or {}, known or []) as relation:
            names, types = unique_names(relation.columns), [str(t) for t in relation.types]
            pairs = list(zip(names, types, strict=True))
            exact = relation.project(", ".join(exactly(i, t, n) for i, (n, t) in enumerate(pairs, 1)))
            with exact.to_arrow_reader(_BATCH) as reader, self.connection.cursor() as cursor:
                batches = written(reader, Path(file)) if file else streamed(reader)
                rows, count, odd = counted(batches, reader.schema, cap, cursor)
        columns = [{"name": n, "type": t} for n, t in pairs]
        shown, cut = short(rows)
        return {
            "columns": columns,
            "rows": shown,
            "row_count": count,
            "truncated": count > len(shown),
            "elapsed_ms": round((time.perf_counter() - start) * 1000, 1),
            "notes": notes(columns, rows, odd) + cut,
        }

    def stop(self) -> None:
        """See `child.Work`."""
        with contextlib.suppress(duckdb.Error):  # the connection may just have been closed
            self._running.interrupt()

    def progress(self) -> float:
        """See `child.Work`."""
        try:
            return self._running.query_progress()
        except duckdb.Error:  # as above
            return -1

    @contextlib.contextmanager
    def _relation(
        self, sql: str, thread_tables: dict[str, str], known: list[str]
    ) -> Generator[duckdb.DuckDBPyRelation]:
        """The relation of a query that passed the policy; what DuckDB raises while it is read comes out as ours."""
        more = {fold_case(name): path for name, path in thread_tables.items() if fold_case(name) not in self.tables}
        everything = {**self.tables, **more}
        with contextlib.ExitStack() as stack, translate_errors({*everything, *known}):
            parser = stack.enter_context(self.connection.cursor())
            used = sql_policy.check(sql, everything.keys(), parser)
            connection = self.connection
            if not used.isdisjoint(more):  # settings are locked for good, so other files mean another database
                connection = stack.enter_context(_locked({name: everything[name] for name in used}, self._seconds))
                stack.callback(setattr, self, "_running", self.connection)
            self._running = connection
            stack.callback(_abort, connection)
            yield connection.sql(sql)


def _locked(tables: dict[str, str], seconds: float | None) -> duckdb.DuckDBPyConnection:
    """A database over these files that can reach no other. The order counts: each lock closes what comes after."""
    connection = duckdb.connect(config=duckdb_config("1500MB"))
    paths = ", ".join(text_literal(path) for path in tables.values())
    connection.execute(f"SET allowed_paths = [{paths}]")
    for setting in _BEFORE_THE_TABLES:
        connection.execute(setting)
    if seconds is not None:
        connection.execute(f"SET max_execution_time = {int(seconds * 1000)}")
    for name, path in tables.items():
        connection.execute(f"CREATE VIEW {quoted(name)} AS FROM read_parquet({text_literal(path)})")
    for lock in _LOCKS:
        connection.execute(lock)
    return connection


def _abort(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets go of a result that was not read to its end, which would keep the connection from the next query."""
    with contextlib.suppress(duckdb.Error):
        connection.abort()


def confined(cache: str, folder: str) -> None:
    """Takes from this process what it does not need, where the kernel can. It must have one thread."""
    if confine.unsupported_reason() is not None:
        return
    from cfo_kernel.executors import seccomp

    bounds = confine.ProcessLimits(memory_bytes=MEMORY, cpu_seconds=1 << 30, file_bytes=8 << 30, threads=64)
    cgroup = (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))  # DuckDB looks there for its limits, and aborts
    confine.confine(bounds, (Path(cache), Path(folder, "in"), *cgroup), Path(folder, "out"), seccomp.SeccompFilter())


def main(cache: str, folder: str) -> None:
    """Confines this process, and serves."""
    confined(cache, folder)
    # Only now: pyarrow starts a thread, which would stay outside of the walls. All at once: what is imported by the
    # first query that needs it may not find the memory for it.
    for module in ("pyarrow.compute", "pyarrow.parquet", "pytz"):
        importlib.import_module(module)
    worker = SqlWorker()
    handlers = {"open": worker.open, "check": worker.check, "describe": worker.describe, "query": worker.query}
    serve(handlers, MEMORY, worker)


if __name__ == "__main__":
    main(*sys.argv[1:])
