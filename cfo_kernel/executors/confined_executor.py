"""The Python executor for Linux: runs each program in a new, confined process that is forked from a warm one."""

import asyncio
import math
import time
from dataclasses import asdict

from cfo_kernel.executors import python_results
from cfo_kernel.executors.confine import ProcessLimits
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult
from cfo_kernel.executors.python_zygote_client import ZygoteClient


class ConfinedExecutor:
    """Runs each program in a process confined by Landlock, seccomp and limits, at most `at_once` at the same time.

    The first call starts the zygote, which takes a second or two. After that, each call adds about ten milliseconds to
    the program's own duration.
    """

    def __init__(self, *, at_once: int = 4, command: tuple[str, ...] | None = None) -> None:
        self._zygote = ZygoteClient(command)
        self._free = asyncio.Semaphore(at_once)

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`."""
        async with self._free:
            process = await self._zygote.fork()
            start = time.perf_counter()
            try:
                (call.scratch / ANSWER_FOLDER).mkdir()
                async with asyncio.timeout(call.limits.seconds):
                    await process.send(_request(call))
                    status = await python_results.watch(process.exit_status(), call, process.bytes_written)
            except TimeoutError as error:
                raise python_results.timeout_error(call) from error
            finally:
                await process.close()
            return await python_results.read_result(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `PythonExecutor`."""
        await self._zygote.close()


def _request(call: PythonCall) -> dict[str, object]:
    """The request for the process: the program, its folders, and the limits that the process sets for itself."""
    limits = ProcessLimits(
        memory_bytes=call.limits.memory_bytes,
        cpu_seconds=math.ceil(call.limits.seconds),
        file_bytes=call.limits.disk_bytes,
        threads=call.limits.threads,
    )
    return {
        "program": python_results.program_request(call),
        "limits": asdict(limits),
        "scratch": str(call.scratch),
        "answer": str(call.scratch / ANSWER_FOLDER),
    }
