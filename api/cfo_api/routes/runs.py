"""Routes for runs: their status, their events, and queries without a model."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from cfo_api import sse
from cfo_api.dependencies import FeedsDep, KeyHeader, RunDep, WorkbenchDep
from cfo_api.long_requests import LongRoute
from cfo_api.problems import may
from cfo_api.schemas import DirectRun, run_info
from cfo_kernel import FinishedRun
from cfo_kernel.api_models import RunInfo

router = APIRouter(tags=["runs"])
_long = APIRouter(tags=["runs"], route_class=LongRoute)
_ENDED = ("succeeded", "rejected", "failed", "cancelled")


@router.post("/runs", status_code=202, responses=may(404, 409, 422))
async def create_run(wb: WorkbenchDep, body: DirectRun, response: Response, key: KeyHeader = None) -> RunInfo:
    """Runs SQL, a plan or Python without a model, and adds the run to the history of an existing or a new thread."""
    workspace = await wb.workspace(body.workspace_id)
    thread = await workspace.thread(body.thread_id, key=key)
    run = await thread.send(body.direct.message, idempotency_key=key)
    response.headers["Location"] = f"/runs/{run.id}"
    return await run_info(run)


@router.get("/runs/{run_id}", responses=may(404, 422))
async def get_run(run: RunDep) -> FinishedRun:
    """Returns the run's outcome with its reply or error. Until it ends, returns only the status."""
    status = await run.status()
    if status in _ENDED:
        return await run.finished()
    return FinishedRun(thread_id=run.thread_id, run_id=run.id, status=status)


@router.get("/runs/{run_id}/status", responses=may(404, 422))
async def get_run_status(run: RunDep) -> RunInfo:
    """Returns the status of the run."""
    return await run_info(run)


@_long.get("/runs/{run_id}/events", response_class=Response, responses={**sse.DOCUMENTED, **may(404, 410, 422, 429)})
async def get_run_events(
    run: RunDep,
    feeds: FeedsDep,
    last_event_id: Annotated[int | None, Header(ge=-1, le=2**53, description="Continue after this event.")] = None,
    after: Annotated[
        int | None,
        Query(ge=-1, le=2**53, description="The same as Last-Event-ID, for clients that cannot set headers."),
    ] = None,
) -> Response:
    """Streams the run's events live until it ends: all of them, or those after a given one. Clients may reconnect."""
    return await sse.events(run, after if last_event_id is None else last_event_id, feeds)


@router.post("/runs/{run_id}/cancel", status_code=202, responses=may(404, 422))
async def cancel_run(run: RunDep) -> RunInfo:
    """Stops the run, which ends as cancelled. A run that has already ended is not changed."""
    await run.cancel()
    return await run_info(run)


router.routes += _long.routes
