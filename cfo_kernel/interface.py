"""The interface: what a person can do with a workbench, one async method each, and the values that cross it.

It is implemented twice: embedded (`cfo_kernel.workbench`) and over HTTP (`cfo_kernel.remote`). Front ends are written
against it, and one body of scenarios runs through both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from cfo_kernel.data.direct_query import Direct as Direct
from cfo_kernel.data.files import SUFFIXES as SUFFIXES
from cfo_kernel.data.pages import Contains as Contains
from cfo_kernel.data.pages import DownloadFormat as DownloadFormat
from cfo_kernel.data.pages import PageRequest as PageRequest
from cfo_kernel.data.pages import ResultPage as ResultPage
from cfo_kernel.data.pages import Sort as Sort
from cfo_kernel.data.tables import Dataset, Table
from cfo_kernel.events import FinishedRun, Numbered, Status, Usage
from cfo_kernel.events import UsageTotals as UsageTotals
from cfo_kernel.replies import Problem, Reply, ResultTable
from cfo_kernel.sources import MAX_BYTES as MAX_BYTES
from cfo_kernel.sources import Source
from cfo_kernel.values import Value

if TYPE_CHECKING:
    import pandas as pd

MAX_TITLE = 80
"""Characters of a thread's title; a longer one is cut."""


class ShownMessage(Value):
    """A message as a person sees it: what they wrote, or how its run ended.

    `untouched` is a continue that nobody clicked: a countdown ran out.
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
    """A file under `data/`: its size in bytes, and when it was last changed, in UTC."""

    name: str
    size: int
    modified_at: datetime


class OpenRun(Value):
    """A run of a workspace that has not ended."""

    run_id: str
    thread_id: str
    status: Literal["queued", "running"]


class GlossaryColumn(Value):
    """What people wrote about a column, `column` being its name in SQL."""

    column: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    note: str | None = None


class GlossaryTable(Value):
    """What people wrote about a table, `table` being its name in SQL."""

    table: str
    name: str | None = None
    description: str | None = None
    synonyms: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    columns: tuple[GlossaryColumn, ...] = ()


class Glossary(Value):
    """What people wrote about the data of a company.

    `questions` are examples to begin with: those of the tables or, where nobody wrote any, simple ones.
    """

    company: str | None = None
    tables: tuple[GlossaryTable, ...] = ()
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Download:
    """A file on its way out: `size` in bytes, its name for people, its media type, and its content in chunks."""

    name: str
    size: int
    media_type: str
    chunks: AsyncIterator[bytes]


class Run(Protocol):
    """One pass of the agent over a thread."""

    id: str
    thread_id: str

    async def status(self) -> Status: ...
    def events(self, after: int | None = None) -> AsyncIterator[Numbered]: ...
    async def finished(self) -> FinishedRun: ...
    async def reply(self) -> Reply: ...
    async def cancel(self) -> None: ...


class Thread(Protocol):
    """A conversation in a workspace; its row and folder are made by its first message."""

    id: str

    @property
    def workspace_id(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def updated_at(self) -> datetime | None: ...

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> Run: ...
    async def ask(self, text: str) -> Reply: ...
    async def run(self, run_id: str) -> Run: ...
    async def messages(self) -> list[ShownMessage]: ...
    async def notice(self) -> str | None: ...
    async def continues_left(self) -> int: ...
    async def rename(self, title: str) -> None: ...
    async def delete(self) -> None: ...
    async def usage(self) -> UsageTotals: ...
    async def page(self, file: str, request: PageRequest = ...) -> ResultPage: ...
    async def download(self, file: str, format: DownloadFormat | None = None) -> Download: ...


class TableHandle(Protocol):
    """A table of a workspace."""

    name: str

    async def describe(self) -> Table: ...
    async def head(self) -> ResultTable: ...
    async def df(self) -> pd.DataFrame: ...
    async def download(self) -> Download: ...


class Workspace(Protocol):
    """A company: its files and its threads."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...

    async def rename(self, name: str) -> None: ...
    async def delete(self) -> None: ...
    async def upload(self, source: Source, name: str | None = None) -> Dataset: ...
    async def files(self) -> Sequence[DataFile]: ...
    async def download(self, file: str) -> Download: ...
    async def delete_file(self, file: str) -> None: ...
    async def datasets(self) -> Sequence[Dataset]: ...
    async def schema(self, dataset: str) -> Dataset: ...
    async def glossary(self) -> Glossary: ...
    def table(self, name: str) -> TableHandle: ...
    async def query(self, query: Direct) -> ResultTable | str: ...
    async def sql(self, text: str) -> ResultTable: ...
    async def python(self, code: str) -> ResultTable | str: ...
    async def threads(self) -> Sequence[Thread]: ...
    async def thread(self, id: str | None = None, *, key: str | None = None) -> Thread: ...
    async def open_runs(self) -> Sequence[OpenRun]: ...
    async def usage(self) -> UsageTotals: ...


class Workbench(Protocol):
    """What `connect()` gives: `await connect()` and `async with connect() as wb` work as well as plain `connect()`."""

    @property
    def address(self) -> str:
        """Where it works: the folder of the root, or the URL of the server."""
        ...

    async def workspaces(self) -> Sequence[Workspace]: ...
    async def create_workspace(self, name: str) -> Workspace: ...
    async def workspace(self, id_or_name: str | None = None) -> Workspace: ...
    async def thread(self, id: str) -> Thread: ...
    async def run(self, id: str) -> Run: ...

    async def check(self) -> None:
        """Raises a `StorageFailed`, or a `ServerError`, where no message could be taken now."""
        ...

    async def close(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def __await__(self) -> Generator[Any, None, Self]: ...
