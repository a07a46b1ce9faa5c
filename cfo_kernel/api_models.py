"""The answers of the HTTP API that both its server (`cfo_api`) and its client (`cfo_kernel.remote`) use.

Both import them from here, so that they cannot differ. Values of the interface, such as `Dataset` or `FinishedRun`, are
sent as they are.
"""

from datetime import datetime
from typing import Generic, TypeVar

from cfo_kernel.data.tables import Dataset
from cfo_kernel.events import Status
from cfo_kernel.replies import ResultTable
from cfo_kernel.values import Value

T = TypeVar("T")


class Page(Value, Generic[T]):
    """One page of a list. `next_cursor` is the cursor of the next page, or null on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class WorkspaceInfo(Value):
    """A company."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class Uploaded(Value):
    """The datasets of the uploaded files, in the order of the files."""

    items: tuple[Dataset, ...]


class QueryAnswer(Value):
    """The result of a query: a table, or the output of a program that sets no table."""

    result: ResultTable | None = None
    text: str | None = None


class ThreadInfo(Value):
    """A conversation."""

    id: str
    workspace_id: str
    title: str | None
    created_at: datetime | None
    updated_at: datetime | None


class ThreadDetails(ThreadInfo):
    """A conversation.

    `notice` says why it is read-only, if it is. `continues_left` is the number of countdowns that may still continue it
    before a person has to click.
    """

    notice: str | None = None
    continues_left: int = 0


class RunInfo(Value):
    """A run and its status."""

    run_id: str
    thread_id: str
    status: Status


class NewThread(Value):
    """A new thread, with the run of its first message."""

    thread: ThreadInfo
    run: RunInfo
