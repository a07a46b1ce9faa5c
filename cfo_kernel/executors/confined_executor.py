"""The executor that confines Python by the kernel itself: a fresh process for each program, forked from a warm one."""

import asyncio
import math
import time
from dataclasses import asdict

from cfo_kernel.executors import python_results
from cfo_kernel.executors.confine import ProcessLimits
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult
from cfo_kernel.executors.python_zygote_client import COMMAND, ZygoteClient


class ConfinedExecutor:
    """Runs each program in a process of its own under Landlock, seccomp and limits; `at_once` of them at a time.

    The first call starts the zygote (a second or two); later ones take some ten milliseconds beyond the program.
    """

    def __init__(self, *, at_once: int = 4, command: tuple[str, ...] = COMMAND) -> None:
        self._zygote = ZygoteClient(command)
        self._places = asyncio.Semaphore(at_once)

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`."""
        async with self._places:
            child = await self._zygote.fork()
            start = time.perf_counter()
            try:
                (call.scratch / ANSWER_FOLDER).mkdir()
                async with asyncio.timeout(call.limits.seconds):
                    await child.tell(_request(call))
                    status = await python_results.watch(child.end(), call, child.written)
            except TimeoutError as error:
                raise python_results.timeout_error(call) from error
            finally:
                await child.close()
            return python_results.read_result(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `PythonExecutor`."""
        await self._zygote.close()


def _request(call: PythonCall) -> dict[str, object]:
    limits = call.limits
    bounds = ProcessLimits(
        memory_bytes=limits.memory_bytes,
        cpu_seconds=math.ceil(limits.seconds),
        file_bytes=limits.disk_bytes,
        threads=limits.threads,
    )
    return {
        "program": python_results.program_request(call),
        "bounds": asdict(bounds),
        "scratch": str(call.scratch),
        "answer": str(call.scratch / ANSWER_FOLDER),
    }
