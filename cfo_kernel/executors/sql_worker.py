"""The SQL worker: a process with one locked-down DuckDB database over the Parquet files of a workspace.

Run as `python -m cfo_kernel.executors.sql_worker CACHE FOLDER`. There are three successive barriers. The policy accepts
only a single SELECT over known tables. DuckDB itself can open only these files, write none, and change no settings. The
kernel lets the process read the workspace's Parquet `CACHE` and `FOLDER/in`, and write below `FOLDER/out`. If the
kernel does not support this, the first two barriers remain, along with the limits on memory and time.
"""

import contextlib
import functools
import importlib
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.errors import CfoError, PythonFailed, QueryFailed, SqlInvalid, UnknownColumn
from cfo_kernel.executors import sql_policy, stored_formats, stored_orders, worker_folder
from cfo_kernel.executors.column_statistics import ColumnStatistics
from cfo_kernel.executors.duckdb_config import duckdb_config
from cfo_kernel.executors.exact_quantiles import with_exact_quantiles
from cfo_kernel.executors.nested_types import MAX_DEPTH, nesting_depth
from cfo_kernel.executors.sql_advice import UNREADABLE_RESULT
from cfo_kernel.executors.sql_fractions import fraction_columns
from cfo_kernel.executors.sql_names import bounded_names, fold_case, unique_names
from cfo_kernel.executors.sql_worker_errors import translate_errors, with_columns
from cfo_kernel.executors.sql_worker_results import (
    count_and_sample,
    exact_column,
    json_notes,
    to_json_rows,
    write_batches,
)
from cfo_kernel.executors.worker_server import serve
from cfo_kernel.number_formats import MONTH, Known, NumberFormat, is_number, number_format
from cfo_kernel.sql_text import text_literal

MEMORY = 5 << 29  # 2.5 GiB of address space: DuckDB's own limit of 1.5 GB, and the memory that DuckDB does not count
_DUCKDB_MEMORY = "1500MB"
_SETTINGS = (
    "SET temp_directory = ''",  # nothing is spilled to disk
    "SET enable_progress_bar = true",  # without it, DuckDB does not measure a query's progress
    "SET enable_progress_bar_print = false",
    "SET progress_bar_time = 0",
)
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")
MAX_RESULT = 4 << 30
"""The maximum size of a result's file in bytes. The time limit alone would let a query fill the disk."""
_BATCH = 50_000
_WITH_DECIMALS = ("DOUBLE", "FLOAT", "DECIMAL")
_MAX_TYPE = 500  # characters; the type of a struct contains the name of each of its fields


class SqlWorker:
    """Handles `open`, `check`, `count`, `describe`, `query` and `adopt`, one at a time.

    `stop` and `progress` are called by other threads.
    """

    def __init__(self) -> None:
        self.tables: dict[str, str] = {}
        self._seconds: float | None = None
        self._running: duckdb.DuckDBPyConnection | None = None

    @functools.cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database, which has no tables before `open`."""
        return duckdb.connect(config=duckdb_config(_DUCKDB_MEMORY))

    def open(self, tables: dict[str, str], seconds: float | None = None) -> dict[str, Any]:
        """Opens a new database with these tables (name to Parquet file), and locks its settings.

        `seconds` limits each query in case the engine, which normally stops late queries, is stuck or dead.
        """
        if self._running:
            self._running.close()
        self._seconds = seconds
        self.connection = self._running = _locked(tables, seconds)
        self.tables = {fold_case(name): path for name, path in tables.items()}
        return {"tables": len(tables)}

    def check(
        self, sql: str, thread_tables: dict[str, str] | None = None, known: list[str] | None = None
    ) -> dict[str, Any]:
        """The columns that `query` would return. Raises the errors that `query` would raise before reading a row."""
        with self._relation(sql, thread_tables or {}, known or []) as relation:
            pairs = zip(unique_names(relation.columns), relation.types, strict=True)
            return {"columns": [{"name": name, "type": stored_orders.as_text(str(kind))} for name, kind in pairs]}

    def count(
        self, sql: str, most: int, thread_tables: dict[str, str] | None = None, known: list[str] | None = None
    ) -> dict[str, Any]:
        """The number of rows that `query` would return, counted up to `most`."""
        with self._relation(sql, thread_tables or {}, known or []) as relation:
            [(count,)] = relation.limit(most).aggregate("count(*)").fetchall()
            return {"row_count": count}

    def describe(
        self, sql: str, name: str, thread_tables: dict[str, str], known: list[str] | None = None
    ) -> dict[str, Any]:
        """The columns and the row count of the thread's result `name`. `sql` is that name as a quoted identifier."""
        only, others = {name: thread_tables[name]}, known or []
        with self._relation(f"FROM {sql}", only, others) as relation:
            formats = stored_formats.read(Path(thread_tables[name]))
            columns = [
                {"name": n, "type": stored_orders.as_text(str(t)), "format": _json(formats.get(n))}
                for n, t in zip(relation.columns, relation.types, strict=True)
            ]
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
        roles: dict[str, Known] | None = None,
    ) -> dict[str, Any]:
        """Runs `sql`.

        Returns the first `cap` rows as JSON and the total row count, and writes all rows to `file` if given.
        `thread_tables` maps names to tables that only this query may read. An error may suggest the names in `known`.
        `roles` contains the known roles of result columns.
        """
        start = time.perf_counter()
        with self._relation(sql, thread_tables or {}, known or []) as relation:
            if problem := _nesting_problem(relation):
                raise SqlInvalid(problem, retryable=True)
            names = unique_names(relation.columns)
            found = self._known(sql, relation, names, thread_tables or {}) | (roles or {})
            size = f"{MAX_RESULT >> 30} GB" if MAX_RESULT >> 30 else f"{MAX_RESULT:,} bytes"
            advice = "Filter it to fewer rows, select fewer columns, or aggregate first"
            too_large = QueryFailed(f"The result takes more than {size} on the disk. {advice}.", retryable=True)
            value = self._deliver(
                relation, names, cap, Path(file) if file else None, MAX_RESULT, too_large, roles=found
            )
        return value | {"elapsed_ms": round((time.perf_counter() - start) * 1000, 1)}

    def adopt(
        self,
        sql: str,
        cap: int,
        file: str,
        thread_tables: dict[str, str],
        max_columns: int,
        max_bytes: int,
        known: list[str] | None = None,
    ) -> dict[str, Any]:
        """Copies the rows of a table created by untrusted code into `file`.

        Returns the same as `query`. `sql` is the table's name. Raises `PythonFailed` if the table cannot be read, has
        more than `max_columns`, or takes more than `max_bytes` in the new file.
        """
        try:
            with self._relation(f"FROM {sql}", thread_tables, known or []) as relation:
                if (width := len(relation.columns)) > max_columns:
                    raise PythonFailed(f"result_df has {width} columns; the limit is {max_columns}. Keep fewer.")
                if problem := _nesting_problem(relation):
                    raise PythonFailed(problem)
                names = bounded_names(relation.columns)
                too_large = "result_df is too large to keep. Deliver fewer rows or columns, or aggregate first."
                return self._deliver(relation, names, cap, Path(file), max_bytes, PythonFailed(too_large), roles={})
        except (RuntimeError, ValueError, LookupError, TypeError) as error:  # types or strings that Python rejects
            raise PythonFailed(UNREADABLE_RESULT) from error

    def _known(
        self, sql: str, relation: duckdb.DuckDBPyRelation, names: list[str], thread_tables: dict[str, str]
    ) -> dict[str, Known]:
        """The roles of the columns of numbers or dates, from the query. `sql` has already passed the policy."""
        types = {n: str(t) for n, t in zip(names, relation.types, strict=True)}
        kinds = {n: kind for n, kind in types.items() if is_number(kind)}
        decimals = [n for n, kind in kinds.items() if kind.startswith(_WITH_DECIMALS)]
        dates = [n for n, kind in types.items() if kind == "DATE"]
        if not kinds and not dates:
            return {}
        tables = {**{fold_case(name): path for name, path in thread_tables.items()}, **self.tables}
        with self.connection.cursor() as parser:
            bare = sql_policy.without_trailing_comments(sql)
            fractions = fraction_columns(bare, decimals, tables, parser)
            points = fraction_columns(bare, list(kinds), tables, parser, "points")
            months = fraction_columns(bare, dates, tables, parser, "month")
        roles: dict[str, Known] = {n: "percent" if n in fractions else "number" for n in decimals}
        for name in points:
            roles[name] = "points"
        for name in months:
            roles[name] = "month"
        return roles

    def _deliver(
        self,
        relation: duckdb.DuckDBPyRelation,
        names: list[str],
        cap: int,
        file: Path | None,
        max_bytes: int,
        too_large: CfoError,
        *,
        roles: dict[str, Known],
    ) -> dict[str, Any]:
        """Writes all rows to `file` if given. Returns the columns, the first rows, the total row count, and notes."""
        pairs = list(zip(names, [str(t) for t in relation.types], strict=True))
        orders = {n: found for n, t in pairs if (found := stored_orders.labels(t))}
        exact = relation.project(", ".join(exact_column(i, t, n) for i, (n, t) in enumerate(pairs, 1)))
        with exact.to_arrow_reader(_BATCH) as reader, self.connection.cursor() as cursor:
            statistics = ColumnStatistics(reader.schema)

            def formats() -> dict[str, NumberFormat | None]:
                values = statistics.values
                found = {n: number_format(n, t, values(i), roles.get(n)) for i, (n, t) in enumerate(pairs)}
                months = [n for i, (n, _) in enumerate(pairs) if roles.get(n) == "month" and statistics.are_months(i)]
                return found | dict.fromkeys(months, MONTH)

            batches = statistics.observe(reader)
            if file:
                batches = write_batches(batches, reader.schema, file, formats, orders, max_bytes, too_large)
            rows, count, non_finite = count_and_sample(batches, reader.schema, cap, cursor)
        found = formats()
        columns = [
            {"name": n, "type": t if len(t) <= _MAX_TYPE else t[:_MAX_TYPE] + "…", "format": _json(found[n])}
            for n, t in ((n, stored_orders.as_text(t)) for n, t in pairs)
        ]
        shown, cut_notes = to_json_rows(rows)
        return {
            "columns": columns,
            "rows": shown,
            "row_count": count,
            "truncated": count > len(shown),
            "notes": json_notes(columns, rows, non_finite) + cut_notes,
        }

    def stop(self) -> None:
        """See `InterruptibleWork`."""
        with contextlib.suppress(duckdb.Error):  # the connection may have been closed just now
            if self._running:
                self._running.interrupt()

    def progress(self) -> float:
        """See `InterruptibleWork`."""
        try:
            return self._running.query_progress() if self._running else -1
        except duckdb.Error:  # as above
            return -1

    @contextlib.contextmanager
    def _relation(
        self, sql: str, thread_tables: dict[str, str], known: list[str]
    ) -> Generator[duckdb.DuckDBPyRelation]:
        """The relation for a query that passed the policy. Errors while it is read are raised as `QueryError`s."""
        more = {fold_case(name): path for name, path in thread_tables.items() if fold_case(name) not in self.tables}
        everything = {**self.tables, **more}
        used: frozenset[str] = frozenset()
        with (
            _columns_of_unknown(lambda: [everything[name] for name in sorted(used)]),
            contextlib.ExitStack() as stack,
            translate_errors({*everything, *known}, sql),
        ):
            parser = stack.enter_context(self.connection.cursor())
            sql = sql_policy.without_trailing_comments(sql)
            used = sql_policy.check(sql, everything.keys(), parser)
            connection = self.connection
            if not used.isdisjoint(more):  # the locked database cannot open another file, so this query gets its own
                connection = stack.enter_context(_locked({name: everything[name] for name in used}, self._seconds))
                stack.callback(setattr, self, "_running", self.connection)
            self._running = connection
            stack.callback(_abort, connection)
            exact = with_exact_quantiles(sql, connection)
            if exact != sql:
                sql_policy.check(exact, used, parser)  # the query has passed the policy, even if it was rewritten
            yield connection.sql(exact)


def _nesting_problem(relation: duckdb.DuckDBPyRelation) -> str | None:
    """Says which column is nested so deeply that its file could not be read again."""
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if nesting_depth(str(kind)) > MAX_DEPTH:
            problem = f"The column {name[:80]} is nested more than {MAX_DEPTH} levels deep"
            return f"{problem}. Unnest it, or convert it to text."
    return None


@contextlib.contextmanager
def _columns_of_unknown(files: Callable[[], list[str]]) -> Generator[None]:
    """Lists the columns of these files in the error for an unknown column."""
    try:
        yield
    except UnknownColumn as error:
        parquet = importlib.import_module("pyarrow.parquet")
        columns: list[str] = []
        with contextlib.suppress(OSError, ValueError):  # the next query reports a missing or damaged file
            columns = [name for file in files() for name in parquet.read_schema(file).names]
        raise with_columns(error, dict.fromkeys(columns)) from error


def _locked(tables: dict[str, str], seconds: float | None) -> duckdb.DuckDBPyConnection:
    """A database over these files that cannot open others.

    Settings come first, because the locks forbid all changes.
    """
    connection = duckdb.connect(config=duckdb_config(_DUCKDB_MEMORY))
    paths = ", ".join(text_literal(path) for path in tables.values())
    connection.execute(f"SET allowed_paths = [{paths}]")
    for setting in _SETTINGS:
        connection.execute(setting)
    if seconds is not None:
        connection.execute(f"SET max_execution_time = {int(seconds * 1000)}")
    for name, path in tables.items():
        stored_orders.create_view(connection, name, path)
    for lock in _LOCKS:
        connection.execute(lock)
    return connection


def _json(format: NumberFormat | None) -> dict[str, Any] | None:
    return format and asdict(format)


def _abort(connection: duckdb.DuckDBPyConnection) -> None:
    """Discards a result that was not read to its end, which would block the next query on this connection."""
    with contextlib.suppress(duckdb.Error):
        connection.abort()


def confine_worker(cache: str, folder: str) -> None:
    """Confines this process if the kernel supports it. The process must have only one thread."""
    worker_folder.confine_worker(MEMORY, Path(folder), [Path(cache)])


def main(cache: str, folder: str) -> None:
    """Confines this process, then serves requests."""
    confine_worker(cache, folder)
    # Imported only now, because pyarrow starts a thread, which would stay unconfined. Not imported later, because a
    # query that first needs it may have no memory left for an import.
    for module in ("pyarrow.compute", "pyarrow.parquet", "pytz"):
        importlib.import_module(module)
    worker = SqlWorker()
    handlers = {"open": worker.open, "check": worker.check, "count": worker.count, "describe": worker.describe}
    handlers |= {"query": worker.query, "adopt": worker.adopt}
    serve(handlers, MEMORY, worker)


if __name__ == "__main__":
    main(*sys.argv[1:])
