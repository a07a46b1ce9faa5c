"""Fixtures of the chaos tests: a server to kill, with a model of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.body import Chaos
from tests.chaos.journal import Look
from tests.chaos.model import Model
from tests.chaos.processes import Process, api, free_port


@dataclass
class ThreadContext:
    """Makes servers over one root, at ports of their own; they are killed with the test."""

    folder: Path
    root: Path
    model: Model
    stack: AsyncExitStack

    def server(self, port: int) -> Process:
        process = api(self.root, self.folder / "api.log", port, CFO_BASE_URL=self.model.base_url)
        self.stack.push_async_callback(process.kill)
        return process

    def chaos(self, process: Process, port: int) -> Chaos:
        return Chaos(self.root, self.model, [process], f"http://127.0.0.1:{port}", Look(self.root), 0)


@pytest.fixture
async def place(root: Path, tmp_path: Path) -> AsyncIterator[ThreadContext]:
    async with AsyncExitStack() as stack:
        with Model() as model:
            yield ThreadContext(tmp_path, root, model, stack)


@pytest.fixture
def port() -> int:
    return free_port()
