"""What the engine does after the agent: runs the SQL in full, writes the sheet, and says what came of it."""

from functools import partial
from typing import Any

from cfo_kernel.agent.desk import Desk
from cfo_kernel.agent.tools import compact
from cfo_kernel.data.files import safe_name
from cfo_kernel.errors import CfoError, SheetInvalid
from cfo_kernel.replies import Problem, Reply, ResultTable, RunSQL, SheetWritten, WriteSheetFromFile
from cfo_kernel.runs.recorder import Recorder

_SHOWN_ROWS = 100
_SAMPLE_ROWS = 20


async def act(reply: Reply, desk: Desk, recorder: Recorder) -> Reply:
    """The reply with the outcome of its action; one that asks for none is returned as it is.

    The recorder is told how far a query is that takes its time.
    An error of the data is an outcome too: the agent reads it when it goes on.
    """
    try:
        if isinstance(reply, RunSQL):
            return reply.model_copy(update={"result": await _table(reply, desk, recorder)})
        if isinstance(reply, WriteSheetFromFile):
            return reply.model_copy(update={"written": await _write(reply, desk)})
    except CfoError as error:
        return reply.model_copy(update={"error": Problem(code=error.code, message=error.message)})
    return reply


def outcome(reply: Reply) -> dict[str, Any] | None:
    """What the history tells the model of the action: a sample of the rows with the count of all, or the error."""
    if isinstance(reply, RunSQL | WriteSheetFromFile) and reply.error is not None:
        return {"error": reply.error.model_dump()}
    if isinstance(reply, RunSQL) and reply.result is not None:
        return compact(reply.result, _SAMPLE_ROWS)
    if isinstance(reply, WriteSheetFromFile) and reply.written is not None:
        return {"written": reply.written.model_dump()}
    return None


async def _table(reply: RunSQL, desk: Desk, recorder: Recorder) -> ResultTable:
    """All rows of the SQL; where a plan of this run gave it the plan is run, whose checks and notes SQL has not."""
    file, on_progress = desk.new_file("results", "result"), partial(recorder.progress, label=reply.purpose)
    plan = desk.plans.get(reply.sql.strip())
    if plan is None:
        return await desk.room.query(
            reply.sql, cap=_SHOWN_ROWS, file=file, earlier=desk.earlier, on_progress=on_progress
        )
    return await desk.room.plan(plan, cap=_SHOWN_ROWS, file=file, earlier=desk.earlier, on_progress=on_progress)


async def _write(reply: WriteSheetFromFile, desk: Desk) -> SheetWritten:
    name = safe_name(reply.workbook)
    if not name.lower().endswith(".xlsx"):
        raise SheetInvalid(f"{name} is not a workbook's name. It must end in .xlsx.")
    source = desk.result_file(reply.source_file)
    made = await desk.room.write_sheet(source, desk.thread_dir / "results" / name, reply.sheet, reply.mode)
    return SheetWritten(file=f"results/{name}", sheet=reply.sheet, **made)
