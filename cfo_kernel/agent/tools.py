"""The tools that the agent explores the data with: thin wrappers around `WorkspaceData` that return compact JSON.

The docstring of a tool is the description that the model sees.
"""

from collections.abc import Awaitable
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator
from pydantic_ai import ModelRetry, RunContext, ToolReturn
from pydantic_ai.toolsets import FunctionToolset

from cfo_kernel.agent.json_texts import unfenced
from cfo_kernel.agent.meaning_descriptions import with_meaning
from cfo_kernel.agent.run_deps import TOOL_ROWS, RunDeps, call_key
from cfo_kernel.agent.table_descriptions import described_table, listed_tables
from cfo_kernel.agent.tool_schemas import ShortSchemas
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.python_programs import ProgramResult
from cfo_kernel.data.scope import nearest
from cfo_kernel.errors import QueryError
from cfo_kernel.replies import ResultColumn, ResultTable

_PLAIN = ("amount", "number")
T = TypeVar("T")
NO_RETRY = "No other wording helps: do without it, or tell the person."
Code = Annotated[str, BeforeValidator(lambda value: unfenced(value) if isinstance(value, str) else value)]
"""Code in a formal language. A model may wrap it in a Markdown fence."""
toolset: FunctionToolset[RunDeps] = FunctionToolset(id="data", max_retries=4, schema_generator=ShortSchemas)


async def retryable(work: Awaitable[T]) -> T:
    """Awaits `work`. A `QueryError` goes back to the model as a retry, with the advice in its message."""
    try:
        return await work
    except QueryError as error:
        hint = f" It printed: {error.details['stdout']}" if error.details.get("stdout") else ""
        if not error.details.get("retryable", True):
            hint += f" {NO_RETRY}"
        raise ModelRetry(f"{error.code}: {error.message}{hint}") from error


def compact(result: ResultTable, rows: int) -> dict[str, Any]:
    """A result as the model sees it: its first rows, the row count, and the table that holds all rows."""
    shown = [list(row) for row in result.rows[:rows]]
    return {
        "columns": [_column(c) for c in result.columns],
        "rows": shown,
        "row_count": result.row_count,
        "truncated": len(shown) < result.row_count,
        "file": result.file,
        "table": PurePosixPath(result.file).stem if result.file else None,
        "notes": list(result.notes),
    }


def for_people(result: ResultTable) -> dict[str, Any]:
    """The parts of a plan's result that only people see. The model wrote the plan, so it does not need the SQL."""
    return {"sql": result.query.sql}


def _column(column: ResultColumn) -> dict[str, str]:
    """A column as the model sees it. Special roles of numbers are included, because users see 0.5 as 50%."""
    role = {"role": column.format.role} if column.format and column.format.role not in _PLAIN else {}
    return {"name": column.name, "type": column.type, **role}


def program_summary(program: ProgramResult) -> dict[str, Any]:
    """The outcome of a program as the model sees it."""
    table: dict[str, Any] = compact(program.table, TOOL_ROWS) if program.table else {"result_df": None, "notes": []}
    notes = [*table["notes"], *program.notes]
    return {**table, "stdout": program.stdout, "files": list(program.files), "notes": notes}


@toolset.tool
async def list_datasets(ctx: RunContext[RunDeps]) -> dict[str, Any]:
    """Lists the tables."""
    return listed_tables(ctx.deps.schema)


@toolset.tool
async def get_dataset_schema(ctx: RunContext[RunDeps], dataset: str) -> dict[str, Any]:
    """Describes tables: types, roles, values, joins, trees, defaults, sample rows.

    Args:
        dataset: A dataset's id or a table's name.
    """
    deps = ctx.deps
    tables = [
        t for d in deps.schema.index.datasets for t in d.tables if dataset.lower() in (d.id.lower(), t.name.lower())
    ]
    if not tables:
        known = [d.id for d in deps.schema.index.datasets] + [t.name for t in deps.schema.tables.values()]
        raise ModelRetry(f"unknown_table: There is no dataset {dataset}. {nearest(dataset, known)}")
    described: list[dict[str, Any]] = []
    for table in tables:
        sample = await retryable(deps.data.query(f'FROM "{table.name}" LIMIT 3', cap=3))
        described.append(described_table(table, deps.schema, [list(row) for row in sample.rows]))
    if meaning := await deps.data.known_meaning():
        described = [with_meaning(one, meaning) for one in described]
    return {"tables": described}


@toolset.tool
async def execute_sql(ctx: RunContext[RunDeps], sql: Code) -> dict[str, Any]:
    """Runs one SELECT over tables and earlier results (by their `table`). LIKE is case-sensitive, ILIKE is not."""
    deps = ctx.deps
    file = deps.new_file("analysis", "query", call_key(ctx))
    result = await retryable(deps.data.query(sql, cap=TOOL_ROWS, file=file, thread_tables=deps.thread_tables))
    deps.keep_result(result, call_key(ctx))
    return compact(result, TOOL_ROWS)


@toolset.tool
async def execute_query_plan(ctx: RunContext[RunDeps], plan: QueryPlan) -> ToolReturn:
    """Runs a typed query; refuses misleading sums. For example

    {"table":"sales","select":[{"name":"total","expression":{"fn":"sum","column":"sales.amount"}}]}
    """
    deps = ctx.deps
    file = deps.new_file("analysis", "query", call_key(ctx))
    result = await retryable(deps.data.plan(plan, cap=TOOL_ROWS, file=file, thread_tables=deps.thread_tables))
    deps.keep_result(result, call_key(ctx))
    return ToolReturn(compact(result, TOOL_ROWS), metadata=for_people(result))


@toolset.tool
async def execute_python(ctx: RunContext[RunDeps], code: Code) -> dict[str, Any]:
    """Runs Python; shows its prints, and a DataFrame or Series in result_df.

    Each table or earlier result is a DataFrame of its name; pd and np are there. Money is Decimal: sum it as it is,
    .astype(float) for means. No network or plots; files it writes are kept.
    """
    deps = ctx.deps
    file = deps.new_file("analysis", "python", call_key(ctx))
    work = deps.data.python(code, cap=TOOL_ROWS, folder=file.parent, stem=file.stem, thread_tables=deps.thread_tables)
    program = await retryable(work)
    if program.table:
        deps.keep_result(program.table, call_key(ctx))
    return program_summary(program)
