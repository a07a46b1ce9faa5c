"""The response models of the HTTP API, shared by its server (`cfo_api`) and its client (`cfo_kernel.remote`).

Both import the models from here, so they cannot diverge. Values of the interface, such as `Dataset` or `FinishedRun`,
are sent unchanged.
"""

from datetime import datetime
from typing import Generic, TypeVar

from cfo_kernel.data.tables import Dataset
from cfo_kernel.events import Status
from cfo_kernel.replies import ResultTable
from cfo_kernel.values import Value

T = TypeVar("T")


class Page(Value, Generic[T]):
    """A page of a list. `next_cursor` is the cursor for the next page, or null on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class WorkspaceInfo(Value):
    """A company."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class Uploaded(Value):
    """The datasets for the uploaded files, in the order of the files."""

    items: tuple[Dataset, ...]


class QueryAnswer(Value):
    """The result of a query: a table, or the output of a program that produces no table."""

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

    `notice` is the reason why the thread is read-only, or null if it is not. `continues_left` is how many more replies
    may be continued automatically before a click is needed.
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
