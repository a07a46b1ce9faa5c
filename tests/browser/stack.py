"""Runs the API and Voila as real processes over a root, to be opened in a browser, killed and restarted."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from playwright.async_api import Browser, Playwright

from tests.chaos.processes import free_port

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_REPOSITORY = Path(__file__).parents[2]
TOKEN = "the-token-of-the-screen-tests"
PING_LOGGED = "sent keep-alive"
"""What `fast_pings` writes to the log for each ping."""
_START_TIMEOUT = 90.0  # seconds, on a busy machine


class Process:
    """A server on a port that it keeps when it is restarted."""

    def __init__(self, module: str, root: Path, *arguments: str, ready: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", module, "--port", str(self.port), *arguments]
        self._ready, self._log = ready, root.parent / f"{module}.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
        own = {"CFO_ROOT": str(root), "CFO_API_TOKEN": TOKEN, "PYTHONPATH": str(_REPOSITORY)}
        self._environment = {**inherited, **own, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process, and waits until it responds."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._log.parent,
                start_new_session=True,
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()
            try:
                if httpx.get(f"{self.url}{self._ready}", timeout=5).status_code < 400:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self._command} is not responding: {self.log()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kills the process and all processes that it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text()[-4000:]

    def descendants(self) -> list[int]:
        """The processes below this one, such as Voila's kernels."""
        assert self._process is not None
        parents = dict(_parents())
        below: list[int] = []
        for pid in parents:
            above: int | None = pid
            while above is not None and above != self._process.pid:
                above = parents.get(above)
            if above is not None and pid != self._process.pid:
                below.append(pid)
        return below


class Stack:
    """The API over a root, and Voila in front of it."""

    def __init__(self, root: Path, *, page_module: str = "cfo_widgets", **environment: str) -> None:
        self.root = root
        self.api = Process("cfo_api", root, ready="/healthz", **environment)
        page = {"CFO_PAGE_TOKEN": TOKEN, **environment}
        self.voila = Process(page_module, root, "--url", self.api.url, ready="/cfo/ready", **page)

    @property
    def page(self) -> str:
        """The address to open in the browser."""
        return f"{self.voila.url}/?token={TOKEN}"

    def client(self) -> httpx.Client:
        """A client of the API."""
        return httpx.Client(base_url=self.api.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)

    def kernels(self) -> list[int]:
        """The processes of visitors' kernels, including those in the pool."""
        return [pid for pid in self.voila.descendants() if b"cfo_widgets.visitor_kernel" in command_line(pid)]

    def __enter__(self) -> "Stack":
        self.api.start()
        self.voila.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.voila.kill()
        self.api.kill()


async def chromium(playwright: Playwright) -> Browser:
    """Starts the system's Chromium, or else the one that Playwright has installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return await playwright.chromium.launch(args=_FLAGS, executable_path=path)


def _parents() -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                pairs.append((int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])))
            except OSError:
                continue
    return pairs


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended in the meantime
        return b""
