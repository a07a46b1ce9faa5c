"""The kernel of one visitor of the page: ipykernel without what only a notebook needs (see `share/jupyter/kernels`)."""

import sys

# The debugger takes a sixth of a kernel's memory; ipykernel works without it if it cannot be imported.
sys.modules["debugpy"] = None  # pyright: ignore[reportArgumentType]

# Imported now, while the kernel waits in the pool, rather than by the first request to the API, when someone waits.
import anyio._backends._asyncio  # noqa: E402, F401
import httpcore2  # noqa: E402, F401
from ipykernel.kernelapp import IPKernelApp  # noqa: E402 - after the lines above

if __name__ == "__main__":
    IPKernelApp.launch_instance([*sys.argv[1:], "--HistoryManager.enabled=False", "--log-level=ERROR"])
