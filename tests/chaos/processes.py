"""The processes to kill: real processes, each restarted with the same command, root and port."""

import asyncio
import os
import random
import signal
import socket
import sys
from pathlib import Path

from tests.conftest import KEY

_HANG = 120.0  # seconds; a process starts or ends in a few
_ORPHANS = 40.0  # seconds in which the children of a killed process must have ended; a Python program may run for 30


class Process:
    """A process that can be started, killed and restarted. None of its children may outlive it."""

    def __init__(self, *command: str, root: Path, log: Path, **environment: str) -> None:
        self._command = command
        self._log = log
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
        engine = {"CFO_ROOT": str(root), "CFO_MODEL": "openai:scripted", "CFO_OPENAI_API_KEY": KEY}
        self._environment = {**inherited, **engine, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self.point: str | None = None
        self.starts = 0

    async def start(self, point: str | None = None, **environment: str) -> None:
        """Starts the process; with a `point`, as the server that kills itself there (see `crash_points`)."""
        command = [part.replace("cfo_api", "tests.chaos.crash_points") if point else part for part in self._command]
        more = {"PYTHONPATH": str(Path(__file__).parents[2]), **({"CHAOS_POINT": point} if point else {})}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=self._log.parent,
                env={**self._environment, **more, **environment},
            )  # fmt: skip
        self.point = point
        self.starts += 1

    async def ready(self) -> None:
        """Waits for the first line of output, which says that the process is ready."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _HANG)
        assert line, f"it ended before it was ready: {self.log_tail}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log_tail(self) -> str:
        """The end of the log, for error messages."""
        return self._log.read_text()[-1000:]

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ended(self, within: float = _HANG) -> None:
        """Waits until the process has ended."""
        assert self._process is not None
        await asyncio.wait_for(self._process.wait(), within)

    async def kill(self) -> None:
        """Kills the process, and waits until it and all its descendants are gone."""
        if not self.is_alive:
            return
        descendants = _descendants(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        await self.ended()
        try:
            async with asyncio.timeout(_ORPHANS):
                while {pid for pid, started in descendants if _start_time(pid) == started}:  # noqa: ASYNC110 - there is no event for the end of grandchildren
                    await asyncio.sleep(0.01)
        except TimeoutError:
            left = [_described(pid) for pid, started in descendants if _start_time(pid) == started]
            raise AssertionError(f"outlived the process that started them: {left}") from None


def api(root: Path, log: Path, port: int, **environment: str) -> Process:
    return Process("-m", "cfo_api", "--port", str(port), root=root, log=log, **environment)


def free_port() -> int:
    """Finds a free port below 32768, because the system uses ports from there up for outgoing connections.

    While a server is dead, such a connection could take its port and keep the server from restarting.
    """
    while True:
        port = random.randrange(10_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def _start_time(pid: int) -> str | None:
    """The start time of a process, which distinguishes it from a later one with the same id. None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _described(pid: int) -> str:
    """The command of a process, its state, and the kernel functions that its threads wait in, to show why it hangs."""
    folder = Path(f"/proc/{pid}")
    try:
        command = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
        waits = {(task / "wchan").read_text() for task in (folder / "task").iterdir()}
        return f"{pid} {command} {(folder / 'stat').read_text().rpartition(')')[2][:3]} {sorted(waits)}"
    except OSError:
        return str(pid)


def _descendants(pid: int) -> set[tuple[int, str]]:
    """The ids and start times of all descendants that are still alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: set[tuple[int, str]] = set()
    left = [pid]
    while left:
        for child in children.get(left.pop(), []):
            if started := _start_time(child):
                found.add((child, started))
            left.append(child)
    return found
