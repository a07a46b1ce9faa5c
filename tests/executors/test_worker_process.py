"""Worker processes are killed when late, replaced when lost, and started without the engine's environment."""

import asyncio
import os
import signal
import sys
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
from cfo_kernel.executors import framing, worker_process
from cfo_kernel.executors.worker_process import ScriptedWorker, Worker, WorkerProcess
from tests.executors.conftest import Company, commands
from tests.executors.hostile_statements import UNINTERRUPTIBLE

SLOW = "SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
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


def has_process(folder: Path) -> bool:
    """Whether a process is running that was given this folder."""
    return any(str(folder).encode() in command for command in commands())


def pid(worker: WorkerProcess) -> int:
    process = worker._process
    assert process is not None
    return process.pid


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ensures that a worker is not killed if it stops slowly because the machine is busy."""
    monkeypatch.setattr(worker_process, "_GRACE_SECONDS", 60)


async def running(worker: WorkerProcess, sql: str) -> "asyncio.Task[dict[str, object]]":
    """Starts a query, and returns once the worker has reported progress on it."""
    begun = asyncio.Event()
    work = worker.ask("query", 60, sql=sql, cap=5, file=None, on_progress=lambda *_: begun.set())
    task = asyncio.create_task(work)
    await asyncio.wait_for(begun.wait(), 60)
    return task


@pytest.mark.usefixtures("patient")
async def test_a_late_query_is_stopped_and_the_process_stays_warm(worker: WorkerProcess) -> None:
    assert await rows(worker) == [[6]]
    first = pid(worker)
    with pytest.raises(QueryTimeout, match=r"longer than 0.2 s"):
        await worker.ask("query", 0.2, sql=SLOW, cap=5, file=None)
    assert await rows(worker) == [[6]]
    assert pid(worker) == first


async def test_a_query_that_cannot_be_interrupted_is_killed(worker: WorkerProcess) -> None:
    assert await rows(worker) == [[6]]
    first = pid(worker)
    async with asyncio.timeout(60):  # the query itself takes many minutes
        with pytest.raises(QueryTimeout):
            await worker.ask("query", 0.2, sql=UNINTERRUPTIBLE, cap=5, file=None)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert await rows(worker) == [[6]]


async def test_the_answer_of_a_cancelled_query_does_not_reach_the_next(worker: WorkerProcess) -> None:
    slow = await running(worker, SLOW)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await rows(worker) == [[6]]


@pytest.mark.parametrize("sql", ["SELECT list(n) FROM range(300000000) t(n)", "SELECT length(repeat('x', 4000000000))"])
async def test_running_out_of_memory_is_an_error_and_the_next_query_is_answered(
    worker: WorkerProcess, sql: str
) -> None:
    with pytest.raises(QueryOutOfMemory):
        await rows(worker, sql)
    assert await rows(worker) == [[6]]


async def test_a_killed_worker_is_lost_and_then_replaced(worker: WorkerProcess) -> None:
    slow = await running(worker, SLOW)
    os.kill(pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerLost, match="Try again"):
        await slow
    assert await rows(worker) == [[6]]


async def test_a_worker_that_died_while_idle_is_restarted(worker: WorkerProcess, company: Company) -> None:
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


async def test_simultaneous_requests_are_answered_in_turn(worker: WorkerProcess) -> None:
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


async def test_an_error_keeps_its_class(worker: WorkerProcess) -> None:
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
    with pytest.raises(QueryOutOfMemory, match="Select fewer rows"):
        await rows(worker, "SELECT repeat('x', 2000)")
    assert await rows(worker) == [[6]]


async def test_closing_ends_the_process(worker: WorkerProcess) -> None:
    await rows(worker)
    ended = pid(worker)
    await worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(ended, 0)


@pytest.mark.parametrize("stage", ["before the start", "during the start", "during the setup", "during the query"])
async def test_closing_at_any_stage_leaves_no_process(worker: WorkerProcess, tmp_path: Path, stage: str) -> None:
    if stage == "during the query":
        slow = await running(worker, SLOW)
    else:
        slow = asyncio.create_task(rows(worker, SLOW))
        await asyncio.sleep(0)  # now the task waits for the process to be started
    async with asyncio.timeout(60):
        while stage == "during the start" and not has_process(tmp_path):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
        while stage == "during the setup" and worker._process is None:  # noqa: ASYNC110 - nor for this
            await asyncio.sleep(0)
    await worker.close()
    with pytest.raises(WorkbenchClosed):
        await slow
    assert not has_process(tmp_path)


@pytest.mark.parametrize("last", [framing.pack({"op": "nothing"})[:9], framing.HEADER.pack(3) + b"{x}"])
async def test_a_worker_ends_when_the_pipe_breaks_off_in_a_frame(last: bytes) -> None:
    code = "from cfo_kernel.executors import worker_server; worker_server.serve({}, 1 << 40)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", code, stdin=-1, stdout=-1, stderr=-3)
    try:
        await asyncio.wait_for(process.communicate(last), 60)
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_worker_whose_engine_died_before_its_answer_exits_quietly() -> None:
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
        assert await asyncio.wait_for(process.stderr.read(), 60) == b""
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_the_scripted_worker_answers_and_records() -> None:
    worker = ScriptedWorker({"query": {"rows": []}, "check": QueryTimeout("late")})
    assert await worker.ask("query", 1, sql="SELECT 1") == {"rows": []}
    with pytest.raises(QueryTimeout):
        await worker.ask("check", 1)
    await worker.close()
    assert worker.asked == [("query", {"sql": "SELECT 1"}), ("check", {})]
