"""The four ways to end a run, as functions that a model calls. The arguments it fills in become the reply.

SQL and file names are checked here, so that the model can correct them while the question is still before it.
"""

from typing import Literal

from pydantic_ai import RunContext, ToolOutput

from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.tools import Code, retryable
from cfo_kernel.replies import Chart, RunSQL, TaskResult, UserInteraction, WriteSheetFromFile


async def user_interaction(message: str, choices: list[str] | None = None) -> UserInteraction:
    """Ends with a question to the person.

    Args:
        choices: Up to 6 complete messages that would answer it.
    """
    return UserInteraction(message=message, choices=tuple(choices or ()))


async def task_result(ctx: RunContext[RunDeps], message: str) -> TaskResult:
    """Ends with the answer in words.

    Args:
        message: Figures, what they cover, what was assumed.
    """
    last = ctx.deps.last_result
    return TaskResult(message=message, result=last, files=(last.file,) if last and last.file else ())


async def run_sql(ctx: RunContext[RunDeps], sql: Code, purpose: str, chart: Chart | None = None) -> RunSQL:
    """Ends with a whole table, for review.

    Args:
        sql: One SELECT, which is run in full.
        purpose: One sentence: what it shows.
        chart: Its columns, if a chart helps.
    """
    await retryable(ctx.deps.data.check(sql, thread_tables=ctx.deps.thread_tables))
    return RunSQL(sql=sql, purpose=purpose, chart=chart)


async def write_sheet_from_file(
    ctx: RunContext[RunDeps],
    source_file: str,
    workbook: str,
    sheet: str,
    purpose: str,
    mode: Literal["create", "replace", "append"] = "create",
) -> WriteSheetFromFile:
    """Ends with a result in a sheet of a workbook, for review.

    Args:
        source_file: The `file` of a result: results/result_001.parquet.
        workbook: A name that ends in .xlsx.
        sheet: A name of up to 31 characters.
    """
    await retryable(_check_source(ctx.deps, source_file))
    return WriteSheetFromFile(source_file=source_file, workbook=workbook, sheet=sheet, mode=mode, purpose=purpose)


async def _check_source(deps: RunDeps, source_file: str) -> None:
    deps.result_file(source_file)


OUTPUTS = [ToolOutput(f, name=f.__name__) for f in (user_interaction, task_result, run_sql, write_sheet_from_file)]
MESSAGE_ARGUMENTS = {
    "user_interaction": "message",
    "task_result": "message",
    "run_sql": "purpose",
    "write_sheet_from_file": "purpose",
}
"""For each output the argument that people read: it appears on the screen while the model writes it."""
