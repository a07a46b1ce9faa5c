"""Performs a reply's action: runs its SQL in full, or writes its sheet, and adds the outcome to the reply."""

import contextlib
from functools import partial
from typing import Any, assert_never

from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.tools import compact
from cfo_kernel.data.sheet_names import workbook_name
from cfo_kernel.errors import CfoError, StorageFailed
from cfo_kernel.events import ActionStarted
from cfo_kernel.replies import (
    Problem,
    Reply,
    ResultTable,
    RunSQL,
    SheetWritten,
    TaskResult,
    UserInteraction,
    WriteSheetFromFile,
    reply_adapter,
)
from cfo_kernel.runs.recorder import Recorder

_SHOWN_ROWS = 100
_SAMPLE_ROWS = 20
_REPLY = "reply"  # the key under which a reply's own result file is recorded


async def act(reply: Reply, deps: RunDeps, recorder: Recorder) -> Reply:
    """Performs the reply's action and returns the reply with the outcome. Returns a reply without an action unchanged.

    The recorder receives the progress and stores the outcome, so that a later attempt does not repeat the action. A
    data error is an outcome too: the agent sees it when the thread continues. Raises `StorageFailed`.
    """
    if isinstance(reply, UserInteraction | TaskResult):
        return reply
    recorder.put(ActionStarted(kind=reply.kind))
    if known := recorder.action("outcome"):
        return reply_adapter.validate_python(known)
    try:
        match reply:
            case RunSQL():
                acted = reply.model_copy(update={"result": await _table(reply, deps, recorder)})
            case WriteSheetFromFile():
                acted = reply.model_copy(update={"written": await _write(reply, deps, recorder)})
            case _:
                assert_never(reply)
    except CfoError as error:
        if isinstance(error, StorageFailed):
            raise
        acted = reply.model_copy(update={"error": Problem(code=error.code, message=error.message)})
    await recorder.keep_action("outcome", acted.model_dump(mode="json"))
    return acted


def outcome(reply: Reply) -> dict[str, Any] | None:
    """Returns the action's outcome as the model later sees it: sample rows and the total row count, or the error."""
    if isinstance(reply, UserInteraction | TaskResult):
        return None
    if reply.error is not None:
        return {"error": reply.error.model_dump()}
    match reply:
        case RunSQL():
            return compact(reply.result, _SAMPLE_ROWS) if reply.result is not None else None
        case WriteSheetFromFile():
            return {"written": reply.written.model_dump()} if reply.written is not None else None
        case _:
            assert_never(reply)


async def _table(reply: RunSQL, deps: RunDeps, recorder: Recorder) -> ResultTable:
    """Runs the SQL in full. If a plan in this run produced it, runs the plan instead, for its checks and notes."""
    file, on_progress = deps.new_file("results", "result", _REPLY), partial(recorder.progress, label=reply.purpose)
    plan = deps.plan_of(reply.sql)
    if plan is None:
        return await deps.data.query(
            reply.sql, cap=_SHOWN_ROWS, file=file, thread_tables=deps.thread_tables, on_progress=on_progress
        )
    return await deps.data.plan(
        plan, cap=_SHOWN_ROWS, file=file, thread_tables=deps.thread_tables, on_progress=on_progress
    )


async def _write(reply: WriteSheetFromFile, deps: RunDeps, recorder: Recorder) -> SheetWritten:
    """Writes a copy next to the workbook, records that the copy is ready, then renames it over the workbook.

    In this order the sheet is written exactly once, even if the process dies at any point: if there is no record,
    nothing has happened yet, and if there is one, only the rename may still be missing. Raises `SheetInvalid` or
    `StorageFailed`.
    """
    name = workbook_name(reply.workbook)
    workbook = deps.thread_dir / "results" / name
    ready = workbook.with_name(f".{recorder.run_id}.xlsx")
    made = recorder.action("sheet")
    if made is None:
        source = deps.result_file(reply.source_file)
        made = await deps.data.write_sheet(source, workbook, reply.sheet, reply.mode, ready)
        await recorder.keep_action("sheet", made)
    with contextlib.suppress(FileNotFoundError):  # an earlier attempt has already renamed it
        ready.replace(workbook)
    return SheetWritten(file=f"results/{name}", sheet=reply.sheet, **made)
