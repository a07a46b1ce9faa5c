"""The kernel of one visitor of the page, without what only people at a notebook need (see `share/jupyter/kernels`)."""

import sys

# The debugger alone is a sixth of a kernel; where it cannot be imported, ipykernel goes without.
sys.modules["debugpy"] = None  # pyright: ignore[reportArgumentType]

# What the first question to the API would import while somebody waits; the kernel is started before anybody does.
import anyio._backends._asyncio  # noqa: E402, F401
import httpcore2  # noqa: E402, F401
from ipykernel.kernelapp import IPKernelApp  # noqa: E402 - after the lines above

if __name__ == "__main__":
    IPKernelApp.launch_instance([*sys.argv[1:], "--HistoryManager.enabled=False", "--log-level=ERROR"])
