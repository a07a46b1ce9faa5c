"""A run ends soon after `cancel`, whatever it is waiting for, and the thread accepts the next message."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cfo_kernel import Run
from cfo_kernel.errors import RunCancelled
from tests.models.scripted_server import ScriptedServer, Stall, ToolCall, Turn
from tests.processes import processor_time
from tests.replies import ANSWER, events_of, wait_for_event
from tests.scenarios.conftest import EMBEDDED, HTTP, POSTGRES, Opened
from tests.scenarios.golden_files import Golden, story

SLOW = "SELECT max(hash(x)) AS h FROM range(20000000000) t(x)"
ENDLESS = "while True:\n    pass"
HANG_GUARD = 25  # seconds; it usually takes less than one, and without `cancel` the steps take 30 or more
WORK = 0.4  # seconds of processor time: more than a worker needs to start


@dataclass(frozen=True)
class Step:
    """A step that does not end by itself, and the event that it begins with."""

    turn: Turn | None
    message: str
    event: str

    async def is_under_way(self, model: ScriptedServer) -> None:
        """Waits until the model has gone silent, or a worker has worked for a while."""
        begun = processor_time()
        is_stalling = isinstance(self.turn, Stall)
        await until(lambda: model.stalled.is_set() if is_stalling else processor_time() > begun + WORK)


STEPS = {
    "a_model_that_speaks": Step(Stall(6, ANSWER), "Totals", "token"),
    "a_model_that_is_silent": Step(Stall(headers=False), "Totals", "run_started"),
    "a_query": Step(ToolCall("execute_sql", {"sql": SLOW}), "Totals", "tool_call"),
    "a_program": Step(ToolCall("execute_python", {"code": ENDLESS}), "Totals", "tool_call"),
    "a_table_for_review": Step(ToolCall("run_sql", {"sql": SLOW, "purpose": "Large."}), "Totals", "progress"),
    "a_direct_query": Step(None, f"SQL: {SLOW}", "progress"),
    "a_direct_program": Step(None, f"PYTHON: {ENDLESS}", "tool_call"),
}


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_GUARD):
        while not happened():  # noqa: ASYNC110 - other processes and threads set no event of this loop
            await asyncio.sleep(0.01)


async def stop(run: Run) -> None:
    """Cancels the run, and waits for its last event as a follower sees it."""
    following = asyncio.create_task(events_of(run))
    async with asyncio.timeout(HANG_GUARD):
        await run.cancel()
        await following


# A stop reaches the engine in the same way whatever the run is waiting for, so two steps suffice for the other
# database.
@pytest.mark.parametrize(
    ("way", "name"),
    [(way, name) for way in (EMBEDDED, HTTP) for name in STEPS]
    + [(POSTGRES, "a_model_that_is_silent"), (POSTGRES, "a_program")],
    indirect=["way"],
)
async def test_a_run_is_stopped(front: Opened, name: str) -> None:
    """Stops a run at the beginning of a step, and another one in the middle of it."""
    step = STEPS[name]
    turns = [step.turn] if step.turn else []
    at = await front(*turns, ANSWER, ANSWER)
    for is_at_once in (True, False):
        at.model.turns_taken = 0
        at.model.stalled.clear()
        thread = await at.thread()
        run = await thread.send(step.message)
        await wait_for_event(run, step.event)
        if not is_at_once:
            await step.is_under_way(at.model)
        await stop(run)
        assert await run.status() == "cancelled"
        with pytest.raises(RunCancelled):
            await run.reply()
        at.model.turns_taken = len(turns)  # the model may not have received the request of a run stopped at once
        async with asyncio.timeout(HANG_GUARD):
            after = await thread.send("Go on")
        assert (await after.finished()).status == "succeeded"
        seen = [(m["role"], m["content"]) for m in at.model.requests[-1].body["messages"][1:]]
        said = "(This message got no answer: The run was stopped. Send a message to continue.)"
        assert seen == [("user", step.message), ("assistant", said), ("user", "Go on")]


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
            step["text"] = "..."  # how much of it arrived depends on timing
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
