"""What the engine does after the agent: runs the SQL in full, writes the sheet, and says what came of it."""

import contextlib
from functools import partial
from typing import Any

from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.tools import compact
from cfo_kernel.data.file_names import safe_name
from cfo_kernel.errors import CfoError, SheetInvalid, StorageFailed
from cfo_kernel.events import ActionStarted
from cfo_kernel.replies import Problem, Reply, ResultTable, RunSQL, SheetWritten, WriteSheetFromFile, reply_adapter
from cfo_kernel.runs.recorder import Recorder

_SHOWN_ROWS = 100
_SAMPLE_ROWS = 20
_REPLY = "reply"  # who asks for the file of a reply's own result


async def act(reply: Reply, deps: RunDeps, recorder: Recorder) -> Reply:
    """The reply with the outcome of its action; one that asks for none is returned as it is.

    The recorder is told how far a query is that takes its time, and keeps the outcome: an attempt that begins again
    does not act again. An error of the data is an outcome too: the agent reads it when it goes on.
    """
    if not isinstance(reply, RunSQL | WriteSheetFromFile):
        return reply
    recorder.put(ActionStarted(kind=reply.kind))
    if known := recorder.action("outcome"):
        return reply_adapter.validate_python(known)
    try:
        if isinstance(reply, RunSQL):
            acted = reply.model_copy(update={"result": await _table(reply, deps, recorder)})
        else:
            acted = reply.model_copy(update={"written": await _write(reply, deps, recorder)})
    except CfoError as error:
        if isinstance(error, StorageFailed):
            raise
        acted = reply.model_copy(update={"error": Problem(code=error.code, message=error.message)})
    await recorder.keep_action("outcome", acted.model_dump(mode="json"))
    return acted


def outcome(reply: Reply) -> dict[str, Any] | None:
    """What the history tells the model of the action: a sample of the rows with the count of all, or the error."""
    if isinstance(reply, RunSQL | WriteSheetFromFile) and reply.error is not None:
        return {"error": reply.error.model_dump()}
    if isinstance(reply, RunSQL) and reply.result is not None:
        return compact(reply.result, _SAMPLE_ROWS)
    if isinstance(reply, WriteSheetFromFile) and reply.written is not None:
        return {"written": reply.written.model_dump()}
    return None


async def _table(reply: RunSQL, deps: RunDeps, recorder: Recorder) -> ResultTable:
    """All rows of the SQL; where a plan of this run gave it the plan is run, whose checks and notes SQL has not."""
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
    """Writes a copy of the workbook beside it, notes that it is ready, and only then puts it in its place.

    So a sheet is written once, whenever a process dies: before the note nothing has happened, and after it the copy is
    put in its place, or was.
    """
    name = safe_name(reply.workbook)
    if not name.lower().endswith(".xlsx"):
        raise SheetInvalid(f"{name} is not a workbook's name. It must end in .xlsx.")
    workbook = deps.thread_dir / "results" / name
    ready = workbook.with_name(f".{recorder.run_id}.xlsx")
    made = recorder.action("sheet")
    if made is None:
        source = deps.result_file(reply.source_file)
        made = await deps.data.write_sheet(source, workbook, reply.sheet, reply.mode, ready)
        await recorder.keep_action("sheet", made)
    with contextlib.suppress(FileNotFoundError):  # it is in its place already
        ready.replace(workbook)
    return SheetWritten(file=f"results/{name}", sheet=reply.sheet, **made)
