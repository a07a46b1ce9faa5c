"""Tests direct runs, whose message is the query, and queries without a thread."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from cfo_kernel import Reply, TaskResult, Workbench
from cfo_kernel.data.plan import Aggregate, Filter, Group, Measure, QueryPlan
from cfo_kernel.errors import InvalidInput, NothingToContinue, PlanInvalid, SqlInvalid, SqlPolicyViolation, UnknownTable
from cfo_kernel.events import NOTHING_USED, Error, Progress, Result, ToolCall, ToolResult
from cfo_kernel.interface import Direct, PageRequest, Sort
from cfo_kernel.replies import ResultTable
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer
from tests.replies import ANSWER, TOTALS, Serve, events_of, sheet, wait_for_event

PLAN = QueryPlan(
    table="ledger",
    filters=(Filter(column="account", value="Salaries"),),
    group_by=(Group(column="department"),),
    select=(Measure(name="total", expression=Aggregate(fn="sum", column="amount")),),
)
PROGRAM = "print('summing')\nresult_df = ledger.groupby('department', as_index=False).amount.sum()"
SLOW = "SELECT max(hash(x)) FROM range(20000000000) t(x)"


def table_of(reply: Reply) -> ResultTable:
    assert isinstance(reply, TaskResult)
    assert reply.result
    return reply.result


def last_request(server: ScriptedServer) -> list[dict[str, object]]:
    return [m for m in server.requests[-1].body["messages"] if m["role"] != "system"]


async def test_a_query_runs_as_a_message_without_a_model(opened: Opened) -> None:
    thread = await (await opened()).thread()
    run = await thread.send(f"sql: {TOTALS}")
    events = [numbered.event for numbered in await events_of(run)]
    assert [event.type for event in events] == ["run_started", "tool_call", "tool_result", "result", "done"]
    _, call, result, result_event, done = events
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.input) == ("direct", "execute_sql", {"sql": TOTALS})
    assert isinstance(result, ToolResult)
    assert result.id == call.id
    assert (result.name, result.output["row_count"], result.output["table"]) == ("execute_sql", 2, "result_001")
    assert isinstance(result_event, Result)
    reply = await run.reply()
    assert reply.model_dump() == result_event.reply.model_dump()
    assert not reply.waits_for_review
    assert table_of(reply).file == "results/result_001.parquet"
    assert isinstance(reply, TaskResult)
    assert reply.message == "2 rows, saved as table result_001 in this thread."
    assert (await run.finished()).usage == NOTHING_USED.model_copy(update={"model": "direct"})
    assert done.type == "done"
    assert list((await reply.df())["total"]) == [Decimal("4400.55"), Decimal("2300.30")]
    shown = await thread.messages()
    assert [(message.who, message.status) for message in shown] == [("person", None), ("agent", "succeeded")]
    assert (thread.title or "").startswith("sql: SELECT department")


async def test_the_result_is_a_table_of_the_thread_and_can_be_paged(opened: Opened) -> None:
    thread = await (await opened()).thread()
    await thread.ask("SQL: SELECT i, i % 10 AS g FROM range(100000) t(i)")
    second = await thread.ask("SQL: SELECT count(*) AS n, sum(i) AS total FROM result_001")
    assert table_of(second).rows == ((100_000, 4_999_950_000),)
    assert table_of(second).file == "results/result_002.parquet"
    request = PageRequest(sort=(Sort(column="g", descending=True),), offset=10, limit=2)
    page = await thread.page("results/result_001.parquet", request)
    assert (page.rows, page.total) == (((109, 9), (119, 9)), 100_000)


async def test_a_plan_runs_as_a_message(opened: Opened) -> None:
    thread = await (await opened()).thread()
    reply = await thread.ask(Direct(plan=PLAN).message)
    assert table_of(reply).rows == (("Finance", 4000.5), ("Sales", 2000.3))
    assert table_of(reply).query.mode == "plan"


async def test_a_program_runs_as_a_message(opened: Opened) -> None:
    thread = await (await opened()).thread()
    reply = await thread.ask(Direct(python=PROGRAM).message)
    assert table_of(reply).rows == (("Finance", 4400.55), ("Sales", 2300.3))
    assert table_of(reply).file == "results/result_001.parquet"
    assert isinstance(reply, TaskResult)
    assert reply.message.endswith("summing")
    printed = await thread.ask("python:\nopen('note.txt', 'w').write('x')\nprint('no table')")
    assert isinstance(printed, TaskResult)
    assert (printed.message, printed.result, printed.files) == ("no table", None, ("results/result_002_note.txt",))
    silent = await thread.ask("PYTHON: x = 1")
    assert isinstance(silent, TaskResult)
    assert "printed nothing" in silent.message


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("SQL: FROM nowhere", UnknownTable),
        ("SQL: DROP TABLE ledger", SqlPolicyViolation),
        ("SQL: SELEKT 1", SqlInvalid),
        ("SQL:", SqlPolicyViolation),
        ('PLAN: {"table": "nowhere", "group_by": [{"column": "a"}]}', UnknownTable),
        ('PLAN: {"tables": "ledger"}', PlanInvalid),
    ],
)
async def test_a_failing_query_fails_the_run(opened: Opened, message: str, error: type[Exception]) -> None:
    thread = await (await opened()).thread()
    run = await thread.send(message)
    with pytest.raises(error):
        await run.reply()
    assert await run.status() == "failed"
    [failure] = [n.event for n in await events_of(run) if isinstance(n.event, Error)]
    assert failure.code == error("").code  # pyright: ignore
    assert list((thread.thread_dir / "results").iterdir()) == []
    assert (await thread.messages())[-1].error is not None


async def test_a_long_query_reports_progress_and_stops_with_the_run(opened: Opened) -> None:
    run = await (await (await opened()).thread()).send(f"SQL: {SLOW}")
    await wait_for_event(run, "progress")
    await run.cancel()
    assert (await run.finished()).status == "cancelled"
    assert {n.event.total for n in await events_of(run) if isinstance(n.event, Progress)} == {100}


async def test_the_model_sees_earlier_direct_runs(serve: Serve, opened: Opened) -> None:
    server = serve(ANSWER)
    thread = await (await opened(server)).thread()
    await thread.ask(f"SQL: {TOTALS}")
    await thread.ask("SQL: FROM ledger")
    with pytest.raises(UnknownTable):
        await thread.ask("SQL: FROM nowhere")
    assert server.requests == []
    await thread.ask("And what do you say to that?")
    seen = last_request(server)
    assert [m["role"] for m in seen] == [
        *["user", "assistant", "tool", "assistant", "tool"] * 2,
        *["user", "assistant", "user"],
    ]
    assert seen[0]["content"] == f"SQL: {TOTALS}"
    result = json.loads(str(seen[2]["content"]))
    assert (result["table"], result["rows"]) == ("result_001", [["Finance", 4400.55], ["Sales", 2300.3]])
    assert "nowhere" in str(seen[-2]["content"])
    calls = [call["id"] for m in seen for call in m.get("tool_calls", [])]  # pyright: ignore
    assert len(set(calls)) == len(calls) == 4


async def test_the_model_can_write_the_result_of_a_direct_run_to_a_sheet(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(sheet("results/result_001.parquet")))).thread()
    await thread.ask(f"SQL: {TOTALS}")
    await thread.ask("Write that to a sheet")
    assert (thread.thread_dir / "results" / "report.xlsx").is_file()
    workbook = await thread.download("results/report.xlsx")
    assert "spreadsheetml" in workbook.media_type
    assert len(b"".join([chunk async for chunk in workbook.chunks])) == workbook.size


async def test_the_offline_analyst_continues_after_a_direct_run(
    opened: Opened, make_workbench: Callable[..., Workbench]
) -> None:
    thread = await (await make_workbench(model="offline").workspace("tiny")).thread()
    await thread.ask(f"SQL: {TOTALS}")
    reply = await thread.ask("total amount of Salaries by department")
    assert isinstance(reply, TaskResult)
    assert {row[0] for row in table_of(reply).rows} == {"Finance", "Sales"}


async def test_a_query_without_a_thread_leaves_no_trace(opened: Opened) -> None:
    context = await opened()
    before = sorted(context.workspace_dir.glob("threads/*"))
    by_plan = await context.query(Direct(plan=PLAN))
    assert isinstance(by_plan, ResultTable)
    assert by_plan.rows == (("Finance", 4000.5), ("Sales", 2000.3))
    assert isinstance(by_sql := await context.query(Direct(sql="FROM range(1002)")), ResultTable)
    assert (len(by_sql.rows), by_sql.row_count, by_sql.file) == (1000, 1002, None)
    assert (await context.query(Direct(python="print('hello')"))) == "hello\n"
    for wrong in (Direct(), Direct(sql="SELECT 1", python="1")):
        with pytest.raises(InvalidInput, match="Exactly one"):
            await context.query(wrong)
    assert sorted(context.workspace_dir.glob("threads/*")) == before


async def test_an_empty_message_does_not_continue_a_direct_run(opened: Opened) -> None:
    thread = await (await opened()).thread()
    run = await thread.send(f"SQL: {TOTALS}")
    await run.reply()
    with pytest.raises(NothingToContinue):
        await thread.send(in_reply_to=run.id)
