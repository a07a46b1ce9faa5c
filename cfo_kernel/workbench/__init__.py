"""The embedded workbench: implements the interface with the folders and databases of a root on this machine."""

from typing import TYPE_CHECKING

from cfo_kernel.interface import ShownMessage
from cfo_kernel.workbench.run import EmbeddedRun
from cfo_kernel.workbench.table import EmbeddedTable
from cfo_kernel.workbench.thread import EmbeddedThread
from cfo_kernel.workbench.workbench import EmbeddedWorkbench
from cfo_kernel.workbench.workspace import EmbeddedWorkspace

if TYPE_CHECKING:  # lets the type checker verify that each class implements its protocol
    from cfo_kernel import interface

    _workbench: type[interface.Workbench] = EmbeddedWorkbench
    _workspace: type[interface.Workspace] = EmbeddedWorkspace
    _thread: type[interface.Thread] = EmbeddedThread
    _run: type[interface.Run] = EmbeddedRun
    _table: type[interface.TableHandle] = EmbeddedTable

__all__ = ["EmbeddedRun", "EmbeddedTable", "EmbeddedThread", "EmbeddedWorkbench", "EmbeddedWorkspace", "ShownMessage"]
