"""The whole workbench in one widget: the side with workspaces, threads and data, and the conversation beside it."""

import asyncio
import uuid
from contextlib import suppress

import ipywidgets
from typing_extensions import override

from cfo_kernel import CfoError, Thread, Workspace, connect
from cfo_kernel.errors import NotFound
from cfo_kernel.interface import Workbench as Bench
from cfo_widgets.chat import Chat, SendMessage
from cfo_widgets.data_panel import DataPanel
from cfo_widgets.frame import Frame
from cfo_widgets.in_notebook import InNotebook, Said, current_cell
from cfo_widgets.thread_picker import ThreadPicker
from cfo_widgets.workspace_picker import WorkspacePicker


class Workbench(InNotebook, ipywidgets.HBox):
    """The workbench as the last line of a cell: `Workbench(connect())`.

    `workspace` (an id or a name) is the one that is open at first; without it, the one that the page had open last. The
    thread that was open in the cell is opened again when the cell is run again.
    """

    def __init__(self, workbench: Bench | None = None, *, workspace: str | None = None) -> None:
        self._bench = workbench or connect()
        self._workspace: Workspace | None = None
        self._openings = 0
        self._has_entered = False
        self._given: asyncio.Task[None] | None = None
        self._frame = Frame(self._enter, cell=current_cell())
        self._workspaces = WorkspacePicker(self._bench)
        self._threads, self._data, self._chat = ThreadPicker(), DataPanel(), Chat()
        self._wire()
        self._side = side = ipywidgets.VBox([self._workspaces, self._threads, self._data])
        super().__init__([self._frame, side, self._chat])  # the frame first, for it is first to ask for a thread
        for widget, name in (
            (self, "cfo-workbench"),
            (side, "cfo-side"),
            (self._frame, "cfo-frame-place"),
            (self._threads, "cfo-threads-place"),
            (self._data, "cfo-data-place"),
            (self._chat, "cfo-chat-place"),
        ):
            widget.add_class(name)
        if workspace is not None:
            self._given = self._workspaces.begin(self._workspaces.pick(workspace))

    @override
    def in_words(self) -> Said:
        return self._chat.in_words()

    def close(self) -> None:
        """Closes all parts too; the workbench they show stays open."""
        for part in (self._chat, self._data, self._threads, self._workspaces, self._frame, self._side):
            part.close()
        super().close()

    def _wire(self) -> None:
        self._workspaces.on_pick(self._show_workspace)
        self._threads.on_pick(self._show_thread)
        self._threads.on_change(self._changed_elsewhere)
        for part in (self._workspaces, self._threads):
            part.observe(self._connected, "connection")
        self._chat.observe(lambda change: change.new and self._threads.look(), "trouble")
        self._data.on_question(self._ask)
        self._data.observe(lambda change: self._chat.set_trait("examples", change.new.get("questions", [])), "glossary")
        self._chat.on_change(lambda: self._threads.select(self._chat.thread_id))
        self._chat.observe(lambda change: self._frame.set_trait("thread", change.new), "thread_id")
        self._chat.observe(lambda change: self._frame.set_trait("opened", change.new), "opened")
        self._chat.observe(lambda _: self.keep_words(), ["messages", "title"])

    def _connected(self, _: object) -> None:
        """Tells in one place that the server is away; when it is back, what was missed meanwhile is asked for."""
        self._frame.trouble = self._workspaces.connection or self._threads.connection
        if not self._frame.trouble:
            self._chat.begin(self._catch_up())

    async def _catch_up(self) -> None:
        if self._chat.trouble:
            await self._chat.refresh()
        if self._data.connection:
            await self._data.refresh()

    async def _enter(self, thread_id: str) -> bool:
        """Brings back the thread that a page remembers; False for one that is gone, or never was.

        In a notebook only the first page is heard: what is open afterwards, the kernel knows, and another page may not.
        """
        if self._frame.cell and self._has_entered:
            return True
        is_found = True
        if thread_id and thread_id != self._chat.thread_id:
            async with self._workspaces.beginning:
                is_found = await self._bring_back(thread_id)
        self._has_entered = True
        return is_found

    async def _bring_back(self, thread_id: str) -> bool:
        try:
            thread = await self._bench.thread(thread_id)
            workspace = await self._bench.workspace(thread.workspace_id)
        except NotFound:
            return False
        if self._given:
            await asyncio.wait([self._given])
            if thread.workspace_id != self._workspaces.workspace_id:
                return True  # the cell names another workspace by now
        self._workspaces.select(workspace.id)
        await self._show_workspace(workspace, thread)
        return True

    async def _show_workspace(self, workspace: Workspace, thread: Thread | None = None) -> None:
        self._workspace = workspace
        self._openings += 1
        opening = self._openings
        await self._show_thread(thread)
        if opening == self._openings:
            await self._threads.show(workspace)
            self._threads.select(self._chat.thread_id)
            await self._data.show(workspace)

    async def _show_thread(self, thread: Thread | None) -> None:
        """Opens a thread in the conversation; None is a new one."""
        if self._workspace is None:
            return
        await self._chat.show(thread or await self._workspace.thread())
        self._threads.select(self._chat.thread_id)

    async def _changed_elsewhere(self, thread_id: str) -> None:
        if self._workspace is None or thread_id != self._chat.thread_id:
            return
        with suppress(CfoError):  # what goes wrong, the conversation tells when it refreshes
            await self._chat.refresh(await self._workspace.thread(thread_id))

    async def _ask(self, question: str) -> None:
        await self._chat.perform(
            SendMessage(type="send", request="", opened=self._chat.opened, text=question, key=uuid.uuid4().hex), ()
        )
