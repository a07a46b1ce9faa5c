"""The values that only HTTP has: bodies of requests, and what lists are made of. All others are the engine's own."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cfo_kernel import Dataset, Direct, QueryPlan, ResultTable, Status
from cfo_kernel.interface import Run, Thread, Workspace

T = TypeVar("T")


class Sent(BaseModel):
    """A body or a part of an answer: frozen, and an unknown field is an error, so that a typo is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Sent, Generic[T]):
    """Some items of a list; `next_cursor` asks for those that follow, null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class WorkspaceName(Sent):
    """The name of a workspace."""

    name: str


class WorkspaceInfo(Sent):
    """A company."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class Uploaded(Sent):
    """What the files of an upload became, in their order."""

    items: tuple[Dataset, ...]


class QueryAnswer(Sent):
    """What a query gave: a table, or what a program without one printed."""

    result: ResultTable | None = None
    text: str | None = None


class ThreadTitle(Sent):
    """The title of a thread."""

    title: str


class ThreadInfo(Sent):
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


class RunInfo(Sent):
    """A run under way, or what became of it."""

    run_id: str
    thread_id: str
    status: Status


class FirstMessage(Sent):
    """The message that begins a thread."""

    message: str


class NewMessage(Sent):
    """A message; an empty one continues the reply of the run `in_reply_to`, `untouched` where a countdown ran out."""

    text: str = ""
    in_reply_to: str | None = None
    untouched: bool = False


class NewThread(Sent):
    """A thread with the run of its first message."""

    thread: ThreadInfo
    run: RunInfo


class DirectQuery(Sent):
    """Exactly one of SQL, a plan, or a Python program."""

    sql: str | None = None
    plan: QueryPlan | None = None
    python: str | None = None

    @property
    def direct(self) -> Direct:
        return Direct(sql=self.sql, plan=self.plan, python=self.python)


class DirectRun(DirectQuery):
    """A query to be run in a thread, or in a new one, without a model."""

    workspace_id: str
    thread_id: str | None = None


class ChatMessage(Sent):
    """A message to a thread, or to a new one; an empty one continues the reply of the run `in_reply_to`."""

    workspace_id: str
    thread_id: str | None = None
    message: str = ""
    in_reply_to: str | None = None


class PatientChat(ChatMessage):
    """A chat message, and for how many seconds its sender waits."""

    timeout: float = Field(60, ge=0, le=300)


class Health(Sent):
    """That the server is there."""

    status: str = "ok"


def workspace_info(workspace: Workspace) -> WorkspaceInfo:
    return WorkspaceInfo(
        id=workspace.id, name=workspace.name, created_at=workspace.created_at, updated_at=workspace.updated_at
    )


def thread_info(thread: Thread) -> ThreadInfo:
    return ThreadInfo(
        id=thread.id,
        workspace_id=thread.workspace_id,
        title=thread.title,
        created_at=thread.created_at,
        updated_at=thread.updated_at,
    )


async def run_info(run: Run) -> RunInfo:
    return RunInfo(run_id=run.id, thread_id=run.thread_id, status=await run.status())
