"""The limits of a run: tool calls, tokens and time. A run that reaches a limit still reports its usage."""

import pydantic_ai.models.openai  # noqa: F401 - so that the import is not part of the first run's time
import pytest

from cfo_kernel.events import ToolCall, ToolResult
from tests.conftest import Opened
from tests.models import scripted_server as says
from tests.models.scripted_server import Stall
from tests.replies import ANSWER, LOOK, QUERY, Serve, events_of, wait_for_event

SLOW = "SELECT max(hash(x)) FROM range(20000000000) t(x)"
HANGING: dict[str, says.Turn] = {
    "a model that says nothing": Stall(headers=False),
    "a model in mid-answer": Stall(4, ANSWER),
    "a query": says.ToolCall("execute_sql", {"sql": SLOW}),
    "the table for review": says.ToolCall("run_sql", {"sql": SLOW, "purpose": "The largest."}),
    "a program": says.ToolCall("execute_python", {"code": "while True: pass"}),
}


@pytest.mark.parametrize("name", HANGING)
async def test_the_time_limit_ends_whatever_the_run_waits_for(serve: Serve, opened: Opened, name: str) -> None:
    workspace = await opened(serve(QUERY, HANGING[name]), run_timeout=4)
    await workspace.sql("SELECT 1")  # starts the worker
    thread = await workspace.thread()
    run = await thread.send("What is the largest?")
    finished = await run.finished()
    assert finished.status == "failed"
    assert finished.error
    assert finished.error.code == "run_timeout"
    assert "CFO_RUN_TIMEOUT" in finished.error.message
    assert (finished.usage.tool_calls, finished.usage.input_tokens >= 10) == (1, True)
    assert (await workspace.sql("SELECT 1 AS one")).rows == ((1,),)


async def test_a_limit_is_not_reached_by_what_it_allows(serve: Serve, opened: Opened) -> None:
    server = serve(LOOK, LOOK, ANSWER)
    thread = await (await opened(server, tool_call_limit=2, token_limit=45, request_limit=3)).thread()
    finished = await (await thread.send("Look twice")).finished()
    assert finished.status == "succeeded"
    assert (finished.usage.tool_calls, finished.usage.input_tokens + finished.usage.output_tokens) == (2, 45)


async def test_calls_beyond_the_limit_do_not_run(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve([LOOK, LOOK, LOOK]), tool_call_limit=2)).thread()
    run = await thread.send("Look three times")
    events = [n.event for n in await events_of(run)]
    assert not any(isinstance(event, ToolResult) for event in events)
    assert (await run.finished()).usage.requests == 1


async def test_the_offline_analyst_uses_no_tokens_and_costs_nothing(opened: Opened) -> None:
    thread = await (await opened(model="offline", token_limit=1)).thread()
    finished = await (await thread.send("total amount by department")).finished()
    assert finished.status == "succeeded"
    used = finished.usage
    assert (used.input_tokens, used.output_tokens, used.cost, used.model) == (0, 0, 0, "offline")
    assert used.requests > 0


async def test_parallel_calls_have_ids_of_their_own(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve([QUERY, QUERY, LOOK], ANSWER))).thread()
    events = [n.event for n in await events_of(await thread.send("Everything"))]
    calls = [event.id for event in events if isinstance(event, ToolCall)]
    results = {event.id: event.name for event in events if isinstance(event, ToolResult)}
    assert len(set(calls)) == 3
    assert results == dict(zip(calls, ["execute_sql"] * 2 + ["list_datasets"], strict=True))


async def test_a_cancelled_run_reports_its_usage(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(QUERY, Stall(6, ANSWER)))).thread()
    run = await thread.send("What did each department spend?")
    await wait_for_event(run, "token")
    await run.cancel()
    finished = await run.finished()
    assert finished.status == "cancelled"
    assert (finished.usage.requests, finished.usage.tool_calls, finished.usage.input_tokens) == (2, 1, 10)
    assert finished.usage.cost is None  # the cost of an answer that was cut off is unknown
    assert (await thread.messages())[-1].usage == finished.usage
