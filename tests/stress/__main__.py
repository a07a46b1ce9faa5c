"""Repeats work that once hung on a busy machine: `python -m tests.stress {threads,workers} [--rounds 200] [--busy 2]`.

`threads` starts a server, sends it many first messages at once, and stops it once all of them are accepted. In every
tenth round, it waits for their runs as well, and sends as many messages again. `workers` starts three `cfo worker` on a
new PostgreSQL database at once, and stops each as soon as it is ready. Busy loops run at the same time. If nothing
moves for 30 seconds, the tasks and stacks of every process are printed, and the program ends with 1. The seconds are
processor time of a busy loop: where other programs take most of the processor, a slow start is not a hang.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from tests.bench.company import NAME, environment, new_root
from tests.bench.model_server import QUESTION, served
from tests.bench.serving import Server, serving
from tests.postgres import Server as Postgres
from tests.postgres import find_programs
from tests.processes import processes_of, seconds_used
from tests.stress.watched import print_tasks

_SILENCE = 30.0
"""Seconds without progress, on the clock of the busy loops, after which a round counts as hung."""
_LOOK = 1.0
_THREADS = 100
_WHOLE = 10
"""How often a round also waits for the runs. It then takes ten times as long, and what once hung was accepting them."""
_WORKERS = 3
_Moved = Callable[[], None]
_Clock = Callable[[], float]
_Round = Callable[[int, _Moved], Awaitable[None]]


class Hung(Exception):
    """Nothing has moved for `_SILENCE` seconds."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress")
    parser.add_argument("suspect", choices=("threads", "workers"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--busy", type=int, default=2, help="how many busy loops run beside it")
    options = parser.parse_args()
    started = time.monotonic()
    with _busy_loops(options.busy) as clock, contextlib.ExitStack() as stack:
        if options.suspect == "threads":
            once = _threads
        else:
            programs = find_programs()
            if programs is None:
                print("No PostgreSQL server is installed. Install the Debian package postgresql.")
                return 1
            postgres = Postgres(programs)
            stack.callback(postgres.remove)
            once = _workers_on(postgres)
        for number in range(1, options.rounds + 1):
            try:
                asyncio.run(_watched(functools.partial(once, number), clock))
            except Hung:
                print(f"{options.suspect}: round {number} of {options.rounds} hung", flush=True)
                return 1
            if number % 10 == 0 or number == options.rounds:
                print(f"{options.suspect}: {number} rounds ended, {time.monotonic() - started:.0f} s", flush=True)
    return 0


@contextlib.contextmanager
def _busy_loops(count: int) -> Iterator[_Clock]:
    """Yields the clock: the processor time that a loop has used on average, or the real time if there are none."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield lambda: sum(seconds_used(loop.pid) for loop in loops) / count if loops else time.monotonic()
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


async def _watched(once: Callable[[_Moved], Awaitable[None]], clock: _Clock) -> None:
    """Runs a round. Raises `Hung`, after printing what every process is doing, if it stops moving."""
    last = clock()

    def moved() -> None:
        nonlocal last
        last = clock()

    async def watch() -> None:
        while clock() - last < _SILENCE:  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(_LOOK)
        print_tasks()
        for signum in (signal.SIGUSR1, signal.SIGUSR2):
            for pid in _programs():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signum)
            await asyncio.sleep(_LOOK)
        raise Hung

    watching = asyncio.create_task(watch())
    working = asyncio.ensure_future(once(moved))
    await asyncio.wait([watching, working], return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        watching.cancel()
        working.result()
        return
    for pid in _programs():  # they may no longer exit cleanly
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    working.cancel()
    await asyncio.wait([working], timeout=_SILENCE)
    watching.result()


def _programs() -> list[int]:
    """The processes that print their tasks on a signal."""
    found: list[int] = []
    for pid in processes_of(os.getpid()):
        with contextlib.suppress(OSError):
            if b"tests.stress.watched" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


async def _threads(number: int, moved: _Moved) -> None:
    async with serving(command=("-m", "tests.stress.watched", "cfo_api")) as server:
        moved()
        runs = await asyncio.gather(*(_accepted(server, moved) for _ in range(_THREADS)))
        if number % _WHOLE == 0:
            statuses = await asyncio.gather(*(_status_of(server, run_id, moved) for run_id in runs))
            assert set(statuses) == {"succeeded"}, statuses
            await asyncio.gather(*(_accepted(server, moved) for _ in range(_THREADS)))
    moved()


async def _accepted(server: Server, moved: _Moved) -> str:
    """Starts a thread, and returns the id of its run."""
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
    assert answer.status_code == 202, answer.text
    moved()
    return answer.json()["run"]["run_id"]


async def _status_of(server: Server, run_id: str, moved: _Moved) -> str:
    status = await server.status_of(run_id)
    moved()
    return status


def _workers_on(postgres: Postgres) -> _Round:
    async def once(number: int, moved: _Moved) -> None:
        with new_root() as root, served() as model_url:
            variables = {**environment(root, model_url), "CFO_DATABASE_URL": postgres.database()}
            codes = await asyncio.gather(*(_one_worker({**os.environ, **variables}, moved) for _ in range(_WORKERS)))
        moved()
        assert set(codes) == {0}, codes

    return once


async def _one_worker(variables: dict[str, str], moved: _Moved) -> int:
    command = [sys.executable, "-m", "tests.stress.watched", "cfo_kernel", "worker"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=variables)
    assert process.stdout
    line = await process.stdout.readline()
    assert line.startswith(b"Executing the runs in "), line
    moved()
    process.terminate()
    code = await process.wait()
    moved()
    return code


if __name__ == "__main__":
    sys.exit(main())
