"""The thread picker: lists the threads of a workspace, and shows which one is open."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter

from cfo_kernel import CfoError, Thread, Workspace
from cfo_kernel.errors import InvalidInput
from cfo_kernel.interface import MAX_TITLE
from cfo_widgets.async_callbacks import AsyncCallbacks
from cfo_widgets.component import Component
from cfo_widgets.thread_watcher import ThreadListUpdate, ThreadWatcher
from cfo_widgets.wire import Command, CommandResult


class PickThread(Command):
    """Opens a thread. An empty id opens a new thread."""

    type: Literal["pick"]
    thread_id: str


class RenameThread(Command):
    type: Literal["rename"]
    thread_id: str
    title: str


class GetLastChange(Command):
    """Requests the time of a thread's last change, which `DeleteThread` needs in order to delete only that version."""

    type: Literal["last_change"]
    thread_id: str


class DeleteThread(Command):
    """Deletes a thread. Sent when the time to undo has passed.

    It is refused if another workspace is open, or if the thread was changed after `last_change` (unless that is empty).
    """

    type: Literal["delete"]
    workspace_id: str
    thread_id: str
    last_change: str = ""


class ThreadsInView(Command):
    """Reports that the page is visible. Sent repeatedly while it is."""

    type: Literal["look"]


ThreadPickerCommand = PickThread | RenameThread | GetLastChange | DeleteThread | ThreadsInView


class ThreadPicker(Component, bundle="thread_picker"):
    """Lists the threads of a workspace, and calls its callbacks with the thread that the user picks.

    `threads` is None until the list is loaded. `thread_id` is the open thread; it is empty for a new thread.
    `connection` is a message that explains why the list may be out of date.
    """

    commands = TypeAdapter(Annotated[ThreadPickerCommand, Field(discriminator="type")])
    threads = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    thread_id = traitlets.Unicode().tag(sync=True)
    workspace_id = traitlets.Unicode().tag(sync=True)
    connection = traitlets.Unicode().tag(sync=True)
    longest_title = traitlets.Int(MAX_TITLE).tag(sync=True)

    def __init__(self, workspace: Workspace | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._workspace: Workspace | None = None
        self._watcher: ThreadWatcher | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._on_pick = AsyncCallbacks()
        self._on_change = AsyncCallbacks()
        if workspace is not None:
            self.start(self.show(workspace))

    def on_pick(self, callback: Callable[..., Any]) -> None:
        """Calls `callback` with each thread that the user opens, or with None for a new thread."""
        self._on_pick.add(callback)

    def on_change(self, callback: Callable[[str], Any]) -> None:
        """Calls `callback` with the id of each thread that changes, here or elsewhere."""
        self._on_change.add(callback)

    async def show(self, workspace: Workspace) -> None:
        """Shows the threads of a workspace without opening any of them."""
        if self._watch_task is not None:
            self._watch_task.cancel()
        watcher = ThreadWatcher(
            workspace,
            lambda update: self._apply(watcher, update),
            lambda message: self._set_connection(watcher, message),
        )
        self._workspace, self._watcher = workspace, watcher
        with self.hold_sync():
            self.workspace_id, self.threads, self.thread_id, self.connection = workspace.id, None, "", ""
        await watcher.poll()
        if self._watcher is watcher:
            self._watch_task = self.start(watcher.run())

    def select(self, thread_id: str) -> None:
        """Marks a thread as open without calling the callbacks, for example when a new thread gets its id."""
        self.thread_id = thread_id
        self.poll_soon()

    def poll_soon(self) -> None:
        """Polls for changes now instead of waiting for the next interval."""
        if self._watcher is not None:
            self._watcher.poll_soon()

    async def perform(self, command: ThreadPickerCommand, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        if self._workspace is None or self._watcher is None:
            raise InvalidInput("No workspace is open yet. Choose one first.")
        match command:
            case PickThread(thread_id=id):
                await self._pick(self._workspace, id)
            case RenameThread(thread_id=id, title=title):
                await (await self._workspace.thread(id)).rename(title)
                await self._watcher.poll()
            case GetLastChange(thread_id=id):
                return CommandResult(_last_change(await self._workspace.thread(id)))
            case DeleteThread():
                await self._delete(self._workspace, self._watcher, command)
            case ThreadsInView():
                self._watcher.page_is_visible()
        return CommandResult()

    async def _pick(self, workspace: Workspace, id: str) -> None:
        # Set before the thread is loaded, so that the page marks it at once. If loading fails, it is set back.
        previous, self.thread_id = self.thread_id, id
        try:
            thread = await workspace.thread(id) if id else None
        except CfoError:
            if self.thread_id == id:
                self.thread_id = previous
            raise
        if self.thread_id == id:  # otherwise another thread was picked in the meantime
            await self._on_pick.call(thread)

    async def _delete(self, workspace: Workspace, watcher: ThreadWatcher, command: DeleteThread) -> None:
        if command.workspace_id != workspace.id:
            raise InvalidInput(
                "Another workspace is now open, so nothing was deleted. Reopen the previous one and try again."
            )
        thread = await workspace.thread(command.thread_id)
        if command.last_change not in ("", _last_change(thread)):
            raise InvalidInput("This thread has new messages. Read them before you delete the thread.")
        await thread.delete()
        if self.thread_id == command.thread_id:
            self.thread_id = ""
            await self._on_pick.call(None)
        await watcher.poll()

    def _apply(self, watcher: ThreadWatcher, update: ThreadListUpdate) -> None:
        if watcher is not self._watcher:
            return  # a late update for a workspace that is no longer shown
        self.threads = update.threads
        for thread_id in update.changed:
            self.start(self._on_change.call(thread_id))

    def _set_connection(self, watcher: ThreadWatcher, message: str) -> None:
        if watcher is self._watcher:
            self.connection = message


def _last_change(thread: Thread) -> str:
    return thread.updated_at.isoformat() if thread.updated_at else ""
