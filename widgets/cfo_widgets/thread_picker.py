"""The thread picker: the threads of a workspace, one of them open."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter

from cfo_kernel import CfoError, Thread, Workspace
from cfo_kernel.errors import InvalidInput
from cfo_kernel.interface import MAX_TITLE
from cfo_widgets.callbacks import Callbacks
from cfo_widgets.component import Component
from cfo_widgets.watching import Glance, Watch
from cfo_widgets.wire import Command, CommandResult


class PickThread(Command):
    """Opens a thread; with an empty id a new one."""

    type: Literal["pick"]
    thread_id: str


class RenameThread(Command):
    type: Literal["rename"]
    thread_id: str
    title: str


class GetLastChange(Command):
    """Asks when a thread changed last: a person wants to delete it as it is now."""

    type: Literal["last_change"]
    thread_id: str


class DeleteThread(Command):
    """Comes when the time to undo it is over.

    It is refused for another workspace than the open one, and for a thread in which something happened after
    `last_change`, unless that is empty.
    """

    type: Literal["delete"]
    workspace_id: str
    thread_id: str
    last_change: str = ""


class ThreadsInView(Command):
    """Somebody looks at the page."""

    type: Literal["look"]


ThreadPickerCommand = PickThread | RenameThread | GetLastChange | DeleteThread | ThreadsInView


class ThreadPicker(Component, bundle="thread_picker"):
    """Lists the threads of a workspace, and tells `on_pick` which one a person wants.

    `threads` is None until they are known; `thread_id` is the open one, empty for a new one; `connection` says in words
    why the list may be old.
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
        self._watch: Watch | None = None
        self._watching: asyncio.Task[None] | None = None
        self._picked = Callbacks()
        self._changed = Callbacks()
        if workspace is not None:
            self.begin(self.show(workspace))

    def on_pick(self, callback: Callable[..., Any]) -> None:
        """Has `callback` called with the thread that a person opened, or with None for a new one."""
        self._picked.add(callback)

    def on_change(self, callback: Callable[[str], Any]) -> None:
        """Has `callback` called with the id of each thread in which something happened, here or elsewhere."""
        self._changed.add(callback)

    async def show(self, workspace: Workspace) -> None:
        """Shows the threads of another workspace, none of them open."""
        if self._watching is not None:
            self._watching.cancel()
        watch = Watch(workspace, lambda glance: self._saw(watch, glance), lambda words: self._trouble(watch, words))
        self._workspace, self._watch = workspace, watch
        with self.hold_sync():
            self.workspace_id, self.threads, self.thread_id, self.connection = workspace.id, None, "", ""
        await watch.now()
        if self._watch is watch:
            self._watching = self.begin(watch.go_on())

    def select(self, thread_id: str) -> None:
        """Marks a thread as the open one, without telling `on_pick`: a new thread has got its id, say."""
        self.thread_id = thread_id
        self.look()

    def look(self) -> None:
        """Asks at once whether anything is new."""
        if self._watch is not None:
            self._watch.wake()

    async def perform(self, command: ThreadPickerCommand, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        if self._workspace is None or self._watch is None:
            raise InvalidInput("No workspace is open here yet. Choose one first.")
        match command:
            case PickThread(thread_id=id):
                await self._pick(self._workspace, id)
            case RenameThread(thread_id=id, title=title):
                await (await self._workspace.thread(id)).rename(title)
                await self._watch.now()
            case GetLastChange(thread_id=id):
                return CommandResult(_last_change(await self._workspace.thread(id)))
            case DeleteThread():
                await self._delete(self._workspace, self._watch, command)
            case ThreadsInView():
                self._watch.look()
        return CommandResult()

    async def _pick(self, workspace: Workspace, id: str) -> None:
        before, self.thread_id = self.thread_id, id
        try:
            thread = await workspace.thread(id) if id else None
        except CfoError:
            if self.thread_id == id:
                self.thread_id = before
            raise
        if self.thread_id == id:  # else a person has picked another one meanwhile
            await self._picked.tell(thread)

    async def _delete(self, workspace: Workspace, watch: Watch, command: DeleteThread) -> None:
        if command.workspace_id != workspace.id:
            raise InvalidInput("Another workspace was opened meanwhile, so nothing was deleted.")
        thread = await workspace.thread(command.thread_id)
        if command.last_change not in ("", _last_change(thread)):
            raise InvalidInput("Something was written in this thread meanwhile. Look at it, then delete it again.")
        await thread.delete()
        if self.thread_id == command.thread_id:
            self.thread_id = ""
            await self._picked.tell(None)
        await watch.now()

    def _saw(self, watch: Watch, glance: Glance) -> None:
        if watch is not self._watch:
            return
        self.threads = glance.threads
        for thread_id in glance.changed:
            self.begin(self._changed.tell(thread_id))

    def _trouble(self, watch: Watch, words: str) -> None:
        if watch is self._watch:
            self.connection = words


def _last_change(thread: Thread) -> str:
    return thread.updated_at.isoformat() if thread.updated_at else ""
