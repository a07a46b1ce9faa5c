"""Kernels for the tests in this folder. Each must end without having printed, and leave nothing behind."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernels.kernel import Kernel
from tests.processes import processes_of

Kernels = Callable[..., Kernel]
_PATIENT = {"CFO_QUERY_TIMEOUT": "600", "CFO_PYTHON_TIMEOUT": "600"}
"""Longer than the tests wait, so that only an interrupt can stop it in time."""


@pytest.fixture
def kernels(root: Path, tmp_path: Path) -> Iterator[Kernels]:
    """Starts kernels over `root` that use the model server at that URL."""
    started: list[Kernel] = []

    def start(url: str = "http://127.0.0.1:9/v1", **more: str) -> Kernel:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "CFO_ROOT": str(root),
            "CFO_MODEL": "openai:scripted",
            "CFO_BASE_URL": url,
            "CFO_OPENAI_API_KEY": "sk-any",
            **_PATIENT,
            "IPYTHONDIR": str(tmp_path / "ipython"),
            "PYTHONWARNINGS": "always::ResourceWarning,always::RuntimeWarning",
            **more,
        }
        kernel = Kernel(environment)
        started.append(kernel)
        kernel.start()
        return kernel

    try:
        yield start
        for kernel in started:
            if kernel.is_alive:
                left = processes_of(kernel.pid)
                kernel.shut_down()
                assert not _within(60, lambda left=left: left & processes_of(None))
        assert [kernel.output for kernel in started] == ["" for _ in started]
        if not any(kernel.was_killed for kernel in started):
            owners = root / ".cfo" / "owners"
            assert not owners.exists() or not list(owners.iterdir())
    finally:
        for kernel in started:
            kernel.end()


def _within(seconds: float, left: Callable[[], set[int]]) -> set[int]:
    """The remaining items when the time is up, or an empty set as soon as none remain."""
    end = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
