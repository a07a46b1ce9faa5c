"""The run queue: child runs, dropped runs, and runs that crash their processes."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from cfo_kernel.runs import queue
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.store.folders import new_id
from tests.conftest import Opened
from tests.models.scripted_server import Stall, ToolCall
from tests.replies import ANSWER, Serve, wait_for_event
from tests.runs.test_runs import assert_whole, events_of, new_thread
from tests.runs.test_trouble import inside, statuses

ASK = ToolCall("user_interaction", {"message": "Go on."})
STALL = Stall(6, ANSWER)


async def test_a_child_run_is_neither_queued_nor_in_the_history(serve: Serve, opened: Opened) -> None:
    thread = await new_thread(opened, serve(STALL, ASK))
    parent = await thread.send("Plan")
    await wait_for_event(parent, "token")
    dispatch, journal, _ = inside(thread)
    child = await dispatch.accept_child(await journal.run(parent.id), "A part of it", "1")
    again = await dispatch.accept_child(await journal.run(parent.id), "A part of it", "1")
    assert again.id == child.id
    ended = [n async for n in journal.subscribe(child.id)]
    assert_whole(ended)
    assert await parent.status() == "running"
    assert [m.text for m in await thread.messages()] == ["Plan"]
    assert (await journal.run(child.id)).parent_run_id == parent.id
    await parent.cancel()
    await parent.finished()


async def test_a_child_is_stopped_with_its_parent(serve: Serve, opened: Opened) -> None:
    thread = await new_thread(opened, serve(STALL, STALL))
    parent = await thread.send("Plan")
    await wait_for_event(parent, "token")
    dispatch, journal, _ = inside(thread)
    child = await dispatch.accept_child(await journal.run(parent.id), "A part of it", "1")
    async for numbered in journal.subscribe(child.id):
        if numbered.event.type == "token":
            break
    await parent.cancel()
    assert (await parent.finished()).status == "cancelled"
    async for numbered in journal.subscribe(child.id):
        last = numbered.event
    assert last.type == "done"
    assert last.status == "cancelled"


async def test_a_run_that_keeps_crashing_ends_and_the_thread_continues(
    serve: Serve, opened: Opened, root: Path
) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    row = (new_id(), thread.workspace_id, thread.id, "poison", "1-dead", "running", queue.MAX_CRASHES - 1)
    with contextlib.closing(sqlite3.connect(root / ".cfo" / "journal.db", isolation_level=None)) as other:
        sql = (
            "INSERT INTO run (id, workspace_id, thread_id, message, owner, status, deaths) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        other.execute(sql, row)
    await thread.ask("after")
    assert await statuses(thread) == {"first": "succeeded", "poison": "failed", "after": "succeeded"}
    run = await thread.run(row[0])
    finished = await run.finished()
    assert finished.error
    assert finished.error.code == "run_interrupted"
    assert_whole(await events_of(run))


async def test_a_run_dropped_by_an_unexpected_error_is_tried_again(serve: Serve, opened: Opened) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    dispatch, _, _ = inside(thread)
    perform, failures = dispatch.perform, iter([True])

    async def fails_once(run: RunRow) -> None:
        if next(failures, False):
            raise ZeroDivisionError
        await perform(run)

    dispatch._queue._perform = fails_once  # pyright: ignore
    await asyncio.wait_for(thread.ask("second"), 20)
    assert await statuses(thread) == {"first": "succeeded", "second": "succeeded"}
