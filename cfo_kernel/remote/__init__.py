"""The remote workbench: the interface of the embedded one, over the HTTP API of a server."""

from cfo_kernel.remote.bench import Workbench
from cfo_kernel.remote.run import Run
from cfo_kernel.remote.thread import Thread
from cfo_kernel.remote.workspace import TableHandle, Workspace

__all__ = ["Run", "TableHandle", "Thread", "Workbench", "Workspace"]
