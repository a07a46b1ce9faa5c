"""Dependencies of the routes: the objects that their paths name, and their headers."""

import asyncio
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from cfo_api.event_feeds import EventFeeds
from cfo_kernel.interface import Run, Thread, Workbench, Workspace


def _workbench(request: Request) -> Workbench:
    return request.app.state.workbench


def _closing(request: Request) -> asyncio.Event:
    return request.app.state.closing


def _feeds(request: Request) -> EventFeeds:
    return request.app.state.feeds


WorkbenchDep = Annotated[Workbench, Depends(_workbench)]
ClosingDep = Annotated[asyncio.Event, Depends(_closing)]
"""Set when the server stops, to end requests that are waiting for a run."""
FeedsDep = Annotated[EventFeeds, Depends(_feeds)]
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Makes retries safe: the same key and body return the same run. A different body is refused.",
        min_length=1,
        max_length=200,
    ),
]


async def _workspace(wb: WorkbenchDep, workspace_id: str) -> Workspace:
    return await wb.workspace(workspace_id)


WorkspaceDep = Annotated[Workspace, Depends(_workspace)]


async def _thread(
    wb: WorkbenchDep,
    thread_id: str,
    workspace_id: Annotated[
        str | None, Query(description="Needed only if several workspaces have a thread with this id.")
    ] = None,
) -> Thread:
    if workspace_id is None:
        return await wb.thread(thread_id)
    return await (await wb.workspace(workspace_id)).thread(thread_id)


ThreadDep = Annotated[Thread, Depends(_thread)]


async def _run(wb: WorkbenchDep, run_id: str) -> Run:
    return await wb.run(run_id)


RunDep = Annotated[Run, Depends(_run)]
