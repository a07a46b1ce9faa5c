"""`tool_result` events say whether a call failed: live, in direct runs, after a takeover, and in older journals."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from cfo_kernel import Numbered, connect
from cfo_kernel.errors import UnknownTable
from cfo_kernel.events import Error, ToolResult, event_adapter
from tests.conftest import Opened, settings
from tests.models.scripted_server import MalformedArguments, ScriptedServer, Stall, ToolCall
from tests.replies import ANSWER, QUERY, Serve, events_of

UNKNOWN = ToolCall("execute_sql", {"sql": "SELECT 1 FROM nowhere"})


def results(events: list[Numbered]) -> list[ToolResult]:
    return [n.event for n in events if isinstance(n.event, ToolResult)]


async def test_a_tool_result_says_whether_the_call_failed(opened: Opened, serve: Serve) -> None:
    """Calls fail for an unknown table, invalid arguments and a program that raises, and then a query runs."""
    invalid = MalformedArguments("execute_sql", '{"sql": 1}')
    program = ToolCall("execute_python", {"code": "1 / 0"})
    thread = await (await opened(serve(UNKNOWN, invalid, program, QUERY, ANSWER))).thread()
    run = await thread.send("Totals")
    assert (await run.reply()).kind == "task_result"
    found = results(await events_of(run))
    assert [result.failed for result in found] == [True, True, True, False]
    assert found[0].output.startswith("unknown_table: ")


async def test_a_direct_query_that_fails_has_a_failed_result(opened: Opened) -> None:
    thread = await (await opened()).thread()
    run = await thread.send("SQL: FROM nowhere")
    with pytest.raises(UnknownTable):
        await run.reply()
    events = await events_of(run)
    assert [n.event.type for n in events] == ["run_started", "tool_call", "tool_result", "error", "done"]
    [result], error = results(events), events[-2].event
    assert isinstance(error, Error)
    assert (result.failed, result.output) == (True, f"{error.code}: {error.message}")


async def test_a_failure_from_before_a_takeover_stays_a_failure(root: Path) -> None:
    """The process ends after the result is recorded but before its event is written."""
    with ScriptedServer([UNKNOWN, Stall(), ANSWER]) as server:
        wb = connect(settings=settings(root, server))
        thread = await (await wb.workspace("tiny")).thread()
        run = await thread.send("Totals")
        async with asyncio.timeout(60):
            while len(server.requests) < 2:  # noqa: ASYNC110 - the server notifies no one
                await asyncio.sleep(0.01)
        await wb.close()
        with sqlite3.connect(root / ".cfo" / "journal.db") as journal:
            deleted = journal.execute("DELETE FROM event WHERE data LIKE '%tool_result%' RETURNING run").fetchall()
        journal.close()
        assert deleted == [(run.id,)]
        async with connect(settings=settings(root, server)) as again:
            resumed = await again.run(run.id)
            await resumed.reply()
            assert [result.failed for result in results(await events_of(resumed))] == [True]


def test_a_result_from_an_older_journal_loads_as_not_failed() -> None:
    stored = (
        '{"type": "tool_result", "id": "a", "name": "execute_sql", "output": "unknown_table: x", "elapsed_ms": 1.5}'
    )
    result = event_adapter.validate_json(stored)
    assert isinstance(result, ToolResult)
    assert not result.failed
