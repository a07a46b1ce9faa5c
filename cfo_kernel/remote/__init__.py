"""The remote workbench: implements the same interface as the embedded one, over a server's HTTP API."""

from typing import TYPE_CHECKING

from cfo_kernel.remote.run import RemoteRun
from cfo_kernel.remote.thread import RemoteThread
from cfo_kernel.remote.workbench import RemoteWorkbench
from cfo_kernel.remote.workspace import RemoteTable, RemoteWorkspace

if TYPE_CHECKING:  # lets the type checker verify that each class implements its protocol
    from cfo_kernel import interface

    _workbench: type[interface.Workbench] = RemoteWorkbench
    _workspace: type[interface.Workspace] = RemoteWorkspace
    _thread: type[interface.Thread] = RemoteThread
    _run: type[interface.Run] = RemoteRun
    _table: type[interface.TableHandle] = RemoteTable

__all__ = ["RemoteRun", "RemoteTable", "RemoteThread", "RemoteWorkbench", "RemoteWorkspace"]
