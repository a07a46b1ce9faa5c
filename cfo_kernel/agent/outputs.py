"""The ways to end a run, as functions that a model calls. The arguments it passes become the reply.

SQL, the size of its result, charts and names are checked here, while the model can still correct them.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Literal

from pydantic_ai import RunContext, ToolOutput

from cfo_kernel.agent.run_deps import TOOL_ROWS, RunDeps, call_key
from cfo_kernel.agent.tools import Code, retryable
from cfo_kernel.data.sheet_names import check_sheet_name, workbook_name
from cfo_kernel.errors import QueryFailed, UnknownColumn, UnknownTable
from cfo_kernel.number_formats import is_number
from cfo_kernel.replies import (
    Chart,
    ResultColumn,
    ResultTable,
    RunSQL,
    TaskResult,
    UserInteraction,
    WriteSheetFromFile,
)
from cfo_kernel.sql_text import quoted

_MANY_ROWS = 100_000
"""A table with more rows than this is delivered only if the model asks for it a second time."""
_MOST_COUNTED = 1_000_000
_COUNT_SECONDS = 5.0
_MOST_CHOICES = 20
"""Further choices are left out, because each becomes a button. The model is asked for six at most."""
_LISTED = 30
"""The maximum number of names that an error lists."""


async def user_interaction(message: str, choices: list[str] | None = None) -> UserInteraction:
    """Ends with a question to the person.

    Args:
        choices: Up to 6 complete messages that would answer it.
    """
    return UserInteraction(message=message, choices=tuple(choices or ())[:_MOST_CHOICES])


async def task_result(ctx: RunContext[RunDeps], message: str, result: str | None = None) -> TaskResult:
    """Ends with the answer in words.

    Args:
        message: Figures, what they cover, what was assumed.
        result: The `table` to show with it; else the last result.
    """
    shown = ctx.deps.last_result if result is None else await retryable(_result_named(ctx.deps, result))
    return TaskResult(message=message, result=shown, files=(shown.file,) if shown and shown.file else ())


async def run_sql(ctx: RunContext[RunDeps], sql: Code, purpose: str, chart: Chart | None = None) -> RunSQL:
    """Ends with a whole table, for review.

    Args:
        sql: One SELECT, run in full; FROM query_001 for the query of that result.
        purpose: One sentence: what it shows.
        chart: Its columns, if a chart helps.
    """
    deps = ctx.deps
    sql, result = deps.delivered(sql)
    columns = await retryable(deps.data.check(sql, thread_tables=deps.thread_tables))
    fitting = await retryable(_fitting(chart, columns)) if chart else None
    await retryable(_check_size(ctx, sql, result))
    return RunSQL(sql=sql, purpose=purpose, chart=fitting)


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
    await retryable(_check_sheet(ctx.deps, source_file, workbook, sheet))
    return WriteSheetFromFile(source_file=source_file, workbook=workbook, sheet=sheet, mode=mode, purpose=purpose)


async def _result_named(deps: RunDeps, name: str) -> ResultTable:
    """The thread's result with this table name or file name. Raises a `QueryError` if there is none."""
    if found := deps.result_named(name):
        return found
    tables = deps.thread_tables
    stem = next((t for t in tables if name.strip().lower() in (t.lower(), deps.file_of(tables[t]).lower())), None)
    if stem is None:
        known = f"Available: {', '.join([*tables][-_LISTED:])}." if tables else "No query has returned a result yet."
        raise UnknownTable(
            f"This thread has no result {name[:80]!r}. {known} Without `result`, the last result is shown."
        )
    earlier = await deps.data.query(f"FROM {quoted(stem)}", cap=TOOL_ROWS, thread_tables=tables)
    return earlier.model_copy(update={"file": deps.file_of(tables[stem])})


async def _check_size(ctx: RunContext[RunDeps], sql: str, result: ResultTable | None) -> None:
    """Raises a `QueryError` with the number of rows if the table is very large.

    The second attempt with the same SQL passes.
    """
    deps = ctx.deps
    if sql in deps.large_deliveries:
        return
    count = result.row_count if result else await _row_count(ctx, sql)
    if count is None or count <= _MANY_ROWS:
        return
    deps.large_deliveries.add(sql)
    rows = f"{count:,}" if count <= _MOST_COUNTED else f"more than {_MOST_COUNTED:,}"
    raise QueryFailed(
        f"The table would have {rows} rows. Narrow or aggregate it. If the person wants them all, send the call again."
    )


async def _row_count(ctx: RunContext[RunDeps], sql: str) -> int | None:
    """The number of rows, which is the same for each attempt at the run. None if counting takes too long."""
    deps, key = ctx.deps, f"{call_key(ctx)}/rows"
    if (known := deps.replay_log.tool(key)) is not None:
        return known["row_count"]
    count = None
    with contextlib.suppress(TimeoutError):  # the engine runs the query again, in full, after the reply
        async with asyncio.timeout(_COUNT_SECONDS):
            count = await deps.data.count(sql, most=_MOST_COUNTED + 1, thread_tables=deps.thread_tables)
    deps.replay_log.keep_tool(key, {"row_count": count})
    return count


async def _fitting(chart: Chart, columns: Sequence[ResultColumn]) -> Chart:
    """The chart with its column names spelled as in the table. Raises `UnknownColumn` if a column is missing."""
    names = {column.name.lower(): column.name for column in columns}
    figures = {column.name.lower(): column.name for column in columns if is_number(column.type)}

    def named(name: str, known: dict[str, str], what: str) -> str:
        if name.lower() in known:
            return known[name.lower()]
        listed = ", ".join([*known.values()][:_LISTED]) or "none, so leave the chart out"
        raise UnknownColumn(f"The chart has no {what} {name[:80]!r}. The table's {what}s are: {listed}.")

    return Chart(
        type=chart.type,
        x=named(chart.x, names, "column"),
        y=tuple(named(y, figures, "figure") for y in chart.y),
    )


async def _check_sheet(deps: RunDeps, source_file: str, workbook: str, sheet: str) -> None:
    deps.result_file(source_file)
    workbook_name(workbook)
    check_sheet_name(sheet)


OUTPUTS = [ToolOutput(f, name=f.__name__) for f in (user_interaction, task_result, run_sql, write_sheet_from_file)]
MESSAGE_ARGUMENTS = {
    "user_interaction": "message",
    "task_result": "message",
    "run_sql": "purpose",
    "write_sheet_from_file": "purpose",
}
"""The argument of each output that users read. It appears on the screen while the model writes it."""
