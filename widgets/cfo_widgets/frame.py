"""The frame around the components: remembers which thread is open on the page, and reports connection problems."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import traitlets
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from cfo_widgets.component import Component
from cfo_widgets.wire import Command, CommandResult


class RestoreThread(Command):
    """Restores the thread that a page remembers. Sent when the page opens or its address changes."""

    type: Literal["enter"]
    thread: str = ""


class RestoredThread(TypedDict):
    """The response to `RestoreThread`. False if the thread was deleted or never existed."""

    is_found: bool


class Frame(Component, bundle="frame"):
    """Lays out the workbench.

    `cell` names the notebook cell in which the workbench was created; it is empty outside a notebook. `thread` is the
    open thread; it is empty while the thread is new. `opened` changes whenever a thread is opened. `trouble` is a
    message about the connection.
    """

    commands = TypeAdapter(RestoreThread)
    cell = traitlets.Unicode("").tag(sync=True)
    thread = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.Unicode("").tag(sync=True)
    trouble = traitlets.Unicode("").tag(sync=True)

    def __init__(self, restore: Callable[[str], Awaitable[bool]], **traits: Any) -> None:
        super().__init__(**traits)
        self._restore = restore

    async def perform(self, command: RestoreThread, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        return CommandResult(RestoredThread(is_found=await self._restore(command.thread)))
