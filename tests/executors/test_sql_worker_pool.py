"""A workspace's SQL workers are cancelled, monitored and confined, run out of disk space, and read thread results."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest

from cfo_kernel.errors import QueryError, QueryFailed, UnknownTable, WorkbenchClosed, WorkerLost
from cfo_kernel.executors import confine, worker_process
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool
from tests.executors.conftest import Company, commands

SLOW = "SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
COUNT = "SELECT count(*) FROM ledger"


@pytest.fixture
async def pool(company: Company, tmp_path: Path) -> AsyncIterator[SqlWorkerPool]:
    opened = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30)
    yield opened
    await opened.close()


class PoolClient:
    """Sends queries over the company's tables to a pool."""

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
    """Makes the pool's first worker run this code before it starts."""
    worker = pool._new()
    main = "import sys; from cfo_kernel.executors import sql_worker; sql_worker.main(*sys.argv[1:])"
    worker.process._command = (sys.executable, "-I", "-c", f"{code}\n{main}", *worker.process._command[-2:])
    pool._idle.append(worker)


@pytest.fixture
def client(pool: SqlWorkerPool, company: Company) -> PoolClient:
    return PoolClient(pool, company)


async def running(client: PoolClient, sql: str) -> "asyncio.Task[list[list[object]]]":
    """Starts a query, and returns once a worker has reported progress on it."""
    begun = asyncio.Event()
    task = asyncio.create_task(client.rows(sql, on_progress=lambda *_: begun.set()))
    await asyncio.wait_for(begun.wait(), 60)
    return task


async def test_a_cancelled_query_leaves_its_worker_warm(client: PoolClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_GRACE_SECONDS", 60)  # a busy machine is no reason to kill it
    assert await client.rows(COUNT) == [[6]]
    first = client.pid
    slow = await running(client, SLOW)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await client.rows(COUNT) == [[6]]
    assert client.pid == first


async def test_the_answer_of_a_query_cancelled_twice_does_not_reach_the_next(client: PoolClient) -> None:
    slow = await running(client, SLOW)
    for _ in range(3):
        slow.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await asyncio.gather(*(client.rows(f"SELECT {i}") for i in range(6))) == [[[i]] for i in range(6)]


async def test_only_a_slow_query_reports_progress(client: PoolClient) -> None:
    # A query is quick if it takes less than half a second. Here the limit is three, so that a busy machine is not slow.
    start_with(client.pool, "from cfo_kernel.executors import worker_server; worker_server._FIRST_PROGRESS = 3")
    reports: list[tuple[float, float]] = []
    enough = asyncio.Event()

    def on_progress(done: float, total: float) -> None:
        reports.append((done, total))
        if len(reports) == 3:
            enough.set()

    sql = "SELECT max(hash(x)) FROM range(20000000000) a(x)"
    slow = asyncio.create_task(client.rows(sql, on_progress=on_progress))
    await asyncio.wait_for(enough.wait(), 60)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert all(0 <= done <= total == 100 for done, total in reports)
    reports.clear()
    await client.rows(COUNT, on_progress=on_progress)
    assert not reports


async def test_results_of_a_thread_are_tables_of_that_thread_alone(client: PoolClient, tmp_path: Path) -> None:
    first, second = tmp_path / "query_001.parquet", tmp_path / "query_002.parquet"
    assert await client.rows("SELECT id, amount FROM ledger WHERE id > 3 ORDER BY id", file=first) == [
        [4, 5.0],
        [5, 6.25],
    ]
    mine = {"query_001": first}
    total = "SELECT sum(q.amount), count(memo) FROM QUERY_001 q JOIN ledger USING (id)"
    assert await client.rows(total, thread_tables=mine, file=second) == [[11.25, 2]]
    mine["query_002"] = second
    assert await client.rows("SELECT count(*) FROM query_001, query_002", thread_tables=mine) == [[2]]
    with pytest.raises(UnknownTable):
        await client.rows("FROM query_001")
    with pytest.raises(QueryError):
        await client.rows(f"FROM '{first}'", thread_tables=mine)
    with pytest.raises(UnknownTable, match="Did you mean query_001 or query_002") as caught:
        await client.rows("FROM query_01", thread_tables=mine)
    assert caught.value.details == {"name": "query_01", "nearest": ["query_001", "query_002"], "retryable": True}
    assert await client.rows("FROM (SELECT 1 AS query_001)", thread_tables=mine) == [[1]]
    assert list((tmp_path / ".sql").rglob("*.parquet")) == []


async def test_the_error_names_a_result_that_no_longer_exists(client: PoolClient, tmp_path: Path) -> None:
    (tmp_path / "link.parquet").symlink_to("/etc/passwd")
    for name in ("gone", "link"):
        with pytest.raises(UnknownTable, match="The file for query_001 no longer exists") as caught:
            await client.rows("FROM query_001", thread_tables={"query_001": tmp_path / f"{name}.parquet"})
        assert caught.value.details["retryable"] is True
    assert await client.rows(COUNT) == [[6]]


async def test_idle_workers_end_except_the_last(company: Company, tmp_path: Path) -> None:
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30, idle=0.3)
    client = PoolClient(pool, company)
    try:
        slow = [await running(client, SLOW) for _ in range(3)]
        pids = [worker.process._process.pid for worker in pool._workers if worker.process._process]
        assert len(pids) == 3
        for query in slow:
            query.cancel()
        await asyncio.wait(slow)
        assert pool._ending_idle
        await asyncio.wait_for(pool._ending_idle, 60)  # it ends when one worker is left, so nothing can end that one
        assert len(list((tmp_path / ".sql").iterdir())) == 1
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == [client.pid]
        assert await asyncio.gather(*(client.rows(COUNT) for _ in range(3))) == [[[6]]] * 3
    finally:
        await pool.close()
    assert not (tmp_path / ".sql").exists()


async def test_a_query_waits_for_the_process_that_was_started_for_it(client: PoolClient) -> None:
    for _ in range(2):
        client.warm()
    async with asyncio.timeout(60):
        while not client.pool._workers[0].process._process:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    started = client.pid
    assert await client.rows(COUNT) == [[6]]
    client.warm()
    assert await client.rows(COUNT) == [[6]]
    assert (client.pid, len(client.pool._workers)) == (started, 1)


async def test_the_query_starts_a_process_that_could_not_be_started_ahead(client: PoolClient) -> None:
    client.warm()
    [worker] = client.pool._workers
    command, worker.process._command = worker.process._command, ("/bin/false",)
    assert client.pool._warming
    await client.pool._warming
    worker.process._command = command
    assert await client.rows(COUNT) == [[6]]


@pytest.mark.parametrize("has_started", [False, True])
async def test_closing_the_pool_ends_a_process_started_ahead(
    client: PoolClient, tmp_path: Path, has_started: bool
) -> None:
    client.warm()
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while has_started and not client.pool._workers[0].process._process:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    await client.pool.close()
    assert not (tmp_path / ".sql").exists()
    client.warm()
    assert not (tmp_path / ".sql").exists()


async def test_a_folder_that_cannot_be_made_is_an_error(company: Company, tmp_path: Path) -> None:
    (tmp_path / ".sql").touch()
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=30)
    client = PoolClient(pool, company)
    client.warm()
    with pytest.raises(QueryFailed, match="Check the disk"):
        await client.rows(COUNT)
    await pool.close()


async def test_a_table_of_the_workspace_wins_over_a_result_of_the_thread(client: PoolClient, tmp_path: Path) -> None:
    duckdb.sql("SELECT 'not the ledger' AS x").write_parquet(str(tmp_path / "x.parquet"))
    assert await client.rows("SELECT count(*) FROM Ledger", thread_tables={"ledger": tmp_path / "x.parquet"}) == [[6]]


async def test_a_full_disk_is_an_error_that_leaves_no_files(client: PoolClient, tmp_path: Path) -> None:
    start_with(client.pool, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))")
    with pytest.raises(QueryFailed, match="disk is too full") as caught:
        await client.rows("SELECT x, hash(x) FROM range(200000) t(x)", file=tmp_path / "result.parquet")
    assert caught.value.details["retryable"] is False
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "lock"] == []
    assert await client.rows(COUNT) == [[6]]


async def test_no_process_runs_after_the_close(client: PoolClient, tmp_path: Path) -> None:
    """This includes the first four queries, whose processes are being started, and the ones waiting in line."""
    queries = [asyncio.create_task(client.rows(SLOW)) for _ in range(8)]
    await asyncio.sleep(0)
    await client.pool.close()
    errors = await asyncio.gather(*queries, return_exceptions=True)
    assert [type(error) for error in errors] == [WorkbenchClosed] * 8
    assert not (tmp_path / ".sql").exists()
    with pytest.raises(WorkbenchClosed):
        await client.rows(COUNT)
    assert not [command for command in commands() if str(tmp_path).encode() in command]


async def test_the_folder_of_a_worker_whose_engine_died_is_removed(client: PoolClient, tmp_path: Path) -> None:
    abandoned = tmp_path / ".sql" / "abandoned"
    (abandoned / "out").mkdir(parents=True)
    (abandoned / "lock").touch()
    await client.rows(COUNT)
    assert not abandoned.exists()
    assert len(list((tmp_path / ".sql").iterdir())) == 1


async def test_a_cache_folder_that_was_made_again_is_readable(company: Company, tmp_path: Path) -> None:
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


async def test_a_link_in_place_of_a_result_is_refused(client: PoolClient, tmp_path: Path) -> None:
    await client.rows(COUNT)
    [worker] = client.pool._workers
    (worker.folder.outputs / "made").symlink_to("/etc/passwd")
    for name in ("made", "missing"):
        with pytest.raises(QueryFailed, match="left no result file"):
            worker.take_result(worker.folder.outputs / name, tmp_path / "result.parquet")
    assert not (tmp_path / "result.parquet").exists()


async def test_without_landlock_sql_keeps_working(client: PoolClient, company: Company, tmp_path: Path) -> None:
    start_with(client.pool, "from cfo_kernel.executors import landlock; landlock.abi = lambda: 0")
    assert await client.rows(COUNT) == [[6]]
    assert "Seccomp:\t0" in Path(f"/proc/{client.pid}/status").read_text()
    out = tmp_path / "out"
    for sql in (f"COPY ledger TO '{out}'", "FROM '/etc/passwd'", "SELECT current_setting('threads')"):
        with pytest.raises(QueryError):
            await client.rows(sql)
    assert not out.exists()
    with pytest.raises(QueryError):
        await client.rows("SELECT length(repeat('x', 3000000000))")
    assert await client.rows(COUNT) == [[6]]


TAKEN_OVER = """
import json, os, socket, sys
from pathlib import Path
from cfo_kernel.executors import sql_worker
sql_worker.confine_worker(*sys.argv[1:3])
cache, folder, elsewhere = sys.argv[1:]
outcomes = {}
def attempt(name, work):
    try: outcomes[name] = str(work())[:40]
    except (OSError, MemoryError) as error: outcomes[name] = type(error).__name__
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
print(json.dumps(outcomes))
"""


def test_the_kernel_confines_a_worker_that_was_taken_over(company: Company, tmp_path: Path) -> None:
    """Runs code in the worker without the policy or the locks, as an attacker who had taken it over would."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    elsewhere = tmp_path / "result_of_another_thread"
    elsewhere.write_text("secret")
    command = [sys.executable, "-I", "-c", TAKEN_OVER, str(company.folder), str(tmp_path), str(elsewhere)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    outcomes = json.loads(done.stdout)
    assert (outcomes.pop("read cache"), outcomes.pop("write out")) == ("3", "4")
    refusals = {"PermissionError", "MemoryError"}
    assert confine.unsupported_reason() is not None or set(outcomes.values()) <= refusals, outcomes
    assert elsewhere.read_text() == "secret"


async def test_a_worker_has_no_file_of_the_engine_open(client: PoolClient) -> None:
    await client.rows(COUNT)
    links = {int(p.name): os.readlink(p) for p in Path(f"/proc/{client.pid}/fd").iterdir()}  # noqa: PTH115 - no path
    assert all(
        re.match(r"pipe:|/dev/null|anon_inode|/.*\.parquet", link) for n, link in links.items() if n not in (1, 2)
    )
