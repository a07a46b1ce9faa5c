"""The SQL workers of a workspace: cancelled, watched, confined, short of disk, and with earlier results to read."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest

from cfo_kernel.errors import QueryError, QueryFailed, UnknownTable, WorkbenchClosed, WorkerLost
from cfo_kernel.executors import confine, sql_worker_pool
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool
from tests.executors.conftest import Company, commands

SLOW = "SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
COUNT = "SELECT count(*) FROM ledger"


@pytest.fixture
async def pool(company: Company, tmp_path: Path) -> AsyncIterator[SqlWorkerPool]:
    opened = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30)
    yield opened
    await opened.close()


class Asked:
    """A pool over the company, asked in few words."""

    def __init__(self, pool: SqlWorkerPool, company: Company) -> None:
        self.pool = pool
        self._tables = {name: Path(path) for name, path in company.files.items()}

    async def rows(self, sql: str, **more: object) -> list[list[object]]:
        thread_tables = more.pop("thread_tables", {})
        answer = await self.pool.ask("query", self._tables, thread_tables, sql, cap=5, **more)  # type: ignore[arg-type]
        return answer["rows"]

    def warm(self) -> None:
        self.pool.warm(self._tables)

    @property
    def pid(self) -> int:
        process = self.pool._workers[0].process._process
        assert process is not None
        return process.pid


def start_with(pool: SqlWorkerPool, code: str) -> None:
    """Has the first worker of the pool run this code before it starts."""
    seat = pool._new()
    main = "import sys; from cfo_kernel.executors import sql_worker; sql_worker.main(*sys.argv[1:])"
    seat.process._command = (sys.executable, "-I", "-c", f"{code}\n{main}", *seat.process._command[-2:])
    pool._idle.append(seat)


@pytest.fixture
def asked(pool: SqlWorkerPool, company: Company) -> Asked:
    return Asked(pool, company)


async def test_a_cancelled_query_stops_within_a_second_and_leaves_the_worker_warm(asked: Asked) -> None:
    told = asyncio.Event()
    assert await asked.rows(COUNT) == [[6]]
    first = asked.pid
    slow = asyncio.create_task(asked.rows(SLOW, on_progress=lambda *_: told.set()))
    await told.wait()
    begun = time.monotonic()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert time.monotonic() - begun < 1
    assert await asked.rows(COUNT) == [[6]]
    assert asked.pid == first


async def test_a_query_cancelled_twice_does_not_answer_the_next_one(asked: Asked) -> None:
    await asked.rows(COUNT)
    told = asyncio.Event()
    slow = asyncio.create_task(asked.rows(SLOW, on_progress=lambda *_: told.set()))
    await told.wait()
    for _ in range(3):
        slow.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await asyncio.gather(*(asked.rows(f"SELECT {i}") for i in range(6))) == [[[i]] for i in range(6)]


async def test_progress_is_told_of_what_takes_its_time(asked: Asked) -> None:
    told: list[tuple[float, float]] = []
    enough = asyncio.Event()

    def hear(done: float, total: float) -> None:
        told.append((done, total))
        if len(told) == 3:
            enough.set()

    slow = asyncio.create_task(asked.rows("SELECT max(hash(x)) FROM range(20000000000) a(x)", on_progress=hear))
    await asyncio.wait_for(enough.wait(), 20)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert all(0 <= done <= total == 100 for done, total in told)
    told.clear()
    await asked.rows(COUNT, on_progress=hear)
    assert not told


async def test_earlier_results_are_tables_of_those_who_own_them(asked: Asked, tmp_path: Path) -> None:
    first, second = tmp_path / "query_001.parquet", tmp_path / "query_002.parquet"
    assert await asked.rows("SELECT id, amount FROM ledger WHERE id > 3 ORDER BY id", file=first) == [
        [4, 5.0],
        [5, 6.25],
    ]
    mine = {"query_001": first}
    total = "SELECT sum(q.amount), count(memo) FROM QUERY_001 q JOIN ledger USING (id)"
    assert await asked.rows(total, thread_tables=mine, file=second) == [[11.25, 2]]
    mine["query_002"] = second
    assert await asked.rows("SELECT count(*) FROM query_001, query_002", thread_tables=mine) == [[2]]
    with pytest.raises(UnknownTable):
        await asked.rows("FROM query_001")
    with pytest.raises(QueryError):
        await asked.rows(f"FROM '{first}'", thread_tables=mine)
    with pytest.raises(UnknownTable, match="Did you mean query_001 or query_002") as caught:
        await asked.rows("FROM query_01", thread_tables=mine)
    assert caught.value.details == {"name": "query_01", "nearest": ["query_001", "query_002"], "retryable": True}
    assert await asked.rows("FROM (SELECT 1 AS query_001)", thread_tables=mine) == [[1]]
    assert list((tmp_path / ".sql").rglob("*.parquet")) == []


async def test_an_earlier_result_that_is_gone_is_named(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "link.parquet").symlink_to("/etc/passwd")
    for name in ("gone", "link"):
        with pytest.raises(UnknownTable, match="The file of query_001 no longer exists") as caught:
            await asked.rows("FROM query_001", thread_tables={"query_001": tmp_path / f"{name}.parquet"})
        assert caught.value.details["retryable"] is True
    assert await asked.rows(COUNT) == [[6]]


async def test_idle_workers_end_but_for_the_last(company: Company, tmp_path: Path) -> None:
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30, idle=0.3)
    asked = Asked(pool, company)
    try:
        await asyncio.gather(*(asked.rows("SELECT count(*) FROM range(30000000)") for _ in range(3)))
        pids = [seat.process._process.pid for seat in pool._workers if seat.process._process]
        assert len(pids) > 1
        async with asyncio.timeout(20):
            while len(list((tmp_path / ".sql").iterdir())) > 1:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == [asked.pid]
        assert await asyncio.gather(*(asked.rows(COUNT) for _ in range(3))) == [[[6]]] * 3
    finally:
        await pool.close()
    assert not (tmp_path / ".sql").exists()


async def test_a_query_waits_for_the_process_that_was_started_for_it(asked: Asked) -> None:
    for _ in range(2):
        asked.warm()
    while not asked.pool._workers[0].process._process:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0.005)
    started = asked.pid
    assert await asked.rows(COUNT) == [[6]]
    asked.warm()
    assert await asked.rows(COUNT) == [[6]]
    assert (asked.pid, len(asked.pool._workers)) == (started, 1)


async def test_a_process_that_did_not_start_is_started_by_the_query(asked: Asked) -> None:
    asked.warm()
    [seat] = asked.pool._workers
    command, seat.process._command = seat.process._command, ("/bin/false",)
    assert asked.pool._warming
    await asked.pool._warming
    seat.process._command = command
    assert await asked.rows(COUNT) == [[6]]


async def test_a_pool_that_is_closed_ends_what_it_started_ahead(asked: Asked, tmp_path: Path) -> None:
    asked.warm()
    await asyncio.sleep(0.05)
    await asked.pool.close()
    assert not (tmp_path / ".sql").exists()
    asked.warm()
    assert not (tmp_path / ".sql").exists()


async def test_a_folder_that_cannot_be_made_is_an_error(company: Company, tmp_path: Path) -> None:
    (tmp_path / ".sql").touch()
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30)
    asked = Asked(pool, company)
    asked.warm()
    with pytest.raises(QueryFailed, match="Check the disk"):
        await asked.rows(COUNT)
    await pool.close()


async def test_a_table_of_the_workspace_is_not_hidden_by_an_earlier_result(asked: Asked, tmp_path: Path) -> None:
    duckdb.sql("SELECT 'not the ledger' AS x").write_parquet(str(tmp_path / "x.parquet"))
    assert await asked.rows("SELECT count(*) FROM Ledger", thread_tables={"ledger": tmp_path / "x.parquet"}) == [[6]]


async def test_a_full_disk_is_an_error_that_leaves_nothing_behind(asked: Asked, tmp_path: Path) -> None:
    start_with(asked.pool, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))")
    with pytest.raises(QueryFailed, match="disk is too full") as caught:
        await asked.rows("SELECT x, hash(x) FROM range(200000) t(x)", file=tmp_path / "result.parquet")
    assert caught.value.details["retryable"] is False
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "lock"] == []
    assert await asked.rows(COUNT) == [[6]]


async def test_after_the_close_nothing_runs_any_more(asked: Asked, tmp_path: Path) -> None:
    """The first four are being started, the others wait in line."""
    queries = [asyncio.create_task(asked.rows(SLOW)) for _ in range(8)]
    await asyncio.sleep(0)
    await asked.pool.close()
    errors = await asyncio.gather(*queries, return_exceptions=True)
    assert [type(error) for error in errors] == [WorkbenchClosed] * 8
    assert not (tmp_path / ".sql").exists()
    with pytest.raises(WorkbenchClosed):
        await asked.rows(COUNT)
    assert not [command for command in commands() if str(tmp_path).encode() in command]


async def test_the_folder_of_a_worker_whose_engine_died_is_removed(asked: Asked, tmp_path: Path) -> None:
    left = tmp_path / ".sql" / "left"
    (left / "out").mkdir(parents=True)
    (left / "lock").touch()
    await asked.rows(COUNT)
    assert not left.exists()
    assert len(list((tmp_path / ".sql").iterdir())) == 1


async def test_a_cache_that_was_made_anew_is_read_again(company: Company, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    pool = SqlWorkerPool(cache, tmp_path / ".sql", timeout=30)
    tables = {"ledger": cache / "ledger.parquet"}
    try:
        for is_new in (True, False):
            shutil.copytree(company.folder, cache, dirs_exist_ok=True)
            if not is_new:
                with pytest.raises(WorkerLost, match="Run the query again"):
                    await pool.ask("query", tables, {}, COUNT, cap=5)
            assert (await pool.ask("query", tables, {}, COUNT, cap=5))["rows"] == [[6]]
            shutil.rmtree(cache)
    finally:
        await pool.close()


async def test_a_link_in_the_place_of_a_result_is_not_taken(asked: Asked, tmp_path: Path) -> None:
    from cfo_kernel.executors import sql_worker_pool

    (tmp_path / "made").symlink_to("/etc/passwd")
    with pytest.raises(QueryFailed):
        sql_worker_pool._move_result(tmp_path / "made", tmp_path / "result.parquet")
    assert not (tmp_path / "result.parquet").exists()


async def test_without_landlock_sql_keeps_working(asked: Asked, company: Company, tmp_path: Path) -> None:
    start_with(asked.pool, "from cfo_kernel.executors import landlock; landlock.abi = lambda: 0")
    assert await asked.rows(COUNT) == [[6]]
    assert "Seccomp:\t0" in Path(f"/proc/{asked.pid}/status").read_text()
    out = tmp_path / "out"
    for sql in (f"COPY ledger TO '{out}'", "FROM '/etc/passwd'", "SELECT current_setting('threads')"):
        with pytest.raises(QueryError):
            await asked.rows(sql)
    assert not out.exists()
    with pytest.raises(QueryError):
        await asked.rows("SELECT length(repeat('x', 3000000000))")
    assert await asked.rows(COUNT) == [[6]]


TAKEN_OVER = """
import json, os, socket, sys
from pathlib import Path
from cfo_kernel.executors import sql_worker
sql_worker.confine_worker(*sys.argv[1:3])
cache, folder, elsewhere = sys.argv[1:]
told = {}
def attempt(name, work):
    try: told[name] = str(work())[:40]
    except (OSError, MemoryError) as error: told[name] = type(error).__name__
attempt("passwords", lambda: open("/etc/passwd").read())
attempt("environment", lambda: open("/proc/self/environ").read())
attempt("parent", lambda: open(f"/proc/{os.getppid()}/environ").read())
attempt("elsewhere", lambda: open(elsewhere).read())
attempt("list root", lambda: os.listdir("/"))
attempt("write cache", lambda: open(cache + "/x", "w"))
attempt("write in", lambda: open(folder + "/in/x", "w"))
attempt("write tmp", lambda: open("/tmp/taken-over", "w"))
attempt("link", lambda: os.symlink("/etc/passwd", folder + "/out/link"))
attempt("hard link", lambda: os.link(elsewhere, folder + "/out/link"))
attempt("remove", lambda: os.unlink(elsewhere))
attempt("chmod", lambda: os.truncate(elsewhere, 0))
attempt("network", lambda: socket.socket())
attempt("fork", lambda: os.fork())
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 9))
attempt("memory", lambda: len(bytearray(3 << 30)))
attempt("read cache", lambda: len(os.listdir(cache)))
attempt("write out", lambda: open(folder + "/out/x", "w").write("fine"))
print(json.dumps(told))
"""


def test_the_kernel_holds_a_worker_that_was_taken_over(company: Company, tmp_path: Path) -> None:
    """Behind policy and locks, as if the worker ran whatever it is told."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    elsewhere = tmp_path / "result_of_another_thread"
    elsewhere.write_text("secret")
    command = [sys.executable, "-I", "-c", TAKEN_OVER, str(company.folder), str(tmp_path), str(elsewhere)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    assert (told.pop("read cache"), told.pop("write out")) == ("3", "4")
    assert confine.unsupported_reason() is not None or set(told.values()) <= {"PermissionError", "MemoryError"}, told
    assert elsewhere.read_text() == "secret"


async def test_a_worker_holds_no_file_of_the_engine(asked: Asked) -> None:
    await asked.rows(COUNT)
    links = {int(p.name): os.readlink(p) for p in Path(f"/proc/{asked.pid}/fd").iterdir()}  # noqa: PTH115 - no path
    assert all(
        re.match(r"pipe:|/dev/null|anon_inode|/.*\.parquet", link) for n, link in links.items() if n not in (1, 2)
    )


def test_a_result_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="left no result file"):
        sql_worker_pool._move_result(tmp_path / "missing", tmp_path / "kept")  # pyright: ignore[reportPrivateUsage]
