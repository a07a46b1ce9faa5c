"""Repeats what once hung on a busy machine: `python -m tests.stress {threads,workers} [--rounds 200] [--busy 2]`.

`threads` starts a server and sends it many first messages at once. `workers` starts three `cfo worker` on a new
PostgreSQL database at once, and stops each as soon as it is ready. Busy loops run beside them. If nothing moves for 30
seconds, the tasks and stacks of every process are printed, and the program ends with 1.
"""

import argparse
import asyncio
import contextlib
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
from tests.processes import processes_of
from tests.stress.watched import print_tasks

_SILENCE = 30.0
"""Seconds without progress after which a round counts as hung."""
_LOOK = 1.0
_THREADS = 100
_WORKERS = 3
_Moved = Callable[[], None]


class Hung(Exception):
    """Nothing has moved for `_SILENCE` seconds."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress")
    parser.add_argument("suspect", choices=("threads", "workers"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--busy", type=int, default=2, help="how many busy loops run beside it")
    options = parser.parse_args()
    started = time.monotonic()
    with _busy_loops(options.busy), contextlib.ExitStack() as stack:
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
                asyncio.run(_watched(once))
            except Hung:
                print(f"{options.suspect}: round {number} of {options.rounds} hung", flush=True)
                return 1
            if number % 10 == 0 or number == options.rounds:
                print(f"{options.suspect}: {number} rounds ended, {time.monotonic() - started:.0f} s", flush=True)
    return 0


@contextlib.contextmanager
def _busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


async def _watched(once: Callable[[_Moved], Awaitable[None]]) -> None:
    """Runs a round. Raises `Hung`, after printing what every process is doing, if it stops moving."""
    last = time.monotonic()

    def moved() -> None:
        nonlocal last
        last = time.monotonic()

    async def watch() -> None:
        while time.monotonic() - last < _SILENCE:  # noqa: ASYNC110 - time is what it waits for
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
    for pid in _programs():  # they may no longer end in an orderly way
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


async def _threads(moved: _Moved) -> None:
    async with serving(command=("-m", "tests.stress.watched", "cfo_api")) as server:
        moved()
        statuses = await asyncio.gather(*(_one_thread(server, moved) for _ in range(_THREADS)))
    moved()
    assert set(statuses) == {"succeeded"}, statuses


async def _one_thread(server: Server, moved: _Moved) -> str:
    answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
    assert answer.status_code == 202, answer.text
    moved()
    status = await server.status_of(answer.json()["run"]["run_id"])
    moved()
    return status


def _workers_on(postgres: Postgres) -> Callable[[_Moved], Awaitable[None]]:
    async def once(moved: _Moved) -> None:
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
