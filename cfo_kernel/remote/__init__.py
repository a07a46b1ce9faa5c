"""The remote workbench: the interface of the embedded one, over the HTTP API of a server."""

from typing import TYPE_CHECKING

from cfo_kernel.remote.bench import Workbench
from cfo_kernel.remote.run import Run
from cfo_kernel.remote.thread import Thread
from cfo_kernel.remote.workspace import TableHandle, Workspace

if TYPE_CHECKING:  # each class is what the interface says, or this does not type
    from cfo_kernel import interface

    _bench: type[interface.Workbench] = Workbench
    _workspace: type[interface.Workspace] = Workspace
    _thread: type[interface.Thread] = Thread
    _run: type[interface.Run] = Run
    _table: type[interface.TableHandle] = TableHandle

__all__ = ["Run", "TableHandle", "Thread", "Workbench", "Workspace"]
