"""The workspace picker: the companies of a workbench, one of them open."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from cfo_kernel import CfoError, Workbench
from cfo_widgets.callbacks import Callbacks
from cfo_widgets.component import Component
from cfo_widgets.wire import Command, CommandResult, message_for_person


class OpenInitialWorkspace(Command):
    """A page was opened; `remembered` is the workspace that its browser had open last."""

    type: Literal["begin"]
    remembered: str = ""


class PickWorkspace(Command):
    type: Literal["pick"]
    workspace_id: str


class CreateWorkspace(Command):
    type: Literal["create"]
    name: str


class ListWorkspaces(Command):
    """Lists the workspaces anew: somebody opens the list."""

    type: Literal["refresh"]


class WorkspaceRow(TypedDict):
    """A workspace as the page lists it."""

    id: str
    name: str
    updated_at: str


WorkspacePickerCommand = OpenInitialWorkspace | PickWorkspace | CreateWorkspace | ListWorkspaces


class WorkspacePicker(Component, bundle="workspace_picker"):
    """Lists the workspaces, makes new ones, and tells `on_pick` which one to open.

    A page opens the one that its browser had open last, else the one last changed. `workspaces` is None until they are
    known, `workspace_id` is empty while none is open, and `connection` says in words why none can be.
    """

    commands = TypeAdapter(Annotated[WorkspacePickerCommand, Field(discriminator="type")])
    workspaces = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    workspace_id = traitlets.Unicode().tag(sync=True)
    connection = traitlets.Unicode().tag(sync=True)

    def __init__(self, workbench: Workbench, **traits: Any) -> None:
        super().__init__(**traits)
        self._workbench = workbench
        self._picked = Callbacks()
        self.beginning = asyncio.Lock()
        """Held while it is settled which workspace is open at first; another page may begin too."""

    def on_pick(self, callback: Callable[..., Any]) -> None:
        """Has `callback` called with the workspace that is to be opened."""
        self._picked.add(callback)

    async def load(self) -> None:
        """Lists the workspaces."""
        found = await self._workbench.workspaces()
        self.workspaces = [WorkspaceRow(id=w.id, name=w.name, updated_at=w.updated_at.isoformat()) for w in found]

    async def pick(self, workspace_id: str) -> None:
        """Opens a workspace. Raises `WorkspaceNotFound`."""
        workspace = await self._workbench.workspace(workspace_id)
        self.select(workspace.id)
        await self._picked.tell(workspace)

    def select(self, workspace_id: str) -> None:
        """Marks a workspace as the open one, without telling `on_pick`."""
        self.workspace_id = workspace_id

    async def perform(self, command: WorkspacePickerCommand, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        match command:
            case OpenInitialWorkspace(remembered=id):
                await self._begin(id)
            case PickWorkspace(workspace_id=id):
                await self.pick(id)
            case CreateWorkspace(name=name):
                made = await self._workbench.create_workspace(name)
                await self.load()
                await self.pick(made.id)
            case ListWorkspaces():
                await self.load()
        return CommandResult()

    async def _begin(self, remembered: str) -> None:
        async with self.beginning:
            try:
                if self.workspaces is None:
                    await self.load()
            except CfoError as error:
                self.connection = message_for_person(error)
                raise
            self.connection = ""
            if self.workspace_id:
                return
            known = sorted(self.workspaces or [], key=lambda workspace: workspace["updated_at"])
            if known:
                await self.pick(remembered if any(w["id"] == remembered for w in known) else known[-1]["id"])
