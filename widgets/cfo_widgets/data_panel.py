"""The data panel: lists a workspace's files and their tables, and lets the user add, view, download and delete them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from cfo_kernel import CfoError, Dataset, Workspace
from cfo_kernel.errors import InvalidInput
from cfo_kernel.interface import MAX_BYTES, SUFFIXES
from cfo_widgets.async_callbacks import AsyncCallbacks
from cfo_widgets.component import Component
from cfo_widgets.downloads import DownloadCommand, Downloads
from cfo_widgets.second_look import with_second_look
from cfo_widgets.uploads import Uploads
from cfo_widgets.wire import Command, CommandResult, message_for_person

_PATIENCE = 0.5
"""How many seconds the list waits for files that are being read, so that small ones do not flicker."""
_FOLLOW_EVERY = 1.0


class WorkspaceCommand(Command):
    """A command for the workspace that the page shows. It is refused if another workspace is open when it arrives."""

    workspace_id: str


class UploadChunk(WorkspaceCommand):
    """Uploads the chunk of a file that is in the buffer. The response to the last chunk contains the dataset."""

    type: Literal["upload"]
    upload_id: str
    name: str
    size: int = Field(ge=0)
    offset: int = Field(ge=0)


class CancelUpload(Command):
    type: Literal["cancel_upload"]
    upload_id: str


class PreviewTable(WorkspaceCommand):
    type: Literal["preview"]
    table: str


class DownloadFile(DownloadCommand, WorkspaceCommand):
    type: Literal["download"]
    file: str


class DeleteFile(WorkspaceCommand):
    """Deletes a file. Sent when the time to undo has passed."""

    type: Literal["delete_file"]
    file: str


class StopReading(WorkspaceCommand):
    """Stops the reading of a file."""

    type: Literal["stop_reading"]
    file: str


class ReadAgain(WorkspaceCommand):
    """Reads a file again whose reading was stopped or failed."""

    type: Literal["read_again"]
    file: str


class UniteFiles(WorkspaceCommand):
    """Puts files together as one table. Without files, keeps apart those that would form it."""

    type: Literal["unite"]
    name: str
    files: list[str]


class AskExample(WorkspaceCommand):
    """Asks an example question that the user clicked."""

    type: Literal["ask"]
    question: str


class DataInView(Command):
    """Reports that the page is visible, so that changes made elsewhere are loaded."""

    type: Literal["look"]


class ColumnSummary(TypedDict):
    name: str
    type: str


class ReadingSummary(TypedDict):
    """The decisions of one kind that were made while a file was read."""

    label: str
    line: str
    texts: list[str]
    needs_check: bool


class TableSummary(TypedDict):
    name: str
    sheet: str | None
    row_count: int
    files: list[str]
    reading: list[ReadingSummary]
    columns: list[ColumnSummary]


class ProposalSummary(TypedDict):
    """Files that may be parts of one table."""

    name: str
    files: list[str]


class DatasetSummary(TypedDict):
    """A dataset in the page's list, without the column profiles, which are long.

    `reading` says how far a file is that is being read.
    """

    file: str
    size: int
    problem: str | None
    reading: str | None
    can_stop: bool
    is_stopped: bool
    document: str | None
    notes: list[str]
    proposal: ProposalSummary | None
    tables: list[TableSummary]


DataPanelCommand = (
    UploadChunk
    | CancelUpload
    | PreviewTable
    | DownloadFile
    | DeleteFile
    | StopReading
    | ReadAgain
    | UniteFiles
    | AskExample
    | DataInView
)


class DataPanel(Component, bundle="data_panel"):
    """Lists the files of a workspace with their tables, and accepts new files.

    `datasets` is None until the list is loaded. `connection` is a message that explains why the list may be out of
    date.
    """

    commands = TypeAdapter(Annotated[DataPanelCommand, Field(discriminator="type")])
    workspace_id = traitlets.Unicode().tag(sync=True)
    datasets = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    glossary = traitlets.Dict().tag(sync=True)
    connection = traitlets.Unicode().tag(sync=True)
    suffixes = traitlets.List(list(SUFFIXES)).tag(sync=True)
    largest = traitlets.Int(MAX_BYTES).tag(sync=True)

    def __init__(self, workspace: Workspace | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._workspace: Workspace | None = None
        self._uploads = Uploads()
        self._downloads = Downloads()
        self._on_question = AsyncCallbacks()
        self._refreshing = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        if workspace is not None:
            self.start(self.show(workspace))

    def on_question(self, callback: Callable[[str], Any]) -> None:
        """Calls `callback` with each example question that the user clicks."""
        self._on_question.add(callback)

    async def show(self, workspace: Workspace) -> None:
        """Shows the data of a workspace."""
        self._workspace = workspace
        with self.hold_sync():
            self.workspace_id, self.datasets, self.glossary, self.connection = workspace.id, None, {}, ""
        await self.refresh()

    async def refresh(self) -> None:
        """Reloads the data. The page shows any problem."""
        async with self._refreshing:
            if (workspace := self._workspace) is None:
                return
            try:
                found = await with_second_look(lambda: workspace.datasets(wait=_PATIENCE))
                datasets = [_summary(dataset) for dataset in found]
                glossary = (await workspace.glossary(wait=0)).model_dump(mode="json")
            except CfoError as error:
                if workspace is self._workspace:
                    self.connection = message_for_person(error)
                return
            if workspace is self._workspace:
                with self.hold_sync():
                    self.datasets, self.glossary, self.connection = datasets, glossary, ""
                if any(dataset["reading"] for dataset in datasets) and not self._is_following:
                    self._following = self.start(self._follow())

    @property
    def _is_following(self) -> bool:
        return self._following is not None and not self._following.done()

    async def _follow(self) -> None:
        """Reloads the data until all files are read."""
        while any(dataset["reading"] for dataset in self.datasets or ()) and not self.connection:
            await asyncio.sleep(_FOLLOW_EVERY)
            await self.refresh()

    def close(self) -> None:
        self._uploads.close()
        self._downloads.close()
        super().close()

    async def perform(self, command: DataPanelCommand, buffers: Sequence[memoryview]) -> CommandResult:
        match command:
            case UploadChunk():
                return await self._receive(command, buffers)
            case CancelUpload(upload_id=id):
                self._uploads.drop(id)
            case PreviewTable(table=table):
                return CommandResult((await self._workspace_of(command).table(table).head()).model_dump(mode="json"))
            case DownloadFile(file=file):
                return await self._downloads.next_chunk(command, lambda: self._workspace_of(command).download(file))
            case DeleteFile(file=file):
                await self._workspace_of(command).delete_file(file)
                await self.refresh()
            case StopReading(file=file):
                await self._workspace_of(command).stop_reading(file)
                await self.refresh()
            case ReadAgain(file=file):
                await self._workspace_of(command).read_again(file)
                await self.refresh()
            case UniteFiles(name=name, files=files):
                await self._workspace_of(command).unite(name, files)
                await self.refresh()
            case AskExample(question=question):
                self._workspace_of(command)
                await self._on_question.call(question)
            case DataInView():
                await self.refresh()
        return CommandResult()

    async def _receive(self, chunk: UploadChunk, buffers: Sequence[memoryview]) -> CommandResult:
        workspace = self._workspace_of(chunk)
        dataset = await self._uploads.append(chunk.upload_id, workspace, chunk.name, chunk.size, chunk.offset, buffers)
        if dataset is None:
            return CommandResult({"received": chunk.offset + sum(map(len, buffers))})
        await self.refresh()
        return CommandResult({"received": chunk.size, "dataset": _summary(dataset)})

    def _workspace_of(self, command: WorkspaceCommand) -> Workspace:
        if self._workspace is None or command.workspace_id != self._workspace.id:
            raise InvalidInput(
                "Another workspace is now open, so nothing was done. Reopen the previous one and try again."
            )
        return self._workspace


def _summary(dataset: Dataset) -> DatasetSummary:
    tables: list[TableSummary] = [
        {
            "name": table.name,
            "sheet": table.sheet,
            "row_count": table.row_count,
            "files": list(table.files),
            "reading": [
                {"label": kind.label, "line": kind.line, "texts": list(kind.texts), "needs_check": kind.needs_check}
                for kind in table.reading_summary()
            ],
            "columns": [{"name": column.name, "type": column.type} for column in table.columns],
        }
        for table in dataset.tables
    ]
    return {
        "file": dataset.file,
        "size": dataset.size,
        "problem": dataset.problem,
        "reading": dataset.reading.words if dataset.reading else None,
        "can_stop": dataset.reading is not None and dataset.reading.can_stop,
        "is_stopped": dataset.is_stopped,
        "document": dataset.document,
        "notes": list(dataset.notes),
        "proposal": _proposal(dataset),
        "tables": tables,
    }


def _proposal(dataset: Dataset) -> ProposalSummary | None:
    return {"name": found.name, "files": list(found.files)} if (found := dataset.proposal) else None
