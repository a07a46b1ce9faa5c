"""A workspace: a company's files and threads."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfo_kernel import display, listings, sources
from cfo_kernel.data.files import safe_name
from cfo_kernel.data.scope import nearest, quoted
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.errors import UnknownTable, UnreadableFile
from cfo_kernel.frames import read_frame
from cfo_kernel.replies import ResultTable
from cfo_kernel.sources import Source
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.workbench import uploads
from cfo_kernel.workbench.engine import Engine
from cfo_kernel.workbench.thread import Thread

if TYPE_CHECKING:
    import pandas as pd

_SQL_ROWS = 100


class Workspace:
    """A company by its id and name. It belongs to its workbench: its methods raise `WorkbenchClosed` or `OtherLoop`."""

    def __init__(self, engine: Engine, row: WorkspaceRow) -> None:
        self._engine = engine
        self._row = row

    @property
    def id(self) -> str:
        return self._row.id

    @property
    def name(self) -> str:
        return self._row.name

    @property
    def workspace_dir(self) -> Path:
        return self._engine.workspace_dir(self._row)

    async def upload(self, source: Source, name: str | None = None) -> Dataset:
        """Takes a file (a path, or a binary stream with a name) into `data/`, once it proved to be a table.

        It may have up to 2 GB. A file of that name is replaced; the old one goes to `.trash/`. Raises `InvalidInput`,
        `InvalidName`, a `FileProblem` or `StorageFailed`, and then `data/` is as it was.
        """
        engine = self._engine.use()
        sources.check(source)
        safe = safe_name(name or sources.name_of(source))
        room, folder = engine.room(self._row), self.workspace_dir
        with uploads.storing(safe), tempfile.TemporaryDirectory(dir=folder, prefix=".upload-") as scratch:
            path = Path(scratch) / safe
            await asyncio.to_thread(uploads.copy, source, path)
            await room.check_file(path)
            await asyncio.to_thread(uploads.put_in_place, path, folder / "data" / safe, folder)
        for dataset in await self.datasets():
            if dataset.file == safe:
                return dataset
        raise UnreadableFile(f"{safe} is gone from data/ again. Upload it once more.")

    async def datasets(self) -> Sequence[Dataset]:
        """The files of the workspace with their tables; a file that is none says why in `problem`."""
        return listings.datasets((await self._engine.use().room(self._row).shelf()).datasets)

    async def schema(self, dataset: str) -> Dataset:
        """The dataset of that id, file name or table. Raises `UnknownTable`."""
        datasets = await self.datasets()
        wanted = dataset.lower()
        for found in datasets:
            if wanted in (found.id.lower(), found.file.lower(), *(t.name.lower() for t in found.tables)):
                return found
        message = f"There is no dataset {dataset[:80]!r}. {nearest(dataset, [d.id for d in datasets])}"
        raise UnknownTable(message)

    def table(self, name: str) -> "TableHandle":
        """A table by its name, to be read whole."""
        return TableHandle(self._engine, self._row, name)

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT: its first 100 rows and the count of all. Raises a `QueryError`."""
        return await self._engine.use().room(self._row).query(text, cap=_SQL_ROWS)

    async def python(self, code: str) -> ResultTable | str:
        """Runs a program, confined, over the tables as DataFrames: its `result_df`, or what it printed if it has none.

        Files it writes are not kept. Raises a `QueryError`.
        """
        room = self._engine.use().room(self._row)
        with tempfile.TemporaryDirectory(dir=self.workspace_dir, prefix=".python-") as folder:
            ran = await room.python(code, cap=_SQL_ROWS, folder=Path(folder), stem="result")
        return ran.stdout if ran.table is None else ran.table.model_copy(update={"file": None})

    async def threads(self) -> Sequence[Thread]:
        """The threads, the one last used first."""
        engine = self._engine.use()
        return listings.threads(Thread(engine, self._row, row) for row in engine.threads(self._row))

    async def thread(self, id: str | None = None) -> Thread:
        """The thread of that id, or a new one. Raises `ThreadNotFound`."""
        engine = self._engine.use()
        if id is None:
            return Thread(engine, self._row)
        engine.adopt_threads(self._row)
        return Thread(engine, self._row, engine.catalog.thread(self.id, id))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workspace", "id", "folder"], [[self.name, self.id, self._row.workspace_dir]])


class TableHandle:
    """A table of a workspace."""

    def __init__(self, engine: Engine, workspace: WorkspaceRow, name: str) -> None:
        self._engine = engine
        self._workspace = workspace
        self.name = name

    async def describe(self) -> Table:
        """Columns, types and row count. Raises `UnknownTable`."""
        return (await self._found())[0]

    async def df(self) -> "pd.DataFrame":
        """The whole table as a DataFrame. Raises `UnknownTable`."""
        _, file = await self._found()
        return await read_frame(file)

    async def head(self) -> ResultTable:
        """The first rows. Raises `UnknownTable`."""
        table, _ = await self._found()
        return await self._engine.room(self._workspace).query(f"FROM {quoted(table.name)}", cap=_SQL_ROWS)

    async def _found(self) -> tuple[Table, Path]:
        """The table, and its Parquet file."""
        shelf = await self._engine.use().room(self._workspace).shelf()
        if self.name not in shelf.tables:
            raise UnknownTable(f"There is no table {self.name[:80]!r}. {nearest(self.name, list(shelf.tables))}")
        table = shelf.tables[self.name]
        return table, shelf.files[table.name]
