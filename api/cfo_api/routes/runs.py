"""Runs: their status, their events, and queries without a model."""

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
    """Runs SQL, a plan or Python without a model, in a thread or a new one. The run is part of the thread's history."""
    workspace = await wb.workspace(body.workspace_id)
    thread = await workspace.thread(body.thread_id, key=key)
    run = await thread.send(body.direct.message, idempotency_key=key)
    response.headers["Location"] = f"/runs/{run.id}"
    return await run_info(run)


@router.get("/runs/{run_id}", responses=may(404, 422))
async def get_run(run: RunDep) -> FinishedRun:
    """The run: its outcome with its reply or its error. Until it ends, only its status: `queued` or `running`."""
    status = await run.status()
    if status in _ENDED:
        return await run.finished()
    return FinishedRun(thread_id=run.thread_id, run_id=run.id, status=status)


@router.get("/runs/{run_id}/status", responses=may(404, 422))
async def get_run_status(run: RunDep) -> RunInfo:
    """The status of the run."""
    return await run_info(run)


@router.get("/runs/{run_id}/events", response_class=Response, responses={**sse.DOCUMENTED, **may(404, 410, 422)})
async def get_run_events(
    run: RunDep,
    closing: ClosingDep,
    last_event_id: Annotated[int | None, Header(ge=-1, le=2**53, description="Continue after this event.")] = None,
    after: Annotated[
        int | None, Query(ge=-1, le=2**53, description="The same, for clients that cannot set headers.")
    ] = None,
) -> Response:
    """The events of the run from the first, or after a given one, live until it ends. Clients may reconnect."""
    return await sse.events(run, after if last_event_id is None else last_event_id, closing)


@router.post("/runs/{run_id}/cancel", status_code=202, responses=may(404, 422))
async def cancel_run(run: RunDep) -> RunInfo:
    """Stops the run; it ends as cancelled. A run that has already ended does not change."""
    await run.cancel()
    return await run_info(run)
