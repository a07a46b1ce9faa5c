"""A run ends soon after `cancel`, whatever it is waiting for, and the thread accepts the next message."""

import asyncio

import pytest

from cfo_kernel import Run
from cfo_kernel.errors import RunCancelled
from tests.models.scripted_server import Stall, ToolCall, Turn
from tests.replies import ANSWER, events_of, wait_for_event
from tests.scenarios.conftest import Opened
from tests.scenarios.golden_files import Golden, story

SLOW = "SELECT max(hash(x)) AS h FROM range(20000000000) t(x)"
ENDLESS = "while True:\n    pass"
HANG_GUARD = 25  # seconds; it usually takes less than one, and without `cancel` the steps take 30 or more

STOPPED: dict[str, tuple[Turn, str, str]] = {
    "a_model_that_speaks": (Stall(6, ANSWER), "Totals", "token"),
    "a_model_that_is_silent": (Stall(headers=False), "Totals", "run_started"),
    "a_query": (ToolCall("execute_sql", {"sql": SLOW}), "Totals", "tool_call"),
    "a_program": (ToolCall("execute_python", {"code": ENDLESS}), "Totals", "tool_call"),
    "a_table_for_review": (ToolCall("run_sql", {"sql": SLOW, "purpose": "Large."}), "Totals", "progress"),
    "a_direct_query": (Stall(), f"SQL: {SLOW}", "progress"),
    "a_direct_program": (Stall(), f"PYTHON: {ENDLESS}", "tool_call"),
}


async def stop(run: Run) -> None:
    """Cancels the run, and waits for its last event as a follower sees it."""
    following = asyncio.create_task(events_of(run))
    async with asyncio.timeout(HANG_GUARD):
        await run.cancel()
        await following


@pytest.mark.parametrize("pause", [0, 0.8], ids=["at_once", "later"])
@pytest.mark.parametrize("what", STOPPED)
async def test_a_run_is_stopped(front: Opened, what: str, pause: float) -> None:
    """Stops runs at the beginning of a step and in the middle of it."""
    turn, message, kind = STOPPED[what]
    at = await front(*([] if message.startswith(("SQL", "PYTHON")) else [turn]), ANSWER)
    thread = await at.thread()
    run = await thread.send(message)
    await wait_for_event(run, kind)
    await asyncio.sleep(pause)
    await stop(run)
    assert await run.status() == "cancelled"
    with pytest.raises(RunCancelled):
        await run.reply()
    async with asyncio.timeout(HANG_GUARD):
        after = await thread.send("Go on")
    assert (await after.finished()).status == "succeeded"
    seen = [(m["role"], m["content"]) for m in at.model.requests[-1].body["messages"][1:]]
    said = "(This message got no answer: The run was stopped. Send a message to continue.)"
    assert seen == [("user", message), ("assistant", said), ("user", "Go on")]


async def test_what_a_stopped_run_tells(front: Opened, golden: Golden) -> None:
    at = await front(Stall(6, ANSWER), ANSWER)
    thread = await at.thread()
    run = await thread.send("Totals")
    waiting = await thread.send("Waits")
    await wait_for_event(run, "token")
    await waiting.cancel()
    await waiting.finished()
    assert await run.status() == "running"
    await run.cancel()
    await run.finished()
    after = await thread.send("Go on")
    await after.finished()
    await run.cancel()  # it has ended, and stays as it is
    seen = await story(thread, run, waiting, after)
    for step in seen["runs"][0]:
        if step["type"] == "token":
            step["text"] = "..."  # how much of it came is a matter of time
    golden(seen)


async def test_another_connection_stops_it(front: Opened) -> None:
    at = await front(Stall(6, ANSWER))
    thread = await at.thread()
    run = await thread.send("Totals")
    await wait_for_event(run, "token")
    there = await (await at.another()).run(run.id)
    following = asyncio.create_task(events_of(run))
    async with asyncio.timeout(HANG_GUARD):
        await there.cancel()
        await following
    assert (await run.finished()).status == "cancelled"
