"""Worker processes: killed when late, replaced when lost, and started with nothing of the engine's environment."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cfo_kernel.errors import (
    QueryFailed,
    QueryOutOfMemory,
    QueryTimeout,
    SqlPolicyViolation,
    WorkbenchClosed,
    WorkerLost,
)
from cfo_kernel.executors import framing
from cfo_kernel.executors.worker_process import ScriptedWorker, Worker, WorkerProcess
from tests.executors.conftest import Company, commands

SLOW = "SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
DEAF = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"  # hears no interruption
MODULE = "cfo_kernel.executors.sql_worker"
SIX = {"sql": "SELECT count(*) FROM ledger", "cap": 5, "file": None}


@pytest.fixture
async def worker(company: Company, tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    setup = {"op": "open", "tables": company.files}
    process = WorkerProcess(MODULE, str(company.folder), str(tmp_path), setup=setup, can_stop=True)
    yield process
    await process.close()


async def rows(worker: Worker, sql: str = SIX["sql"]) -> list[list[object]]:
    return (await worker.ask("query", 30, sql=sql, cap=5, file=None))["rows"]


def pid(worker: WorkerProcess) -> int:
    process = worker._process
    assert process is not None
    return process.pid


async def test_a_late_query_is_stopped_and_the_process_stays_warm(worker: WorkerProcess) -> None:
    assert await rows(worker) == [[6]]
    first = pid(worker)
    with pytest.raises(QueryTimeout, match=r"longer than 0.2 s"):
        await worker.ask("query", 0.2, sql=SLOW, cap=5, file=None)
    assert await rows(worker) == [[6]]
    assert pid(worker) == first


async def test_a_query_that_does_not_hear_is_killed_and_the_next_one_answered(worker: WorkerProcess) -> None:
    assert await rows(worker) == [[6]]
    first = pid(worker)
    begun = time.monotonic()
    with pytest.raises(QueryTimeout):
        await worker.ask("query", 0.2, sql=DEAF, cap=5, file=None)
    assert time.monotonic() - begun < 1.2
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert await rows(worker) == [[6]]


async def test_a_cancelled_query_does_not_answer_the_next_one(worker: WorkerProcess) -> None:
    await rows(worker)
    slow = asyncio.create_task(worker.ask("query", 30, sql=SLOW, cap=5, file=None))
    await asyncio.wait({slow}, timeout=0.1)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await rows(worker) == [[6]]


@pytest.mark.parametrize("sql", ["SELECT list(n) FROM range(300000000) t(n)", "SELECT length(repeat('x', 4000000000))"])
async def test_want_of_memory_is_an_error_and_the_next_query_is_answered(worker: WorkerProcess, sql: str) -> None:
    with pytest.raises(QueryOutOfMemory):
        await rows(worker, sql)
    assert await rows(worker) == [[6]]


async def test_a_killed_worker_is_lost_and_then_replaced(worker: WorkerProcess) -> None:
    await rows(worker)
    slow = asyncio.create_task(worker.ask("query", 30, sql=SLOW, cap=5, file=None))
    await asyncio.wait({slow}, timeout=0.1)
    os.kill(pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerLost, match="the next query gets a new worker"):
        await slow
    assert await rows(worker) == [[6]]


async def test_a_worker_that_died_while_idle_is_not_missed(worker: WorkerProcess, company: Company) -> None:
    await rows(worker)
    process = worker._process
    assert process is not None
    process.kill()
    await process.wait()
    await worker.restart_with({"op": "open", "tables": {"prices": company.files["prices"]}})
    assert await rows(worker, "SELECT count(*) FROM prices") == [[2]]


async def test_new_tables_are_opened_before_the_next_request(worker: WorkerProcess, company: Company) -> None:
    assert await rows(worker) == [[6]]
    before = pid(worker)
    await worker.restart_with({"op": "open", "tables": {"prices": company.files["prices"]}})
    assert await rows(worker, "SELECT count(*) FROM prices") == [[2]]
    assert pid(worker) == before


async def test_requests_at_once_are_answered_in_turn(worker: WorkerProcess) -> None:
    answers = await asyncio.gather(*(rows(worker, f"SELECT {i}") for i in range(20)))
    assert answers == [[[i]] for i in range(20)]


async def test_the_worker_sees_nothing_of_the_engines_environment(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-workers")
    await rows(worker)
    seen = Path(f"/proc/{pid(worker)}/environ").read_bytes().decode().rstrip("\0").split("\0")
    names = [setting.partition("=")[0] for setting in seen]
    assert names == ["TZ", "ARROW_DEFAULT_MEMORY_POOL", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"]
    assert Path(f"/proc/{pid(worker)}/cwd").readlink() == Path("/")
    with pytest.raises(SqlPolicyViolation):
        await rows(worker, "SELECT getenv('OPENAI_API_KEY')")


async def test_an_error_comes_back_as_itself(worker: WorkerProcess) -> None:
    with pytest.raises(SqlPolicyViolation) as caught:
        await rows(worker, "DROP VIEW ledger")
    assert caught.value.code == "sql_policy_violation"
    with pytest.raises(QueryFailed, match="KeyError"):
        await worker.ask("nothing", 30)


async def test_an_answer_too_large_for_the_pipe_is_refused(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rows(worker)
    monkeypatch.setattr(framing, "MAX_FRAME", 1000)
    with pytest.raises(QueryOutOfMemory, match="Ask for fewer rows"):
        await rows(worker, "SELECT repeat('x', 2000)")
    assert await rows(worker) == [[6]]


async def test_closing_ends_the_process(worker: WorkerProcess) -> None:
    await rows(worker)
    ended = pid(worker)
    await worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(ended, 0)


@pytest.mark.parametrize("seconds", [0, 0.005, 0.5, 3])
async def test_a_close_in_the_middle_leaves_no_process(worker: WorkerProcess, tmp_path: Path, seconds: float) -> None:
    """Before the process is there, while it starts, and while the query runs."""
    slow = asyncio.create_task(rows(worker, SLOW))
    await asyncio.sleep(seconds)
    await worker.close()
    with pytest.raises(WorkbenchClosed):
        await slow
    assert not [command for command in commands() if str(tmp_path).encode() in command]


@pytest.mark.parametrize("last", [framing.pack({"op": "nothing"})[:9], framing.HEADER.pack(3) + b"{x}"])
async def test_a_worker_does_not_outlive_an_engine_that_broke_off(last: bytes) -> None:
    code = "from cfo_kernel.executors import worker_server; worker_server.serve({}, 1 << 40)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", code, stdin=-1, stdout=-1, stderr=-3)
    try:
        await asyncio.wait_for(process.communicate(last), 20)
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_worker_whose_engine_died_before_its_answer_ends_without_a_word() -> None:
    code = "from cfo_kernel.executors import worker_server; worker_server.serve({'answer': lambda: 1}, 1 << 40)"
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", code, stdin=-1, stdout=writing, stderr=-1
    )
    os.close(writing)
    assert process.stdin
    assert process.stderr
    process.stdin.write(framing.pack({"op": "answer", "id": 1}))
    try:
        assert await asyncio.wait_for(process.stderr.read(), 20) == b""
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_the_scripted_worker_stands_in() -> None:
    worker = ScriptedWorker({"query": {"rows": []}, "check": QueryTimeout("late")})
    assert await worker.ask("query", 1, sql="SELECT 1") == {"rows": []}
    with pytest.raises(QueryTimeout):
        await worker.ask("check", 1)
    await worker.close()
    assert worker.asked == [("query", {"sql": "SELECT 1"}), ("check", {})]
