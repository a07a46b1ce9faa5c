"""The workspace picker: lists the workspaces of a workbench, and shows which one is open."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from cfo_kernel import CfoError, Workbench
from cfo_widgets.async_callbacks import AsyncCallbacks
from cfo_widgets.component import Component
from cfo_widgets.second_look import with_second_look
from cfo_widgets.wire import Command, CommandResult, message_for_person


class OpenInitialWorkspace(Command):
    """Opens the first workspace of a page. `remembered` is the workspace that was last open in its browser."""

    type: Literal["begin"]
    remembered: str = ""


class PickWorkspace(Command):
    type: Literal["pick"]
    workspace_id: str


class CreateWorkspace(Command):
    type: Literal["create"]
    name: str


class ListWorkspaces(Command):
    """Reloads the list. Sent when the user opens the menu."""

    type: Literal["refresh"]


class WorkspaceRow(TypedDict):
    """A workspace in the page's list."""

    id: str
    name: str
    updated_at: str


WorkspacePickerCommand = OpenInitialWorkspace | PickWorkspace | CreateWorkspace | ListWorkspaces


class WorkspacePicker(Component, bundle="workspace_picker"):
    """Lists the workspaces, creates new ones, and calls its callbacks with the workspace to open.

    A page opens the workspace that was last open in its browser, or otherwise the one that was last changed.
    `workspaces` is None until the list is loaded. `workspace_id` is empty while no workspace is open. `connection` is a
    message that explains why no workspace can be opened.
    """

    commands = TypeAdapter(Annotated[WorkspacePickerCommand, Field(discriminator="type")])
    workspaces = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    workspace_id = traitlets.Unicode().tag(sync=True)
    connection = traitlets.Unicode().tag(sync=True)

    def __init__(self, workbench: Workbench, **traits: Any) -> None:
        super().__init__(**traits)
        self._workbench = workbench
        self._on_pick = AsyncCallbacks()
        self.opening = asyncio.Lock()
        """Held while the first workspace is being opened, because several pages may request this at the same time."""

    def on_pick(self, callback: Callable[..., Any]) -> None:
        """Calls `callback` with each workspace that should be opened."""
        self._on_pick.add(callback)

    async def load(self) -> None:
        """Loads the list of workspaces."""
        found = await self._workbench.workspaces()
        self.workspaces = [WorkspaceRow(id=w.id, name=w.name, updated_at=w.updated_at.isoformat()) for w in found]

    async def pick(self, workspace_id: str) -> None:
        """Opens a workspace. Raises `WorkspaceNotFound`."""
        workspace = await self._workbench.workspace(workspace_id)
        self.select(workspace.id)
        await self._on_pick.call(workspace)

    def select(self, workspace_id: str) -> None:
        """Marks a workspace as open without calling the callbacks."""
        self.workspace_id = workspace_id

    async def perform(self, command: WorkspacePickerCommand, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        match command:
            case OpenInitialWorkspace(remembered=id):
                await self._open_initial(id)
            case PickWorkspace(workspace_id=id):
                await self.pick(id)
            case CreateWorkspace(name=name):
                created = await self._workbench.create_workspace(name)
                await self.load()
                await self.pick(created.id)
            case ListWorkspaces():
                await self.load()
        return CommandResult()

    async def _open_initial(self, remembered: str) -> None:
        async with self.opening:
            try:
                if self.workspaces is None:
                    await with_second_look(self.load)
            except CfoError as error:
                self.connection = message_for_person(error)
                raise
            self.connection = ""
            if self.workspace_id:
                return
            by_change = sorted(self.workspaces or [], key=lambda workspace: workspace["updated_at"])
            if by_change:
                is_known = any(workspace["id"] == remembered for workspace in by_change)
                await self.pick(remembered if is_known else by_change[-1]["id"])
