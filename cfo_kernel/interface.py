"""The interface of a workbench: async methods for everything that a user can do, with their arguments and results.

There are two implementations: embedded (`cfo_kernel.workbench`) and over HTTP (`cfo_kernel.remote`). Front ends use
only the interface, and the same scenarios test both implementations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from cfo_kernel.data.direct_query import Direct as Direct
from cfo_kernel.data.file_formats import SUFFIXES as SUFFIXES
from cfo_kernel.data.result_pages import ALL_ROWS as ALL_ROWS
from cfo_kernel.data.result_pages import Contains as Contains
from cfo_kernel.data.result_pages import DownloadFormat as DownloadFormat
from cfo_kernel.data.result_pages import PageRequest as PageRequest
from cfo_kernel.data.result_pages import ResultPage as ResultPage
from cfo_kernel.data.result_pages import RowSelection as RowSelection
from cfo_kernel.data.result_pages import Sort as Sort
from cfo_kernel.data.semantics.stated_meaning import StatedMeaning as StatedMeaning
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.events import FinishedRun, Numbered, Status, Usage
from cfo_kernel.events import UsageTotals as UsageTotals
from cfo_kernel.replies import Problem, Reply, ResultTable
from cfo_kernel.upload_source import MAX_BYTES as MAX_BYTES
from cfo_kernel.upload_source import UploadSource
from cfo_kernel.values import Value

if TYPE_CHECKING:
    import pandas as pd

LIST_WAIT = 2.0
"""How many seconds a list of datasets waits for files that are being read."""
MAX_LIST_WAIT = 60.0
"""The maximum of these seconds over HTTP."""
MAX_TITLE = 80
"""The maximum length of a thread's title in characters. Longer titles are truncated."""


class ShownMessage(Value):
    """An entry in a thread as users see it: a message that a person wrote, or the outcome of its run.

    `untouched` marks a message that continued the thread when a countdown ran out, without a click.
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
    """A file in `data/`, with its size in bytes and the time of its last change in UTC."""

    name: str
    size: int
    modified_at: datetime


class OpenRun(Value):
    """A run in a workspace that has not ended yet."""

    run_id: str
    thread_id: str
    status: Literal["queued", "running"]


class GlossaryColumn(Value):
    """The glossary entry of a column. `column` is the column's name in SQL."""

    column: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None


class GlossaryTable(Value):
    """The glossary entry of a table. `table` is the table's name in SQL."""

    table: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    columns: tuple[GlossaryColumn, ...] = ()


class Glossary(Value):
    """The glossary of a company's data, as its authors wrote it.

    `questions` are example questions to start with: those in the glossary or, if it has none, simple generated ones.
    `problems` lists the faults in the file, each with its line. Faulty parts of the file are ignored.
    """

    company: str | None = None
    tables: tuple[GlossaryTable, ...] = ()
    questions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class MeaningVersion(Value):
    """A version of the glossary, with its difference from the version before.

    `origin` says how it came about: an edit or an undo through a workbench, or a change of the file by hand.
    """

    number: int
    version: str
    at: datetime
    origin: Literal["file", "edit", "undo"]
    difference: str = ""


@dataclass(frozen=True)
class Download:
    """A file to download: its suggested name, its size in bytes, its media type, and its content in chunks."""

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
        """Returns the status: `queued`, `running`, or the outcome."""
        ...

    def events(self, after: int | None = None) -> AsyncIterator[Numbered]:
        """Yields the run's events live until it ends: all of them, or those numbered above `after`.

        Raises `EventsPruned` if the run ended so long ago that its events were deleted from the journal.
        """
        ...

    async def finished(self) -> FinishedRun:
        """Waits for the run to end and returns the outcome with the reply or the error."""
        ...

    async def reply(self) -> Reply:
        """Waits for the reply and returns it. If the run ends without a reply, raises its error."""
        ...

    async def cancel(self) -> None:
        """Stops the run, which ends as cancelled. A run that has already ended is not changed."""
        ...


class Thread(Protocol):
    """A conversation in a workspace. The first message creates its catalog row and its folder.

    Every method may raise `WorkbenchClosed` or `OtherLoop`.
    """

    id: str

    @property
    def workspace_id(self) -> str:
        """The id of the workspace that contains the thread."""
        ...

    @property
    def title(self) -> str | None:
        """The title, which is taken from the first message unless the thread was renamed; None before that message."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """The time of the first message in UTC; None before that message."""
        ...

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last use in UTC; None before the first message."""
        ...

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> Run:
        """Sends a message and returns its run once it is accepted, without waiting for the answer.

        - An empty `text` continues the reply of the run `in_reply_to`, which must be waiting for review.
        - `untouched` marks a message that continues after a countdown, without a click. Too many of these in a row
        raise `ContinueLimitReached`; see `continues_left`.
        - Sending the same message with the same `idempotency_key` again returns the same run.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue`, `ThreadReadOnly` or `StorageFailed`, in which case
        no thread is created. Raises `IdempotencyMismatch` if the key was used for another message, and `ThreadNotFound`
        if it was used in a thread that has been deleted.
        """
        ...

    async def ask(self, text: str) -> Reply:
        """Sends a message, waits for its reply and returns it. Cancelling this call stops the run."""
        ...

    async def run(self, run_id: str) -> Run:
        """Returns the run with this id, if it belongs to this thread. Raises `RunNotFound`."""
        ...

    async def messages(self) -> list[ShownMessage]:
        """Returns all messages and replies in order. Raises `ThreadReadOnly` if the history cannot be read."""
        ...

    async def notice(self) -> str | None:
        """Returns the reason why the thread is read-only, or None if it is not."""
        ...

    async def continues_left(self) -> int:
        """Returns how many more replies may be continued automatically before a click is needed."""
        ...

    async def rename(self, title: str) -> None:
        """Changes the title. Raises `InvalidName` if the new title is empty."""
        ...

    async def delete(self) -> None:
        """Stops the runs of the thread and moves its folder to the workspace's `.trash/`.

        Raises `ThreadBusy` if another program is working on the thread, or `StorageFailed`.
        """
        ...

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs in the thread."""
        ...

    async def page(self, file: str, request: PageRequest = ...) -> ResultPage:
        """Returns a page of rows from a Parquet file in the thread (`results/x` or `analysis/x`), filtered and sorted.

        Raises `ResultNotFound`, `UnsupportedFile` or `UnreadableFile` for the file, and `UnknownColumn`, `PlanInvalid`
        or another `QueryError` for the request.
        """
        ...

    async def download(
        self, file: str, format: DownloadFormat | None = None, selection: RowSelection = ALL_ROWS
    ) -> Download:
        """Returns a file in the thread (`results/x` or `analysis/x`), either unchanged or converted to CSV or XLSX.

        With a `format`, `selection` filters and sorts the rows as `page` does, and `-filtered` or `-sorted` is added to
        the file's name.

        Raises `ResultNotFound`, `StorageFailed`, or `InvalidInput` for a selection without a format. With a `format`,
        also raises `UnsupportedFile` if the file is not a table, `SheetInvalid` if its rows do not fit in a sheet, and
        the errors of `page` for the selection.
        """
        ...


class TableHandle(Protocol):
    """A table in a workspace. Every method raises `UnknownTable` if there is no table with this name."""

    name: str

    async def describe(self) -> Table:
        """Returns the columns with their types and profiles, and the row count."""
        ...

    async def head(self) -> ResultTable:
        """Returns the first rows."""
        ...

    async def df(self) -> pd.DataFrame:
        """Returns the whole table as a DataFrame. Decimals stay exact."""
        ...

    async def download(self) -> Download:
        """Returns the whole table as a Parquet file. May also raise `StorageFailed`."""
        ...


class Workspace(Protocol):
    """The files and threads of one company.

    Every method may raise `WorkbenchClosed` or `OtherLoop`.
    """

    @property
    def id(self) -> str:
        """The id, which never changes and is also the name of the folder."""
        ...

    @property
    def name(self) -> str:
        """The name shown to users."""
        ...

    @property
    def created_at(self) -> datetime:
        """The time in UTC when the workspace was created or first found in the root."""
        ...

    @property
    def updated_at(self) -> datetime:
        """The time in UTC when the name or the files were last changed through a workbench."""
        ...

    async def rename(self, name: str) -> None:
        """Changes the name, but not the id or the folder. Raises `InvalidName` or `WorkspaceExists`."""
        ...

    async def delete(self) -> None:
        """Stops the runs of the workspace and moves its folder to the root's `.trash/`.

        Raises `ThreadBusy` if another program is working on one of its threads, or `StorageFailed`.
        """
        ...

    async def upload(self, source: UploadSource, name: str | None = None) -> Dataset:
        """Stores a file (a path, or a binary stream with a name) in `data/`, after checking that it is a table.

        The limit is 2 GB. An existing file with the same name is moved to `.trash/`. Raises `InvalidInput`,
        `InvalidName`, a `FileProblem` or `StorageFailed`, in which case `data/` is not changed.
        """
        ...

    async def files(self) -> Sequence[DataFile]:
        """Returns the files in `data/`, including the glossary, sorted by name. Raises `StorageFailed`."""
        ...

    async def download(self, file: str) -> Download:
        """Returns a file in `data/`, as it was uploaded. Raises `FileNotFound` or `StorageFailed`."""
        ...

    async def delete_file(self, file: str) -> None:
        """Moves a file from `data/` to `.trash/`. Raises `FileNotFound` or `StorageFailed`."""
        ...

    async def unite(self, name: str, files: Sequence[str]) -> None:
        """Puts the tables of these files together as the table `name`.

        Without files, keeps apart those that would form it.

        For a file with several tables, pass the name of the table instead. Writes `union:` in `datasets.yaml`. Raises
        `InvalidName`, `InvalidInput`, `FileNotFound`, `GlossaryInvalid` or `StorageFailed`.
        """
        ...

    async def datasets(self, *, wait: float = LIST_WAIT) -> Sequence[Dataset]:
        """Returns the files in the workspace with their tables. If a file cannot be read, its `problem` says why.

        Waits up to `wait` seconds for files that are being read. The `reading` of one that takes longer says how far it
        is.
        """
        ...

    async def stop_reading(self, file: str) -> None:
        """Stops reading a file, which is then listed without tables until `read_again`.

        A file that has already been read is not affected. Raises `FileNotFound` or `StorageFailed`.
        """
        ...

    async def read_again(self, file: str) -> None:
        """Reads a file again whose reading was stopped or failed. A file that has already been read is not affected.

        Raises `FileNotFound` or `StorageFailed`.
        """
        ...

    async def schema(self, dataset: str) -> Dataset:
        """Returns the dataset with this id, file name or table. Raises `UnknownTable`."""
        ...

    async def glossary(self, *, wait: float = LIST_WAIT) -> Glossary:
        """Returns the glossary in `data/datasets.yaml`, with example questions and any problems found in it.

        It says nothing about the tables of files that are still being read after `wait` seconds.
        """
        ...

    async def meaning(self) -> StatedMeaning:
        """Returns what the tables and columns mean: inferred with evidence, and as the glossary states it.

        Raises `GlossaryInvalid` if the glossary is not a text file, or `StorageFailed`.
        """
        ...

    async def set_meaning(self, changes: Mapping[str, Any], *, version: str) -> StatedMeaning:
        """Changes the glossary, and returns the new meaning. Comments and the order of the file stay.

        `changes` have the keys of `datasets.yaml`; a value of None removes an entry. `version` is that of the meaning
        that the caller has read. Raises `MeaningChanged` if the glossary was changed since, a `GlossaryProblem` if any
        part of the change is wrong, `InvalidInput` or `StorageFailed`. In all these cases nothing is changed.
        """
        ...

    async def undo_meaning(self, *, version: str) -> StatedMeaning:
        """Undoes the last change of the glossary that is not undone yet, and returns the new meaning.

        Raises `NothingToUndo`, `MeaningChanged` or `StorageFailed`.
        """
        ...

    async def meaning_history(self) -> Sequence[MeaningVersion]:
        """Returns the versions of the glossary that are kept, newest first. Raises `StorageFailed`."""
        ...

    def table(self, name: str) -> TableHandle:
        """Returns a handle for the table with this name."""
        ...

    async def query(self, query: Direct) -> ResultTable | str:
        """Runs SQL, a plan or a program without a thread, and stores nothing.

        Returns the first 1,000 rows with the total row count, or the output of a program that sets no `result_df`.
        Raises `InvalidInput` unless `query` contains exactly one of the three, or a `QueryError`.
        """
        ...

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT. Returns the first 1,000 rows with the total row count. Raises a `QueryError`."""
        ...

    async def python(self, code: str) -> ResultTable | str:
        """Runs a confined program, which has the tables as DataFrames. Discards the files that it writes.

        Returns the program's `result_df`, or its output if it sets none. Raises a `QueryError`.
        """
        ...

    async def threads(self) -> Sequence[Thread]:
        """Returns the threads, most recently used first."""
        ...

    async def thread(self, id: str | None = None, *, key: str | None = None) -> Thread:
        """Returns the thread with this id, or a new thread. Raises `ThreadNotFound`.

        A `key` makes creation idempotent: the same key and first message return the same thread again.
        """
        ...

    async def open_runs(self) -> Sequence[OpenRun]:
        """Returns the runs that are queued or running, in the order in which they were accepted."""
        ...

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs in the workspace, including those of deleted threads."""
        ...


class Workbench(Protocol):
    """All workspaces in a root. `connect()` returns it; the first call opens it.

    Besides plain `connect()`, `await connect()` and `async with connect() as wb` also work.
    """

    @property
    def address(self) -> str:
        """The path of the root, or the URL of the server."""
        ...

    async def workspaces(self) -> Sequence[Workspace]:
        """Returns all workspaces, sorted by name. Every folder in the root that contains `data/` is a workspace."""
        ...

    async def create_workspace(self, name: str) -> Workspace:
        """Creates an empty workspace and returns it. Raises `InvalidName`, `WorkspaceExists` or `StorageFailed`."""
        ...

    async def workspace(self, id_or_name: str | None = None) -> Workspace:
        """Returns the workspace with this id or name, or the only workspace if none is given.

        Raises `WorkspaceNotFound`.
        """
        ...

    async def thread(self, id: str) -> Thread:
        """Returns the thread with this id in any workspace. Raises `ThreadNotFound`.

        Raises `ThreadAmbiguous` if several workspaces have a thread with this id.
        """
        ...

    async def run(self, id: str) -> Run:
        """Returns the run with this id in any thread. Raises `RunNotFound`."""
        ...

    async def check(self) -> None:
        """Checks that messages can be accepted now. Raises `StorageFailed` or a `ServerError` if not."""
        ...

    async def close(self) -> None:
        """Closes the workbench. Runs in progress in this process are left to the next process."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def __await__(self) -> Generator[Any, None, Self]: ...
