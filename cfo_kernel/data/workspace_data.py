"""The data of a workspace: its tables, and the only way to query them."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cfo_kernel.data import checked_glossary, glossary_reader, hierarchies, result_pages, table_unions
from cfo_kernel.data.closing_dates import MOST_ROWS
from cfo_kernel.data.dataset_index import DatasetIndex, Until, all_read, at_once
from cfo_kernel.data.file_worker import FileWorker
from cfo_kernel.data.file_workers import FileWorkers
from cfo_kernel.data.glossary import GlossaryFile, without_hierarchy, without_joins
from cfo_kernel.data.glossary_guards import LostGuards
from cfo_kernel.data.glossary_reader import Written
from cfo_kernel.data.hierarchies import Tree, Trees
from cfo_kernel.data.ingest_cache import FileBeingRead, IngestCache
from cfo_kernel.data.measures import stated_measures
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.plan_roles import known_roles
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.data.python_programs import ProgramResult, PythonPrograms
from cfo_kernel.data.reading_notes import notes_on_code
from cfo_kernel.data.result_pages import ALL_ROWS, DownloadFormat, PageRequest, ResultPage, RowSelection
from cfo_kernel.data.semantics.library_measures import library_fits, library_measures, sign_queries, with_signs
from cfo_kernel.data.semantics.meaning import JoinMeaning, Meaning, MeasureMeaning
from cfo_kernel.data.semantics.meaning_cache import MeaningCache
from cfo_kernel.data.semantics.overruled import overruled
from cfo_kernel.data.stated_joins import join_counts
from cfo_kernel.data.tables import Column, Dataset, Table, Tables, why_no_tables
from cfo_kernel.errors import (
    GlossaryInvalid,
    GlossaryProblem,
    JoinDoesNotHold,
    PlanInvalid,
    QueryError,
    QueryFailed,
    QueryOutOfMemory,
    QueryTimeout,
    SqlInvalid,
    UnknownTable,
    UnreadableFile,
    WorkerLost,
)
from cfo_kernel.executors.python_executor import PythonExecutor
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool, TableFiles
from cfo_kernel.executors.worker_process import Progress, workbench_closed
from cfo_kernel.number_formats import Known
from cfo_kernel.replies import Query, ResultColumn, ResultTable
from cfo_kernel.sql_text import quoted


@dataclass(frozen=True)
class SchemaContext:
    """Everything known about the data: the datasets, their tables, the company's glossary, and the tables' trees."""

    index: DatasetIndex
    glossary: GlossaryFile
    trees: Trees = field(default_factory=dict[str, Tree])
    glossary_faults: tuple[GlossaryProblem, ...] = ()
    """The faults of the glossary. The parts concerned are left out."""
    lost_guards: LostGuards = field(default_factory=dict[tuple[str, str], str])
    joins: tuple[JoinMeaning, ...] = ()
    """The joins in the glossary that hold."""
    measures: tuple[MeasureMeaning, ...] = ()
    """The measures that the glossary states."""

    @property
    def glossary_problems(self) -> tuple[str, ...]:
        """The faults of the glossary as sentences, each with its line."""
        return tuple(fault.message for fault in self.glossary_faults)

    @property
    def tables(self) -> Tables:
        return self.index.tables


_NONE: Mapping[str, Path] = {}
_NO_ROLES: Mapping[str, Known] = {}
_KEPT_ROLES = ("percent", "points", "count", "month")
_MOST_FACTS = 10_000
_PATIENCE = 10  # seconds
_MAX_EXPORTS = 2
"""How many downloads are written at the same time. Others wait."""
_TOO_MANY_DIGITS = (
    "A figure has more than 38 digits, the maximum for exact numbers. Multiply fewer figures, or divide one of "
    'them by {"constant": 1}: a division gives a double, which can be larger.'
)


def scratch_dir(workspace_dir: Path) -> Path:
    """The folder for a workspace's `locked_temp_folders`, which hold uploads, exports and the files of programs."""
    return workspace_dir / ".scratch"


def file_workers_dir(workspace_dir: Path) -> Path:
    """The folder in which a workspace's file workers create their locked folders."""
    return workspace_dir / ".files"


class WorkspaceData:
    """Reads the data of a workspace. All SQL, from any caller, is checked against the same policy here.

    `thread_tables` are earlier results of the thread, available as tables next to those of the workspace, whose names
    take precedence. `on_progress` is called with a query's progress once the query has taken half a second. Cancelling
    the caller stops the query. `python` runs programs and is closed by its owner; without it, Python is disabled.
    """

    def __init__(
        self,
        workspace_dir: Path,
        *,
        query_timeout: float,
        ingest_timeout: float,
        python: PythonExecutor | None = None,
        python_timeout: float = 30,
    ) -> None:
        self._query_timeout = query_timeout
        self._data_dir = workspace_dir / "data"
        self._files = file_workers_dir(workspace_dir)
        self._ingest = FileWorkers(self._files)
        self._sql = SqlWorkerPool(workspace_dir / ".cache", workspace_dir / ".sql", timeout=query_timeout)
        self._cache = IngestCache(workspace_dir, self._ingest, ingest_timeout)
        self._meanings = MeaningCache()
        self._meaning: tuple[SchemaContext, Meaning, Meaning] | None = None
        self._inferring: asyncio.Task[Meaning] | None = None
        self._schema: SchemaContext | None = None
        self._written: Written | None = None
        self._stamp: glossary_reader.Stamp | None = None
        self._reading_glossary = asyncio.Lock()
        self._programs = PythonPrograms(python, self._adopt, seconds=python_timeout)
        self._ingest_timeout = ingest_timeout
        self._exports: set[FileWorker] = set()
        self._exporting = asyncio.Semaphore(_MAX_EXPORTS)
        self.scratch = scratch_dir(workspace_dir)
        self._is_closed = False

    @property
    def file_being_read(self) -> FileBeingRead | None:
        """The file that is being read at the moment. A caller that needs all tables waits for it."""
        return self._cache.file_being_read

    async def index(self, until: Until = all_read) -> DatasetIndex:
        """The datasets, even if the glossary is invalid.

        Waits until all files have been read, or `until` is satisfied.
        """
        return await self._cache.index(until)

    async def datasets(self, *, wait: float = 0) -> tuple[Dataset, ...]:
        """The datasets after at most `wait` seconds, with the progress of files that are still being read."""
        return self._cache.listed(await self._index_within(wait))

    async def _index_within(self, wait: float) -> DatasetIndex:
        """The datasets once all files have been read, or as they are after `wait` seconds."""
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    return await self._cache.index()
        return await self._cache.index(at_once)

    async def stop_reading(self, file: str) -> None:
        """Stops reading a file, which is then not read until `read_again` is called. Raises `OSError`."""
        await self._cache.stop(file)

    async def read_again(self, file: str) -> None:
        """Reads a file again that could not be read, or whose reading was stopped. Raises `OSError`."""
        await self._cache.read_again(file)

    async def ready_schema(self, *, wait: float = 0) -> SchemaContext:
        """The schema of the tables that are ready after `wait` seconds."""
        await self._index_within(wait)
        return await self.schema(at_once)

    async def schema(self, until: Until = all_read) -> SchemaContext:
        """The datasets, the valid part of the glossary with its faults, and the trees.

        They are read again when they change. Waits for files as `index` does. Raises `StorageFailed` if the folder
        cannot be read.
        """
        index = await self._cache.index(until)
        if index.files:
            self._sql.warm(index.files)  # a caller that reads the schema is about to query the tables
        async with self._reading_glossary:
            stamp = glossary_reader.stamp(self._data_dir)
            if self._written is None or self._stamp != stamp:
                self._written = await asyncio.to_thread(glossary_reader.read, self._data_dir)
                self._schema, self._stamp = None, stamp
            if self._schema is None or self._schema.index is not index:
                self._schema = await self._read_schema(index, self._written)
            return self._schema

    async def glossary_faults(self, text: str) -> tuple[GlossaryProblem, ...]:
        """The faults that a glossary with this text would have. Raises `StorageFailed`."""
        written = await asyncio.to_thread(glossary_reader.read_text, text)
        return (await self._read_schema(await self._cache.index(), written)).glossary_faults

    async def meaning(self) -> Meaning:
        """What the tables mean: inferred from their rows, and overruled by the glossary column by column.

        Raises `StorageFailed` if the folder cannot be read.
        """
        schema = await self.schema()
        inferred = self._meanings.of(schema.index) or await self._meanings.read(schema.index, self._rows)
        if self._meaning is None or self._meaning[0] is not schema or self._meaning[1] is not inferred:
            stated = overruled(inferred, schema.glossary, schema.joins, schema.measures)
            self._meaning = schema, inferred, await self._with_library(stated, schema.tables)
        return self._meaning[2]

    async def _with_library(self, meaning: Meaning, tables: Tables) -> Meaning:
        """The meaning, with the finance measures that fit the data and that the glossary does not define."""
        fits = await asyncio.to_thread(library_fits, tables, meaning)
        signs = {query.key: (await self._rows(query.sql))[0][0] for query in sign_queries(fits, meaning)}
        stated = {measure.name.lower() for measure in meaning.measures}
        found = library_measures(with_signs(fits, signs))
        more = tuple(measure for measure in found if measure.name.lower() not in stated)
        return meaning.model_copy(update={"measures": (*meaning.measures, *more)})

    async def known_meaning(self) -> Meaning | None:
        """The meaning, or None if inferring it takes longer than a description should wait. It goes on."""
        if self._inferring is None or self._inferring.done():
            self._inferring = asyncio.create_task(self.meaning())
        done, _ = await asyncio.wait({self._inferring}, timeout=_PATIENCE)
        return self._inferring.result() if done else None

    async def _rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows of a query that counts facts."""
        return (await self._run(Query(mode="sql", sql=sql), _MOST_FACTS, None, _NONE, None)).rows

    async def _read_schema(self, index: DatasetIndex, written: Written) -> SchemaContext:
        found = await asyncio.to_thread(checked_glossary.checked, written, index.tables)
        glossary, faults = found.file, found.faults
        if not index.is_complete:  # names that are not known yet are no faults
            faults = checked_glossary.checked(written).faults
        known = (*index.tables, *index.parts)
        for name, at, problem in table_unions.wrong_members(glossary.union, index.datasets, known):
            if not index.is_complete:
                break
            faults = (*faults, written.fault(("union", name, at), problem))
        trees: dict[str, Tree] = {}
        for name, sql in hierarchies.tree_queries(glossary, index.tables).items():
            rows = await self.query(sql, cap=hierarchies.MOST_NODES)
            try:
                trees[name] = hierarchies.tree_from_result(name, rows, glossary, written, index.tables)
            except GlossaryInvalid as error:
                glossary, faults = without_hierarchy(glossary, name), (*faults, error)
        glossary, joins, unproven = await self._proven_joins(glossary, written, index.tables)
        measures = stated_measures(glossary, index.tables)
        return SchemaContext(index, glossary, trees, (*faults, *unproven), found.lost, joins, measures)

    async def _proven_joins(
        self, glossary: GlossaryFile, written: Written, tables: Tables
    ) -> tuple[GlossaryFile, tuple[JoinMeaning, ...], list[GlossaryProblem]]:
        """The glossary without joins that do not hold, the joins that do, and the faults of the others."""
        joins: list[JoinMeaning] = []
        wrong: dict[tuple[str, int], GlossaryProblem] = {}
        deadline = time.monotonic() + self._query_timeout
        for stated in join_counts(glossary, tables):
            try:
                if time.monotonic() > deadline:  # every question waits for these checks
                    raise QueryTimeout("the checks of the joins before it took too long.")
                [row] = (await self.query(stated.sql, cap=1)).rows
                problem = stated.problem(row)
            except (QueryTimeout, QueryOutOfMemory, SqlInvalid, QueryFailed) as error:
                row, problem = (), f"the join to {stated.join.to_table} cannot be checked: {error.message}"
            if problem is None:
                joins.append(stated.proven(row))
            else:
                loc = ("tables", stated.table, "joins", stated.at)
                wrong[stated.table, stated.at] = written.fault(loc, problem.rstrip("."), JoinDoesNotHold)
        return without_joins(glossary, wrong.keys()), tuple(joins), list(wrong.values())

    async def check_file(self, path: Path) -> None:
        """Raises a `FileProblem` unless the file, which need not be in `data/`, contains a table."""
        await self._cache.check(path)

    async def file_moved(self, file: str) -> None:
        """Keeps the reading of a file that was checked, and then moved to `data/`. Raises `OSError`."""
        await self._cache.moved(file)

    async def check(self, sql: str, *, thread_tables: TableFiles = _NONE) -> tuple[ResultColumn, ...]:
        """The columns that `query` would return. Raises the errors that `query` would raise before it reads a row."""
        found = await self._ask("check", sql, thread_tables)
        return tuple(ResultColumn.model_validate(column) for column in found["columns"])

    async def wait_for_tables(self, sql: str, *, thread_tables: TableFiles = _NONE) -> None:
        """Waits until the tables that the SQL names have been read.

        Errors in the SQL are left for the query to report.
        """
        if not (await self._cache.index(at_once)).is_complete:
            with contextlib.suppress(QueryError):
                await self.check(sql, thread_tables=thread_tables)

    async def count(self, sql: str, *, most: int, thread_tables: TableFiles = _NONE) -> int:
        """The number of rows that `query` would return, counted up to `most`. Raises a `QueryError`."""
        return (await self._ask("count", sql, thread_tables, most=most))["row_count"]

    async def query(
        self,
        sql: str,
        *,
        cap: int,
        file: Path | None = None,
        thread_tables: TableFiles = _NONE,
        on_progress: Progress | None = None,
    ) -> ResultTable:
        """Runs one SELECT. Returns the first `cap` rows, and writes all rows to `file` (Parquet) if given.

        Raises a `QueryError`.
        """
        result = await self._run(Query(mode="sql", sql=sql), cap, file, thread_tables, on_progress)
        notes = notes_on_code(sql, (await self._cache.index(at_once)).tables.values(), [c.name for c in result.columns])
        return result.model_copy(update={"notes": (*result.notes, *notes)}) if notes else result

    async def plan(
        self,
        plan: QueryPlan,
        *,
        cap: int,
        file: Path | None = None,
        thread_tables: TableFiles = _NONE,
        on_progress: Progress | None = None,
    ) -> ResultTable:
        """Validates, compiles, checks and runs a plan. Raises a `QueryError`."""
        schema = await self.schema()
        as_json = plan.model_dump(mode="json", exclude_defaults=True)
        tables = await self._tables(plan.model_dump_json(), thread_tables)
        meaning = await self.meaning()  # however long it takes, because without it, sums are not guarded
        ready = prepare(plan, tables, schema.glossary, schema.trees, schema.lost_guards, meaning)
        notes = [*schema.glossary_problems[:1], *ready.notes]
        try:
            if ready.probe_sql:
                notes += ready.evaluate((await self.query(ready.probe_sql, cap=1, thread_tables=thread_tables)).rows[0])
            if ready.closing_dates:
                notes += ready.closing_dates.notes(
                    (await self.query(ready.closing_dates.sql, cap=MOST_ROWS, thread_tables=thread_tables)).rows
                )
            query = Query(mode="plan", sql=ready.sql, plan=as_json)
            roles = known_roles(plan)
            result = await self._run(query, cap, file, thread_tables, on_progress, roles)
        except SqlInvalid as error:
            if "Out of Range" not in error.message:
                raise
            raise PlanInvalid(_TOO_MANY_DIGITS) from error
        # A limit that the caller did not set, or that cuts unsorted rows, is easy to overlook.
        rows = result.row_count - (1 if plan.has_totals_row else 0)
        if rows == plan.limit and not (plan.order_by and "limit" in plan.model_fields_set):
            [[count]] = (await self.query(ready.count_sql, cap=1, thread_tables=thread_tables)).rows
            if count > plan.limit:
                notes.append(f"The plan's limit shows {plan.limit:,} of {count:,} rows. Raise it to get all of them.")
        return result.model_copy(update={"notes": (*result.notes, *notes)})

    async def python(
        self, code: str, *, cap: int, folder: Path, stem: str, thread_tables: TableFiles = _NONE
    ) -> ProgramResult:
        """Runs a confined program with the tables as DataFrames; see `PythonPrograms.run`. Raises a `QueryError`."""
        index = await self._cache.index()
        result = await self._programs.run(code, {**thread_tables, **index.files}, folder, stem, cap)
        shown = [column.name for column in result.table.columns] if result.table else []
        return replace(result, notes=(*result.notes, *notes_on_code(code, index.tables.values(), shown)))

    async def _adopt(self, file: Path, target: Path, seconds: float, **limits: int) -> dict[str, Any]:
        """See `AdoptTable`. A SQL worker does it, because it is confined to such files and can convert any value."""
        name = result_pages.free_name("result_df", (await self._cache.index(at_once)).tables)
        return await self._ask("adopt", quoted(name), {name: file}, file=target, timeout=seconds, **limits)

    async def write_sheet(self, source: Path, workbook: Path, sheet: str, mode: str, to: Path) -> dict[str, Any]:
        """Writes a result file to a sheet of the workbook, and saves the workbook as `to`.

        Returns the row count, the column count and the cell range. Raises `SheetInvalid`.
        """
        arguments: dict[str, Any] = {"source": str(source), "workbook": str(workbook), "sheet": sheet, "mode": mode}
        return await self._ingest.ask("write_sheet", self._ingest_timeout, **arguments, to=str(to))

    async def export(self, file: Path, format: DownloadFormat, to: Path, selection: RowSelection = ALL_ROWS) -> None:
        """Writes the selected rows of a thread's Parquet file to `to`, as CSV or as a workbook.

        Uses a separate process, because a million rows take a minute and ingestion must not wait for that. Raises
        `SheetInvalid` if the rows do not fit in a sheet, and the errors of `page`.
        """
        async with self._exporting:
            if selection != ALL_ROWS:
                file = await self._select(file, selection, to.with_name(f"{to.name}.parquet"))
            await self._export(file, format, to)

    async def _select(self, file: Path, selection: RowSelection, to: Path) -> Path:
        """Writes the selected rows to `to`, as Parquet."""
        table, thread_tables = await self._described_file(file)
        formats = {column.name: column.format for column in table.columns if column.format}
        roles: dict[str, Known] = {n: f.role for n, f in formats.items() if f.role in _KEPT_ROLES}
        await self._run(
            Query(mode="sql", sql=result_pages.rows_sql(table, selection)), 1, to, thread_tables, None, roles
        )
        return to

    async def _export(self, file: Path, format: DownloadFormat, to: Path) -> None:
        if self._is_closed:
            raise workbench_closed()  # closed while this waited in line; `close` would not end a new process
        worker = FileWorker(self._files)
        self._exports.add(worker)
        try:
            timeout = self._ingest_timeout
            if format == "csv":
                await worker.ask("write_csv", timeout, source=str(file), to=str(to))
            else:
                await worker.ask("write_workbook", timeout, source=str(file), to=str(to), sheet="Result")
        finally:
            self._exports.discard(worker)
            await worker.close()

    async def page(self, file: Path, request: PageRequest) -> ResultPage:
        """Rows of a thread's Parquet file, which a SQL worker filters, sorts and cuts to a page.

        Raises `UnreadableFile`, `UnknownColumn`, `PlanInvalid` or another `QueryError`.
        """
        table, thread_tables = await self._described_file(file)
        found = await self.query(result_pages.page_sql(table, request), cap=request.limit, thread_tables=thread_tables)
        count = table.row_count
        if request.filters:
            [(count,)] = (
                await self.query(result_pages.count_sql(table, request), cap=1, thread_tables=thread_tables)
            ).rows
        formats = [column.format for column in table.columns]  # those of all rows, not of this page
        columns = tuple(
            c.model_copy(update={"format": f or c.format}) for c, f in zip(found.columns, formats, strict=True)
        )
        rows, offset = found.rows, request.offset
        return ResultPage(columns=columns, rows=rows, offset=offset, row_count=count, total=table.row_count)

    async def _described_file(self, file: Path) -> tuple[Table, TableFiles]:
        """A thread's Parquet file as a table for a query, under an unused name. Raises `UnreadableFile`."""
        name = result_pages.free_name("rows_of_file", (await self._cache.index(at_once)).tables)
        thread_tables = {name: file}
        try:
            return await self._described(name, thread_tables), thread_tables
        except (SqlInvalid, WorkerLost) as error:
            if isinstance(error, WorkerLost) and not error.details.get("again"):
                raise
            raise UnreadableFile(f"{file.name} is damaged or incomplete. Ask the question again.") from error

    async def close(self) -> None:
        self._is_closed = True
        if self._inferring:
            self._inferring.cancel()
            await asyncio.wait({self._inferring})
        await self._cache.close()
        await self._sql.close()
        await self._ingest.close()
        for worker in [*self._exports]:
            await worker.close()

    async def _tables(self, text: str, thread_tables: TableFiles) -> Tables:
        """The tables of the workspace, and those results of the thread whose names occur in the text."""
        tables = (await self._cache.index()).tables
        known = {name.lower() for name in tables}
        more: list[Table] = []
        for name in thread_tables:
            if name.lower() in text.lower() and name.lower() not in known:
                more.append(await self._described(name, thread_tables))
        return Tables([*tables.values(), *more]) if more else tables

    async def _described(self, name: str, thread_tables: TableFiles) -> Table:
        """Builds a `Table` for a result of the thread."""
        found = await self._ask("describe", quoted(name), thread_tables, name=name)
        columns = tuple(Column.model_validate(column) for column in found["columns"])
        return Table(name=name, dataset=name, row_count=found["row_count"], columns=columns)

    async def _run(
        self,
        query: Query,
        cap: int,
        file: Path | None,
        thread_tables: TableFiles,
        on_progress: Progress | None,
        roles: Mapping[str, Known] = _NO_ROLES,
    ) -> ResultTable:
        more = {"roles": dict(roles)} if roles else {}
        value = await self._ask("query", query.sql, thread_tables, file=file, on_progress=on_progress, cap=cap, **more)
        name = f"{file.parent.name}/{file.name}" if file else None
        return ResultTable.model_validate({**value, "query": query, "file": name})

    async def _ask(self, op: str, sql: str, thread_tables: TableFiles, **arguments: Any) -> dict[str, Any]:
        """The answer of a SQL worker.

        If the SQL names an unknown table, it is tried again each time a file has been read, until all files have been.
        """
        index = await self._cache.index(lambda index: bool(index.files or thread_tables))
        while True:
            try:
                return await self._ask_over(index, op, sql, thread_tables, **arguments)
            except UnknownTable:
                if index.is_complete:
                    raise
            before = index
            index = await self._cache.index(lambda index, before=before: index.files != before.files)

    async def _ask_over(
        self, index: DatasetIndex, op: str, sql: str, thread_tables: TableFiles, **arguments: Any
    ) -> dict[str, Any]:
        """The answer of a SQL worker, using the tables in this index."""
        if not index.files and not thread_tables:
            problems = [dataset.problem for dataset in index.datasets if dataset.problem]
            raise UnknownTable(why_no_tables(problems), retryable=False)
        try:
            return await self._sql.ask(op, index.files, thread_tables, sql, **arguments)
        except WorkerLost as error:
            if not error.details.get("again"):
                raise
            # The cache folder was deleted and recreated. A confined worker can open files only in the old folder;
            # the worker that replaces it can open those in the new one.
            index = await self._cache.index(lambda now: index.files.keys() <= now.files.keys())
            return await self._sql.ask(op, index.files, thread_tables, sql, **arguments)
