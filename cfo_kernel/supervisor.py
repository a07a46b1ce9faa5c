"""A process supervisor: starts processes, shows their output, restarts those that exit, and finally stops them.

The processes end when this one does, even if it is killed.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from cfo_kernel.errors import ProcessCrashLoop

_QUICK_EXIT = 15.0
"""A process that exits within this many seconds after it was started counts as a quick exit."""
_MAX_QUICK_EXITS = 5
"""After this many quick exits in a row, the process is not restarted."""
_LONGEST_PAUSE = 10.0
_STOP_TIMEOUT = 6.0
"""How many seconds a process has to exit after SIGTERM."""
_READY_INTERVAL = 0.15
_PR_SET_PDEATHSIG = 1
_NAME_WIDTH = 5
_RESET = "\033[0m"


@dataclass(frozen=True)
class SupervisedProcess:
    """A process to run. `ready_url` returns status 200 once it is ready; `colour` is the colour of its output."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready_url: str
    colour: str


class Supervisor:
    """Runs processes until it is stopped. Redacts `secrets` in everything that they print."""

    def __init__(
        self, processes: Sequence[SupervisedProcess], secrets: Sequence[str], print_line: Callable[[str], None]
    ) -> None:
        self._processes = processes
        self._secrets = secrets
        self._print_line = print_line
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Stops all processes. `run` returns once they have exited."""
        self._stopping.set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Runs all processes until `stop`. Calls `on_ready` once, when all of them are ready.

        Raises `ProcessCrashLoop`, or any error from `print_line` or `on_ready`.
        """
        running = [asyncio.create_task(self._keep_running(process)) for process in self._processes]
        waiting = self._start_task(self._wait_until_ready(on_ready))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            waiting.cancel()
            ends = await asyncio.gather(*running, return_exceptions=True)
        for end in (*ends, self._failure):
            if isinstance(end, BaseException):
                raise end

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts a task whose failure stops everything.

        If a process's output can no longer be printed (`cfo up | head`), nothing reads it, and the process would hang
        once its pipe is full.
        """
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()):
            self._failure = self._failure or failure
            self._stopping.set()

    async def _keep_running(self, process: SupervisedProcess) -> None:
        quick_exits = 0
        while not self._stopping.is_set():
            started_at = time.monotonic()
            code = await self._run_once(process)
            if self._stopping.is_set():
                return
            quick_exits = quick_exits + 1 if time.monotonic() - started_at < _QUICK_EXIT else 1
            if quick_exits > _MAX_QUICK_EXITS:
                raise ProcessCrashLoop(
                    f"{process.name} exited {quick_exits} times right after it was started. Its last output says why."
                )
            pause = min(2.0 ** (quick_exits - 1) / 2, _LONGEST_PAUSE)
            self._show_line(process, f"ended ({_exit_reason(code)}); restarting in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self, process: SupervisedProcess) -> int:
        """Runs the process until it exits and returns its exit code. Kills it `_STOP_TIMEOUT` seconds after a stop."""
        child = await asyncio.create_subprocess_exec(
            *process.command,
            env=process.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C in the terminal reaches only this process, which stops the others
            preexec_fn=_end_with_parent(os.getpid()),
        )
        showing = self._start_task(self._show_output(process, child))
        ended = asyncio.create_task(child.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            child.terminate()
            await asyncio.wait([ended], timeout=_STOP_TIMEOUT)
        # Kills the whole process group: its own children, such as a visitor's kernel, must not outlive the process.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        code = await ended
        await asyncio.wait([showing], timeout=1)
        showing.cancel()
        return code

    async def _show_output(self, process: SupervisedProcess, child: asyncio.subprocess.Process) -> None:
        while child.stdout and (chunk := await _read_line(child.stdout)):
            if text := chunk.decode(errors="replace").rstrip():
                self._show_line(process, text)

    async def _wait_until_ready(self, on_ready: Callable[[], None]) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            for process in self._processes:
                while not await _answers(client, process.ready_url):  # noqa: ASYNC110 - there is no event for another process
                    await asyncio.sleep(_READY_INTERVAL)
        on_ready()

    def _show_line(self, process: SupervisedProcess, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = "".join(character if character.isprintable() or character == "\t" else "�" for character in text)
        name = f"{process.name:<{_NAME_WIDTH}}│"
        self._print_line(f"{process.colour}{name}{_RESET} {text}" if self._is_coloured else f"{name} {text}")


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """Returns the next line, or the part of a very long line that fits in the stream's buffer."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as over:
        return await stream.read(over.consumed)


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx2.RequestError:
        return False


def _exit_reason(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """Returns a function that a child calls before its program starts, so that it gets SIGTERM if the parent dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def set_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the call above, so no signal will arrive
            os._exit(1)

    return set_signal
