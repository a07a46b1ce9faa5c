"""Earlier results of a thread are tables, for the model's SQL and plans and for the table that the engine delivers."""

import json
from typing import Any

import pytest

from cfo_kernel import RunSQL, TaskResult
from cfo_kernel.agent.run_deps import RunDeps
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer, ToolCall
from tests.replies import ANSWER, QUERY, TABLE, Serve

AGAIN = ToolCall("execute_sql", {"sql": "SELECT max(total) AS most FROM query_001"})
DELIVER = ToolCall(
    "run_sql", {"sql": "SELECT department FROM query_001 JOIN result_001 USING (department)", "purpose": "p"}
)
PLAN = ToolCall(
    "execute_query_plan",
    {
        "plan": {
            "table": "query_001",
            "group_by": [{"column": "query_001.department"}],
            "select": [{"name": "t", "expression": {"fn": "sum", "column": "query_001.total"}}],
        }
    },
)


def results(server: ScriptedServer) -> list[dict[str, Any]]:
    """The tool results that the model received."""
    messages = server.requests[-1].body["messages"]
    return [json.loads(m["content"]) for m in messages if m["role"] == "tool" and m["content"].startswith("{")]


async def test_a_result_is_a_table_of_the_next_query(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, AGAIN, ANSWER, TABLE, DELIVER)
    thread = await (await opened(server)).thread()
    reply = await thread.ask("What is the most?")
    assert isinstance(reply, TaskResult)
    assert [result["table"] for result in results(server)] == ["query_001", "query_002"]
    assert results(server)[1]["rows"] == [[4400.55]]
    assert isinstance(await thread.ask("All of it"), RunSQL)
    delivered = await thread.ask("And who?")
    assert isinstance(delivered, RunSQL)
    assert delivered.result is not None
    assert sorted(delivered.result.rows) == [("Finance",), ("Sales",)]


async def test_a_result_is_a_table_of_the_next_plan(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, PLAN, ANSWER)
    thread = await (await opened(server)).thread()
    await thread.ask("Totals")
    assert results(server)[1]["rows"] == [["Finance", 4400.55], ["Sales", 2300.3]]


async def test_a_result_is_not_a_table_of_another_thread(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, ANSWER, AGAIN, ANSWER)
    place = await opened(server)
    await (await place.thread()).ask("Totals")
    await (await place.thread()).ask("The most")
    outputs = [m["content"] for m in server.requests[-1].body["messages"] if m["role"] == "tool"]
    assert "unknown_table" in outputs[0]
    assert "query_001" not in outputs[0].split("The tables are:")[1]


@pytest.mark.parametrize("stem", ["ledger", "LEDGER", "not a name", "x" * 64, "ünï"])
async def test_a_file_that_would_hide_a_table_or_is_badly_named_is_not_a_table(
    stem: str, serve: Serve, opened: Opened
) -> None:
    server = serve(QUERY, ANSWER)
    place = await opened(server)
    thread = await place.thread()
    await thread.ask("Totals")
    (thread.thread_dir / "analysis" / f"{stem}.parquet").write_bytes(b"")
    (thread.thread_dir / "analysis" / "link.parquet").symlink_to("/etc/passwd")
    workspace_data = place._engine.data(place._row)
    deps = RunDeps(workspace_data, await workspace_data.schema(), thread.thread_dir)
    assert list(deps.thread_tables) == ["query_001"]


async def test_a_refusal_says_when_no_other_wording_helps(serve: Serve, opened: Opened) -> None:
    server = serve(ToolCall("execute_sql", {"sql": "DROP VIEW ledger"}), ANSWER)
    await (await (await opened(server)).thread()).ask("Remove it")
    outputs = [m["content"] for m in server.requests[-1].body["messages"] if m["role"] == "tool"]
    assert "DROP is not allowed" in outputs[0]
    assert "No other wording helps" in outputs[0]
