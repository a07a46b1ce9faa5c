"""The tools an agent explores with: a few lines each over the data room, results as compact JSON with a row cap."""

from collections.abc import Awaitable
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.toolsets import FunctionToolset

from cfo_kernel.agent.run_deps import TOOL_ROWS, RunDeps, call_of
from cfo_kernel.agent.table_descriptions import described_table, listed_tables
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.python_programs import ProgramResult
from cfo_kernel.data.scope import nearest
from cfo_kernel.errors import QueryError
from cfo_kernel.replies import ResultTable

T = TypeVar("T")
toolset: FunctionToolset[RunDeps] = FunctionToolset(id="data", max_retries=4)


async def retryable(work: Awaitable[T]) -> T:
    """Awaits `work`; an error that the model can mend goes back to it as a retry."""
    try:
        return await work
    except QueryError as error:
        hint = f" It printed: {error.details['stdout']}" if error.details.get("stdout") else ""
        hint += "" if error.details.get("retryable", True) else " No other wording helps: do without it, or say so."
        raise ModelRetry(f"{error.code}: {error.message}{hint}") from error


def compact(result: ResultTable, rows: int) -> dict[str, Any]:
    """A result as the model sees it: its first rows, how many there are, and the table that holds them all."""
    shown = [list(row) for row in result.rows[:rows]]
    return {
        "columns": [c.model_dump() for c in result.columns],
        "rows": shown,
        "row_count": result.row_count,
        "truncated": len(shown) < result.row_count,
        "file": result.file,
        "table": PurePosixPath(result.file).stem if result.file else None,
        "notes": list(result.notes),
    }


def program_summary(ran: ProgramResult) -> dict[str, Any]:
    """What a program gave, as the model sees it."""
    table: dict[str, Any] = compact(ran.table, TOOL_ROWS) if ran.table else {"result_df": None, "notes": []}
    return {**table, "stdout": ran.stdout, "files": list(ran.files), "notes": [*table["notes"], *ran.notes]}


@toolset.tool
async def list_datasets(ctx: RunContext[RunDeps]) -> dict[str, Any]:
    """Lists the tables of the workspace with their row counts, descriptions and example questions."""
    return listed_tables(ctx.deps.schema)


@toolset.tool
async def get_dataset_schema(ctx: RunContext[RunDeps], dataset: str) -> dict[str, Any]:
    """Describes a dataset's tables: exact table name, columns, types, joins, defaults, 3 sample rows.

    Args:
        dataset: a dataset's id, or the name of one of its tables.
    """
    deps = ctx.deps
    tables = [
        t for d in deps.schema.index.datasets for t in d.tables if dataset.lower() in (d.id.lower(), t.name.lower())
    ]
    if not tables:
        known = [d.id for d in deps.schema.index.datasets] + [t.name for t in deps.schema.tables.values()]
        raise ModelRetry(f"unknown_table: there is no dataset {dataset}. {nearest(dataset, known)}")
    described: list[dict[str, Any]] = []
    for table in tables:
        sample = await retryable(deps.data.query(f'FROM "{table.name}" LIMIT 3', cap=3))
        described.append(described_table(table, deps.schema, [list(row) for row in sample.rows]))
    return {"tables": described}


@toolset.tool
async def execute_sql(ctx: RunContext[RunDeps], sql: str) -> dict[str, Any]:
    """Runs one read-only DuckDB SELECT and shows its first rows with the true row count.

    Args:
        sql: exactly one SELECT over the tables of the workspace, and the `table` of earlier results of this thread.
    """
    deps = ctx.deps
    file = deps.new_file("analysis", "query", call_of(ctx))
    result = await retryable(deps.data.query(sql, cap=TOOL_ROWS, file=file, thread_tables=deps.thread_tables))
    deps.keep(result, call_of(ctx))
    return compact(result, TOOL_ROWS)


@toolset.tool
async def execute_query_plan(ctx: RunContext[RunDeps], plan: QueryPlan) -> dict[str, Any]:
    """Validates a typed query plan, compiles it to SQL, runs it, and shows the first rows and the SQL.

    Args:
        plan: the plan; columns are written table.column. The `table` of an earlier result is a table too.
    """
    deps = ctx.deps
    file = deps.new_file("analysis", "query", call_of(ctx))
    result = await retryable(deps.data.plan(plan, cap=TOOL_ROWS, file=file, thread_tables=deps.thread_tables))
    deps.keep(result, call_of(ctx))
    return {**compact(result, TOOL_ROWS), "sql": result.query.sql}


@toolset.tool
async def execute_python(ctx: RunContext[RunDeps], code: str) -> dict[str, Any]:
    """Runs a Python program over the tables, for what SQL cannot say; shows its result_df and what it printed.

    Every table, and the `table` of every earlier result, is there as a pandas DataFrame under its name; `pd` and `np`
    are imported. Money is decimal.Decimal, exact: sum it as it is, use .astype(float) for means. There is no network,
    no plotting, and no file but those the program writes in its folder, which are kept.

    Args:
        code: the program; it assigns its result to result_df, a DataFrame or Series.
    """
    deps = ctx.deps
    file = deps.new_file("analysis", "python", call_of(ctx))
    work = deps.data.python(code, cap=TOOL_ROWS, folder=file.parent, stem=file.stem, thread_tables=deps.thread_tables)
    ran = await retryable(work)
    if ran.table:
        deps.keep(ran.table, call_of(ctx))
    return program_summary(ran)
