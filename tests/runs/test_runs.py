"""Runs and their journal: order, numbering, resuming, cancelling, and dying processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import FinishedRun, Run, Thread, Workbench, connect
from cfo_kernel.errors import RunCancelled, ThreadBusy, WorkbenchClosed
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from cfo_kernel.runs.owner_locks import OwnerLocks
from tests.conftest import Opened, settings
from tests.models.scripted_server import ScriptedServer, Stall, ToolCall
from tests.replies import ANSWER, QUERY, TABLE, Serve, events_of, wait_for_event

REPOSITORY = Path(__file__).parents[2]
ASK = ToolCall("user_interaction", {"message": "Go on."})
STALL = Stall(6, ANSWER)  # long enough for a token to be on the screen


def texts(server: ScriptedServer) -> list[str]:
    """The last text that a person wrote, for each request."""
    return [[m["content"] for m in r.body["messages"] if m["role"] == "user"][-1] for r in server.requests]


async def new_thread(opened: Opened, *arguments: Any, **options: Any) -> Thread:
    return await (await opened(*arguments, **options)).thread()


@contextlib.asynccontextmanager
async def sender(
    root: Path, server: ScriptedServer, thread: str, *messages: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts a process, and returns once it has sent its messages."""
    command = ["-m", "tests.runs.sender", str(root), server.base_url, thread, *messages]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "CFO_OPENAI_API_KEY": "any"}
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ids(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout
    return (await process.stdout.readline()).decode().split()


def assert_whole(events: list[Any]) -> None:
    assert [n.number for n in events] == list(range(len(events)))
    kinds = [n.event.type for n in events]
    assert kinds[-1] == "done"
    assert kinds[-2] in ("result", "error")
    assert sum(kind in ("result", "error", "done") for kind in kinds) == 2


# events


async def test_events_are_numbered_and_visible_to_others_during_the_run(
    opened: Opened, make_workbench: Callable[..., Workbench], root: Path
) -> None:
    with ScriptedServer([QUERY, ANSWER], chunk_delay=0.01) as server:
        run = await (await new_thread(opened, server)).send("Totals")
        other = SqliteJournal(root / ".cfo" / "journal.db")
        await other.open()
        seen: list[Any] = []
        statuses: list[str] = []
        async for numbered in other.subscribe(run.id):
            seen.append(numbered)
            statuses.append((await other.run(run.id)).status)
        assert seen == await events_of(run) == await other.events(run.id)
        assert_whole(seen)
        assert set(statuses[:-2]) == {"running"}
        assert statuses[-1] == "succeeded"
        await other.close()


async def test_a_stream_resumes_at_any_event(serve: Serve, opened: Opened) -> None:
    run = await (await new_thread(opened, serve(QUERY, ANSWER))).send("Totals")
    every = await events_of(run)
    assert_whole(every)
    for number in range(-1, len(every)):
        assert [n async for n in run.events(after=number)] == every[number + 1 :]


async def test_leaving_a_stream_early_does_not_disturb_the_run(serve: Serve, opened: Opened) -> None:
    run = await (await new_thread(opened, serve(QUERY, ANSWER))).send("Totals")
    async with asyncio.TaskGroup() as group:
        group.create_task(wait_for_event(run, "run_started"))
        group.create_task(wait_for_event(run, "tool_call"))
        whole = group.create_task(events_of(run))
    assert_whole(whole.result())


# order


async def test_two_threads_run_side_by_side(serve: Serve, opened: Opened) -> None:
    context = await opened(serve(STALL, ANSWER))
    slow = await (await context.thread()).send("slow")
    await wait_for_event(slow, "token")
    assert (await (await (await context.thread()).send("fast")).finished()).status == "succeeded"
    assert await slow.status() == "running"


async def test_messages_of_a_thread_run_in_order(serve: Serve, opened: Opened) -> None:
    server = serve(STALL, ASK, repeat_last=True)
    thread = await new_thread(opened, server)
    runs = [await thread.send(f"message {n}") for n in range(5)]
    await wait_for_event(runs[0], "token")
    assert {await run.status() for run in runs[1:]} == {"queued"}
    await runs[0].cancel()
    assert [m.text for m in await thread.messages() if m.who == "person"] == [f"message {n}" for n in range(5)]
    for run in runs:
        assert_whole(await events_of(run))
    assert texts(server) == [f"message {n}" for n in range(5)]
    assert [m.run_id for m in await thread.messages() if m.who == "agent"] == [run.id for run in runs]


async def test_the_same_key_is_the_same_run(serve: Serve, opened: Opened) -> None:
    server = serve(ASK, repeat_last=True)
    context = await opened(server)
    thread = await context.thread()
    once = await thread.send("Hello", idempotency_key="k")
    again = await asyncio.gather(*(thread.send("Hello", idempotency_key="k") for _ in range(3)))
    assert {run.id for run in again} == {once.id}
    await once.reply()
    assert (await thread.send("Hello", idempotency_key="k")).id == once.id
    assert (await (await context.thread()).send("Hello", idempotency_key="k")).id != once.id
    assert len(await thread.messages()) == 2


# two processes


async def test_two_processes_send_to_one_thread_at_once(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, repeat_last=True)
    thread = await new_thread(opened, server)
    await thread.ask("first")
    a, b = [f"a{n}" for n in range(3)], [f"b{n}" for n in range(3)]
    async with sender(root, server, thread.id, *a) as other:
        runs = await ids(other)  # they are in progress when ours arrive
        for text in b:
            runs.append((await thread.send(text)).id)
        assert await ids(other) == ["succeeded"] * 3
        for run_id in runs:
            assert (await (await thread.run(run_id)).finished()).status == "succeeded"
    shown = await thread.messages()
    people = [m.text for m in shown if m.who == "person"]
    assert sorted(people) == [*a, *b, "first"]
    assert [t for t in people if t in a] == a
    assert [t for t in people if t in b] == b
    assert sorted(texts(server)) == sorted(people)
    assert [m.run_id for m in shown if m.who == "agent"] == [m.run_id for m in shown if m.who == "person"]
    for run_id in runs:
        assert_whole(await events_of(await thread.run(run_id)))


async def test_a_killed_process_leaves_its_thread_in_order(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, STALL, ASK, ASK, ASK)
    context = await opened(server)
    thread = await context.thread()
    await thread.ask("first")
    async with sender(root, server, thread.id, "killed", "waiting") as process:
        killed, waiting = await ids(process)
        await wait_for_event(await thread.run(killed), "token")
        with pytest.raises(ThreadBusy):
            await thread.delete()
        assert thread.thread_dir.is_dir()
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        async with connect(settings=settings(root, server)) as other:
            there = await (await other.workspace("tiny")).thread(thread.id)
            for run_id in (killed, waiting):
                run = await there.run(run_id)
                assert (await run.finished()).status == "succeeded"
                assert_whole(await events_of(run))
            assert [m.text for m in await there.messages() if m.who == "person"] == ["first", "killed", "waiting"]
            assert [m.status for m in await there.messages() if m.who == "agent"] == ["succeeded"] * 3
            await there.ask("after")
    assert not [f for f in (root / ".cfo" / "owners").iterdir() if f.name.startswith(f"{process.pid}-")]


async def test_an_open_process_takes_over_from_a_dead_one(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, STALL, ASK, ASK, ASK, ASK, ASK)
    thread = await new_thread(opened, server)
    await thread.ask("first")
    async with sender(root, server, thread.id, "killed", "waiting") as process:
        killed, _ = await ids(process)
        await wait_for_event(await thread.run(killed), "token")
        behind = [await thread.send(f"behind {n}") for n in range(3)]
        os.kill(process.pid, signal.SIGKILL)
        for run in behind:
            assert (await run.finished()).status == "succeeded"
    assert_whole(await events_of(await thread.run(killed)))
    assert texts(server) == ["first", "killed", "killed", "waiting", "behind 0", "behind 1", "behind 2"]
    assert {m.status for m in await thread.messages() if m.who == "agent"} == {"succeeded"}


async def test_a_subscriber_to_a_killed_processs_run_sees_its_end(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(ASK, STALL, ASK)
    thread = await new_thread(opened, server)
    await thread.ask("first")
    async with sender(root, server, thread.id, "killed") as process:
        (killed,) = await ids(process)
        watching = asyncio.create_task((await thread.run(killed)).finished())
        await wait_for_event(await thread.run(killed), "token")
        os.kill(process.pid, signal.SIGKILL)
        finished = await watching
    assert finished.status == "succeeded"


async def test_a_run_whose_thread_is_gone_does_not_block_opening_the_root(
    serve: Serve, opened: Opened, root: Path
) -> None:
    server = serve(ASK, STALL, STALL)
    gone = await new_thread(opened, server)
    await gone.ask("first")
    async with sender(root, server, gone.id, "killed") as process:
        (lost,) = await ids(process)
        (gone.thread_dir / "message_history.json").write_text("{")
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    finished = await (await gone.run(lost)).finished()
    assert finished.error
    assert finished.error.code == "thread_read_only"
    assert [t.id for t in await (await opened(server)).threads()] == [gone.id]


def test_a_live_process_is_not_taken_for_dead(tmp_path: Path) -> None:
    one, two = OwnerLocks(tmp_path), OwnerLocks(tmp_path)
    one.remove_abandoned()
    assert one.is_alive(two.me)
    assert one.is_alive(one.me)
    two.close()
    assert not one.is_alive(two.me)
    (tmp_path / "123-abc").touch()
    one.remove_abandoned()
    assert [file.name for file in tmp_path.iterdir()] == [one.me]
    one.close()


# stopping


async def stopped(run: Run) -> FinishedRun:
    finished = await run.finished()
    assert finished.status == "cancelled"
    assert_whole(await events_of(run))
    with pytest.raises(RunCancelled):
        await run.reply()
    return finished


async def test_a_run_is_cancelled_and_the_thread_continues(serve: Serve, opened: Opened) -> None:
    thread = await new_thread(opened, serve(STALL, ASK))
    run = await thread.send("Stop me")
    await wait_for_event(run, "token")
    await run.cancel()
    await stopped(run)
    await run.cancel()
    await thread.ask("Go on")
    assert [m.status for m in await thread.messages() if m.who == "agent"] == ["cancelled", "succeeded"]


async def test_a_run_is_cancelled_at_once_and_while_it_waits(serve: Serve, opened: Opened) -> None:
    server = serve(STALL, ASK)
    thread = await new_thread(opened, server)
    first = await thread.send("at once")
    await first.cancel()
    await stopped(first)
    slow = await thread.send("slow")
    await wait_for_event(slow, "token")
    waiting = await thread.send("waiting")
    await waiting.cancel()
    await stopped(waiting)
    assert await slow.status() == "running"
    await slow.cancel()
    await stopped(slow)
    assert texts(server) == ["slow"]


async def test_a_cancelled_query_frees_the_worker(serve: Serve, opened: Opened) -> None:
    endless = "SELECT count(*) FROM ledger a, ledger b, ledger c, ledger d, ledger e, ledger f, ledger g, ledger h"
    endless += ", ledger i, ledger j, ledger k, ledger l"
    thread = await new_thread(
        opened, serve(ToolCall("run_sql", {"sql": endless, "purpose": "Too much."}), QUERY, ANSWER)
    )
    run = await thread.send("Stop me")
    await wait_for_event(run, "action_started")
    await run.cancel()
    await stopped(run)
    assert (await thread.ask("Go on")).kind == "task_result"


@pytest.mark.parametrize("moment", ["run_started", "token", "tool_result", "action_started", "result"])
async def test_closing_at_any_moment_leaves_a_consistent_state(root: Path, moment: str) -> None:
    with ScriptedServer([QUERY, TABLE, ASK], chunk_delay=0.002, repeat_last=True) as server:
        wb = connect(settings=settings(root, server))
        thread = await (await wb.workspace("tiny")).thread()
        run = await thread.send("Totals")
        waiting = await thread.send("More")
        await wait_for_event(run, moment)
        await wb.close()
        async with connect(settings=settings(root, server)) as again:
            there = await (await again.workspace("tiny")).thread(thread.id)
            for closed in (run, waiting):
                assert_whole(await events_of(await there.run(closed.id)))
            shown = await there.messages()
            assert [m.text for m in shown if m.who == "person"] == ["Totals", "More"]
            assert [m.status for m in shown if m.who == "agent"] == ["succeeded"] * 2
            assert len(shown) == 4
            calls = [n.event.id for n in await events_of(await there.run(run.id)) if n.event.type == "tool_call"]
            assert len(calls) == len(set(calls)) == 1


async def test_a_closed_workbench_raises_workbench_closed(
    serve: Serve, opened: Opened, make_workbench: Callable[..., Workbench]
) -> None:
    wb = make_workbench(serve(STALL, ASK))
    thread = await (await wb.workspace("tiny")).thread()
    run = await thread.send("Hello")
    await wait_for_event(run, "token")
    watching = asyncio.create_task(events_of(run))
    await asyncio.sleep(0)
    await wb.close()
    await wb.close()
    for use in (lambda: thread.send("More"), run.finished, run.status):
        with pytest.raises(WorkbenchClosed):
            await use()
    with contextlib.suppress(WorkbenchClosed):  # if it closed before the last event was read
        assert_whole(await watching)
    assert [w.id for w in await wb.workspaces()] == ["tiny"]  # it opens again


async def test_a_cancelled_send_is_all_or_nothing(serve: Serve, make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench(serve(ASK, repeat_last=True))
    thread = await (await wb.workspace("tiny")).thread()
    await thread.ask("first")
    for turns in range(12):
        sending = asyncio.create_task(thread.send(f"message {turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
    await thread.send("last")
    await wb.close()  # waits for sends in progress
    there = await (await wb.workspace("tiny")).thread(thread.id)
    await there.ask("after")
    shown = await there.messages()
    people, agents = ([m.run_id for m in shown if m.who == who] for who in ("person", "agent"))
    assert sorted(people) == sorted(agents)
    assert len(people) > 2


# deleting


async def test_deleting_a_thread_stops_it_and_moves_it_to_the_trash(serve: Serve, opened: Opened, root: Path) -> None:
    context = await opened(serve(STALL))
    thread = await context.thread()
    run = await thread.send("Slow")
    await wait_for_event(run, "token")
    await thread.delete()
    assert await run.status() == "cancelled"
    assert not await context.threads()
    (trashed,) = (root / "tiny" / ".trash").iterdir()
    assert trashed.name.endswith(thread.id)
    assert '"status": "cancelled"' in (trashed / "message_history.json").read_text()
