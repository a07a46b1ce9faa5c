"""The kernel for a visitor to the page: ipykernel without the parts that only notebooks need."""

import sys

# The debugger takes a sixth of a kernel's memory; ipykernel works without it if it cannot be imported.
sys.modules["debugpy"] = None  # pyright: ignore[reportArgumentType]

# Imported now, while the kernel waits in the pool, so that the visitor's first request does not have to wait for it.
import anyio._backends._asyncio  # noqa: E402, F401
import httpcore2  # noqa: E402, F401
from ipykernel.kernelapp import IPKernelApp  # noqa: E402 - after the lines above

if __name__ == "__main__":
    options = [
        "--HistoryManager.enabled=False",
        "--Session.packer=cfo_widgets.message_packing.pack",
        "--log-level=ERROR",
    ]
    IPKernelApp.launch_instance([*sys.argv[1:], *options])
