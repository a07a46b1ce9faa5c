"""The flow of a run: a message, a reply, the engine's action, and its outcome as the model reads it when it
continues.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from cfo_kernel import RunSQL, TaskResult, Thread, UserInteraction, WriteSheetFromFile
from cfo_kernel.errors import EmptyMessage, NothingToContinue, ResultNotFound, RunNotFound
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer, ToolCall
from tests.replies import ANSWER, LOOK, MESSAGE, QUERY, TABLE, TOTALS, Serve, events_of, sheet


def seen(server: ScriptedServer, request: int = -1) -> list[dict[str, Any]]:
    """The messages of a request, without the instructions."""
    return [m for m in server.requests[request].body["messages"] if m["role"] != "system"]


def from_tool(server: ScriptedServer, request: int = -1) -> Any:
    """The content of a request's last tool message."""
    return json.loads([m for m in seen(server, request) if m["role"] == "tool"][-1]["content"])


async def test_an_empty_message_continues_with_the_result(serve: Serve, opened: Opened) -> None:
    server = serve(TABLE, ANSWER)
    thread = await (await opened(server)).thread()
    first = await thread.send("Totals by department, please")
    assert isinstance(await first.reply(), RunSQL)
    second = await thread.send(in_reply_to=first.id)
    reply = await second.reply()
    assert isinstance(reply, TaskResult)
    assert [m["role"] for m in seen(server)] == ["user", "assistant", "tool"]
    assert from_tool(server) == {
        "columns": [{"name": "department", "type": "VARCHAR"}, {"name": "total", "type": "DECIMAL(38,2)"}],
        "rows": [["Finance", 4400.55], ["Sales", 2300.3]],
        "row_count": 2,
        "truncated": False,
        "file": "results/result_001.parquet",
        "table": "result_001",
        "notes": [],
    }
    shown = await thread.messages()
    assert [(m.who, m.text) for m in shown] == [
        ("person", "Totals by department, please"),
        ("agent", ""),
        ("person", ""),
        ("agent", ""),
    ]
    assert shown[2].in_reply_to == first.id


async def test_the_model_reads_a_sample_and_the_person_gets_every_row(serve: Serve, opened: Opened) -> None:
    server = serve(ToolCall("run_sql", {"sql": "SELECT range AS n FROM range(250)", "purpose": "Many."}), ANSWER)
    thread = await (await opened(server)).thread()
    run = await thread.send("Count")
    reply = await run.reply()
    if isinstance(reply, RunSQL) and reply.error:
        pytest.fail(reply.error.message)
    assert isinstance(reply, RunSQL)
    assert reply.result
    assert (len(reply.result.rows), reply.result.row_count, reply.result.truncated) == (100, 250, True)
    assert len(await reply.df()) == 250
    await (await thread.send(in_reply_to=run.id)).reply()
    tool_output = from_tool(server)
    assert (len(tool_output["rows"]), tool_output["row_count"], tool_output["truncated"]) == (20, 250, True)


async def test_the_model_reads_the_error_of_a_failed_action(serve: Serve, opened: Opened) -> None:
    fails = "SELECT error('the rate is missing') FROM ledger"
    server = serve(ToolCall("run_sql", {"sql": fails, "purpose": "Fails when it runs."}), ANSWER)
    thread = await (await opened(server)).thread()
    run = await thread.send("Convert all")
    reply = await run.reply()
    assert isinstance(reply, RunSQL)
    assert reply.error
    assert await run.status() == "succeeded"
    await (await thread.send(in_reply_to=run.id)).reply()
    assert from_tool(server)["error"]["code"] == reply.error.code
    assert "the rate is missing" in from_tool(server)["error"]["message"]


async def test_a_second_continue_is_refused(serve: Serve, opened: Opened) -> None:
    server = serve(TABLE, ANSWER, ANSWER)
    thread = await (await opened(server)).thread()
    first = await thread.send("Totals")
    await first.reply()
    second = await thread.send(in_reply_to=first.id)
    with pytest.raises(NothingToContinue):  # while the first one still runs
        await thread.send(in_reply_to=first.id)
    await second.reply()
    with pytest.raises(NothingToContinue):  # and after it
        await thread.send(in_reply_to=first.id)
    assert len(await thread.messages()) == 4
    assert server.turns_taken == 2


async def test_replies_that_cannot_be_continued(serve: Serve, opened: Opened) -> None:
    context = await opened(serve(ANSWER))
    thread = await context.thread()
    for new in (thread, await context.thread()):
        with pytest.raises(NothingToContinue):
            await new.send(in_reply_to="20260101-000000-000000000000")
    run = await thread.send("What?")
    await run.reply()
    for in_reply_to in (run.id, "20260101-000000-000000000000", "", "../x", "\ud800", "x" * 200):
        with pytest.raises(NothingToContinue):
            await thread.send(in_reply_to=in_reply_to)
    with pytest.raises(EmptyMessage):
        await thread.send()
    assert len(await thread.messages()) == 2
    assert [t.id for t in await context.threads()] == [thread.id]


async def test_a_failed_run_cannot_be_continued_and_the_model_reads_about_it(serve: Serve, opened: Opened) -> None:
    server = serve(ToolCall("no_such_tool"), *[ToolCall("no_such_tool")] * 4, ANSWER)
    thread = await (await opened(server)).thread()
    run = await thread.send("First")
    assert (await run.finished()).status == "failed"
    with pytest.raises(NothingToContinue):
        await thread.send(in_reply_to=run.id)
    await thread.ask("Second")
    assert [(m["role"], m["content"].partition(":")[0]) for m in seen(server)] == [
        ("user", "First"),
        ("assistant", "(This message got no answer"),
        ("user", "Second"),
    ]


async def test_a_written_message_instead_of_continue(serve: Serve, opened: Opened) -> None:
    server = serve(TABLE, ANSWER)
    thread = await (await opened(server)).thread()
    run = await thread.send("Totals")
    await run.reply()
    await thread.ask("Only Sales, please")
    assert [(m["role"], m["content"]) for m in seen(server)][::3] == [
        ("user", "Totals"),
        ("user", "Only Sales, please"),
    ]
    assert from_tool(server)["row_count"] == 2
    with pytest.raises(NothingToContinue):
        await thread.send(in_reply_to=run.id)


async def test_the_window_never_separates_a_call_from_its_result(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, ANSWER, QUERY, TABLE, ANSWER, QUERY, ANSWER, ANSWER, repeat_last=True)
    thread = await (await opened(server, history_turns=2)).thread()
    await thread.ask("one")
    table = await thread.send("two")
    await table.reply()
    await (await thread.send(in_reply_to=table.id)).reply()
    await thread.ask("three")
    await thread.ask("four")
    # The two turns before "three" are the continuation of "two", which is complete only with "two" itself.
    starts = {i: [m["content"] for m in seen(server, i) if m["role"] == "user"] for i in range(len(server.requests))}
    assert starts[5] == starts[6] == ["two", "three"]
    assert starts[7] == ["two", "three", "four"]
    for request in range(len(server.requests)):
        called: set[str] = set()
        for message in seen(server, request):
            if message["role"] == "tool":
                called.remove(message["tool_call_id"])
            else:
                assert not called
            called |= {call["id"] for call in message.get("tool_calls", ())}
        assert not called


async def test_the_window_is_twelve_turns_and_people_see_every_message(serve: Serve, opened: Opened) -> None:
    server = serve(ToolCall("user_interaction", {"message": "Go on."}), repeat_last=True)
    thread = await (await opened(server)).thread()
    for number in range(15):
        assert isinstance(await thread.ask(f"message {number}"), UserInteraction)
    asked = [m["content"] for m in seen(server) if m["role"] == "user"]
    assert asked == [f"message {number}" for number in range(2, 15)]
    assert len(await thread.messages()) == 30


async def test_a_second_sheet_is_added_to_the_workbook(serve: Serve, opened: Opened) -> None:
    result = "results/result_001.parquet"
    server = serve(TABLE, sheet(result), sheet(result, sheet="Copy"), sheet(result), ANSWER)
    thread = await (await opened(server)).thread()
    run = await thread.send("Totals")
    replies: list[Any] = []
    for _ in range(4):
        replies.append(await run.reply())
        run = await thread.send(in_reply_to=run.id)
    first, second, third = replies[1:]
    assert isinstance(first, WriteSheetFromFile)
    assert first.written
    assert second.written
    book = load_workbook(thread.thread_dir / "results" / "report.xlsx")
    assert book.sheetnames == ["Totals", "Copy"]
    assert [[c.value for c in row] for row in book["Totals"]] == [
        ["department", "total"],
        ["Finance", 4400.55],
        ["Sales", 2300.3],
    ]
    assert third.error.code == "sheet_invalid"  # `create`, but the sheet exists already
    await run.reply()
    assert from_tool(server)["error"]["code"] == "sheet_invalid"
    assert from_tool(server, -2)["written"]["sheet"] == "Copy"


@pytest.mark.parametrize("source", ["results/none.parquet", "../memory.json", "results/../memory.json", "/etc/passwd"])
async def test_a_bad_source_file_goes_back_to_the_model(serve: Serve, opened: Opened, source: str) -> None:
    server = serve(QUERY, sheet(source), sheet("analysis/query_001.parquet"))
    thread = await (await opened(server)).thread()
    reply = await thread.ask("To Excel")
    assert isinstance(reply, WriteSheetFromFile)
    assert reply.written
    retry = seen(server)[-1]["content"]
    assert "sheet_invalid: There is no file" in retry
    assert "analysis/query_001.parquet" in retry


@pytest.mark.parametrize("changed", [{"workbook": "../../x.xlsx"}, {"workbook": "x.csv"}, {"sheet": "a/b"}])
async def test_a_bad_name_goes_back_to_the_model_and_nothing_is_written(
    serve: Serve, opened: Opened, root: Path, changed: dict[str, str]
) -> None:
    server = serve(QUERY, sheet("analysis/query_001.parquet", **changed), ANSWER)
    thread = await (await opened(server)).thread()
    before = set(root.rglob("*.xlsx"))
    assert isinstance(await thread.ask("To Excel"), TaskResult)
    assert "sheet_invalid" in seen(server)[-1]["content"]
    assert set(root.rglob("*.xlsx")) == before


async def test_an_answer_carries_the_last_result_and_money_stays_exact(serve: Serve, opened: Opened) -> None:
    server = serve(LOOK, ToolCall("execute_sql", {"sql": "SELECT 1 AS n"}), QUERY, ANSWER, ANSWER)
    thread = await (await opened(server)).thread()
    reply = await thread.ask("Totals")
    frame = await reply.df()
    assert frame["total"].tolist() == [Decimal("4400.55"), Decimal("2300.30")]
    assert [type(v) for v in frame["total"]] == [Decimal, Decimal]
    kept = (await thread.messages())[-1].reply
    assert kept
    assert (await kept.df()).equals(frame)
    (thread.thread_dir / "analysis" / "query_002.parquet").unlink()
    with pytest.raises(ResultNotFound, match=r"no file .* in the thread's folder"):
        await reply.df()
    with pytest.raises(ResultNotFound, match="no table"):
        await (await thread.ask("And a word")).df()


async def test_messages_keep_the_text_that_people_read(serve: Serve, opened: Opened) -> None:
    context = await opened(serve(QUERY, ANSWER))
    thread: Thread = await context.thread()
    run = await thread.send("  What did\nit cost?  ")
    await events_of(run)
    person, agent = await thread.messages()
    assert (person.who, person.text, person.run_id) == ("person", "  What did\nit cost?  ", run.id)
    assert (agent.who, agent.status, agent.run_id) == ("agent", "succeeded", run.id)
    assert isinstance(agent.reply, TaskResult)
    assert agent.reply.message == MESSAGE
    assert agent.reply.result
    assert agent.reply.result.query.sql == TOTALS
    assert thread.title == "What did"
    await thread.rename("Costs\nof 2012")
    assert [(t.id, t.title) for t in await context.threads()] == [(thread.id, "Costs")]
    assert (await thread.run(run.id)).id == run.id
    with pytest.raises(RunNotFound):
        await (await context.thread()).run(run.id)
    for wrong in ("", "\ud800", "nope"):
        with pytest.raises(RunNotFound):
            await thread.run(wrong)
