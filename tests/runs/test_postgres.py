"""Connection failures while the journal writes: nothing is lost, and nothing is written twice."""

import asyncio
from pathlib import Path
from typing import Any

import procrastinate.worker
import psycopg
import pytest

from cfo_kernel.errors import StorageFailed
from cfo_kernel.events import RunStarted, Token
from cfo_kernel.runs import postgres_writer
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.runs.journal_postgres import PostgresJournal
from cfo_kernel.runs.postgres import Database
from cfo_kernel.store.database_postgres import Target
from tests.runs.queues import Worker

STARTED = RunStarted(run_id="r", thread_id="t")


async def opened(url: str) -> tuple[PostgresJournal, RunRow]:
    journal = PostgresJournal(Database(Target(url)))
    await journal.open()
    row = RunRow(n=0, id="r", workspace_id="w", thread_id="t", message="x", owner="o")
    return journal, await journal.add_run(row, None)


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten(
    postgres: str, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    journal, run = await opened(postgres)
    execute = psycopg.AsyncConnection.execute
    lost: list[str] = []

    async def broken(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if query != "COMMIT" or lost:
            return await execute(self, query, *arguments, **options)
        lost.append(query)
        if is_committed:
            await execute(self, query)
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", broken)
    assert await asyncio.gather(journal.put(run, 0, STARTED), journal.put(run, 5, STARTED)) == [1, 0]
    assert lost
    assert [n.number for n in await journal.events("r")] == [0]
    await journal.close()


async def test_a_writer_reconnects_and_gives_up_after_a_while(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, run = await opened(postgres)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # pyright: ignore[reportArgumentType, reportCallIssue]
        assert await journal.put(run, 0, STARTED) == 1
        monkeypatch.setattr(postgres_writer, "RETRY_FOR", 0.3)
        admin.execute("DROP TABLE cfo_journal.event")
        with pytest.raises(StorageFailed, match="CFO_DATABASE_URL"):
            await journal.put(run, 1, STARTED)
        assert await journal.end(run, "failed") == 1  # a later write starts its own retries
    await journal.close()


async def lock_awaited(postgres: str) -> None:
    """Waits until a statement in the database is waiting for a lock."""
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin, asyncio.timeout(15):
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while await (await admin.execute(waiting)).fetchone() == (0,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_takeover_and_a_late_event_are_serialized(postgres: str) -> None:
    """The old owner's event is being written while another process claims the run: it counts, and no later one does."""
    journal, run = await opened(postgres)
    with psycopg.connect(postgres) as slow:
        slow.execute("UPDATE cfo_journal.run SET next_event = next_event + 1 WHERE id = 'r' AND attempt = 1")
        slow.execute('INSERT INTO cfo_journal.event VALUES (\'r\', 0, \'{"type": "token", "text": "late"}\')')
        claiming = asyncio.create_task(journal.claim(run, "new"))
        await lock_awaited(postgres)
        assert not claiming.done()
    claimed = await claiming
    assert claimed is not None
    assert [n.event for n in await journal.events("r")] == [Token(text="late")]
    assert await journal.put(run, 1, STARTED) == 0
    assert await journal.put(claimed, 1, STARTED) == 1
    await journal.close()


async def test_a_subscriber_resumes_after_its_connection_was_lost(postgres: str) -> None:
    journal, run = await opened(postgres)
    other, _ = await opened(postgres)
    stream = other.subscribe("r")
    assert await journal.put(run, 0, STARTED) == 1
    assert (await anext(stream)).number == 0
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^LISTEN'")
    assert await journal.put(run, 1, STARTED) == 1
    async with asyncio.timeout(10):
        assert (await anext(stream)).number == 1
    await stream.aclose()
    await other.close()
    await journal.close()


async def test_a_worker_restarts_after_an_unexpected_error(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, failed = procrastinate.worker.Worker.run, 0

    async def broken(self: procrastinate.worker.Worker) -> None:
        nonlocal failed
        if failed < 2:  # both queues, once each
            failed += 1
            raise AssertionError("a bug")
        await run(self)

    monkeypatch.setattr(procrastinate.worker.Worker, "run", broken)
    worker = await Worker("procrastinate", postgres, tmp_path / "log").open()
    await worker.send("a")
    await asyncio.wait_for(worker.end("a"), 30)
    assert failed == 2
    await worker.close()
