"""The frame around the components: it remembers on the page which thread is open, and says when the server is away."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import traitlets
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from cfo_widgets.component import Component
from cfo_widgets.wire import Command, CommandResult


class RestoreThread(Command):
    """A page was opened, or its address changed: it brings the thread that it remembers."""

    type: Literal["enter"]
    thread: str = ""


class RestoredThread(TypedDict):
    """The answer to `RestoreThread`; False if the thread was deleted or never existed."""

    is_found: bool


class Frame(Component, bundle="frame"):
    """Lays out the workbench.

    `cell` names the cell of the notebook in which the workbench was made, empty on a page of its own; `thread` is the
    open one, empty while it is new; `opened` changes whenever one is opened; `trouble` says in words what a person must
    know about the connection.
    """

    commands = TypeAdapter(RestoreThread)
    cell = traitlets.Unicode("").tag(sync=True)
    thread = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.Unicode("").tag(sync=True)
    trouble = traitlets.Unicode("").tag(sync=True)

    def __init__(self, enter: Callable[[str], Awaitable[bool]], **traits: Any) -> None:
        super().__init__(**traits)
        self._enter = enter

    async def perform(self, command: RestoreThread, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        return CommandResult(RestoredThread(is_found=await self._enter(command.thread)))
