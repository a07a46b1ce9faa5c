"""The engine's side of the zygote and the processes that it forks.

Processes are killed by pidfd, which always identifies the same process. By the time a signal is sent, a process id may
belong to another process.
"""

import asyncio
import contextlib
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

from cfo_kernel.errors import PythonUnavailable, WorkbenchClosed, WorkerLost
from cfo_kernel.executors import framing, import_paths
from cfo_kernel.executors.error_output import ErrorOutput
from cfo_kernel.executors.python_zygote import CONFINED, PID_MESSAGE, STATUS_MESSAGE
from cfo_kernel.executors.worker_process import wait_briefly

_MODULE = "cfo_kernel.executors.python_zygote"
_ENVIRONMENT = {
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Includes nothing from the engine's environment. Libraries are kept from starting threads, because a process with
threads cannot be forked safely.
"""
_START_SECONDS = 60
_KILL_SECONDS = 5


class SandboxProcess:
    """A forked process that receives one program, and is then monitored until it ends."""

    def __init__(self, pid: int, pidfd: int, engine: socket.socket) -> None:
        self._pid = pid
        self._pidfd = pidfd
        self._engine = engine
        self._received = b""
        self._has_ended = False

    async def send(self, request: dict[str, Any]) -> None:
        """Sends the program to the process."""
        await asyncio.get_running_loop().sock_sendall(self._engine, framing.pack(request))

    async def exit_status(self) -> int:
        """The exit status, negative for a signal. Raises `PythonUnavailable` if the process could not be confined."""
        loop = asyncio.get_running_loop()
        while part := await loop.sock_recv(self._engine, 1024):
            self._received += part
        # The child writes first (`CONFINED`, or the reason why it is not), and the zygote last (the status).
        report, status = self._received[: -STATUS_MESSAGE.size], self._received[-STATUS_MESSAGE.size :]
        if len(status) < STATUS_MESSAGE.size:
            raise WorkerLost("The Python process was lost. Try again: the next program gets a new process.")
        self._has_ended = True
        if report != CONFINED:
            reason = report.decode(errors="replace") or "the process died"
            raise PythonUnavailable(
                f"Python is unavailable: the program could not be confined ({reason}). Use SQL instead."
            )
        return STATUS_MESSAGE.unpack(status)[0]

    def bytes_written(self) -> int:
        """The number of bytes that the process has written to files or mappings, including files deleted since."""
        with contextlib.suppress(OSError, ValueError):
            lines = Path(f"/proc/{self._pid}/io").read_text().splitlines()
            counts = {name: int(count) for name, count in (line.split(": ") for line in lines)}
            return max(counts.get("wchar", 0), counts.get("write_bytes", 0), self._unlinked_bytes())
        return 0

    def _unlinked_bytes(self) -> int:
        """The total size of the process's open files that no longer have a name.

        On a tmpfs, writes through a mapping are counted nowhere else.
        """
        size = 0
        for entry in os.scandir(f"/proc/{self._pid}/fd"):
            with contextlib.suppress(OSError):
                status = entry.stat()
                size += status.st_blocks * 512 if stat.S_ISREG(status.st_mode) and not status.st_nlink else 0
        return size

    async def close(self) -> None:
        """Kills the process if it is still running, and waits until it has ended."""
        try:
            if not self._has_ended:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_KILL_SECONDS):
                        await _readable(self._pidfd)  # it becomes readable when the process has ended
        finally:
            os.close(self._pidfd)
            self._engine.close()


class ZygoteClient:
    """Asks the zygote to fork processes. If the zygote is lost, the next request restarts it."""

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = command or import_paths.command(_MODULE, flags=("-X", "utf8", "-B"))
        self._errors = ErrorOutput(None)
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def fork(self) -> SandboxProcess:
        """Forks a process that waits for its program.

        Raises `PythonUnavailable` if processes cannot be confined, and `WorkbenchClosed` after `close`.
        """
        async with self._lock:
            if self._is_closed:  # otherwise a program waiting in line would start a zygote that is never stopped
                raise WorkbenchClosed("The workbench was closed. Call connect() again.")
            with contextlib.suppress(OSError):
                return await self._try_fork()
            # The zygote was lost since the last request, so try once more with a new one.
            await wait_briefly(self._process)
            await self._end()
            try:
                return await self._try_fork()
            except OSError as error:
                reason = await self._errors.reason()
                await wait_briefly(self._process)
                await self._end()
                why = f" ({reason})" if reason else ""
                raise WorkerLost(f"The Python process cannot be started{why}. Try again, or use SQL.") from error

    async def close(self) -> None:
        """Ends the zygote and its children permanently."""
        self._is_closed = True
        async with self._lock:
            await self._end()

    async def _try_fork(self) -> SandboxProcess:
        control = self._control or await self._start()
        engine, child = socket.socketpair()
        try:
            engine.setblocking(False)
            with child:
                socket.send_fds(control, [b"\0"], [child.fileno()])
            async with asyncio.timeout(_START_SECONDS):
                await _readable(engine)
            message, descriptors, _, _ = socket.recv_fds(engine, PID_MESSAGE.size, 1)
            if len(message) < PID_MESSAGE.size or not descriptors:
                raise ConnectionError("the zygote died")
            return SandboxProcess(PID_MESSAGE.unpack(message)[0], descriptors[0], engine)
        except BaseException:
            engine.close()  # if a child was forked, it reads the end of the stream instead of a request, and exits
            raise

    async def _start(self) -> socket.socket:
        """Starts the process and reads its first line: empty if it can confine programs, otherwise the reason why
        not.
        """
        await self._end()  # left over from a start that failed or was cancelled
        control, zygote = socket.socketpair()
        control.setblocking(False)
        try:
            with zygote:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=zygote.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
                self._errors = ErrorOutput(self._process.stderr)
            line = b""
            async with asyncio.timeout(_START_SECONDS):
                while not line.endswith(b"\n"):
                    part = await asyncio.get_running_loop().sock_recv(control, 1024)
                    if not part:
                        raise ConnectionError("the zygote died")
                    line += part
        except BaseException:
            control.close()
            raise
        if unsupported := line.decode().strip():
            control.close()
            advice = "Use SQL instead, or run the engine on a machine with Docker."
            raise PythonUnavailable(f"Python is unavailable: {unsupported}. {advice}")
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
        await self._errors.close()


async def _readable(stream: socket.socket | int) -> None:
    """Waits until the stream has something to read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(stream, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(stream)
