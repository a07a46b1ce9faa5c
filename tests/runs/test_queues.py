"""The run queue: one contract for the queue for one machine and the queue for several machines."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from cfo_kernel.runs.journal import RunRow
from cfo_kernel.runs.queue import MAX_CONCURRENT_RUNS
from tests.runs.queues import FIRST_HANGS, HELD, Worker

REPOSITORY = Path(__file__).parents[2]
HANG_GUARD = 40  # seconds; a step usually takes well under one, and four if a dead worker is to be noticed


class Yard:
    """Workers on one database, each in a separate process or as if it were."""

    def __init__(self, kind: str, context: str, log: Path) -> None:
        self.kind = kind
        self._arguments = (kind, context, log)
        self._log = log
        self._workers: list[Worker] = []

    async def worker(self) -> Worker:
        self._workers.append(worker := Worker(*self._arguments))
        return await worker.open()

    @contextlib.asynccontextmanager
    async def program(self) -> AsyncIterator[asyncio.subprocess.Process]:
        command = [sys.executable, "-m", "tests.runs.queues", *map(str, self._arguments)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environment)
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def log(self) -> list[tuple[str, str, int]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [(what, run, int(pid)) for what, run, pid in map(str.split, lines)]

    def steps(self) -> list[str]:
        return [f"{what} {run}" for what, run, _ in self.log()]

    async def until(self, what: str, run: str) -> int:
        """Waits until a step is logged, and returns the id of the process that took it."""
        async with asyncio.timeout(HANG_GUARD):
            while not (found := [pid for step, name, pid in self.log() if (step, name) == (what, run)]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return found[0]

    async def begun(self, count: int) -> None:
        """Waits until that many runs have begun."""
        while len([step for step, *_ in self.log() if step == "begin"]) < count:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        for worker in self._workers:
            await worker.close()


@pytest.fixture(params=["table", "procrastinate"])
async def yard(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Yard]:
    context = request.getfixturevalue("postgres") if request.param == "procrastinate" else str(tmp_path)
    yard = Yard(request.param, context, tmp_path / "log")
    yield yard
    await yard.close()


async def within(work: Awaitable[object], seconds: float = HANG_GUARD) -> None:
    async with asyncio.timeout(seconds):
        await work


async def test_the_runs_of_a_thread_execute_one_at_a_time_in_order(yard: Yard) -> None:
    one, two = await yard.worker(), await yard.worker()
    names = [str(n) for n in range(6)]
    for name in names:
        await (one if int(name) % 2 else two).send(name, work="0.05")
    for name in names:
        await within(one.end(name))
    assert yard.steps() == [f"{what} {name}" for name in names for what in ("begin", "end")]


async def test_threads_execute_concurrently_up_to_a_limit(yard: Yard) -> None:
    worker = await yard.worker()
    names = [str(n) for n in range(MAX_CONCURRENT_RUNS + 4)]
    await asyncio.gather(*(worker.send(name, thread=name, work=HELD) for name in names))
    await within(yard.begun(MAX_CONCURRENT_RUNS))
    worker.released.set()
    for name in names:
        await within(worker.end(name))
    at_once, most = 0, 0
    for what, *_ in yard.log():
        at_once += 1 if what == "begin" else -1
        most = max(most, at_once)
    assert most == MAX_CONCURRENT_RUNS


async def test_children_do_not_wait_for_their_parents_thread(yard: Yard) -> None:
    worker = await yard.worker()
    names = [str(n) for n in range(MAX_CONCURRENT_RUNS)]
    for name in names:
        await worker.send(name, thread=name, work="child")
    for name in names:
        await within(worker.end(name))


async def test_another_worker_takes_over_the_runs_of_a_killed_one_in_order(yard: Yard) -> None:
    async with yard.program() as process:
        there = Worker(*yard._arguments)  # pyright: ignore[reportPrivateUsage] - accepts runs, executes none
        await there.journal.open()
        if yard.kind == "table":  # the accepting process executes the run
            there.queue.accepts_as = ""
            for name in ("killed", "next"):
                await there.accept(name, work=FIRST_HANGS if name == "killed" else "0")
        else:
            await there.queue.open(there.perform)
            there.queue.pause()
            for name in ("killed", "next"):
                await there.send(name, work=FIRST_HANGS if name == "killed" else "0")
        assert await yard.until("begin", "killed") == process.pid
        worker = await yard.worker()
        await worker.send("last")
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        for name in ("killed", "next", "last"):
            await within(worker.end(name))
    assert yard.steps() == ["begin killed", *(f"{w} {n}" for n in ("killed", "next", "last") for w in ("begin", "end"))]
    killed = await worker.journal.run("killed")
    assert killed.deaths == 1
    assert killed.owner == worker.queue.me
    assert (await worker.journal.run("next")).deaths == 0  # it was waiting, so it did not cause the crash
    await there.close()


async def test_another_worker_takes_over_the_runs_of_a_closed_one_at_once(yard: Yard) -> None:
    leaving = await yard.worker()
    await leaving.send("1", work=FIRST_HANGS)
    await yard.until("begin", "1")
    staying = await yard.worker()
    await leaving.send("2")
    await within(leaving.close())
    for name in ("1", "2"):
        await within(staying.end(name))
    run = await staying.journal.run("1")
    assert (run.deaths, run.owner) == (0, staying.queue.me)
    assert yard.steps() == ["begin 1", "begin 1", "end 1", "begin 2", "end 2"]


async def test_an_accepted_run_that_was_never_enqueued_is_found(yard: Yard) -> None:
    worker = await yard.worker()
    worker.queue.accepts_as = ""  # as if its process had ended between the two steps
    await worker.accept("1")
    await within(worker.end("1"))
    assert yard.steps() == ["begin 1", "end 1"]


async def test_a_process_is_alive_for_others_while_it_is_open(yard: Yard) -> None:
    one, two = await yard.worker(), await yard.worker()
    assert one.queue.is_alive(two.queue.me)
    assert one.queue.is_alive(one.queue.me)
    assert not one.queue.is_alive("")


async def test_a_dropped_run_is_performed_again_and_counts_as_a_crash(yard: Yard) -> None:
    worker, failures = await yard.worker(), iter([True])
    perform = worker.queue._perform  # pyright: ignore

    async def fails_once(run: RunRow) -> None:
        if next(failures, False):
            raise ZeroDivisionError
        await perform(run)

    worker.queue._perform = fails_once  # pyright: ignore
    await worker.send("1")
    await within(worker.end("1"))
    assert (await worker.journal.run("1")).deaths == 1
