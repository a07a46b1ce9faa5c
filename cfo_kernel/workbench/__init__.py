"""The embedded workbench: one async method for each thing a person can do. All front ends go through it."""

from cfo_kernel.workbench.bench import Workbench
from cfo_kernel.workbench.run import Run
from cfo_kernel.workbench.thread import ShownMessage, Thread
from cfo_kernel.workbench.workspace import TableHandle, Workspace

__all__ = ["Run", "ShownMessage", "TableHandle", "Thread", "Workbench", "Workspace"]
