"""Threads: conversations, their messages, and the files that they delivered."""

import json
import operator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import Response

from cfo_api.dependencies import KeyHeader, ThreadDep, WorkspaceDep
from cfo_api.downloads import BYTES, attachment
from cfo_api.pagination import PageDep
from cfo_api.problems import may
from cfo_api.schemas import FirstMessage, NewMessage, ThreadTitle, run_info, thread_info
from cfo_kernel import PageRequest, ResultPage, ShownMessage, UsageTotals
from cfo_kernel.api_models import NewThread, Page, RunInfo, ThreadDetails, ThreadInfo
from cfo_kernel.errors import InvalidInput
from cfo_kernel.interface import DownloadFormat, Thread

router = APIRouter(tags=["threads"])


@router.get("/workspaces/{workspace_id}/threads", responses=may(404, 422))
async def list_threads(workspace: WorkspaceDep, page: PageDep) -> Page[ThreadInfo]:
    """The threads, the one last used first."""
    return page.cut(await workspace.threads(), _last_use, thread_info, follows=operator.lt)


@router.post("/workspaces/{workspace_id}/threads", status_code=202, responses=may(404, 409, 422))
async def create_thread(
    workspace: WorkspaceDep, body: FirstMessage, response: Response, key: KeyHeader = None
) -> NewThread:
    """A new thread with its first message; the run is under way."""
    thread = await workspace.thread(key=key)
    run = await thread.send(body.message, idempotency_key=key)
    response.headers["Location"] = f"/runs/{run.id}"
    return NewThread(thread=thread_info(thread), run=await run_info(run))


@router.get("/threads/{thread_id}", responses=may(404, 409, 422))
async def get_thread(thread: ThreadDep) -> ThreadDetails:
    """The thread; what is wrong with it, and how far it may go on by itself."""
    notice = await thread.notice()
    left = 0 if notice else await thread.continues_left()
    return ThreadDetails(**thread_info(thread).model_dump(), notice=notice, continues_left=left)


@router.patch("/threads/{thread_id}", responses=may(404, 409, 422))
async def rename_thread(thread: ThreadDep, body: ThreadTitle) -> ThreadInfo:
    """Gives the thread another title."""
    await thread.rename(body.title)
    return thread_info(thread)


@router.delete("/threads/{thread_id}", status_code=204, responses=may(404, 409, 422))
async def delete_thread(thread: ThreadDep) -> None:
    """Stops what the thread is answering, and takes it away; its folder goes to the workspace's `.trash/`."""
    await thread.delete()


@router.get("/threads/{thread_id}/usage", responses=may(404, 409, 422))
async def get_thread_usage(thread: ThreadDep) -> UsageTotals:
    """What the finished runs of the thread used together."""
    return await thread.usage()


@router.get("/threads/{thread_id}/messages", responses=may(404, 409, 422))
async def list_messages(thread: ThreadDep, page: PageDep) -> Page[ShownMessage]:
    """All messages and replies in order, as a person sees them."""
    return page.cut(await thread.messages(), lambda message: f"{message.who} {message.run_id}", lambda message: message)


@router.post("/threads/{thread_id}/messages", status_code=202, responses=may(404, 409, 422))
async def send_message(thread: ThreadDep, body: NewMessage, response: Response, key: KeyHeader = None) -> RunInfo:
    """Sends a message; the run is under way, or waits until the earlier ones of the thread have ended.

    A message that begins with `SQL:`, `PYTHON:` or `PLAN:` is run as it is, without a model.
    """
    run = await thread.send(body.text, in_reply_to=body.in_reply_to, idempotency_key=key, untouched=body.untouched)
    response.headers["Location"] = f"/runs/{run.id}"
    return await run_info(run)


@router.get("/threads/{thread_id}/results/{file:path}/rows", responses=may(404, 409, 422))
async def get_result_rows(
    thread: ThreadDep,
    file: str,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    sort: Annotated[
        str,
        Query(
            description="Columns in order, `-` in front of one for downward: `-amount,month`. Or, for any names, a "
            'JSON list: `[{"column": "-a, b", "descending": true}]`.'
        ),
    ] = "",
    filter: Annotated[str, Query(description="A JSON list of filters: those of a query plan, and `contains`.")] = "[]",
) -> ResultPage:
    """Rows of a result: those that pass all filters, sorted, `limit` of them from `offset` on."""
    return await thread.page(_place(file), _page_request(offset, limit, sort, filter))


@router.get(
    "/threads/{thread_id}/results/{file:path}",
    response_class=Response,
    responses={**BYTES, **may(404, 409, 422)},
)
async def download_result(
    thread: ThreadDep,
    file: str,
    format: Annotated[
        DownloadFormat | None,
        Query(description="What the rows of a table are made into; without it the file comes as it is."),
    ] = None,
) -> Response:
    """A file of the thread: `results/<name>`, `analysis/<name>`, or a name under `results/`."""
    return attachment(await thread.download(_place(file), format))


def _last_use(thread: Thread) -> str:
    at = thread.updated_at
    return f"{at.isoformat(timespec='microseconds') if at else ''} {thread.id}"


def _place(file: str) -> str:
    return file if file.startswith(("results/", "analysis/")) else f"results/{file}"


def _page_request(offset: int, limit: int, sort: str, filters: str) -> PageRequest:
    """Raises `InvalidInput`."""
    try:
        columns, wanted = _sorted(sort), json.loads(filters)
        return PageRequest.model_validate({"offset": offset, "limit": limit, "sort": columns, "filters": wanted})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))[:200]
        raise InvalidInput(f"{field}: {first['msg']}. Correct it and send again.") from error
    except (ValueError, RecursionError) as error:
        message = "`filter` is a JSON list of filters, and a `sort` that begins with [ one too. Correct it, send again."
        raise InvalidInput(message) from error


def _sorted(sort: str) -> Any:
    """A list of names, in short; in a JSON list a name may hold anything. Raises `ValueError` or `RecursionError`."""
    if sort.lstrip().startswith("["):
        return json.loads(sort)
    return [{"column": c.removeprefix("-"), "descending": c.startswith("-")} for c in sort.split(",") if c]
