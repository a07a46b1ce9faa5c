"""Several machines share a root through PostgreSQL instead of the files under `.cfo/`."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cfo_kernel import Workbench
from cfo_kernel.errors import InvalidSettings, StorageFailed, ThreadNotFound, WorkspaceExists
from cfo_kernel.store import catalog as catalogs
from cfo_kernel.store.catalog import Catalog, ThreadRow, WorkspaceRow
from cfo_kernel.store.database import LOCK_TIMEOUT, set_lock_timeout
from cfo_kernel.store.database_postgres import Target
from cfo_kernel.store.schemas import CATALOG
from tests.conftest import Opened
from tests.models.scripted_server import ScriptedServer, Stall, ToolCall
from tests.replies import ANSWER, MESSAGE, QUERY, Serve, events_of, wait_for_event

REPOSITORY = Path(__file__).parents[2]
ASK = ToolCall("user_interaction", {"message": "Go on."})
STALL = Stall(6, ANSWER)
PASSWORD = "p%40ss w/rd"


def look(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.fixture
def root(root: Path) -> Path:
    """A root without databases of its own."""
    shutil.rmtree(root / ".cfo")
    return root


@contextlib.asynccontextmanager
async def worker(root: Path, url: str, server: ScriptedServer) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts `cfo worker`, and returns once it is ready."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "CFO_ROOT": str(root),
        "CFO_DATABASE_URL": url,
        "CFO_MODEL": "openai:scripted",
        "CFO_BASE_URL": server.base_url,
        "CFO_OPENAI_API_KEY": "any",
    }
    command = [sys.executable, "-c", "from cfo_kernel.cli import main; main()", "worker"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"Executing the runs in ")
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_question_is_answered_and_all_is_in_its_schema(
    opened: Opened, serve: Serve, root: Path, postgres: str
) -> None:
    place = await opened(serve(QUERY, ANSWER), database_url=postgres)
    thread = await place.thread()
    reply = await thread.ask("What did it cost?")
    assert reply.message == MESSAGE
    assert (await thread.usage()).runs == 1
    assert [t.title for t in await place.threads()] == ["What did it cost?"]
    tables = look(postgres, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name !~ '^pg'")
    found = {f"{schema}.{name}" for schema, name in tables if schema.startswith("cfo_") and schema != "cfo_queue"}
    assert found == {
        *(f"cfo_catalog.{name}" for name in ("workspace", "thread")),
        *(f"cfo_journal.{name}" for name in ("run", "event", "record", "cancel_requested", "owner")),
        "cfo_ledger.capsule",
        *(f"cfo_{store}.alembic_version" for store in ("catalog", "journal", "ledger")),
    }
    assert ("cfo_queue", "procrastinate_jobs") in tables
    assert (
        not {schema for schema, _ in tables}
        - {"cfo_catalog", "cfo_journal", "cfo_ledger", "cfo_queue"}
        - {
            "information_schema",
            "pg_catalog",
        }
    )
    assert [path.name for path in (root / ".cfo").iterdir()] == []


async def test_a_worker_continues_the_runs_of_a_killed_one(
    opened: Opened, serve: Serve, root: Path, postgres: str
) -> None:
    server = serve(ASK, STALL, ASK, ASK)
    place = await opened(server, database_url=postgres)
    thread = await place.thread()
    await thread.ask("first")
    place._engine._queue.pause()  # pyright: ignore[reportPrivateUsage] - from here on this process only accepts
    async with worker(root, postgres, server) as killed:
        runs = [await thread.send(text) for text in ("killed", "waiting")]
        await wait_for_event(runs[0], "token")
        async with worker(root, postgres, server):
            killed.kill()
            for run in runs:
                async with asyncio.timeout(30):
                    assert (await run.finished()).status == "succeeded"
                assert [n.number for n in await events_of(run)] == list(range(len(await events_of(run))))
    assert [m.text for m in await thread.messages() if m.who == "person"] == ["first", "killed", "waiting"]
    assert [m.status for m in await thread.messages() if m.who == "agent"] == ["succeeded"] * 3


async def test_a_waiting_run_of_another_process_is_stopped_at_once(
    opened: Opened, serve: Serve, root: Path, postgres: str
) -> None:
    place = await opened(serve(ASK, STALL, ASK), database_url=postgres)
    thread = await place.thread()
    await thread.ask("first")
    running, waiting = await thread.send("runs"), await thread.send("waits")
    await wait_for_event(running, "token")
    for run in (waiting, running):
        await run.cancel()
        async with asyncio.timeout(20):
            assert (await run.finished()).status == "cancelled"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_stops_in_good_order(serve: Serve, root: Path, postgres: str, stop: signal.Signals) -> None:
    url = postgres if stop is signal.SIGTERM else ""  # a single machine has workers as well
    async with worker(root, url, serve(ASK)) as process:
        process.send_signal(stop)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert (root / ".cfo" / "journal.db").exists() == (not url)
    if url:
        assert look(postgres, "SELECT * FROM cfo_journal.owner") == []
        assert look(postgres, "SELECT * FROM cfo_queue.procrastinate_workers") == []


async def test_connections_that_are_lost_are_made_again(opened: Opened, serve: Serve, postgres: str) -> None:
    server = serve(ASK, QUERY, ANSWER, ASK)
    place = await opened(server, database_url=postgres)
    thread = await place.thread()
    await thread.ask("first")
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    assert len(look(postgres, cut)) > 3
    run = await thread.send("second")
    look(postgres, cut)
    async with asyncio.timeout(30):
        assert (await run.finished()).status == "succeeded"
    assert [n.number for n in await events_of(run)] == list(range(len(await events_of(run))))
    async with asyncio.timeout(30):
        assert (await thread.ask("third")).message == "Go on."


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://cfo:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://cfo:{PASSWORD}@/x?host=/nowhere",
        f"postgresql://cfo:{PASSWORD}@127.0.0.1:port/x",
        f"postgresql://cfo:{PASSWORD}@127.0.0.1/x?{PASSWORD}=1",
        f"mysql://cfo:{PASSWORD}@127.0.0.1/x",
    ],
)
async def test_the_error_of_an_unusable_database_hides_its_password(
    make_workbench: Callable[..., Workbench], url: str
) -> None:
    wb = make_workbench(database_url=url)
    with pytest.raises((StorageFailed, InvalidSettings), match="CFO_DATABASE_URL") as caught:
        await wb.workspaces()
    assert not [part for part in ("p%40ss", "p@ss", "w/rd") if part in str(caught.value)]


async def test_a_missing_package_is_named(
    make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    monkeypatch.delitem(sys.modules, "cfo_kernel.runs.queue_procrastinate", raising=False)
    with pytest.raises(InvalidSettings, match=r"pip install 'cfo-kernel\[postgres\]'"):
        await make_workbench(database_url=postgres).workspaces()


def test_the_catalog_is_migrated_once_and_a_newer_one_is_left_alone(postgres: str) -> None:
    for _ in range(2):
        catalog = Catalog(Target(postgres).engine(CATALOG.postgres_schema))
        for name in ("B", "a"):
            row = WorkspaceRow(id=name, name=name, workspace_dir=name)
            with contextlib.suppress(WorkspaceExists):
                catalog.add_workspace(row)
        catalog.add_thread(ThreadRow(id="t", workspace_id="a", thread_dir="a/threads/t"))
        catalog.rename_thread("a", "t", "Costs")
        kept = catalog.thread("a", "t")
        assert (kept.title, kept.created_at.tzinfo, len(catalog.workspaces())) == ("Costs", UTC, 2)
        assert datetime.now(UTC) - kept.created_at < timedelta(minutes=1)
        with pytest.raises(ThreadNotFound):
            catalog.thread("a", "a\0b")
        catalog.close()
    assert look(postgres, "SELECT version_num FROM cfo_catalog.alembic_version") == [(CATALOG.head,)]
    look(postgres, "UPDATE cfo_catalog.alembic_version SET version_num = '9999' RETURNING 1")
    with pytest.raises(StorageFailed, match=r"has revision 9999.*Update cfo_kernel"):
        Catalog(Target(postgres).engine(CATALOG.postgres_schema))


def test_a_row_that_another_program_writes_is_waited_for_only_so_long(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[int] = []
    monkeypatch.setattr(
        catalogs, "set_lock_timeout", lambda connection, ms: timeouts.append(ms) or set_lock_timeout(connection, ms)
    )
    catalog = Catalog(Target(postgres).engine(CATALOG.postgres_schema))
    catalog.add_workspace(WorkspaceRow(id="w", name="W", workspace_dir="w"))
    catalog.add_thread(ThreadRow(id="t", workspace_id="w", thread_dir="w/threads/t"))
    with psycopg.connect(postgres) as other:
        other.execute("SELECT * FROM cfo_catalog.thread FOR UPDATE")
        timeouts.clear()
        catalog.touch_thread("w", "t")  # gives up soon, which is not an error
        with pytest.raises(StorageFailed, match="The catalog cannot be used"):
            catalog.rename_thread("w", "t", "x")
        assert timeouts == [LOCK_TIMEOUT // 10, LOCK_TIMEOUT]
    catalog.rename_thread("w", "t", "x")
    catalog.close()


async def test_programs_that_open_a_new_database_at_once(serve: Serve, root: Path, postgres: str) -> None:
    server = serve(ASK)

    async def work() -> int | None:
        async with worker(root, postgres, server) as process:
            process.terminate()
            return await process.wait()

    assert await asyncio.gather(work(), work(), work()) == [0, 0, 0]
