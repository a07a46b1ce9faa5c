"""Runs older than the journal's retention get their outcome from their thread."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from cfo_kernel import Run, TaskResult, Workbench, connect
from cfo_kernel.errors import EventsPruned, RunError
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from tests.conftest import settings
from tests.models.scripted_server import Stall, Status
from tests.remote.served import Served
from tests.replies import ANSWER, MESSAGE, QUERY, Serve, events_of, wait_for_event

MakeWorkbench = Callable[..., Workbench]


def age(root: Path, days: int, *runs: Run) -> None:
    """Moves the end of all runs this many days into the past."""
    database = sqlite3.connect(root / ".cfo" / "journal.db")
    with database:
        for run in runs:
            database.execute("UPDATE run SET ended_at = datetime('now', ?) WHERE id = ?", (f"-{days} days", run.id))
    database.close()


def kept(root: Path) -> dict[str, set[str]]:
    """The ids of the runs that have rows in each table of the journal."""
    database = sqlite3.connect(root / ".cfo" / "journal.db")
    found = {
        table: {run for (run,) in database.execute(f"SELECT {column} FROM {table}")}
        for table, column in {"run": "id", "event": "run", "record": "run"}.items()
    }
    database.close()
    return found


async def asked(make_workbench: Workbench, *texts: str) -> list[Run]:
    thread = await (await make_workbench.workspace("tiny")).thread()
    runs = [await thread.send(text) for text in texts]
    for run in runs:
        await run.finished()
    return runs


async def until_gone(root: Path, run: Run) -> None:
    async with asyncio.timeout(10):
        while run.id in kept(root)["event"]:  # noqa: ASYNC110 - a database file has no change notification
            await asyncio.sleep(0.01)


async def test_the_outcome_of_a_pruned_run_comes_from_its_thread(
    make_workbench: MakeWorkbench, root: Path, serve: Serve
) -> None:
    first = make_workbench(serve(QUERY, ANSWER, Status(400), QUERY, ANSWER))
    runs = await asked(first, "Totals", "This fails", "Again")
    old, failed, young = runs
    before = [(await run.finished()).model_dump_json() for run in runs]
    await first.close()
    age(root, 31, old, failed)
    age(root, 29, young)

    wb = make_workbench()
    await wb.workspaces()
    await until_gone(root, old)
    assert kept(root) == {"run": {run.id for run in runs}, "event": {young.id}, "record": {young.id}}
    again = [await wb.run(run.id) for run in runs]
    assert [await run.status() for run in again] == ["succeeded", "failed", "succeeded"]
    assert [(await run.finished()).model_dump_json() for run in again] == before
    reply = await again[0].reply()
    assert isinstance(reply, TaskResult)
    assert (reply.message, len(await reply.df())) == (MESSAGE, 2)
    with pytest.raises(RunError):
        await again[1].reply()
    for run in again[:2]:
        for after in (None, 0, 99):
            with pytest.raises(EventsPruned, match="reply is still among the thread's messages"):
                _ = [n async for n in run.events(after)]
        await run.cancel()  # changes nothing
    assert (await events_of(again[2]))[-1].event.type == "done"
    assert [n async for n in again[2].events(999)] == []


async def test_the_retention_of_the_journal_is_a_setting(
    make_workbench: MakeWorkbench, root: Path, serve: Serve
) -> None:
    first = make_workbench(serve(ANSWER, ANSWER))
    old, young = await asked(first, "Totals", "Again")
    await first.close()
    age(root, 6, old)
    age(root, 4, young)
    wb = make_workbench(journal_days=5)
    await wb.workspaces()
    await until_gone(root, old)
    assert kept(root)["event"] == {young.id}


async def test_a_pruned_run_whose_thread_is_gone_says_so(
    make_workbench: MakeWorkbench, root: Path, serve: Serve
) -> None:
    wb = make_workbench(serve(ANSWER))
    [run] = await asked(wb, "Totals")
    age(root, 31, run)
    second = make_workbench(journal_days=30, query_timeout=29)  # a separate engine, which prunes when it opens
    await second.workspaces()
    await until_gone(root, run)
    history = await _history(wb, run)
    history.unlink()
    with pytest.raises(EventsPruned):
        await run.finished()


async def _history(wb: Workbench, run: Run) -> Path:
    return (await wb.thread(run.thread_id)).thread_dir / "message_history.json"


async def test_open_runs_are_never_pruned(make_workbench: MakeWorkbench, root: Path, serve: Serve) -> None:
    wb = make_workbench(serve(QUERY, Stall()))
    run = await (await (await wb.workspace("tiny")).thread()).send("Totals")
    await wait_for_event(run, "tool_result")
    journal = SqliteJournal(root / ".cfo" / "journal.db")
    await journal.open()
    assert await journal.prune(datetime(2999, 1, 1, tzinfo=UTC)) == 0
    await journal.close()
    assert kept(root)["event"] == {run.id}
    await run.cancel()
    assert (await events_of(run))[-1].event.type == "done"


async def test_pruning_in_batches_lets_others_write_in_between(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    database = sqlite3.connect(tmp_path / "journal.db")
    with database:
        for number in range(120):
            row = (f"r{number}", "w", "t", "x", "o", "succeeded", "2020-01-01 00:00:00")
            database.execute(
                "INSERT INTO run (id, workspace_id, thread_id, message, owner, status, ended_at) VALUES"
                " (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            database.execute("INSERT INTO event VALUES (?, 0, '{}')", (row[0],))
    database.close()
    pruning = asyncio.create_task(journal.prune(datetime.now(UTC)))
    added = await journal.add_run(RunRow(n=0, id="new", workspace_id="w", thread_id="t", message="x", owner="o"), None)
    assert added.id == "new"
    assert await pruning == 120
    assert await journal.prune(datetime.now(UTC)) == 0
    await journal.close()


async def test_a_pruned_run_over_http(root: Path, serve: Serve) -> None:
    chosen = settings(root, serve(QUERY, ANSWER))
    with Served(chosen) as server:
        wb = connect(server.url)
        [run] = await asked(wb, "Totals")
        before = await run.finished()
        server.stop()
        age(root, 31, run)
        server.start()
        await until_gone(root, run)
        with pytest.raises(EventsPruned, match="still among the thread"):
            await events_of(run)
        assert await run.finished() == before
        reply = await run.reply()
        assert isinstance(reply, TaskResult)
        assert len(await reply.df()) == 2
        assert await run.status() == "succeeded"
        async with httpx.AsyncClient(base_url=server.url) as client:
            for headers in ({}, {"Last-Event-ID": "0"}):
                problem = await client.get(f"/runs/{run.id}/events", headers=headers)
                assert problem.status_code == 410
                assert problem.headers["content-type"] == "application/problem+json"
                assert problem.json()["code"] == "events_pruned"
            outcome = (await client.get(f"/runs/{run.id}")).json()
            assert outcome["reply"]["message"] == MESSAGE
        await wb.close()
