"""The processes that are killed: real ones, each started again at the same place."""

import asyncio
import os
import random
import signal
import socket
import sys
from pathlib import Path

from tests.conftest import KEY

_RETRY_FOR = 120.0  # seconds for a process to begin, on a machine that does much else
_OUTLIVES = 40.0  # seconds in which all must have gone that a killed process had started; a program has 30 to run


class Process:
    """`start`, then `kill` and `start` again; nothing that it started may outlive it."""

    def __init__(self, *command: str, root: Path, log: Path, **environment: str) -> None:
        self._command = command
        self._log = log
        own = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
        thinking = {"CFO_ROOT": str(root), "CFO_MODEL": "openai:scripted", "CFO_OPENAI_API_KEY": KEY}
        self._environment = {**own, **thinking, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self.point: str | None = None
        self.starts = 0

    async def start(self, point: str | None = None, **environment: str) -> None:
        """With a `point` it is the program that dies there by itself (see `child`)."""
        command = [part.replace("cfo_api", "tests.chaos.child") if point else part for part in self._command]
        more = {"PYTHONPATH": str(Path(__file__).parents[2]), **({"CHAOS_POINT": point} if point else {})}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=self._log.parent,
                env={**self._environment, **more, **environment},
            )  # fmt: skip
        self.point = point
        self.starts += 1

    async def ready(self) -> None:
        """Waits for its first line, which it writes when it works; an end before that is an error."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _RETRY_FOR)
        assert line, f"it ended: {self.last_words}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-1000:]

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ended(self, within: float = _RETRY_FOR) -> None:
        """Waits until it has ended by itself."""
        assert self._process is not None
        await asyncio.wait_for(self._process.wait(), within)

    async def kill(self) -> None:
        """Returns when it has gone, and all that it had started."""
        if not self.is_alive:
            return
        below = _descendants(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        await self.ended()
        try:
            async with asyncio.timeout(_OUTLIVES):
                while {pid for pid, began in below if _began(pid) == began}:  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.01)
        except TimeoutError:
            left = [_shown(pid) for pid, began in below if _began(pid) == began]
            raise AssertionError(f"outlived the process that had started them: {left}") from None


def api(root: Path, log: Path, port: int, **environment: str) -> Process:
    return Process("-m", "cfo_api", "--port", str(port), root=root, log=log, **environment)


def free_port() -> int:
    """A port that no connection takes while the server that has it is dead: systems give those from 32768 on."""
    while True:
        port = random.randrange(10_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def _began(pid: int) -> str | None:
    """When the process began, which tells it from a later one of the same number; None once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _shown(pid: int) -> str:
    """A process as one looks for what keeps it: its command, its state, and what its threads wait for."""
    at = Path(f"/proc/{pid}")
    try:
        command = (at / "cmdline").read_bytes().decode().replace("\0", " ")
        waits = {(task / "wchan").read_text() for task in (at / "task").iterdir()}
        return f"{pid} {command} {(at / 'stat').read_text().rpartition(')')[2][:3]} {sorted(waits)}"
    except OSError:
        return str(pid)


def _descendants(pid: int) -> set[tuple[int, str | None]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: set[tuple[int, str | None]] = set()
    left = [pid]
    while left:
        for child in children.get(left.pop(), []):
            found.add((child, _began(child)))
            left.append(child)
    return found
