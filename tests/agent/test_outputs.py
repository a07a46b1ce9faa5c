"""Checks made while the model can still correct its reply: shown tables, charts, names, and the size of a table."""

import json
from typing import Any

import pytest

from cfo_kernel import FinishedRun, RunSQL, TaskResult, WriteSheetFromFile
from cfo_kernel.agent import outputs
from cfo_kernel.events import ToolResult
from cfo_kernel.replies import KINDS
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer, ToolCall
from tests.replies import ANSWER, MESSAGE, QUERY, TOTALS, Serve, events_of, sheet

COUNT = ToolCall("execute_sql", {"sql": "SELECT count(*) AS n FROM ledger"})
PLAN = ToolCall(
    "execute_query_plan",
    {
        "table": "ledger",
        "group_by": [{"column": "ledger.department"}],
        "select": [{"name": "total", "expression": {"fn": "sum", "column": "ledger.amount"}}],
    },
)


def table(sql: str = TOTALS, **more: Any) -> ToolCall:
    return ToolCall("run_sql", {"sql": sql, "purpose": "Totals by department.", **more})


def answer(result: str) -> ToolCall:
    return ToolCall("task_result", {"message": MESSAGE, "result": result})


def returns(server: ScriptedServer) -> list[str]:
    """The results of the model's calls, as contained in the last request."""
    return [m["content"] for m in server.requests[-1].body["messages"] if m["role"] == "tool"]


async def asked(server: ScriptedServer, opened: Opened) -> FinishedRun:
    run = await (await (await opened(server)).thread()).send("What did each department spend?")
    return await run.finished()


# the table that an answer shows


@pytest.mark.parametrize("name", ["query_001", "QUERY_001", "analysis/query_001.parquet"])
async def test_an_answer_shows_the_table_that_it_names(name: str, serve: Serve, opened: Opened) -> None:
    run = await asked(serve(QUERY, COUNT, answer(name)), opened)
    assert isinstance(run.reply, TaskResult)
    assert run.reply.result
    assert (run.reply.result.row_count, run.reply.files) == (2, ("analysis/query_001.parquet",))


async def test_an_answer_shows_a_table_of_an_earlier_message(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, ANSWER, COUNT, answer("query_001"))
    thread = await (await opened(server)).thread()
    await thread.ask("What did each department spend?")
    reply = await thread.ask("How many rows are there? Show me the departments again.")
    assert isinstance(reply, TaskResult)
    assert reply.result
    assert reply.result.rows == (("Finance", 4400.55), ("Sales", 2300.3))
    assert reply.files == ("analysis/query_001.parquet",)
    assert len(await reply.df()) == 2


@pytest.mark.parametrize("name", ["query_009", "ledger", "../x/query_001", "analysis/query_001", ""])
async def test_an_unknown_table_is_an_error_that_lists_the_known_ones(name: str, serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, COUNT, answer(name), answer("query_002"))
    run = await asked(server, opened)
    assert isinstance(run.reply, TaskResult)
    assert run.reply.result
    assert run.reply.result.rows == ((6,),)
    assert "unknown_table" in returns(server)[-1]
    assert "Available: query_001, query_002." in returns(server)[-1]


async def test_a_table_of_another_thread_is_unknown(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, ANSWER, answer("query_001"), ANSWER)
    place = await opened(server)
    await (await place.thread()).ask("What did each department spend?")
    reply = await (await place.thread()).ask("Show it again")
    assert isinstance(reply, TaskResult)
    assert reply.result is None
    assert "No query has returned a result yet" in returns(server)[-1]


# the SQL of a plan


async def test_people_read_the_sql_of_a_plan_and_the_model_does_not(serve: Serve, opened: Opened) -> None:
    server = serve(PLAN, ANSWER)
    run = await (await (await opened(server)).thread()).send("What did each department spend?")
    [shown] = [n.event.output for n in await events_of(run) if isinstance(n.event, ToolResult)]
    assert shown["sql"].startswith("SELECT")
    [read] = [json.loads(text) for text in returns(server)]
    assert read == {key: value for key, value in shown.items() if key != "sql"}
    reply = await run.reply()
    assert isinstance(reply, TaskResult)
    assert reply.result
    assert reply.result.query.sql == shown["sql"]


@pytest.mark.parametrize("sql", ["FROM query_001", ' select *  from "query_001" ; '])
async def test_a_plan_is_delivered_by_the_name_of_its_result(sql: str, serve: Serve, opened: Opened) -> None:
    run = await asked(serve(PLAN, table(sql)), opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.result
    assert run.reply.result.query.mode == "plan"
    assert "query_001" not in run.reply.sql
    assert (run.reply.result.row_count, run.reply.result.file) == (2, "results/result_001.parquet")


async def test_a_program_is_delivered_by_the_name_of_its_result(serve: Serve, opened: Opened) -> None:
    code = "result_df = pd.DataFrame({'n': [1, 2]})"
    run = await asked(serve(ToolCall("execute_python", {"code": code}), table("FROM python_001")), opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.result
    assert run.reply.result.rows == ((1,), (2,))


# charts


async def test_a_chart_gets_the_exact_names_of_its_columns(serve: Serve, opened: Opened) -> None:
    run = await asked(serve(table(chart={"type": "bar", "x": "Department", "y": ["TOTAL"]})), opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.chart
    assert (run.reply.chart.x, run.reply.chart.y) == ("department", ("total",))


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ("month", ["total"], "no column 'month'. The table's columns are: department, total."),
        ("department", ["amount"], "no figure 'amount'. The table's figures are: total."),
        ("department", ["department"], "no figure 'department'. The table's figures are: total."),
    ],
)
async def test_a_chart_of_other_columns_is_an_error(
    x: str, y: list[str], said: str, serve: Serve, opened: Opened
) -> None:
    server = serve(table(chart={"type": "bar", "x": x, "y": y}), table())
    run = await asked(server, opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.result
    assert said in returns(server)[-1]


# sheets


@pytest.mark.parametrize(
    "wrong", [{"sheet": "a/b"}, {"sheet": "x" * 32}, {"workbook": "report.xls"}, {"workbook": "../report.xlsx"}]
)
async def test_a_name_that_excel_forbids_is_an_error(wrong: dict[str, str], serve: Serve, opened: Opened) -> None:
    file = "analysis/query_001.parquet"
    server = serve(QUERY, sheet(file, **wrong), sheet(file))
    run = await asked(server, opened)
    assert isinstance(run.reply, WriteSheetFromFile)
    assert run.reply.written
    assert "sheet_invalid" in returns(server)[-1]


# the size of a table


async def test_a_very_large_table_is_counted_and_can_be_narrowed(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_MANY_ROWS", 5)
    server = serve(table("SELECT * FROM ledger -- all;"), table())
    run = await asked(server, opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.sql == TOTALS
    assert "The table would have 6 rows." in returns(server)[-1]


async def test_a_very_large_table_that_is_asked_for_again_is_delivered(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_MANY_ROWS", 5)
    monkeypatch.setattr(outputs, "_MOST_COUNTED", 30)
    server = serve(*[table("SELECT * FROM ledger AS a, ledger AS b")] * 2)
    run = await asked(server, opened)
    assert isinstance(run.reply, RunSQL)
    assert run.reply.result
    assert run.reply.result.row_count == 36
    assert "more than 30 rows" in returns(server)[-1]


async def test_a_table_that_was_queried_is_not_counted_again(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_MANY_ROWS", 1)
    monkeypatch.setattr(outputs, "_row_count", None)  # would fail
    server = serve(QUERY, table(), table())
    run = await asked(server, opened)
    assert isinstance(run.reply, RunSQL)
    assert "The table would have 2 rows." in returns(server)[-1]


async def test_a_count_that_takes_long_is_stopped(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_COUNT_SECONDS", 0.05)
    slow = "SELECT count(*) AS n FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
    run = await asked(serve(table(slow)), lambda *a: opened(*a, query_timeout=1))
    assert isinstance(run.reply, RunSQL)
    assert run.reply.error
    assert run.reply.error.code == "query_timeout"


# the names of results


async def test_results_are_numbered_forward(serve: Serve, opened: Opened) -> None:
    bad = ToolCall("execute_sql", {"sql": "SELECT nothing FROM ledger"})
    server = serve(bad, bad, QUERY, ANSWER, COUNT, ANSWER)
    thread = await (await opened(server)).thread()
    first = await thread.ask("What did each department spend?")
    second = await thread.ask("How many rows are there?")
    assert isinstance(first, TaskResult)
    assert isinstance(second, TaskResult)
    assert (first.files, second.files) == (("analysis/query_003.parquet",), ("analysis/query_004.parquet",))


async def test_many_choices_are_cut() -> None:
    reply = await outputs.user_interaction("Which one?", [f"Number {n}" for n in range(60_000)])
    assert reply.choices == tuple(f"Number {n}" for n in range(20))


def test_a_model_can_give_every_kind_of_reply() -> None:
    assert {str(output.name) for output in outputs.OUTPUTS} == set(KINDS) == outputs.MESSAGE_ARGUMENTS.keys()
