"""A workspace at a server."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from cfo_kernel import display, listings, not_found, sources
from cfo_kernel.data.file_names import safe_name
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.errors import UnknownTable
from cfo_kernel.interface import DataFile, Direct, Download, Glossary, OpenRun, UsageTotals
from cfo_kernel.remote.address import segment
from cfo_kernel.remote.http import LONG, Server
from cfo_kernel.remote.run import frame
from cfo_kernel.remote.thread import RemoteThread, checked_key, thread_record, usage_totals
from cfo_kernel.replies import ResultTable
from cfo_kernel.sources import Source
from cfo_kernel.sql_text import quoted
from cfo_kernel.values import Value

if TYPE_CHECKING:
    import pandas as pd


class WorkspaceRecord(Value):
    """What the server tells of a workspace."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class QueryAnswer(Value):
    """What a query gave: a table, or the words that a program printed."""

    result: ResultTable | None = None
    text: str | None = None


class Uploaded(Value):
    """The datasets that an upload made."""

    items: tuple[Dataset, ...]


workspace_record: TypeAdapter[WorkspaceRecord] = TypeAdapter(WorkspaceRecord)
_file: TypeAdapter[DataFile] = TypeAdapter(DataFile)
_dataset: TypeAdapter[Dataset] = TypeAdapter(Dataset)
_glossary: TypeAdapter[Glossary] = TypeAdapter(Glossary)
_open_run: TypeAdapter[OpenRun] = TypeAdapter(OpenRun)
_uploaded: TypeAdapter[Uploaded] = TypeAdapter(Uploaded)
_LIST = "List the workspace's datasets for the names."
_answer: TypeAdapter[QueryAnswer] = TypeAdapter(QueryAnswer)


class RemoteWorkspace:
    """A company by its id and name. Its methods raise a `ServerError` where the server cannot be used."""

    def __init__(self, server: Server, record: WorkspaceRecord) -> None:
        self._server = server
        self._record = record
        self._path = f"/workspaces/{segment(record.id, not_found.workspace(record.id, ()))}"

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def created_at(self) -> datetime:
        return self._record.created_at

    @property
    def updated_at(self) -> datetime:
        return self._record.updated_at

    async def rename(self, name: str) -> None:
        """Gives the workspace another name; its id stays. Raises `InvalidName` or `WorkspaceExists`."""
        self._record = await self._server.value(workspace_record, "PATCH", self._path, json={"name": name})

    async def delete(self) -> None:
        """Moves the whole folder to the `.trash/` of the root. Raises `ThreadBusy`."""
        await self._server.send("DELETE", self._path)

    async def upload(self, source: Source, name: str | None = None) -> Dataset:
        """Sends a file (a path, or a binary stream with a name) piece by piece; the server puts it into `data/`.

        It may have up to 2 GB. A file of that name is replaced. Raises `InvalidInput`, `InvalidName`, a `FileProblem`
        or `StorageFailed`, and then `data/` is as it was.
        """
        self._server.use()
        sources.check(source)
        safe = safe_name(name or sources.name_of(source))
        content = sources.chunks(source, safe)
        made = self._server.read(_uploaded, await self._server.upload(f"{self._path}/data", safe, content))
        if len(made.items) != 1:
            raise self._server.incompatible("takes one file for another")
        return made.items[0]

    async def files(self) -> Sequence[DataFile]:
        """The files under `data/` by name, the glossary too."""
        return listings.files(await self._server.listed(_file, f"{self._path}/data"))

    async def download(self, file: str) -> Download:
        """A file of `data/`. Raises `FileNotFound`."""
        return await self._server.download(f"{self._path}/data/{segment(file, not_found.file(file))}", file)

    async def delete_file(self, file: str) -> None:
        """Moves a file of `data/` to `.trash/`. Raises `FileNotFound`."""
        await self._server.send("DELETE", f"{self._path}/data/{segment(file, not_found.file(file))}")

    async def datasets(self) -> Sequence[Dataset]:
        """The files of the workspace with their tables; a file that is none says why in `problem`."""
        return listings.datasets(await self._server.listed(_dataset, f"{self._path}/datasets", wait=LONG))

    async def schema(self, dataset: str) -> Dataset:
        """The dataset of that id, file name or table. Raises `UnknownTable`."""
        otherwise = UnknownTable(f"There is no dataset {dataset[:80]!r}. {_LIST}")
        path = f"{self._path}/datasets/{segment(dataset, otherwise)}/schema"
        return await self._server.value(_dataset, "GET", path, wait=LONG)

    async def glossary(self) -> Glossary:
        """What people wrote in `data/datasets.yaml`, with example questions. Raises `GlossaryInvalid`."""
        return await self._server.value(_glossary, "GET", f"{self._path}/glossary", wait=LONG)

    def table(self, name: str) -> "RemoteTable":
        """A table by its name, to be read whole."""
        return RemoteTable(self._server, self, self._path, name)

    async def query(self, query: Direct) -> ResultTable | str:
        """Runs a query without a model: its first 100 rows and the count of all, or what a program printed.

        Raises `InvalidInput` unless exactly one is given, or a `QueryError`.
        """
        body = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        path = f"{self._path}/query"
        answer = await self._server.value(_answer, "POST", path, json=body, repeat=True, wait=LONG)
        return answer.text or "" if answer.result is None else answer.result

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT: its first 100 rows and the count of all. Raises a `QueryError`."""
        result = await self.query(Direct(sql=text))
        if isinstance(result, str):
            raise self._server.incompatible("answers SQL with words")
        return result

    async def python(self, code: str) -> ResultTable | str:
        """Runs a program, confined, over the tables as DataFrames: its `result_df`, or what it printed if it has none.

        Files it writes are not kept. Raises a `QueryError`.
        """
        return await self.query(Direct(python=code))

    async def threads(self) -> Sequence[RemoteThread]:
        """The threads, the one last used first."""
        found = await self._server.listed(thread_record, f"{self._path}/threads")
        return listings.threads(RemoteThread(self._server, self.id, self.name, record) for record in found)

    async def thread(self, id: str | None = None, *, key: str | None = None) -> RemoteThread:
        """The thread of that id, or a new one. Raises `ThreadNotFound`.

        The same `key` again gives the thread that was new with it, once it has the same first message.
        """
        self._server.use()
        if id is None:
            return RemoteThread(self._server, self.id, self.name, key=checked_key(key))
        path = f"/threads/{segment(id, not_found.thread_of_workspace(id))}"
        record = await self._server.value(thread_record, "GET", path, params={"workspace_id": self.id})
        if record.workspace_id != self.id:
            raise not_found.thread_of_workspace(id)
        return RemoteThread(self._server, self.id, self.name, record)

    async def open_runs(self) -> Sequence[OpenRun]:
        """What the threads are answering now, or have still to answer, in the order of acceptance."""
        return await self._server.listed(_open_run, f"{self._path}/runs")

    async def usage(self) -> UsageTotals:
        """What its finished runs used together."""
        return await self._server.value(usage_totals, "GET", f"{self._path}/usage")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workspace", "id"], [[self.name, self.id]])


class RemoteTable:
    """A table of a workspace."""

    def __init__(self, server: Server, workspace: RemoteWorkspace, path: str, name: str) -> None:
        self._server = server
        self._workspace = workspace
        self._path = path
        self.name = name

    async def describe(self) -> Table:
        """Columns, types and row count. Raises `UnknownTable`."""
        tables = [table for dataset in await self._workspace.datasets() for table in dataset.tables]
        for table in tables:
            if table.name.lower() == self.name.lower():
                return table
        raise not_found.table(self.name, nearest(self.name, [t.name for t in tables]))

    async def head(self) -> ResultTable:
        """The first rows. Raises `UnknownTable`."""
        return await self._workspace.sql(f"FROM {quoted(self.name)}")

    async def df(self) -> "pd.DataFrame":
        """The whole table as a DataFrame. Raises `UnknownTable`."""
        return await frame(await self.download())

    async def download(self) -> Download:
        """The whole table as Parquet. Raises `UnknownTable`."""
        path = f"{self._path}/tables/{segment(self.name, not_found.table(self.name, _LIST))}"
        return await self._server.download(path, f"{self.name}.parquet")
