"""The zygote and its children as the engine sees them: started when needed, killed by a descriptor that names no other.

A pidfd keeps naming the process it was made for; a process id may be another's by the time a signal is sent.
"""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any

from cfo_kernel.errors import PythonUnavailable, WorkbenchClosed, WorkerLost
from cfo_kernel.executors import framing
from cfo_kernel.executors.python_zygote import CONFINED, PID_MESSAGE, STATUS_MESSAGE

COMMAND = (sys.executable, "-I", "-X", "utf8", "-B", "-m", "cfo_kernel.executors.python_zygote")
_ENVIRONMENT = {
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Nothing of the engine's. Libraries are told to start no threads: a process with threads cannot be forked safely."""
_START_SECONDS = 60
_BURIAL_SECONDS = 5


class SandboxProcess:
    """One forked process: told its program once, then watched until it ends."""

    def __init__(self, pid: int, pidfd: int, engine: socket.socket) -> None:
        self._pid = pid
        self._pidfd = pidfd
        self._engine = engine
        self._said = b""
        self._ended = False

    async def tell(self, request: dict[str, Any]) -> None:
        await asyncio.get_running_loop().sock_sendall(self._engine, framing.pack(request))

    async def end(self) -> int:
        """The exit status, of a signal negative. Raises `PythonUnavailable` if the process could not be confined."""
        loop = asyncio.get_running_loop()
        while part := await loop.sock_recv(self._engine, 1024):
            self._said += part
        said, status = self._said[: -STATUS_MESSAGE.size], self._said[-STATUS_MESSAGE.size :]
        if len(status) < STATUS_MESSAGE.size:
            raise WorkerLost("The Python process was lost. Ask again: the next program gets a new one.")
        self._ended = True
        if said != CONFINED:
            reason = said.decode(errors="replace") or "the process died"
            raise PythonUnavailable(f"Python is off: the program could not be confined ({reason}). Use SQL instead.")
        return STATUS_MESSAGE.unpack(status)[0]

    def written(self) -> int:
        """How many bytes the process wrote in all, to files or into mapped ones, whether or not they still exist."""
        with contextlib.suppress(OSError, ValueError):
            lines = Path(f"/proc/{self._pid}/io").read_text().splitlines()
            counts = {name: int(count) for name, count in (line.split(": ") for line in lines)}
            return max(counts.get("wchar", 0), counts.get("write_bytes", 0), self._unnamed())
        return 0

    def _unnamed(self) -> int:
        """How much it holds in files without a name. A tmpfs counts nothing that was written through a mapping."""
        size = 0
        for entry in os.scandir(f"/proc/{self._pid}/fd"):
            with contextlib.suppress(OSError):
                status = entry.stat()
                size += status.st_blocks * 512 if stat.S_ISREG(status.st_mode) and not status.st_nlink else 0
        return size

    async def close(self) -> None:
        """Kills the process if it still runs, and waits until it is gone."""
        try:
            if not self._ended:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BURIAL_SECONDS):
                        await _readable(self._pidfd)  # which it is once the process has ended
        finally:
            os.close(self._pidfd)
            self._engine.close()


class ZygoteClient:
    """Forks children on request. A zygote that was lost comes back with the next request."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._is_closed = False

    async def fork(self) -> SandboxProcess:
        """A new child, waiting for its program.

        Raises `PythonUnavailable` where none can be confined, and `WorkbenchClosed` after `close`.
        """
        async with self._turn:
            if self._is_closed:  # a program that was in line then would start a zygote that nobody ends
                raise WorkbenchClosed("The workbench was closed. Call connect() again.")
            with contextlib.suppress(OSError):
                return await self._forked()
            await self._end()  # it was lost since the last request: once more with a new one
            try:
                return await self._forked()
            except OSError as error:
                await self._end()
                raise WorkerLost("The Python process cannot be started. Ask again, or use SQL.") from error

    async def close(self) -> None:
        """Ends the zygote for good, and with it its children."""
        self._is_closed = True
        async with self._turn:
            await self._end()

    async def _forked(self) -> SandboxProcess:
        control = self._control or await self._start()
        engine, childs = socket.socketpair()
        try:
            engine.setblocking(False)
            with childs:
                socket.send_fds(control, [b"\0"], [childs.fileno()])
            async with asyncio.timeout(_START_SECONDS):
                await _readable(engine)
            hello, descriptors, _, _ = socket.recv_fds(engine, PID_MESSAGE.size, 1)
            if len(hello) < PID_MESSAGE.size or not descriptors:
                raise ConnectionError("the zygote died")
            return SandboxProcess(PID_MESSAGE.unpack(hello)[0], descriptors[0], engine)
        except BaseException:
            engine.close()  # a child that was forked all the same reads the end of the stream, and ends
            raise

    async def _start(self) -> socket.socket:
        """Starts the process and waits until it says that it can confine, or what is missing."""
        control, theirs = socket.socketpair()
        control.setblocking(False)
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=theirs.fileno(),
                    stdout=-3,
                    stderr=-3,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            said = b""
            async with asyncio.timeout(_START_SECONDS):
                while not said.endswith(b"\n"):
                    part = await asyncio.get_running_loop().sock_recv(control, 1024)
                    if not part:
                        raise ConnectionError("the zygote died")
                    said += part
        except BaseException:
            control.close()
            raise
        if lacks := said.decode().strip():
            control.close()
            raise PythonUnavailable(f"Python is off: {lacks}. Use SQL instead, or run the engine where Docker answers.")
        self._control = control
        return control

    async def _end(self) -> None:
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _readable(stream: socket.socket | int) -> None:
    """Waits until the stream has something to read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(stream, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(stream)
