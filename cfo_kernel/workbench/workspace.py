"""A workspace: a company's files and threads."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cfo_kernel import display
from cfo_kernel.data.files import safe_name
from cfo_kernel.data.room import DataRoom
from cfo_kernel.data.scope import nearest, quoted
from cfo_kernel.data.tables import SHOWN, Dataset, Table
from cfo_kernel.display import Listing
from cfo_kernel.errors import InputError, UnknownTable
from cfo_kernel.replies import ResultTable
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.workbench.engine import Engine
from cfo_kernel.workbench.frames import read_frame
from cfo_kernel.workbench.thread import Thread

if TYPE_CHECKING:
    import pandas as pd

_SQL_ROWS = 100


class Workspace:
    """A company by its id and name."""

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

    async def upload(self, source: str | Path | BinaryIO, name: str | None = None) -> Dataset:
        """Takes a file (a path, or a binary stream with a name) into `data/`, once it proved to be a table.

        A file of that name is replaced; the old one goes to `.trash/`. Raises a `FileProblem` or `InvalidName`, and
        then `data/` is as it was.
        """
        if isinstance(source, str | Path) and not Path(source).is_file():
            raise InputError(f"There is no file {str(source)[:200]!r}. Check the path.")
        safe = safe_name(name or _own_name(source))
        with tempfile.TemporaryDirectory(dir=self.workspace_dir, prefix=".upload-") as scratch:
            path = Path(scratch) / safe
            await asyncio.to_thread(_copy, source, path)
            await self._room.check_file(path)
            target = self.workspace_dir / "data" / safe
            if target.exists():
                folders.to_trash(self.workspace_dir, target)
            path.replace(target)
        return next(d for d in await self.datasets() if d.file == safe)

    async def datasets(self) -> Sequence[Dataset]:
        """The files of the workspace with their tables; a file that is none says why in `problem`."""
        return Listing((await self._room.shelf()).datasets, SHOWN, Dataset.rows)

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
        return await self._room.query(text, cap=_SQL_ROWS)

    async def python(self, code: str) -> ResultTable | str:
        """Runs a program, confined, over the tables as DataFrames: its `result_df`, or what it printed if it has none.

        Files it writes are not kept. Raises a `QueryError`.
        """
        with tempfile.TemporaryDirectory(dir=self.workspace_dir, prefix=".python-") as folder:
            ran = await self._room.python(code, cap=_SQL_ROWS, folder=Path(folder), stem="result")
        return ran.stdout if ran.table is None else ran.table.model_copy(update={"file": None})

    async def threads(self) -> Sequence[Thread]:
        """The threads, the one last used first."""
        threads = [Thread(self._engine, self._row, row) for row in self._engine.threads(self._row)]
        return Listing(threads, ("title", "id"), lambda thread: [[thread.title or "", thread.id]])

    async def thread(self, id: str | None = None) -> Thread:
        """The thread of that id, or a new one. Raises `ThreadNotFound`."""
        if id is None:
            return Thread(self._engine, self._row)
        self._engine.adopt_threads(self._row)
        return Thread(self._engine, self._row, self._engine.catalog.thread(self.id, id))

    @property
    def _room(self) -> DataRoom:
        return self._engine.room(self._row)

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
        tables = (await self._engine.room(self._workspace).shelf()).tables
        if self.name not in tables:
            raise UnknownTable(f"There is no table {self.name[:80]!r}. {nearest(self.name, list(tables))}")
        return tables[self.name]

    async def df(self) -> "pd.DataFrame":
        """The whole table as a DataFrame. Raises `UnknownTable`."""
        table = await self.describe()
        shelf = await self._engine.room(self._workspace).shelf()
        return await read_frame(shelf.files[table.name])

    async def head(self) -> ResultTable:
        """The first rows."""
        table = await self.describe()
        return await self._engine.room(self._workspace).query(f"FROM {quoted(table.name)}", cap=_SQL_ROWS)


def _own_name(source: str | Path | BinaryIO) -> str:
    """The name of a file, or of the file that a stream reads; empty for a stream without one."""
    own = source if isinstance(source, str | Path) else getattr(source, "name", "")
    return Path(own).name if isinstance(own, str | Path) else ""


def _copy(source: str | Path | BinaryIO, target: Path) -> None:
    with target.open("wb") as out:
        if isinstance(source, str | Path):
            with Path(source).open("rb") as file:
                shutil.copyfileobj(file, out)
        else:
            shutil.copyfileobj(source, out)
