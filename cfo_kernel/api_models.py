"""The answers of the HTTP API that both its server (`cfo_api`) and its client (`cfo_kernel.remote`) use.

They stand in one place so that the two cannot drift apart. Values that the interface has already, such as `Dataset` or
`FinishedRun`, travel as they are.
"""

from datetime import datetime
from typing import Generic, TypeVar

from cfo_kernel.data.tables import Dataset
from cfo_kernel.events import Status
from cfo_kernel.replies import ResultTable
from cfo_kernel.values import Value

T = TypeVar("T")


class Page(Value, Generic[T]):
    """Some items of a list; `next_cursor` asks for those that follow, null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class WorkspaceInfo(Value):
    """A company."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class Uploaded(Value):
    """What the files of an upload became, in their order."""

    items: tuple[Dataset, ...]


class QueryAnswer(Value):
    """What a query gave: a table, or what a program without one printed."""

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

    `notice` says why it is read-only, if it is; `continues_left` how many more countdowns may run out before one stands
    still until a person clicks.
    """

    notice: str | None = None
    continues_left: int = 0


class RunInfo(Value):
    """A run under way, or what became of it."""

    run_id: str
    thread_id: str
    status: Status


class NewThread(Value):
    """A thread with the run of its first message."""

    thread: ThreadInfo
    run: RunInfo
