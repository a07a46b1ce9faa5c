"""Runs: their state, their events, and queries that take no model."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from cfo_api import sse
from cfo_api.dependencies import ClosingDep, KeyHeader, RunDep, WorkbenchDep
from cfo_api.problems import may
from cfo_api.schemas import DirectRun, run_info
from cfo_kernel import FinishedRun
from cfo_kernel.api_models import RunInfo

router = APIRouter(tags=["runs"])
_ENDED = ("succeeded", "rejected", "failed", "cancelled")


@router.post("/runs", status_code=202, responses=may(404, 409, 422))
async def create_run(wb: WorkbenchDep, body: DirectRun, response: Response, key: KeyHeader = None) -> RunInfo:
    """Runs SQL, a plan or Python in a thread, or in a new one, without a model: the history and the events have it."""
    workspace = await wb.workspace(body.workspace_id)
    thread = await workspace.thread(body.thread_id, key=key)
    run = await thread.send(body.direct.message, idempotency_key=key)
    response.headers["Location"] = f"/runs/{run.id}"
    return await run_info(run)


@router.get("/runs/{run_id}", responses=may(404, 422))
async def get_run(run: RunDep) -> FinishedRun:
    """The run: its outcome with its reply or its error, or `queued` or `running` while it has none."""
    status = await run.status()
    if status in _ENDED:
        return await run.finished()
    return FinishedRun(thread_id=run.thread_id, run_id=run.id, status=status)


@router.get("/runs/{run_id}/status", responses=may(404, 422))
async def get_run_status(run: RunDep) -> RunInfo:
    """Where the run stands."""
    return await run_info(run)


@router.get("/runs/{run_id}/events", response_class=Response, responses={**sse.DOCUMENTED, **may(404, 410, 422)})
async def get_run_events(
    run: RunDep,
    closing: ClosingDep,
    last_event_id: Annotated[int | None, Header(ge=-1, le=2**53, description="Goes on after this event.")] = None,
    after: Annotated[int | None, Query(ge=-1, le=2**53, description="The same, for who cannot set a header.")] = None,
) -> Response:
    """The run's events from the first, or after the one named, live until it ends. A stream that is cut goes on."""
    return await sse.events(run, after if last_event_id is None else last_event_id, closing)


@router.post("/runs/{run_id}/cancel", status_code=202, responses=may(404, 422))
async def cancel_run(run: RunDep) -> RunInfo:
    """Stops the run; it ends as cancelled. One that has ended stays as it is."""
    await run.cancel()
    return await run_info(run)
