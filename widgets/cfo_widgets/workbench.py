"""The whole workbench in one widget: workspaces, threads and data in a sidebar, with the conversation next to it."""

import asyncio
import uuid
from contextlib import suppress

import ipywidgets
from typing_extensions import override

from cfo_kernel import CfoError, Thread, Workspace, connect, interface
from cfo_kernel.errors import NotFound
from cfo_widgets.chat import Chat, SendMessage
from cfo_widgets.data_panel import DataPanel
from cfo_widgets.frame import Frame
from cfo_widgets.notebook_output import NotebookOutput, NotebookWidget, current_cell
from cfo_widgets.thread_picker import ThreadPicker
from cfo_widgets.workspace_picker import WorkspacePicker


class Workbench(NotebookWidget, ipywidgets.HBox):
    """Shows the workbench. Use it as the last line of a cell: `Workbench(connect())`.

    It first opens `workspace` (an id or a name), or by default the workspace that the page opened last. If the cell is
    run again, it reopens the thread that was open there.
    """

    def __init__(self, workbench: interface.Workbench | None = None, *, workspace: str | None = None) -> None:
        self._workbench = workbench or connect()
        self._workspace: Workspace | None = None
        self._workspace_count = 0
        """How many workspaces have been opened so far, to detect whether another was opened while one was loading."""
        self._has_restored = False
        self._opening_given: asyncio.Task[None] | None = None
        self._frame = Frame(self._restore, cell=current_cell())
        self._workspaces = WorkspacePicker(self._workbench)
        self._threads, self._data, self._chat = ThreadPicker(), DataPanel(), Chat()
        self._connect_parts()
        self._side = side = ipywidgets.VBox([self._workspaces, self._threads, self._data])
        # The frame comes first, so that its request to restore a thread arrives before any other command.
        super().__init__([self._frame, side, self._chat])
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
            self._opening_given = self._workspaces.start(self._workspaces.pick(workspace))

    @override
    def notebook_output(self) -> NotebookOutput:
        return self._chat.notebook_output()

    def close(self) -> None:
        """Closes the widget and its parts, but not the workbench that they show."""
        for part in (self._chat, self._data, self._threads, self._workspaces, self._frame, self._side):
            part.close()
        super().close()

    def _connect_parts(self) -> None:
        self._workspaces.on_pick(self._show_workspace)
        self._threads.on_pick(self._show_thread)
        self._threads.on_change(self._on_thread_changed)
        for part in (self._workspaces, self._threads):
            part.observe(self._on_connection_changed, "connection")
        self._chat.observe(lambda change: change.new and self._threads.poll_soon(), "trouble")
        self._data.on_question(self._ask)
        self._data.observe(lambda change: self._chat.set_trait("examples", change.new.get("questions", [])), "glossary")
        self._chat.on_change(lambda: self._threads.select(self._chat.thread_id))
        self._chat.observe(lambda change: self._frame.set_trait("thread", change.new), "thread_id")
        self._chat.observe(lambda change: self._frame.set_trait("opened", change.new), "opened")
        self._chat.observe(lambda _: self.update_notebook_output(), ["messages", "title"])

    def _on_connection_changed(self, _: object) -> None:
        """Reports a lost connection in one place. When it is restored, loads what was missed."""
        self._frame.trouble = self._workspaces.connection or self._threads.connection
        if not self._frame.trouble:
            self._chat.start(self._catch_up())

    async def _catch_up(self) -> None:
        if self._chat.trouble:
            await self._chat.refresh()
        if self._data.connection:
            await self._data.refresh()

    async def _restore(self, thread_id: str) -> bool:
        """Opens the thread that a page remembers. Returns False if it was deleted or never existed."""
        # In a notebook, only the first page restores a thread. Later pages (other views of the same output) may
        # remember an older thread, and the kernel already has one open.
        if self._frame.cell and self._has_restored:
            return True
        is_found = True
        if thread_id and thread_id != self._chat.thread_id:
            async with self._workspaces.opening:
                is_found = await self._open_thread(thread_id)
        self._has_restored = True
        return is_found

    async def _open_thread(self, thread_id: str) -> bool:
        try:
            thread = await self._workbench.thread(thread_id)
            workspace = await self._workbench.workspace(thread.workspace_id)
        except NotFound:
            return False
        if self._opening_given:
            await asyncio.wait([self._opening_given])
            if thread.workspace_id != self._workspaces.workspace_id:
                return True  # the cell has been edited and now names another workspace
        self._workspaces.select(workspace.id)
        await self._show_workspace(workspace, thread)
        return True

    async def _show_workspace(self, workspace: Workspace, thread: Thread | None = None) -> None:
        self._workspace = workspace
        self._workspace_count += 1
        count = self._workspace_count
        await self._show_thread(thread)
        if count == self._workspace_count:
            await self._threads.show(workspace)
            self._threads.select(self._chat.thread_id)
            await self._data.show(workspace)

    async def _show_thread(self, thread: Thread | None) -> None:
        """Opens a thread in the conversation. None opens a new thread."""
        if self._workspace is None:
            return
        await self._chat.show(thread or await self._workspace.thread())
        self._threads.select(self._chat.thread_id)

    async def _on_thread_changed(self, thread_id: str) -> None:
        if self._workspace is None or thread_id != self._chat.thread_id:
            return
        with suppress(CfoError):  # the conversation reports problems when it refreshes
            await self._chat.refresh(await self._workspace.thread(thread_id))

    async def _ask(self, question: str) -> None:
        await self._chat.perform(
            SendMessage(type="send", request="", opened=self._chat.opened, text=question, key=uuid.uuid4().hex), ()
        )
