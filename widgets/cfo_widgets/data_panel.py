"""The data panel: the files of a workspace and their tables; they come, are looked at, and go."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from cfo_kernel import CfoError, Dataset, Workspace
from cfo_kernel.errors import GlossaryInvalid, InvalidInput
from cfo_kernel.interface import MAX_BYTES, SUFFIXES
from cfo_widgets.callbacks import Callbacks
from cfo_widgets.component import Component
from cfo_widgets.downloading import DownloadCommand, Downloads
from cfo_widgets.uploading import Uploads
from cfo_widgets.wire import Command, CommandResult, message_for_person


class InWorkspace(Command):
    """A command that is refused where another workspace was opened since the page sent it."""

    workspace_id: str


class UploadChunk(InWorkspace):
    """A piece of a file, in the buffer; with the last one the answer is what became of the file."""

    type: Literal["upload"]
    upload_id: str
    name: str
    size: int = Field(ge=0)
    offset: int = Field(ge=0)


class CancelUpload(Command):
    type: Literal["cancel_upload"]
    upload_id: str


class PreviewTable(InWorkspace):
    type: Literal["preview"]
    table: str


class DownloadFile(DownloadCommand, InWorkspace):
    type: Literal["download"]
    file: str


class DeleteFile(InWorkspace):
    """Comes when the time to undo it is over."""

    type: Literal["delete_file"]
    file: str


class AskExample(InWorkspace):
    """Somebody clicked an example question."""

    type: Literal["ask"]
    question: str


class DataInView(Command):
    """Somebody looks at the page: what others changed meanwhile is to be seen."""

    type: Literal["look"]


class ColumnSummary(TypedDict):
    name: str
    type: str


class TableSummary(TypedDict):
    name: str
    sheet: str | None
    row_count: int
    notes: list[str]
    columns: list[ColumnSummary]


class DatasetSummary(TypedDict):
    """A dataset as the page lists it: without the profiles of its columns, which are long."""

    file: str
    size: int
    problem: str | None
    tables: list[TableSummary]


DataPanelCommand = UploadChunk | CancelUpload | PreviewTable | DownloadFile | DeleteFile | AskExample | DataInView


class DataPanel(Component, bundle="data_panel"):
    """Lists the files of a workspace with their tables, and takes new ones.

    `datasets` is None until they are known; `connection` says in words why the list may be old, `glossary_problem` what
    is wrong with the company's glossary.
    """

    commands = TypeAdapter(Annotated[DataPanelCommand, Field(discriminator="type")])
    workspace_id = traitlets.Unicode().tag(sync=True)
    datasets = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    glossary = traitlets.Dict().tag(sync=True)
    glossary_problem = traitlets.Unicode().tag(sync=True)
    connection = traitlets.Unicode().tag(sync=True)
    suffixes = traitlets.List(list(SUFFIXES)).tag(sync=True)
    largest = traitlets.Int(MAX_BYTES).tag(sync=True)

    def __init__(self, workspace: Workspace | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._workspace: Workspace | None = None
        self._uploads = Uploads()
        self._downloads = Downloads()
        self._asked = Callbacks()
        self._refreshing = asyncio.Lock()
        if workspace is not None:
            self.begin(self.show(workspace))

    def on_question(self, callback: Callable[[str], Any]) -> None:
        """Has `callback` called with an example question that a person clicked."""
        self._asked.add(callback)

    async def show(self, workspace: Workspace) -> None:
        """Shows the data of another workspace."""
        self._workspace = workspace
        with self.hold_sync():
            self.workspace_id, self.datasets, self.glossary = workspace.id, None, {}
            self.glossary_problem, self.connection = "", ""
        await self.refresh()

    async def refresh(self) -> None:
        """Lists the data anew; a problem is told on the page."""
        async with self._refreshing:
            if (workspace := self._workspace) is None:
                return
            glossary, glossary_problem = {}, ""
            try:
                datasets = [_summary(dataset) for dataset in await workspace.datasets()]
                try:
                    glossary = (await workspace.glossary()).model_dump(mode="json")
                except GlossaryInvalid as error:
                    glossary_problem = error.message
            except CfoError as error:
                if workspace is self._workspace:
                    self.connection = message_for_person(error)
                return
            if workspace is self._workspace:
                with self.hold_sync():
                    self.datasets, self.glossary = datasets, glossary
                    self.glossary_problem, self.connection = glossary_problem, ""

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
                return CommandResult((await self._open_one(command).table(table).head()).model_dump(mode="json"))
            case DownloadFile(file=file):
                return await self._downloads.next(command, lambda: self._open_one(command).download(file))
            case DeleteFile(file=file):
                await self._open_one(command).delete_file(file)
                await self.refresh()
            case AskExample(question=question):
                self._open_one(command)
                await self._asked.tell(question)
            case DataInView():
                await self.refresh()
        return CommandResult()

    async def _receive(self, sent: UploadChunk, buffers: Sequence[memoryview]) -> CommandResult:
        workspace = self._open_one(sent)
        made = await self._uploads.take(sent.upload_id, workspace, sent.name, sent.size, sent.offset, buffers)
        if made is None:
            return CommandResult({"received": sent.offset + sum(map(len, buffers))})
        await self.refresh()
        return CommandResult({"received": sent.size, "dataset": _summary(made)})

    def _open_one(self, command: InWorkspace) -> Workspace:
        if self._workspace is None or command.workspace_id != self._workspace.id:
            raise InvalidInput("Another workspace was opened meanwhile, so nothing was done. Do it again there.")
        return self._workspace


def _summary(dataset: Dataset) -> DatasetSummary:
    tables: list[TableSummary] = [
        {
            "name": table.name,
            "sheet": table.sheet,
            "row_count": table.row_count,
            "notes": list(table.notes),
            "columns": [{"name": column.name, "type": column.type} for column in table.columns],
        }
        for table in dataset.tables
    ]
    return {"file": dataset.file, "size": dataset.size, "problem": dataset.problem, "tables": tables}
