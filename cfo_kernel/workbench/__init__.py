"""The embedded workbench: one async method for each thing a person can do. All front ends go through it."""

from typing import TYPE_CHECKING

from cfo_kernel.interface import ShownMessage
from cfo_kernel.workbench.bench import Workbench
from cfo_kernel.workbench.run import Run
from cfo_kernel.workbench.table import TableHandle
from cfo_kernel.workbench.thread import Thread
from cfo_kernel.workbench.workspace import Workspace

if TYPE_CHECKING:  # each class is what the interface says, or this does not type
    from cfo_kernel import interface

    _bench: type[interface.Workbench] = Workbench
    _workspace: type[interface.Workspace] = Workspace
    _thread: type[interface.Thread] = Thread
    _run: type[interface.Run] = Run
    _table: type[interface.TableHandle] = TableHandle

__all__ = ["Run", "ShownMessage", "TableHandle", "Thread", "Workbench", "Workspace"]
