"""Keeping programs running: each is started, shown, started again when it dies, and stopped at the end.

A program ends with this process, also where this process is killed.
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

_QUICK = 15.0
"""Seconds; whoever ends sooner after its start died quickly."""
_CHANCES = 5
"""Quick deaths in a row that are forgiven."""
_LONGEST_PAUSE = 10.0
_GRACE = 6.0
"""Seconds to end after being asked to."""
_LOOK = 0.15
_PR_SET_PDEATHSIG = 1
_NAME = 5
_RESET, _MUTE = "\033[0m", "\033[2m"


@dataclass(frozen=True)
class SupervisedProcess:
    """What is run: `ready` is a URL that answers 200 when it can work, `colour` the colour of its lines."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: str
    colour: str


class GivenUp(Exception):
    """A program died quickly again and again; the text says which."""


class Supervisor:
    """Runs programs until it is stopped. `secrets` are never shown, whoever writes them."""

    def __init__(
        self, programs: Sequence[SupervisedProcess], secrets: Sequence[str], say: Callable[[str], None]
    ) -> None:
        self._programs = programs
        self._secrets = secrets
        self._say = say
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Asks all programs to end; `run` returns when they have."""
        self._stopping.set()

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Runs all programs until `stop`; calls `when_ready` once, when all can work.

        Raises `GivenUp`, and what `say` and `when_ready` raise.
        """
        kept = [asyncio.create_task(self._keep(program)) for program in self._programs]
        waiting = self._begun(self._all_ready(when_ready))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*kept, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            waiting.cancel()
            ends = await asyncio.gather(*kept, return_exceptions=True)
        for end in (*ends, self._failure):
            if isinstance(end, BaseException):
                raise end

    def _begun(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure stops all: a program whose lines nobody takes (`cfo up | head`) would stand still."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._looked_at)
        return task

    def _looked_at(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()):
            self._failure = self._failure or failure
            self._stopping.set()

    async def _keep(self, program: SupervisedProcess) -> None:
        quick = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            code = await self._run_once(program)
            if self._stopping.is_set():
                return
            quick = quick + 1 if time.monotonic() - begun < _QUICK else 1
            if quick > _CHANCES:
                raise GivenUp(f"{program.name} ended {quick} times right after its start. Its last lines say why.")
            pause = min(2.0 ** (quick - 1) / 2, _LONGEST_PAUSE)
            self._tell(program, f"ended ({_how(code)}); it is started again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self, program: SupervisedProcess) -> int:
        """Gives the exit code; whoever is asked to stop and does not is killed with all it started."""
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env=program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for this process, which then asks the others
            preexec_fn=_end_with_parent(os.getpid()),
        )
        showing = self._begun(self._show(program, process))
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            process.terminate()
            await asyncio.wait([ended], timeout=_GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = await ended
        await asyncio.wait([showing], timeout=1)
        showing.cancel()
        return code

    async def _show(self, program: SupervisedProcess, process: asyncio.subprocess.Process) -> None:
        while process.stdout and (chunk := await _line(process.stdout)):
            if text := chunk.decode(errors="replace").rstrip():
                self._tell(program, text)

    async def _all_ready(self, when_ready: Callable[[], None]) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            for program in self._programs:
                while not await _answers(client, program.ready):  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(_LOOK)
        when_ready()

    def _tell(self, program: SupervisedProcess, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = "".join(character if character.isprintable() or character == "\t" else "�" for character in text)
        name = f"{program.name:<{_NAME}}│"
        self._say(f"{program.colour}{name}{_RESET} {text}" if self._is_coloured else f"{name} {text}")


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or as much of it as one may be long."""
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


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """What a child does before its program begins: from then on it is asked to end when its parent is gone."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # gone before the line above
            os._exit(1)

    return ask
