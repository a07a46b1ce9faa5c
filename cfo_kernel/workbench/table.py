"""A table in a workspace of the embedded workbench."""

from pathlib import Path
from typing import TYPE_CHECKING

from cfo_kernel import not_found
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.tables import Table
from cfo_kernel.dataframes import read_frame
from cfo_kernel.errors import UnknownTable
from cfo_kernel.interface import Download
from cfo_kernel.replies import ResultTable
from cfo_kernel.sql_text import quoted
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.workbench import downloads
from cfo_kernel.workbench.engine import Engine

if TYPE_CHECKING:
    import pandas as pd

DIRECT_ROWS = 1_000  # the limit for a query without a thread


class EmbeddedTable:
    """A handle for a table. Every method may raise `WorkbenchClosed` or `OtherLoop`."""

    def __init__(self, engine: Engine, workspace: WorkspaceRow, name: str, owner: object) -> None:
        self._engine = engine
        self._owner = owner  # keeps the workbench open while this object is in use
        self._workspace = workspace
        self.name = name

    async def describe(self) -> Table:
        """Returns the columns with their types and profiles, and the row count. Raises `UnknownTable`."""
        return (await self._found())[0]

    async def df(self) -> "pd.DataFrame":
        """Returns the whole table as a DataFrame. Raises `UnknownTable`."""
        _, file = await self._found()
        return await read_frame(file)

    async def head(self) -> ResultTable:
        """Returns the first rows. Raises `UnknownTable`."""
        table, _ = await self._found()
        return await self._engine.data(self._workspace).query(f"FROM {quoted(table.name)}", cap=DIRECT_ROWS)

    async def download(self) -> Download:
        """Returns the whole table as a Parquet file. Raises `UnknownTable` or `StorageFailed`."""
        table, file = await self._found()
        found = await downloads.opened(file, f"{table.name}.parquet")
        if found is None:
            raise UnknownTable(f"The table {table.name} was rebuilt in the meantime. Download it again.")
        return found

    async def _found(self) -> tuple[Table, Path]:
        """Returns the table and its Parquet file."""
        index = await self._engine.use().data(self._workspace).index(lambda index: self.name in index.tables)
        if self.name not in index.tables:
            raise not_found.table(self.name, nearest(self.name, list(index.tables)))
        table = index.tables[self.name]
        return table, index.files[table.name]
