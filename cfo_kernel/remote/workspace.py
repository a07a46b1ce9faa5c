"""A workspace on a server."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from cfo_kernel import display, listings, not_found, upload_source
from cfo_kernel.api_models import QueryAnswer, Uploaded, WorkspaceInfo
from cfo_kernel.data.file_names import safe_name
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.errors import UnknownTable
from cfo_kernel.interface import (
    LIST_WAIT,
    MAX_LIST_WAIT,
    DataFile,
    Direct,
    Download,
    Glossary,
    MeaningVersion,
    OpenRun,
    StatedMeaning,
    UsageTotals,
)
from cfo_kernel.remote.address import segment
from cfo_kernel.remote.api_client import SLOW_READ_TIMEOUT, ApiClient
from cfo_kernel.remote.run import frame
from cfo_kernel.remote.thread import RemoteThread, checked_key, thread_info, usage_totals
from cfo_kernel.replies import ResultTable
from cfo_kernel.sql_text import quoted
from cfo_kernel.upload_source import UploadSource

if TYPE_CHECKING:
    import pandas as pd


workspace_info: TypeAdapter[WorkspaceInfo] = TypeAdapter(WorkspaceInfo)
_file: TypeAdapter[DataFile] = TypeAdapter(DataFile)
_dataset: TypeAdapter[Dataset] = TypeAdapter(Dataset)
_glossary: TypeAdapter[Glossary] = TypeAdapter(Glossary)
_meaning: TypeAdapter[StatedMeaning] = TypeAdapter(StatedMeaning)
_version: TypeAdapter[MeaningVersion] = TypeAdapter(MeaningVersion)
_open_run: TypeAdapter[OpenRun] = TypeAdapter(OpenRun)
_uploaded: TypeAdapter[Uploaded] = TypeAdapter(Uploaded)
_answer: TypeAdapter[QueryAnswer] = TypeAdapter(QueryAnswer)
_NO_VERSION = "none"
_HINT = "List the datasets of the workspace to see their names."


class RemoteWorkspace:
    """The files and threads of one company. The methods raise a `ServerError` if the server cannot be used."""

    def __init__(self, client: ApiClient, info: WorkspaceInfo) -> None:
        self._client = client
        self._info = info
        self._path = f"/workspaces/{segment(info.id, not_found.workspace(info.id, ()))}"

    @property
    def id(self) -> str:
        return self._info.id

    @property
    def name(self) -> str:
        return self._info.name

    @property
    def created_at(self) -> datetime:
        return self._info.created_at

    @property
    def updated_at(self) -> datetime:
        return self._info.updated_at

    async def rename(self, name: str) -> None:
        """Changes the name, but not the id. Raises `InvalidName` or `WorkspaceExists`."""
        self._info = await self._client.fetch(workspace_info, "PATCH", self._path, json={"name": name})

    async def delete(self) -> None:
        """Stops the runs of the workspace and moves its folder to the root's `.trash/`. Raises `ThreadBusy`."""
        await self._client.request("DELETE", self._path)

    async def upload(self, source: UploadSource, name: str | None = None) -> Dataset:
        """Uploads a file (a path, or a binary stream with a name) to `data/`. The server checks that it is a table.

        The limit is 2 GB. An existing file with the same name is moved to `.trash/`. Raises `InvalidInput`,
        `InvalidName`, a `FileProblem` or `StorageFailed`, in which case `data/` is not changed.
        """
        self._client.use()
        upload_source.check(source)
        safe = safe_name(name or upload_source.name_of(source))
        content = upload_source.chunks(source, safe)
        uploaded = self._client.parse(_uploaded, await self._client.upload(f"{self._path}/data", safe, content))
        if len(uploaded.items) != 1:
            raise self._client.incompatible("did not return exactly one dataset")
        return uploaded.items[0]

    async def files(self) -> Sequence[DataFile]:
        """Returns the files in `data/`, including the glossary, sorted by name."""
        return listings.files(await self._client.fetch_all(_file, f"{self._path}/data"))

    async def download(self, file: str) -> Download:
        """Returns a file in `data/`. Raises `FileNotFound`."""
        return await self._client.download(f"{self._path}/data/{segment(file, not_found.file(file))}", file)

    async def delete_file(self, file: str) -> None:
        """Moves a file from `data/` to `.trash/`. Raises `FileNotFound`."""
        await self._client.request("DELETE", f"{self._path}/data/{segment(file, not_found.file(file))}")

    async def unite(self, name: str, files: Sequence[str]) -> None:
        """Puts the tables of these files together as the table `name`.

        Without files, keeps apart those that would form it.

        For a file with several tables, pass the name of the table instead. Writes `union:` in `datasets.yaml`. Raises
        `InvalidName`, `InvalidInput`, `FileNotFound`, `GlossaryInvalid`.
        """
        await self._client.request("POST", f"{self._path}/unions", json={"name": name, "files": list(files)})

    async def datasets(self, *, wait: float = LIST_WAIT) -> Sequence[Dataset]:
        """Returns the files in the workspace with their tables. If a file cannot be read, its `problem` says why.

        Waits up to `wait` seconds for files that are being read. The `reading` of one that takes longer says how far it
        is.
        """
        path, params = f"{self._path}/datasets", _waiting(wait)
        return listings.datasets(
            await self._client.fetch_all(_dataset, path, params=params, read_timeout=SLOW_READ_TIMEOUT)
        )

    async def stop_reading(self, file: str) -> None:
        """Stops reading a file, which is then listed without tables until `read_again`.

        A file that has already been read is not affected. Raises `FileNotFound`.
        """
        await self._client.request("POST", f"{self._path}/data/{segment(file, not_found.file(file))}/stop-reading")

    async def read_again(self, file: str) -> None:
        """Reads a file again whose reading was stopped or failed. A file that has already been read is not affected.

        Raises `FileNotFound`.
        """
        await self._client.request("POST", f"{self._path}/data/{segment(file, not_found.file(file))}/read-again")

    async def schema(self, dataset: str) -> Dataset:
        """Returns the dataset with this id, file name or table. Raises `UnknownTable`."""
        error = UnknownTable(f"There is no dataset {dataset[:80]!r}. {_HINT}")
        path = f"{self._path}/datasets/{segment(dataset, error)}/schema"
        return await self._client.fetch(_dataset, "GET", path, read_timeout=SLOW_READ_TIMEOUT)

    async def glossary(self, *, wait: float = LIST_WAIT) -> Glossary:
        """Returns the glossary in `data/datasets.yaml`, with example questions and any problems found in it.

        It says nothing about the tables of files that are still being read after `wait` seconds.
        """
        path, params = f"{self._path}/glossary", _waiting(wait)
        return await self._client.fetch(_glossary, "GET", path, params=params, read_timeout=SLOW_READ_TIMEOUT)

    async def meaning(self) -> StatedMeaning:
        """Returns what the tables and columns mean: inferred with evidence, and as the glossary states it.

        Raises `GlossaryInvalid` if the glossary is not a text file.
        """
        return await self._client.fetch(_meaning, "GET", f"{self._path}/meaning", read_timeout=SLOW_READ_TIMEOUT)

    async def set_meaning(self, changes: Mapping[str, Any], *, version: str) -> StatedMeaning:
        """Changes the glossary, and returns the new meaning. Comments and the order of the file stay.

        `changes` have the keys of `datasets.yaml`; a value of None removes an entry. `version` is that of the meaning
        that the caller has read. Raises `MeaningChanged` if the glossary was changed since, a `GlossaryProblem` if any
        part of the change is wrong, or `InvalidInput`. In all these cases nothing is changed.
        """
        path, body = f"{self._path}/meaning", dict(changes)
        return await self._client.fetch(
            _meaning, "PATCH", path, json=body, if_match=_tag(version), read_timeout=SLOW_READ_TIMEOUT
        )

    async def undo_meaning(self, *, version: str) -> StatedMeaning:
        """Undoes the last change of the glossary that is not undone yet, and returns the new meaning.

        Raises `NothingToUndo` or `MeaningChanged`.
        """
        path = f"{self._path}/meaning/undo"
        return await self._client.fetch(_meaning, "POST", path, if_match=_tag(version), read_timeout=SLOW_READ_TIMEOUT)

    async def meaning_history(self) -> Sequence[MeaningVersion]:
        """Returns the versions of the glossary that are kept, newest first."""
        return await self._client.fetch_all(_version, f"{self._path}/meaning/history")

    def table(self, name: str) -> "RemoteTable":
        """Returns a handle for the table with this name."""
        return RemoteTable(self._client, self, self._path, name)

    async def query(self, query: Direct) -> ResultTable | str:
        """Runs SQL, a plan or a program without a model.

        Returns the first 1,000 rows with the total row count, or the output of a program that sets no `result_df`.
        Raises `InvalidInput` unless `query` contains exactly one of the three, or a `QueryError`.
        """
        body = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        path = f"{self._path}/query"
        answer = await self._client.fetch(
            _answer, "POST", path, json=body, may_repeat=True, read_timeout=SLOW_READ_TIMEOUT
        )
        return answer.text or "" if answer.result is None else answer.result

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT. Returns the first 1,000 rows with the total row count. Raises a `QueryError`."""
        result = await self.query(Direct(sql=text))
        if isinstance(result, str):
            raise self._client.incompatible("answered SQL with text instead of a table")
        return result

    async def python(self, code: str) -> ResultTable | str:
        """Runs a confined program, which has the tables as DataFrames. Discards the files that it writes.

        Returns the program's `result_df`, or its output if it sets none. Raises a `QueryError`.
        """
        return await self.query(Direct(python=code))

    async def threads(self) -> Sequence[RemoteThread]:
        """Returns the threads, most recently used first."""
        found = await self._client.fetch_all(thread_info, f"{self._path}/threads")
        return listings.threads(RemoteThread(self._client, self.id, self.name, info) for info in found)

    async def thread(self, id: str | None = None, *, key: str | None = None) -> RemoteThread:
        """Returns the thread with this id, or a new thread. Raises `ThreadNotFound`.

        A `key` makes creation idempotent: the same key and first message return the same thread again.
        """
        self._client.use()
        if id is None:
            return RemoteThread(self._client, self.id, self.name, key=checked_key(key))
        path = f"/threads/{segment(id, not_found.thread_of_workspace(id))}"
        info = await self._client.fetch(thread_info, "GET", path, params={"workspace_id": self.id})
        if info.workspace_id != self.id:
            raise not_found.thread_of_workspace(id)
        return RemoteThread(self._client, self.id, self.name, info)

    async def open_runs(self) -> Sequence[OpenRun]:
        """Returns the runs that are queued or running, in the order in which they were accepted."""
        return await self._client.fetch_all(_open_run, f"{self._path}/runs")

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs."""
        return await self._client.fetch(usage_totals, "GET", f"{self._path}/usage")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workspace", "id"], [[self.name, self.id]])


def _tag(version: str) -> str:
    """The version as it may be in a header. Any other text is a version that no glossary has."""
    return version if version.isascii() and version.isalnum() else _NO_VERSION


def _waiting(seconds: float) -> dict[str, float]:
    return {"wait": min(max(seconds, 0), MAX_LIST_WAIT)}


class RemoteTable:
    """A handle for a table in a workspace."""

    def __init__(self, client: ApiClient, workspace: RemoteWorkspace, workspace_path: str, name: str) -> None:
        self._client = client
        self._workspace = workspace
        self._workspace_path = workspace_path
        self.name = name

    async def describe(self) -> Table:
        """Returns the columns with their types and profiles, and the row count. Raises `UnknownTable`."""
        with contextlib.suppress(UnknownTable):
            await self._workspace.schema(self.name)  # waits for its file
        tables = [table for dataset in await self._workspace.datasets(wait=0) for table in dataset.tables]
        for table in tables:
            if table.name.lower() == self.name.lower():
                return table
        raise not_found.table(self.name, nearest(self.name, [t.name for t in tables]))

    async def head(self) -> ResultTable:
        """Returns the first rows. Raises `UnknownTable`."""
        return await self._workspace.sql(f"FROM {quoted(self.name)}")

    async def df(self) -> "pd.DataFrame":
        """Returns the whole table as a DataFrame. Raises `UnknownTable`."""
        return await frame(await self.download())

    async def download(self) -> Download:
        """Returns the whole table as a Parquet file. Raises `UnknownTable`."""
        path = f"{self._workspace_path}/tables/{segment(self.name, not_found.table(self.name, _HINT))}"
        return await self._client.download(path, f"{self.name}.parquet")
