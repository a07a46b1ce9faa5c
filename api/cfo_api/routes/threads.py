"""Routes for threads: conversations with their messages and result files."""

import json
import operator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import Response

from cfo_api.dependencies import KeyHeader, ThreadDep, WorkspaceDep
from cfo_api.downloads import BYTES, attachment
from cfo_api.long_requests import LongRoute
from cfo_api.pagination import PageDep
from cfo_api.problems import may
from cfo_api.schemas import FirstMessage, NewMessage, ThreadTitle, run_info, thread_info
from cfo_kernel import PageRequest, ResultPage, ShownMessage, UsageTotals, validation_errors
from cfo_kernel.api_models import NewThread, Page, RunInfo, ThreadDetails, ThreadInfo
from cfo_kernel.errors import InvalidInput
from cfo_kernel.interface import DownloadFormat, RowSelection, Thread

router = APIRouter(tags=["threads"])
_long = APIRouter(tags=["threads"], route_class=LongRoute)

S = TypeVar("S", bound=RowSelection)
SortParam = Annotated[
    str,
    Query(
        description="Comma-separated column names, with `-` before a name for descending order: `-amount,month`. "
        'For names with special characters, use a JSON list: `[{"column": "-a, b", "descending": true}]`.'
    ),
]
FilterParam = Annotated[
    str, Query(description="A JSON list of filters, as in a query plan, or with `contains`.", alias="filter")
]


@router.get("/workspaces/{workspace_id}/threads", responses=may(404, 422))
async def list_threads(workspace: WorkspaceDep, page: PageDep) -> Page[ThreadInfo]:
    """Returns the threads, most recently used first."""
    return page.cut(await workspace.threads(), _last_use, thread_info, follows=operator.lt)


@router.post("/workspaces/{workspace_id}/threads", status_code=202, responses=may(404, 409, 422))
async def create_thread(
    workspace: WorkspaceDep, body: FirstMessage, response: Response, key: KeyHeader = None
) -> NewThread:
    """Creates a thread with its first message, and starts the message's run."""
    thread = await workspace.thread(key=key)
    run = await thread.send(body.message, idempotency_key=key)
    response.headers["Location"] = f"/runs/{run.id}"
    return NewThread(thread=thread_info(thread), run=await run_info(run))


@router.get("/threads/{thread_id}", responses=may(404, 409, 422))
async def get_thread(thread: ThreadDep) -> ThreadDetails:
    """Returns the thread, whether it is read-only, and how many more replies may be continued automatically."""
    notice = await thread.notice()
    left = 0 if notice else await thread.continues_left()
    return ThreadDetails(**thread_info(thread).model_dump(), notice=notice, continues_left=left)


@router.patch("/threads/{thread_id}", responses=may(404, 409, 422))
async def rename_thread(thread: ThreadDep, body: ThreadTitle) -> ThreadInfo:
    """Changes the title of the thread."""
    await thread.rename(body.title)
    return thread_info(thread)


@router.delete("/threads/{thread_id}", status_code=204, responses=may(404, 409, 422))
async def delete_thread(thread: ThreadDep) -> None:
    """Stops the runs of the thread and moves its folder to the workspace's `.trash/`, where it stays for 30 days."""
    await thread.delete()


@router.get("/threads/{thread_id}/usage", responses=may(404, 409, 422))
async def get_thread_usage(thread: ThreadDep) -> UsageTotals:
    """Returns the total usage of the finished runs in the thread."""
    return await thread.usage()


@router.get("/threads/{thread_id}/messages", responses=may(404, 409, 422))
async def list_messages(thread: ThreadDep, page: PageDep) -> Page[ShownMessage]:
    """Returns all messages and replies in order, as users see them."""
    return page.cut(await thread.messages(), lambda message: f"{message.who} {message.run_id}", lambda message: message)


@router.post("/threads/{thread_id}/messages", status_code=202, responses=may(404, 409, 422))
async def send_message(thread: ThreadDep, body: NewMessage, response: Response, key: KeyHeader = None) -> RunInfo:
    """Sends a message. Its run starts once the thread's earlier runs have ended.

    A message that starts with `SQL:`, `PYTHON:` or `PLAN:` is executed directly, without a model.
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
    sort: SortParam = "",
    filters: FilterParam = "[]",
) -> ResultPage:
    """Returns the sorted rows of a result that match all filters: up to `limit` rows, starting at `offset`."""
    request = _selection(PageRequest, sort, filters, offset=offset, limit=limit)
    return await thread.page(_result_path(file), request)


@_long.get(
    "/threads/{thread_id}/results/{file:path}",
    response_class=Response,
    responses={**BYTES, **may(404, 409, 422, 429)},
)
async def download_result(
    thread: ThreadDep,
    file: str,
    format: Annotated[
        DownloadFormat | None,
        Query(description="The format to convert the rows of a table to. Without it, the file is unchanged."),
    ] = None,
    sort: SortParam = "",
    filters: FilterParam = "[]",
) -> Response:
    """Returns a file in the thread: `results/<name>`, `analysis/<name>`, or the name of a file in `results/`.

    With a `format`, the file contains only the rows that match all filters, sorted, and `-filtered` or `-sorted` is
    added to its name.
    """
    selection = _selection(RowSelection, sort, filters)
    return attachment(await thread.download(_result_path(file), format, selection))


router.routes += _long.routes


def _last_use(thread: Thread) -> str:
    at = thread.updated_at
    return f"{at.isoformat(timespec='microseconds') if at else ''} {thread.id}"


def _result_path(file: str) -> str:
    return file if file.startswith(("results/", "analysis/")) else f"results/{file}"


def _selection(kind: type[S], sort: str, filters: str, **more: int) -> S:
    """The selection in the query parameters. Raises `InvalidInput` if they are malformed."""
    try:
        return kind.model_validate({"sort": _sort_columns(sort), "filters": json.loads(filters), **more})
    except ValidationError as error:
        first = validation_errors.faults(error.errors())[0]
        raise InvalidInput(f"{first.describe(first.path)}. Correct it and send the request again.") from error
    except (ValueError, RecursionError) as error:
        message = (
            "`filter`, and a `sort` that starts with [, must be a JSON list. Correct it and send the request again."
        )
        raise InvalidInput(message) from error


def _sort_columns(sort: str) -> Any:
    """Parses the columns from comma-separated names or a JSON list. Raises `ValueError` or `RecursionError`."""
    if sort.lstrip().startswith("["):
        return json.loads(sort)
    return [{"column": c.removeprefix("-"), "descending": c.startswith("-")} for c in sort.split(",") if c]
