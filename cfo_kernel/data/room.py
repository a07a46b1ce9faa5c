"""The data room of a workspace: its tables, and the one way in which anything is asked of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfo_kernel.data import glossary as glossaries
from cfo_kernel.data import hierarchies
from cfo_kernel.data.closes import MOST_ROWS
from cfo_kernel.data.glossary import FILE_NAME, Glossary
from cfo_kernel.data.hierarchies import Tree, Trees
from cfo_kernel.data.library import Library, Shelf
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepare import prepare
from cfo_kernel.data.tables import Tables
from cfo_kernel.errors import UnknownTable
from cfo_kernel.executors.process import WorkerProcess
from cfo_kernel.replies import Query, ResultTable


@dataclass(frozen=True)
class Facts:
    """What is known about the data: the datasets, their tables, the company's glossary, and the trees in the tables."""

    shelf: Shelf
    glossary: Glossary
    trees: Trees = field(default_factory=dict[str, Tree])

    @property
    def tables(self) -> Tables:
        return self.shelf.tables


class DataRoom:
    """Everything that reads a workspace's data goes through here, under the one SQL policy."""

    def __init__(self, workspace_dir: Path, *, query_timeout: float, ingest_timeout: float) -> None:
        self._data_dir = workspace_dir / "data"
        self._ingest = WorkerProcess("cfo_kernel.data.worker")
        self._sql = WorkerProcess("cfo_kernel.executors.sql_worker")
        self._library = Library(workspace_dir, self._ingest, ingest_timeout)
        self._open: dict[str, Path] | None = None
        self._facts: Facts | None = None
        self._stamp: tuple[int, int] | None = None
        self._query_timeout = query_timeout
        self._ingest_timeout = ingest_timeout

    async def shelf(self) -> Shelf:
        """The datasets, whatever the glossary says."""
        return await self._library.shelf()

    async def facts(self) -> Facts:
        """Datasets, glossary and trees; raises `GlossaryInvalid` where the glossary, or a tree it states, is wrong."""
        shelf = await self._library.shelf()
        path = self._data_dir / FILE_NAME
        stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None
        if self._facts is None or self._facts.shelf is not shelf or self._stamp != stamp:
            glossary, node = glossaries.load(self._data_dir)
            glossaries.check(glossary, node, shelf.tables)
            trees: dict[str, Tree] = {}
            for name, sql in hierarchies.readings(glossary, shelf.tables).items():
                rows = await self.query(sql, cap=hierarchies.MOST_NODES)
                trees[name] = hierarchies.grown(name, rows, glossary, node, shelf.tables)
            self._facts, self._stamp = Facts(shelf, glossary, trees), stamp
        return self._facts

    async def check_file(self, path: Path) -> None:
        """Raises a `FileProblem` unless the file, which need not be in `data/`, holds a table."""
        await self._library.check(path)

    async def check(self, sql: str) -> None:
        """Raises what `query` would raise before it reads a row."""
        await self._ask("check", sql=sql)

    async def query(self, sql: str, *, cap: int, file: Path | None = None) -> ResultTable:
        """Runs one SELECT: the first `cap` rows, and all of them in `file` (Parquet) if given.

        Raises a `QueryError`.
        """
        return await self._run(Query(mode="sql", sql=sql), cap, file)

    async def plan(self, plan: QueryPlan, *, cap: int, file: Path | None = None) -> ResultTable:
        """Validates, compiles, checks and runs a plan. Raises a `QueryError`."""
        facts = await self.facts()
        ready = prepare(plan, facts.tables, facts.glossary, facts.trees)
        notes = list(ready.notes)
        for probe in ready.probes:
            notes += probe.judge((await self.query(probe.sql, cap=1)).rows[0])
        if ready.closes:
            notes += ready.closes.notes((await self.query(ready.closes.sql, cap=MOST_ROWS)).rows)
        as_json = plan.model_dump(mode="json", exclude_defaults=True)
        result = await self._run(Query(mode="plan", sql=ready.sql, plan=as_json), cap, file)
        return result.model_copy(update={"notes": (*result.notes, *notes)})

    async def write_sheet(self, source: Path, workbook: Path, sheet: str, mode: str) -> dict[str, Any]:
        """Writes a result file to a sheet; returns rows, columns and range. Raises `SheetInvalid`."""
        return await self._ingest.ask(
            "write_sheet", self._ingest_timeout, source=str(source), workbook=str(workbook), sheet=sheet, mode=mode
        )

    async def close(self) -> None:
        await self._sql.close()
        await self._ingest.close()

    async def _run(self, query: Query, cap: int, file: Path | None) -> ResultTable:
        value = await self._ask("query", sql=query.sql, cap=cap, file=str(file) if file else None)
        name = f"{file.parent.name}/{file.name}" if file else None
        return ResultTable.model_validate({**value, "query": query, "file": name})

    async def _ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        shelf = await self._library.shelf()
        if not shelf.files:
            raise UnknownTable("There is no data yet. Upload a CSV, Excel or Parquet file first.")
        if self._open != shelf.files:
            tables = {name: str(path) for name, path in shelf.files.items()}
            await self._sql.restart_with({"op": "open", "tables": tables})
            self._open = shelf.files
        return await self._sql.ask(op, self._query_timeout, **arguments)
