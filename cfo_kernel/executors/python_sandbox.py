"""The executor that confines Python by the kernel itself: a fresh process for each program, forked from a warm one."""

import asyncio
import math
import time
from dataclasses import asdict

from cfo_kernel.executors import python_answer
from cfo_kernel.executors.confine import Bounds
from cfo_kernel.executors.python_executor import ANSWER, PythonCall, PythonResult
from cfo_kernel.executors.python_process import COMMAND, Zygote


class ConfinedExecutor:
    """Runs each program in a process of its own under Landlock, seccomp and limits; `at_once` of them at a time.

    The first call starts the zygote (a second or two); later ones take some ten milliseconds beyond the program.
    """

    def __init__(self, *, at_once: int = 4, command: tuple[str, ...] = COMMAND) -> None:
        self._zygote = Zygote(command)
        self._places = asyncio.Semaphore(at_once)

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`."""
        async with self._places:
            child = await self._zygote.fork()
            start = time.perf_counter()
            try:
                (call.scratch / ANSWER).mkdir()
                async with asyncio.timeout(call.limits.seconds):
                    await child.tell(_request(call))
                    status = await python_answer.watched(child.end(), call, child.written)
            except TimeoutError as error:
                raise python_answer.timed_out(call) from error
            finally:
                await child.close()
            return python_answer.read(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `PythonExecutor`."""
        await self._zygote.close()


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
