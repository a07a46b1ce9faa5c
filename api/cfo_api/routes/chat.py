"""Routes for chat: sending a message and waiting for the reply in a single call."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from cfo_api import sse
from cfo_api.dependencies import ClosingDep, FeedsDep, KeyHeader, WorkbenchDep
from cfo_api.long_requests import LongRoute
from cfo_api.problems import may
from cfo_api.schemas import ChatMessage, PatientChat
from cfo_kernel import FinishedRun
from cfo_kernel.interface import Run, Workbench

router = APIRouter(prefix="/chat", tags=["chat"], route_class=LongRoute)
_STILL_RUNNING = {202: {"model": FinishedRun, "description": "The run did not end within the timeout. It continues."}}


@router.post("", responses={**_STILL_RUNNING, **may(404, 409, 422, 429)})
async def chat(
    wb: WorkbenchDep, body: PatientChat, response: Response, closing: ClosingDep, key: KeyHeader = None
) -> FinishedRun:
    """Sends a message and waits for its run to end. If that takes longer than `timeout` seconds, returns 202."""
    run = await _send(wb, body, key)
    response.headers["Location"] = f"/runs/{run.id}"
    finished = asyncio.create_task(run.finished())
    closes = asyncio.create_task(closing.wait())
    try:
        await asyncio.wait({finished, closes}, timeout=body.timeout, return_when=asyncio.FIRST_COMPLETED)
        if finished.done():
            return finished.result()
    finally:
        finished.cancel()
        closes.cancel()
    response.status_code = 202
    return FinishedRun(thread_id=run.thread_id, run_id=run.id, status=await run.status())


@router.post("/stream", response_class=Response, responses={**sse.DOCUMENTED, **may(404, 409, 410, 422, 429)})
async def chat_stream(wb: WorkbenchDep, body: ChatMessage, feeds: FeedsDep, key: KeyHeader = None) -> Response:
    """Sends a message and streams the events of its run.

    After a lost connection, continue at `GET /runs/{run_id}/events`. The ids are in the headers `Cfo-Run-Id` and
    `Cfo-Thread-Id`.
    """
    run = await _send(wb, body, key)
    headers = {"Location": f"/runs/{run.id}", "Cfo-Run-Id": run.id, "Cfo-Thread-Id": run.thread_id}
    return await sse.events(run, None, feeds, headers)


async def _send(wb: Workbench, body: ChatMessage, key: str | None) -> Run:
    workspace = await wb.workspace(body.workspace_id)
    thread = await workspace.thread(body.thread_id, key=key)
    return await thread.send(body.message, in_reply_to=body.in_reply_to, idempotency_key=key)
