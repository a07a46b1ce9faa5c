"""Direct runs, in which the message itself is the query and no model is called.

They are recorded like any other run.
"""

import time
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Protocol

from cfo_kernel.agent.direct_turn import as_turn
from cfo_kernel.agent.run_deps import TOOL_ROWS, RunDeps
from cfo_kernel.agent.tools import compact, for_people, program_summary
from cfo_kernel.data.direct_query import Direct, read_direct
from cfo_kernel.data.python_programs import ProgramResult
from cfo_kernel.errors import CfoError
from cfo_kernel.replies import ResultTable, TaskResult

_SHOWN_ROWS = 100
_CALL = "direct"


class DirectRunListener(Protocol):
    """Receives the steps of a direct run as they happen."""

    def tool_call(self, call_id: str, name: str, arguments: Any) -> None: ...

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float, *, failed: bool) -> None: ...

    def progress(self, done: float, total: float, label: str) -> None: ...


async def answer_direct(
    message: str, run_id: str, deps: RunDeps, listener: DirectRunListener
) -> tuple[TaskResult, list[Any]]:
    """Runs the query. Returns the reply, and the turn as JSON for the model to read if the thread continues with it.

    The full result is stored as a file in the thread's `results/`. Raises a `QueryError` or `GlossaryInvalid`.
    """
    direct = read_direct(message)
    tool, arguments = _call(direct)
    listener.tool_call(_CALL, tool, arguments)
    begun = time.perf_counter()

    def finished(output: Any, *, failed: bool) -> None:
        elapsed_ms = round((time.perf_counter() - begun) * 1000, 1)
        listener.tool_result(_CALL, tool, output, elapsed_ms, failed=failed)

    if known := deps.replay_log.tool(_CALL):
        reply, output = TaskResult.model_validate(known["reply"]), known["output"]
    else:
        program = direct.python
        try:
            reply, output = await (_query(direct, deps, listener) if program is None else _program(program, deps))
        except CfoError as error:
            finished(f"{error.code}: {error.message}", failed=True)
            raise
        deps.replay_log.keep_tool(_CALL, {"reply": reply.model_dump(mode="json"), "output": output})
    metadata = for_people(reply.result) if direct.plan is not None and reply.result else {}
    finished({**output, **metadata}, failed=False)
    return reply, as_turn(message, f"direct_{run_id}", tool, arguments, output, metadata, reply.message)


def _call(direct: Direct) -> tuple[str, dict[str, Any]]:
    """Returns the name and arguments of the tool that a model would have called for this query."""
    if direct.plan is not None:
        return "execute_query_plan", {"plan": direct.plan.model_dump(mode="json", exclude_defaults=True)}
    if direct.python is not None:
        return "execute_python", {"code": direct.python}
    return "execute_sql", {"sql": direct.sql}


async def _query(direct: Direct, deps: RunDeps, listener: DirectRunListener) -> tuple[TaskResult, dict[str, Any]]:
    file, thread_tables = deps.new_file("results", "result", _CALL), deps.thread_tables
    on_progress = partial(listener.progress, label="Running the query.")
    if direct.plan is not None:
        result = await deps.data.plan(
            direct.plan, cap=_SHOWN_ROWS, file=file, thread_tables=thread_tables, on_progress=on_progress
        )
        return _reply(result), compact(result, TOOL_ROWS)
    result = await deps.data.query(
        direct.sql or "", cap=_SHOWN_ROWS, file=file, thread_tables=thread_tables, on_progress=on_progress
    )
    return _reply(result), compact(result, TOOL_ROWS)


async def _program(code: str, deps: RunDeps) -> tuple[TaskResult, dict[str, Any]]:
    file = deps.new_file("results", "result", _CALL)
    ran = await deps.data.python(
        code, cap=_SHOWN_ROWS, folder=file.parent, stem=file.stem, thread_tables=deps.thread_tables
    )
    return _program_reply(ran), program_summary(ran)


def _program_reply(ran: ProgramResult) -> TaskResult:
    if ran.table is None:
        lines = [ran.stdout.strip() or "The program printed nothing and set no result_df.", *ran.notes]
        return TaskResult(message="\n".join(lines), files=ran.files)
    result = ran.table.model_copy(update={"notes": (*ran.table.notes, *ran.notes)})
    return _reply(result, ran.stdout.strip(), ran.files)


def _reply(result: ResultTable, printed: str = "", files: tuple[str, ...] = ()) -> TaskResult:
    rows = "1 row" if result.row_count == 1 else f"{result.row_count:,} rows"
    summary = f"{rows}, saved as table {PurePosixPath(result.file or '').stem} in this thread."
    return TaskResult(message=f"{summary}\n\n{printed}" if printed else summary, result=result, files=files)
