"""The interface of a workbench: one async method for each thing that a person can do, and the values it exchanges.

It is implemented twice: embedded (`cfo_kernel.workbench`) and over HTTP (`cfo_kernel.remote`). Front ends use only the
interface, and the same scenarios test both implementations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from cfo_kernel.data.direct_query import Direct as Direct
from cfo_kernel.data.file_formats import SUFFIXES as SUFFIXES
from cfo_kernel.data.result_pages import Contains as Contains
from cfo_kernel.data.result_pages import DownloadFormat as DownloadFormat
from cfo_kernel.data.result_pages import PageRequest as PageRequest
from cfo_kernel.data.result_pages import ResultPage as ResultPage
from cfo_kernel.data.result_pages import Sort as Sort
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.events import FinishedRun, Numbered, Status, Usage
from cfo_kernel.events import UsageTotals as UsageTotals
from cfo_kernel.replies import Problem, Reply, ResultTable
from cfo_kernel.upload_source import MAX_BYTES as MAX_BYTES
from cfo_kernel.upload_source import UploadSource
from cfo_kernel.values import Value

if TYPE_CHECKING:
    import pandas as pd

MAX_TITLE = 80
"""The longest title of a thread in characters; a longer one is cut."""


class ShownMessage(Value):
    """A message as a person sees it: the text that they wrote, or the outcome of its run.

    `untouched` marks a continue by a countdown that ran out, without a click.
    """

    who: Literal["person", "agent"]
    run_id: str
    at: str
    text: str = ""
    in_reply_to: str | None = None
    untouched: bool = False
    status: Status | None = None
    reply: Reply | None = None
    error: Problem | None = None
    usage: Usage | None = None


class DataFile(Value):
    """A file under `data/`: its size in bytes, and the time of its last change in UTC."""

    name: str
    size: int
    modified_at: datetime


class OpenRun(Value):
    """A run of a workspace that has not ended."""

    run_id: str
    thread_id: str
    status: Literal["queued", "running"]


class GlossaryColumn(Value):
    """The glossary of a column. `column` is its name in SQL."""

    column: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None


class GlossaryTable(Value):
    """The glossary of a table. `table` is its name in SQL."""

    table: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    columns: tuple[GlossaryColumn, ...] = ()


class Glossary(Value):
    """The glossary of a company's data, as people wrote it.

    `questions` are examples to start with: those in the glossary or, if it has none, simple ones.
    """

    company: str | None = None
    tables: tuple[GlossaryTable, ...] = ()
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Download:
    """A file to download: its name for people, its size in bytes, its media type, and its content in chunks."""

    name: str
    size: int
    media_type: str
    chunks: AsyncIterator[bytes]


class Run(Protocol):
    """One pass of the agent over a thread, started by one message.

    Every method may raise `WorkbenchClosed` or `OtherLoop`.
    """

    id: str
    thread_id: str

    async def status(self) -> Status:
        """The status: `queued`, `running`, or the outcome."""
        ...

    def events(self, after: int | None = None) -> AsyncIterator[Numbered]:
        """All events after the number `after` (from the first if None), live until the run ends.

        Raises `EventsPruned` if the run ended longer ago than the journal keeps events.
        """
        ...

    async def finished(self) -> FinishedRun:
        """Waits for the end and returns the outcome, with the reply or the error."""
        ...

    async def reply(self) -> Reply:
        """Waits for the reply. A run that ends without one raises its error."""
        ...

    async def cancel(self) -> None:
        """Stops the run, which ends as cancelled. A run that has ended stays as it is."""
        ...


class Thread(Protocol):
    """A conversation in a workspace. Its first message creates its row and its folder.

    Every method may raise `WorkbenchClosed` or `OtherLoop`.
    """

    id: str

    @property
    def workspace_id(self) -> str:
        """The id of the workspace that holds the thread."""
        ...

    @property
    def title(self) -> str | None:
        """The title, made from the first message unless the thread was renamed; None before the first message."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """The time of the first message, in UTC; None before it."""
        ...

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last use, in UTC; None before the first message."""
        ...

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> Run:
        """Accepts a message and returns its run at once, without waiting for the answer.

        - An empty `text` continues the reply of the run `in_reply_to`, which must be waiting for review.
        - `untouched` marks a continue after a countdown, without a click. `ContinueLimitReached` is raised when
          too many of them follow each other; see `continues_left`.
        - The same `idempotency_key` and message again return the same run.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue`, `ThreadReadOnly` or `StorageFailed`, and then
        creates no thread; `IdempotencyMismatch` if the key belongs to another message; and `ThreadNotFound` if it
        belongs to a deleted thread.
        """
        ...

    async def ask(self, text: str) -> Reply:
        """Sends a message and waits for its reply. Cancelling this call stops the run."""
        ...

    async def run(self, run_id: str) -> Run:
        """A run of this thread by its id. Raises `RunNotFound`."""
        ...

    async def messages(self) -> list[ShownMessage]:
        """All messages and replies, in order. Raises `ThreadReadOnly` if the history cannot be read."""
        ...

    async def notice(self) -> str | None:
        """The reason why the thread is read-only, or None if it is not."""
        ...

    async def continues_left(self) -> int:
        """How many more replies may continue without a click before one waits for a person."""
        ...

    async def rename(self, title: str) -> None:
        """Changes the title. Raises `InvalidName` for an empty one."""
        ...

    async def delete(self) -> None:
        """Stops the runs of the thread and moves its folder to the workspace's `.trash/`.

        Raises `ThreadBusy` if another program is working on the thread, or `StorageFailed`.
        """
        ...

    async def usage(self) -> UsageTotals:
        """What the finished runs of the thread used together."""
        ...

    async def page(self, file: str, request: PageRequest = ...) -> ResultPage:
        """One page of rows of a Parquet file of the thread (`results/x` or `analysis/x`), filtered and sorted.

        Raises `ResultNotFound`, `UnsupportedFile` or `UnreadableFile` for the file, and `UnknownColumn`,
        `PlanInvalid` or another `QueryError` for the request.
        """
        ...

    async def download(self, file: str, format: DownloadFormat | None = None) -> Download:
        """A file of the thread (`results/x` or `analysis/x`), unchanged or exported as CSV or as a workbook.

        Raises `ResultNotFound` or `StorageFailed`; with a `format` also `UnsupportedFile` if the file is not a
        table, or `SheetInvalid` if its rows do not fit into a sheet.
        """
        ...


class TableHandle(Protocol):
    """A table of a workspace. Each method raises `UnknownTable` if there is no table of this name."""

    name: str

    async def describe(self) -> Table:
        """The columns with their types and profile, and the row count."""
        ...

    async def head(self) -> ResultTable:
        """The first rows."""
        ...

    async def df(self) -> pd.DataFrame:
        """The whole table as a DataFrame; decimals stay exact."""
        ...

    async def download(self) -> Download:
        """The whole table as a Parquet file. May also raise `StorageFailed`."""
        ...


class Workspace(Protocol):
    """A company: its files and its threads.

    Every method may raise `WorkbenchClosed` or `OtherLoop`.
    """

    @property
    def id(self) -> str:
        """The id, which is also the name of the folder and never changes."""
        ...

    @property
    def name(self) -> str:
        """The name that people see."""
        ...

    @property
    def created_at(self) -> datetime:
        """The time at which the workspace was created, or first found in the root, in UTC."""
        ...

    @property
    def updated_at(self) -> datetime:
        """The time of the last change of its name or files through this workbench, in UTC."""
        ...

    async def rename(self, name: str) -> None:
        """Changes the name; the id and the folder stay. Raises `InvalidName` or `WorkspaceExists`."""
        ...

    async def delete(self) -> None:
        """Stops the runs of the workspace and moves its folder to the root's `.trash/`.

        Raises `ThreadBusy` if another program is working on one of its threads, or `StorageFailed`.
        """
        ...

    async def upload(self, source: UploadSource, name: str | None = None) -> Dataset:
        """Stores a file (a path, or a binary stream with a name) in `data/`, after checking that it is a table.

        A file may have up to 2 GB. It replaces an earlier file of the same name, which moves to `.trash/`. Raises
        `InvalidInput`, `InvalidName`, a `FileProblem` or `StorageFailed`, and then leaves `data/` as it was.
        """
        ...

    async def files(self) -> Sequence[DataFile]:
        """The files under `data/` by name, the glossary included. Raises `StorageFailed`."""
        ...

    async def download(self, file: str) -> Download:
        """A file under `data/`, as it was uploaded. Raises `FileNotFound` or `StorageFailed`."""
        ...

    async def delete_file(self, file: str) -> None:
        """Moves a file from `data/` to `.trash/`. Raises `FileNotFound` or `StorageFailed`."""
        ...

    async def datasets(self) -> Sequence[Dataset]:
        """The files of the workspace with their tables. A file that cannot be read says why in `problem`."""
        ...

    async def schema(self, dataset: str) -> Dataset:
        """The dataset with this id, file name or table. Raises `UnknownTable`."""
        ...

    async def glossary(self) -> Glossary:
        """The content of `data/datasets.yaml`, with example questions. Raises `GlossaryInvalid`."""
        ...

    def table(self, name: str) -> TableHandle:
        """A handle for the table of this name."""
        ...

    async def query(self, query: Direct) -> ResultTable | str:
        """Runs SQL, a plan or a program without a thread: the first 100 rows and the count of all, or printed text.

        Nothing is stored. Raises `InvalidInput` unless `query` holds exactly one of the three, or a `QueryError`.
        """
        ...

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT: the first 100 rows and the count of all. Raises a `QueryError`."""
        ...

    async def python(self, code: str) -> ResultTable | str:
        """Runs a confined program that has the tables as DataFrames: its `result_df`, or else what it printed.

        Files that it writes are not kept. Raises a `QueryError`.
        """
        ...

    async def threads(self) -> Sequence[Thread]:
        """The threads, the last used first."""
        ...

    async def thread(self, id: str | None = None, *, key: str | None = None) -> Thread:
        """The thread with this id, or a new one. Raises `ThreadNotFound`.

        A `key` makes creation idempotent: the same key and first message again lead to the same thread.
        """
        ...

    async def open_runs(self) -> Sequence[OpenRun]:
        """The runs that are queued or running, in the order in which they were accepted."""
        ...

    async def usage(self) -> UsageTotals:
        """What the finished runs of the workspace used together, deleted threads included."""
        ...


class Workbench(Protocol):
    """All workspaces of a root. `connect()` returns it, and it opens with the first call.

    `await connect()` and `async with connect() as wb` work as well as plain `connect()`.
    """

    @property
    def address(self) -> str:
        """The folder of the root, or the URL of the server."""
        ...

    async def workspaces(self) -> Sequence[Workspace]:
        """All workspaces by name. Every folder of the root with a `data/` folder is one."""
        ...

    async def create_workspace(self, name: str) -> Workspace:
        """Creates an empty workspace. Raises `InvalidName`, `WorkspaceExists` or `StorageFailed`."""
        ...

    async def workspace(self, id_or_name: str | None = None) -> Workspace:
        """The workspace with this id or name; without one, the only workspace. Raises `WorkspaceNotFound`."""
        ...

    async def thread(self, id: str) -> Thread:
        """The thread with this id, in any workspace. Raises `ThreadNotFound`, or `ThreadAmbiguous` if two have it."""
        ...

    async def run(self, id: str) -> Run:
        """The run with this id, in any thread. Raises `RunNotFound`."""
        ...

    async def check(self) -> None:
        """Raises `StorageFailed` or a `ServerError` if no message can be accepted now."""
        ...

    async def close(self) -> None:
        """Closes the workbench. Runs that only this process works on are left to the next process."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def __await__(self) -> Generator[Any, None, Self]: ...
