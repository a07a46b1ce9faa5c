"""A notebook kernel, started and driven cell by cell as Jupyter does, with the output of its cells and processes."""

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PATIENCE = 60.0


@dataclass
class Cell:
    """The outcome of a cell."""

    shown: list[str] = field(default_factory=list[str])
    printed: str = ""
    error: str = ""
    traceback: str = ""

    @property
    def last(self) -> str:
        return self.shown[-1]


class Kernel:
    """An ipykernel over a root. `start` starts it, and `end` ends it with everything it started."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lasts as long as the kernel
        self.strays = ""
        self.was_killed = False

    def start(self) -> None:
        self._manager: Any = KernelManager(kernel_name="python3", shutdown_wait_time=10)
        self._manager.start_kernel(env=self._environment, stdout=self._output, stderr=self._output)
        self._connect()

    def _connect(self) -> None:
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)
        self.pid: int = self._manager.provisioner.process.pid

    def run(self, code: str, *, interrupt_when: Callable[[], bool] | None = None) -> Cell:
        """Runs a cell to its end. It is interrupted as soon as `interrupt_when` returns true."""
        cell, begin, interrupted = Cell(), time.monotonic(), False
        asked = self._client.execute(code)
        while True:
            if interrupt_when is not None and not interrupted and interrupt_when():
                interrupted = True
                self.interrupt()
            try:
                message = self._client.get_iopub_msg(timeout=0.02 if interrupt_when and not interrupted else 1)
            except Empty:
                assert time.monotonic() - begin < PATIENCE, f"still at work: {code}"
                continue
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != asked:
                if kind == "stream":
                    self.strays += content["text"]
                continue
            if kind == "stream":
                cell.printed += content["text"]
            elif kind in ("execute_result", "display_data", "update_display_data"):
                cell.shown.append(content["data"]["text/plain"])
            elif kind == "error":
                cell.error, cell.traceback = content["ename"], _COLOURS.sub("", "\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return cell

    def value(self, code: str) -> str:
        """The value that the cell displays. It must neither fail nor print."""
        cell = self.run(code)
        assert not cell.error, cell.traceback
        assert not cell.printed, cell.printed
        return cell.last if cell.shown else ""

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def restart(self) -> None:
        """Restarts the kernel, as the menu command does."""
        self._client.stop_channels()
        self._manager.restart_kernel(now=False)
        self._connect()

    def kill(self) -> None:
        """Kills the kernel without warning."""
        self.was_killed = True
        os.kill(self.pid, signal.SIGKILL)
        self._manager.shutdown_kernel(now=True)

    def shut_down(self) -> None:
        """Shuts the kernel down, as the menu command does, after reading all pending messages."""
        self._manager.shutdown_kernel(now=False)

    def end(self) -> None:
        self._client.stop_channels()
        self._output.close()
        if self._manager.is_alive():
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    @property
    def is_alive(self) -> bool:
        return bool(self._manager.is_alive())

    @property
    def output(self) -> str:
        """What the process printed outside its notebook, and notebook output that does not belong to any cell.

        ipykernel's own messages are excluded.
        """
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=0.1)
            except Empty:
                break
            if message["msg_type"] == "stream":
                self.strays += message["content"]["text"]
        self._output.seek(0)
        lines = self._output.read().splitlines() + self.strays.splitlines()
        return "\n".join(line for line in lines if line and not line.startswith("[IPKernelApp]"))
