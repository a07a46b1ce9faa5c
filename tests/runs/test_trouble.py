"""Failures while messages are accepted and runs end: no message is lost, and all records agree."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import Run, Thread, Workbench
from cfo_kernel.errors import IdempotencyMismatch, StorageFailed, ThreadBusy
from cfo_kernel.runs import dispatch as dispatch_room
from cfo_kernel.runs import journal_sqlite as journal_room
from cfo_kernel.runs.dispatch import Dispatch
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.runs.recorder import Recorder
from cfo_kernel.runs.thread_context import ThreadContext
from cfo_kernel.store.folders import new_id
from cfo_kernel.store.history import History, RunEntry
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer, Stall, ToolCall
from tests.replies import ANSWER, QUERY, Serve, events_of, wait_for_event
from tests.runs.test_runs import assert_whole, ids, new_thread, sender

ASK = ToolCall("user_interaction", {"message": "Go on."})
STALL = Stall(6, ANSWER)


def inside(thread: Thread) -> tuple[Dispatch, Journal, ThreadContext]:
    engine = thread._engine  # pyright: ignore[reportPrivateUsage]
    row = thread._existing()  # pyright: ignore[reportPrivateUsage]
    return engine.dispatch, engine.journal, engine.context(thread._workspace, row)  # pyright: ignore[reportPrivateUsage]


async def orphan(thread: Thread, text: str) -> RunRow:
    """Creates a run whose process died before its message reached the history."""
    _, journal, context = inside(thread)
    row = RunRow(
        n=0, id=new_id(), workspace_id=context.workspace_id, thread_id=context.thread_id, message=text,
        in_reply_to=None,
        owner="1-dead", status="queued",
    )  # fmt: skip
    return await journal.add_run(row, None)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds a write lock on the database, as another program."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def retrying(journal: Journal) -> None:
    """Waits until a write to the journal has failed and will be retried."""
    async with asyncio.timeout(15):
        while journal._trying_since is None:  # pyright: ignore  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def ticking(at_most: int) -> AsyncIterator[None]:
    """Checks that the event loop is not blocked while another thread takes that many turns. The limit is generous,
    because the first run imports a lot. If the machine stalls, both threads stall.
    """
    turns, standing, longest = 0, 0, 0
    ended = threading.Event()

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    def watch() -> None:
        nonlocal standing, longest
        before = turns
        while not ended.wait(0.01):
            standing = standing + 1 if turns == before else 0
            before, longest = turns, max(longest, standing)

    turning, watching = asyncio.create_task(turn()), threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        turning.cancel()
        ended.set()
        watching.join()
    assert longest < at_most


class SlowDisk:
    """Slows down the first write after an orphan. Its events are set when that write starts and when it is done."""

    def __init__(self) -> None:
        self.started, self.done = threading.Event(), threading.Event()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    write = History._write  # pyright: ignore[reportPrivateUsage]
    first, disk = threading.Lock(), SlowDisk()

    def slow(self: History, file: dict[str, Any]) -> None:
        is_first = any(e.get("text") == "killed" for e in file["entries"]) and first.acquire(blocking=False)
        if is_first:
            disk.started.set()
            time.sleep(1.5)
        write(self, file)
        if is_first:
            disk.done.set()

    monkeypatch.setattr(History, "_write", slow)
    return disk


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    """The recorders of this process's runs, in the order of acceptance."""
    made: list[Recorder] = []

    class Kept(Recorder):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(dispatch_room, "Recorder", Kept)
    return made


async def statuses(thread: Thread) -> dict[str, str | None]:
    shown = await thread.messages()
    outcomes = {m.run_id: m.status for m in shown if m.who == "agent"}
    return {m.text: outcomes.get(m.run_id) for m in shown if m.who == "person"}


# a task cancelled while its thread writes


async def test_cancelling_a_run_behind_an_orphan_loses_no_message(
    serve: Serve, opened: Opened, slow_disk: SlowDisk
) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    await orphan(thread, "killed")
    run = await thread.send("mine")
    await run.cancel()
    await thread.ask("after")
    assert await asyncio.to_thread(slow_disk.done.wait, 15)
    assert (await run.finished()).status == "cancelled"
    expected = {"first": "succeeded", "killed": "succeeded", "mine": "cancelled", "after": "succeeded"}
    assert await statuses(thread) == expected


def test_a_loop_that_ends_during_a_takeover_loses_no_message(
    make_workbench: Callable[..., Workbench], slow_disk: SlowDisk
) -> None:
    with ScriptedServer([ASK], repeat_last=True) as server:
        wb = make_workbench(server)

        async def begun() -> str:
            thread = await (await wb.workspace("tiny")).thread()
            await thread.ask("first")
            await orphan(thread, "killed")
            await thread.send("mine")
            assert await asyncio.to_thread(slow_disk.started.wait, 15)
            return thread.id

        async def gone_on(thread_id: str) -> dict[str, str | None]:
            thread = await (await wb.workspace("tiny")).thread(thread_id)
            await thread.ask("after")
            assert await asyncio.to_thread(slow_disk.done.wait, 15)
            shown = await statuses(thread)
            await wb.close()
            return shown

        shown = asyncio.run(gone_on(asyncio.run(begun())))
    assert sorted(shown) == ["after", "first", "killed", "mine"]
    assert set(shown.values()) == {"succeeded"}


# acceptance


async def test_an_unexpected_error_on_acceptance_does_not_block_the_thread(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    with monkeypatch.context() as patch:
        patch.setattr(History, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await thread.send("lost", idempotency_key="k")
    _, journal, _ = inside(thread)
    assert await journal.open_runs() == []
    await asyncio.wait_for((await thread.send("lost", idempotency_key="k")).reply(), 20)
    assert await statuses(thread) == {"first": "succeeded", "lost": "succeeded"}


async def test_a_message_of_a_dead_process_precedes_later_messages(serve: Serve, opened: Opened, root: Path) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    lost = (new_id(), thread.workspace_id, thread.id, "lost", "1-dead", "queued", "k")
    columns = "id, workspace_id, thread_id, message, owner, status, idempotency_key"
    with contextlib.closing(sqlite3.connect(root / ".cfo" / "journal.db", isolation_level=None)) as other:
        other.execute(f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", lost)
        await thread.send("after")
        assert [m.text for m in await thread.messages() if m.who == "person"] == ["first", "lost", "after"]
        other.execute(f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", (new_id(), *lost[1:6], "l"))
    again = await thread.send("lost", idempotency_key="l")  # the sender retries with the same key
    assert [m.run_id for m in await thread.messages() if m.who == "person"][-1] == again.id


async def test_a_key_used_for_another_message_is_refused(serve: Serve, opened: Opened) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await (await thread.send("Hello", idempotency_key="k")).reply()
    with pytest.raises(IdempotencyMismatch, match="Use a new key"):
        await thread.send("Good-bye", idempotency_key="k")
    assert len(await thread.messages()) == 2


async def test_a_locked_catalog_does_not_stop_a_message(serve: Serve, opened: Opened, root: Path) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    with locked(root / ".cfo" / "catalog.db"):
        async with ticking(200):
            assert (await (await thread.send("second")).reply()).kind == "user_interaction"
        with pytest.raises(StorageFailed, match="database is locked"):
            await thread.rename("Other")
    await thread.rename("Other")


# the journal cannot be written


async def test_a_locked_journal_is_waited_for_without_blocking_the_loop(
    serve: Serve, opened: Opened, root: Path
) -> None:
    thread = await new_thread(opened, serve(QUERY, ANSWER, repeat_last=True))
    run = await thread.send("first")
    async with ticking(200):
        with locked(root / ".cfo" / "journal.db"):
            sending = asyncio.create_task(thread.send("second"))
            await retrying(inside(thread)[1])
            assert not sending.done()
        second = await sending
    for sent in (run, second):
        assert (await sent.finished()).status == "succeeded"
        assert_whole(await events_of(sent))


async def test_a_message_is_refused_while_the_journal_stays_locked(
    serve: Serve, opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_room, "_RETRY_FOR", 0.2)
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    with locked(root / ".cfo" / "journal.db"), pytest.raises(StorageFailed, match="database is locked"):
        await thread.send("second")
    await thread.ask("third")
    assert await statuses(thread) == {"first": "succeeded", "third": "succeeded"}


class ManualClock:
    """Replaces the module `time`. It advances only when a test sets `now`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


async def test_a_health_check_does_not_shorten_the_retries_of_a_message(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_room, "_RETRY_FOR", 1.0)
    monkeypatch.setattr(journal_room, "_RETRY_EVERY", 0.001)
    row = RunRow(n=0, id=new_id(), workspace_id="tiny", thread_id=new_id(), message="hello", owner="1")
    journal = SqliteJournal(root / "own.db")
    await journal.open()
    clock = ManualClock()
    monkeypatch.setattr(journal_room, "time", clock)
    with locked(root / "own.db"):
        clock.now = 10.0
        checking = asyncio.create_task(journal.check())
        await asyncio.sleep(0)  # the check has read the clock
        clock.now = 10.8  # most of its retry time has passed
        sending = asyncio.create_task(journal.add_run(row, None))
        await retrying(journal)
        clock.now = 11.1
        with pytest.raises(StorageFailed, match="journal cannot be written"):
            await checking
        await asyncio.sleep(0.05)  # many retries later
        assert not sending.done()
        clock.now = 11.9
        with pytest.raises(StorageFailed, match="journal cannot be written"):
            await sending
    await journal.check()
    await journal.close()


async def test_lost_events_end_the_run_and_leave_no_gap(
    serve: Serve, opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch, recorders: list[Recorder]
) -> None:
    monkeypatch.setattr(journal_room, "_RETRY_FOR", 0.2)
    thread = await new_thread(opened, serve(STALL, ASK))
    run = await thread.send("first")
    await wait_for_event(run, "token")
    _, journal, _ = inside(thread)
    before = await journal.events(run.id)
    with locked(root / ".cfo" / "journal.db"):
        recorders[0].tool_call("1", "lost", {})
        assert await recorders[0].written() is not None  # the retries are over
    await assert_failed(run)
    assert (await events_of(run))[: len(before)] == before
    assert await statuses(thread) == {"first": "failed"}
    await thread.ask("second")


async def test_a_run_taken_over_by_another_process_is_left_alone(
    serve: Serve, opened: Opened, root: Path, recorders: list[Recorder]
) -> None:
    thread = await new_thread(opened, serve(STALL))
    run = await thread.send("first")
    await wait_for_event(run, "token")
    _, journal, _ = inside(thread)
    other = SqliteJournal(root / ".cfo" / "journal.db")
    await other.open()
    owner = OwnerLocks(root / ".cfo" / "owners")  # it is alive, so no other process takes the run over
    taken = await other.claim(await other.run(run.id), owner.me, died=True)
    assert taken
    assert (taken.attempt, taken.deaths) == (2, 1)
    last = (await journal.events(run.id))[-1]
    recorders[0].tool_call("1", "refused", {})
    assert await recorders[0].written() is not None
    assert (await journal.events(run.id))[-1] == last
    assert await other.put(taken, last.number + 1, last.event) == 1
    await other.close()
    owner.close()


async def assert_failed(run: Run) -> None:
    finished = await asyncio.wait_for(run.finished(), 10)
    assert finished.error
    assert finished.error.code == "storage_failed"
    assert_whole(await events_of(run))


async def test_an_unpublished_outcome_is_published_later_from_the_history(
    serve: Serve, opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_room, "_RETRY_FOR", 0.2)
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    await thread.ask("first")
    append = History.append
    other = sqlite3.connect(root / ".cfo" / "journal.db", isolation_level=None, check_same_thread=False)

    def append_then_lock(self: History, *added: Any) -> None:
        append(self, *added)
        if any(isinstance(entry, RunEntry) for entry in added):
            other.execute("BEGIN IMMEDIATE")

    with monkeypatch.context() as patch:
        patch.setattr(History, "append", append_then_lock)
        run = await thread.send("second")
        async with asyncio.timeout(15):
            while run.id not in inside(thread)[0]._queue._dropped:  # pyright: ignore  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert await run.status() == "running"
    other.execute("ROLLBACK")
    other.close()
    assert (await run.finished()).status == "succeeded"
    assert_whole(await events_of(run))
    assert await statuses(thread) == {"first": "succeeded", "second": "succeeded"}


# cancelling from elsewhere


async def assert_stopped(run: Run) -> None:
    finished = await asyncio.wait_for(run.finished(), 10)
    assert finished.status == "cancelled"
    assert_whole(await events_of(run))


async def test_a_run_of_another_process_can_be_cancelled(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, STALL, ASK)
    thread = await new_thread(opened, server)
    await thread.ask("first")
    async with sender(root, server, thread.id, "there", "waiting") as other:
        there, waiting = [await thread.run(run_id) for run_id in await ids(other)]
        await wait_for_event(there, "token")
        await waiting.cancel()
        await assert_stopped(waiting)
        assert await there.status() == "running"
        await there.cancel()
        await assert_stopped(there)
        assert await ids(other) == ["cancelled", "cancelled"]
        await there.cancel()  # no longer changes anything
    await thread.ask("after")


async def test_a_run_of_another_workbench_can_be_cancelled(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    one, two = make_workbench(serve(STALL)), make_workbench(serve(STALL))
    thread = await (await one.workspace("tiny")).thread()
    run = await thread.send("Stop me")
    await wait_for_event(run, "token")
    await (await (await (await two.workspace("tiny")).thread(thread.id)).run(run.id)).cancel()
    await assert_stopped(run)


async def test_a_refused_delete_stops_no_run(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, STALL, ASK)
    thread = await new_thread(opened, server)
    await thread.ask("first")
    mine = await thread.send("mine")
    await wait_for_event(mine, "token")
    async with sender(root, server, thread.id, "theirs") as other:
        await ids(other)
        with pytest.raises(ThreadBusy):
            await thread.delete()
        assert await inside(thread)[1].cancels() == set()
        assert await mine.status() == "running"
    await mine.cancel()
    await mine.finished()
