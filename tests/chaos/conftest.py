"""Fixtures for the chaos tests: servers to kill, with their own scripted model."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.model import Model
from tests.chaos.processes import Process, api, free_port
from tests.chaos.snapshots import StoreReader


@dataclass
class Servers:
    """Creates servers over one root, each on its own port, and kills them at the end of the test."""

    folder: Path
    root: Path
    model: Model
    stack: AsyncExitStack

    def server(self, port: int) -> Process:
        process = api(self.root, self.folder / "api.log", port, CFO_BASE_URL=self.model.base_url)
        self.stack.push_async_callback(process.kill)
        return process

    def chaos(self, process: Process, port: int) -> Chaos:
        return Chaos(self.root, self.model, [process], f"http://127.0.0.1:{port}", StoreReader(self.root), 0)


@pytest.fixture
async def servers(root: Path, tmp_path: Path) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        with Model() as model:
            yield Servers(tmp_path, root, model, stack)


@pytest.fixture
def port() -> int:
    return free_port()
