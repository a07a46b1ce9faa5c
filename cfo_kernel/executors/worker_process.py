"""The engine's side of a worker process: starts it when needed, sends one request at a time, and stops late ones."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cfo_kernel import errors
from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.executors import framing, import_paths
from cfo_kernel.executors.error_output import ErrorOutput

T = TypeVar("T")
Progress = Callable[[float, float], None]
"""Called with the amount of work done, and the total amount."""
OnStage = Callable[[Any], None]
"""Called with each stage that the process reports. It is not validated."""
_REPLACE_AFTER = (errors.QueryOutOfMemory.code, errors.WorkerLost.code)
"""After these errors the process is replaced, because the next query would lack the same memory or file."""
_START_SECONDS = 60
_GRACE_SECONDS = 0.3  # for a request to stop; then the process is killed
_ENVIRONMENT = {
    "TZ": "UTC",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Includes nothing from the engine's environment, which contains its keys.

Arrow's own memory pool and several malloc arenas would take 2 GiB of the worker's address space before it holds a
single row. Workers do not multiply matrices, so threads for that would only slow down their start.
"""


def workbench_closed() -> errors.WorkbenchClosed:
    """The error for a request to a worker that was closed."""
    return errors.WorkbenchClosed("The workbench was closed. Call connect() again.")


async def wait_briefly(process: asyncio.subprocess.Process | None) -> None:
    """Waits briefly for a process that is about to end, because asyncio logs a warning if it is killed at that
    moment.
    """
    if process is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()


class Worker(Protocol):
    """The protocol of a worker, as the data package needs it. `WorkerProcess` implements it with a process."""

    async def ask(
        self,
        op: str,
        timeout: float,  # noqa: ASYNC109 - it kills
        *,
        on_stage: OnStage | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Sends a request, and returns the answer. Raises the worker's error, `QueryTimeout` or `WorkerLost`."""
        ...

    async def close(self) -> None: ...


class ScriptedWorker:
    """A test double that returns a prepared answer for each `op`, and records the requests."""

    def __init__(self, answers: dict[str, dict[str, Any] | Exception]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(
        self,
        op: str,
        timeout: float,  # noqa: ARG002, ASYNC109 - as above
        *,
        on_stage: OnStage | None = None,  # noqa: ARG002 - as above
        **arguments: Any,
    ) -> dict[str, Any]:
        self.asked.append((op, arguments))
        answer = self.answers[op]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None


class WorkerProcess:
    """Runs a module as a process without the engine's environment.

    If the process is lost, the next request restarts it. `setup` is the first request to a new process, for example
    with the files that it may open. A request that is late or cancelled is asked to stop, and if it does, the process
    stays warm. The process is killed if the request cannot be stopped (`can_stop`) or does not stop in time. It is also
    killed if it sends an answer of more than `max_answer` bytes, or if it keeps more than `max_kept` bytes of address
    space after a request, because the next request would lack that space.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        setup: dict[str, Any] | None = None,
        can_stop: bool = False,
        max_answer: int | None = None,
        max_kept: int | None = None,
    ) -> None:
        self._command = import_paths.command(module, *arguments)
        self._errors = ErrorOutput(None)
        self._has_answered = False
        self._setup = setup
        self._can_stop = can_stop
        self._max_answer = max_answer
        self._max_kept = max_kept
        self._is_set_up = False
        self._is_closed = False
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._number = 0

    async def ask(
        self,
        op: str,
        timeout: float,  # noqa: ASYNC109 - it stops the work, and kills the process if need be
        *,
        on_progress: Progress | None = None,
        on_stage: OnStage | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Sends a request, and returns the answer.

        Stops it after `timeout` seconds, not counting the start of the process. Raises `WorkbenchClosed` after `close`,
        even if `close` is called in the meantime.
        """
        async with self._lock:
            process = await self._with_timeout(self._ready(), _START_SECONDS)
            self._number += 1
            request = {"op": op, "id": self._number, **arguments}
            try:
                return await self._with_timeout(self._exchange(process, request, on_progress, on_stage), timeout)
            finally:
                if self._max_kept is not None and _address_space(process.pid) > self._max_kept:
                    await self._kill()

    async def start(self) -> None:
        """Starts the process ahead of its first request. Raises the errors of `ask`."""
        async with self._lock:
            await self._with_timeout(self._ready(), _START_SECONDS)

    async def restart_with(self, setup: dict[str, Any]) -> None:
        """Changes the setup. A running process gets it before its next request."""
        async with self._lock:
            self._setup, self._is_set_up = setup, False

    async def close(self) -> None:
        """Ends the process permanently, and waits until any request in progress has failed."""
        self._is_closed = True
        await self._kill()
        await self._errors.close()
        async with self._lock:  # a process that is still starting is not in `_process` yet; `_ready` kills it
            pass

    async def _with_timeout(self, exchange: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of the exchange. If it is late or cancelled, the work is stopped before this raises."""
        task = asyncio.ensure_future(exchange)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            await self._stop(task)
            raise
        if not done:
            await self._stop(task)
            message = (
                f"The query took longer than {seconds:g} s and was stopped. Select less data, or filter to fewer rows."
            )
            raise errors.QueryTimeout(message, retryable=True)
        try:
            return task.result()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, LookupError, TypeError) as error:
            # The process died, or sent something that is not an answer. Its stream cannot be trusted after that.
            await wait_briefly(self._process)
            await self._kill()
            if self._is_closed:
                raise workbench_closed() from error
            if not self._has_answered and (reason := await self._errors.reason()):
                message = f"A worker process did not start: {reason}. Repair the installation, then try again."
                raise errors.WorkerLost(message, retryable=False) from error
            message = "The worker process died. Try again with less data at a time."
            raise errors.WorkerLost(message, retryable=True) from error

    async def _stop(self, task: "asyncio.Future[Any]") -> None:
        """Stops the work without being interrupted by a second cancellation.

        If the next request were sent before this one has ended, it would read this one's answer from the pipe.
        """
        stopping = asyncio.ensure_future(self._stop_or_kill(task))
        is_cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                is_cancelled = True
        if is_cancelled:
            raise asyncio.CancelledError

    async def _stop_or_kill(self, task: "asyncio.Future[Any]") -> None:
        process = self._process
        if self._can_stop and self._is_set_up and process is not None and process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(framing.pack({"stop": self._number}))
                await asyncio.wait({task}, timeout=_GRACE_SECONDS)
        if not task.done():
            await self._kill()
        await cancel_and_wait(task)

    async def _ready(self) -> asyncio.subprocess.Process:
        """The process, started and set up."""
        if self._is_closed:
            raise workbench_closed()
        process = self._process
        if process is None or process.returncode is not None:
            self._is_set_up = False
            pipe = asyncio.subprocess.PIPE
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl+C in the terminal must reach only the engine
            )
            self._errors, self._has_answered = ErrorOutput(process.stderr), False
            if self._is_closed:  # closed while the process was being started
                await self._kill()
                raise workbench_closed()
        if self._setup and not self._is_set_up:
            await self._exchange(process, self._setup)
        self._is_set_up = True
        return process

    async def _exchange(
        self,
        process: asyncio.subprocess.Process,
        request: dict[str, Any],
        on_progress: Progress | None = None,
        on_stage: OnStage | None = None,
    ) -> dict[str, Any]:
        """Sends a request, reports progress and stages, and returns the value. Raises the worker's error."""
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise ConnectionError("the process has no pipes")
        requests.write(framing.pack(request))
        await requests.drain()
        while not {"value", "error"} & (answer := await self._read_frame(answers)).keys():
            self._has_answered = True
            if "stage" not in answer:
                done = float(answer["progress"])
                if on_progress is not None:
                    on_progress(done, 100.0)
            elif on_stage is not None:
                on_stage(answer["stage"])
        self._has_answered = True
        if "error" in answer:
            problem = answer["error"]
            if problem["code"] in _REPLACE_AFTER:
                await self._kill()
            raise errors.restored(problem["code"], problem["message"], **problem["details"])
        return answer["value"]

    async def _read_frame(self, answers: asyncio.StreamReader) -> dict[str, Any]:
        (length,) = framing.HEADER.unpack(await answers.readexactly(framing.HEADER.size))
        limit = self._max_answer or framing.MAX_FRAME
        if length > limit:
            await self._kill()
            message = "The answer is larger than 256 MB. Select fewer rows or columns."
            raise errors.QueryOutOfMemory(message, retryable=True)
        return json.loads(await answers.readexactly(length))

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _address_space(pid: int) -> int:
    """The process's address space in bytes, or 0 if it has ended or the system does not report the size."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
