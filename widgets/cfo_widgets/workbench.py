"""The whole workbench in one widget: the side with workspaces, threads and data, and the conversation beside it."""

import asyncio

import ipywidgets

from cfo_kernel import CfoError, connect
from cfo_kernel.interface import Thread, Workspace
from cfo_kernel.interface import Workbench as Bench
from cfo_widgets.frame import Frame


class Workbench(ipywidgets.HBox):
    """The workbench of a company: `Workbench(connect())` as the last line of a cell.

    `workspace` (an id or a name) is opened at first; without it, the one that was open last.
    """

    def __init__(self, workbench: Bench | None = None, *, workspace: str | None = None) -> None:
        self._bench = workbench or connect()
        self._frame = Frame(self._enter)
        self._frame.add_class("cfo-frame-place")
        side = ipywidgets.VBox([ipywidgets.Label("side")])
        side.add_class("cfo-side")
        chat = ipywidgets.Label(self._bench.address)
        chat.add_class("cfo-chat-place")
        super().__init__([side, chat, self._frame])
        self.add_class("cfo-workbench")

    async def _enter(self, thread: str) -> None:
        self._frame.thread = thread
