"""The request bodies of the API, and functions that build its responses from interface objects.

The models of responses that the remote workbench also reads are in `cfo_kernel.api_models`.
"""

from __future__ import annotations

from pydantic import Field

from cfo_kernel import Direct, QueryPlan
from cfo_kernel.api_models import RunInfo, ThreadInfo, WorkspaceInfo
from cfo_kernel.interface import Run, Thread, Workspace
from cfo_kernel.values import Value


class WorkspaceName(Value):
    """The name of a workspace."""

    name: str


class NewUnion(Value):
    """A table and the files that form it. An empty list keeps apart the files that would otherwise form it."""

    name: str
    files: tuple[str, ...] = ()


class ThreadTitle(Value):
    """The title of a thread."""

    title: str


class FirstMessage(Value):
    """The first message of a thread."""

    message: str


class NewMessage(Value):
    """A message. An empty text continues the reply of the run `in_reply_to`.

    `untouched` marks a message that continued the thread when a countdown ran out.
    """

    text: str = ""
    in_reply_to: str | None = None
    untouched: bool = False


class DirectQuery(Value):
    """A query: exactly one of SQL, a query plan or a Python program."""

    sql: str | None = None
    plan: QueryPlan | None = None
    python: str | None = None

    @property
    def direct(self) -> Direct:
        return Direct(sql=self.sql, plan=self.plan, python=self.python)


class DirectRun(DirectQuery):
    """A query to run without a model, in an existing or a new thread."""

    workspace_id: str
    thread_id: str | None = None


class ChatMessage(Value):
    """A message to an existing or a new thread. An empty message continues the reply of the run `in_reply_to`."""

    workspace_id: str
    thread_id: str | None = None
    message: str = ""
    in_reply_to: str | None = None


class PatientChat(ChatMessage):
    """A chat message, with the number of seconds to wait for the reply."""

    timeout: float = Field(60, ge=0, le=300)


class Health(Value):
    """The response of a healthy server."""

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
