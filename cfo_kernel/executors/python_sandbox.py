"""The executor that confines Python by the kernel itself: a fresh process for each program, forked from a warm one."""

import asyncio
import contextlib
import math
import time
from dataclasses import asdict

from cfo_kernel.errors import PythonTimeout
from cfo_kernel.executors import python_answer, python_scratch
from cfo_kernel.executors.base import ANSWER, PythonCall, PythonResult
from cfo_kernel.executors.confine import Bounds
from cfo_kernel.executors.python_process import COMMAND, Child, Zygote

_LOOK_SECONDS = 0.05


class ConfinedPython:
    """Runs each program in a process of its own under Landlock, seccomp and limits; `at_once` of them at a time.

    The first call starts the zygote (a second or two); later ones take some ten milliseconds beyond the program.
    """

    def __init__(self, *, at_once: int = 4, command: tuple[str, ...] = COMMAND) -> None:
        self._zygote = Zygote(command)
        self._places = asyncio.Semaphore(at_once)

    async def run(self, call: PythonCall) -> PythonResult:
        """See `Executor`."""
        async with self._places:
            child = await self._zygote.fork()
            start = time.perf_counter()
            try:
                (call.scratch / ANSWER).mkdir()
                async with asyncio.timeout(call.limits.seconds):
                    await child.tell(_request(call))
                    status = await _end(child, call)
            except TimeoutError as error:
                raise timed_out(call) from error
            finally:
                await child.close()
            return python_answer.read(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `Executor`."""
        await self._zygote.close()


def timed_out(call: PythonCall) -> PythonTimeout:
    """The error of a program that was killed because its time was over."""
    message = f"The program took longer than {call.limits.seconds:g} s and was stopped. Work on fewer rows."
    return PythonTimeout(message)


async def _end(child: Child, call: PythonCall) -> int:
    """The exit status of the child, which is looked at from time to time: the kernel limits a file, not a folder."""
    end = asyncio.ensure_future(child.end())
    try:
        while not (await asyncio.wait({end}, timeout=_LOOK_SECONDS))[0]:
            if over := python_scratch.excess(call.scratch, call.limits, child.written()):
                raise python_answer.stopped(over)
        return end.result()
    finally:
        end.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await end


def _request(call: PythonCall) -> dict[str, object]:
    limits = call.limits
    bounds = Bounds(
        memory_bytes=limits.memory_bytes,
        cpu_seconds=math.ceil(limits.seconds),
        file_bytes=limits.disk_bytes,
        threads=limits.threads,
    )
    return {
        "program": python_answer.request(call),
        "bounds": asdict(bounds),
        "scratch": str(call.scratch),
        "answer": str(call.scratch / ANSWER),
    }
