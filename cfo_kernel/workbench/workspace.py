"""A workspace in the embedded workbench: the files and threads of one company."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cfo_kernel import display, listings, not_found, upload_source
from cfo_kernel.data.file_names import safe_name
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.tables import Dataset
from cfo_kernel.errors import ThreadNotFound, UnknownTable, UnreadableFile
from cfo_kernel.events import UsageTotals
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder
from cfo_kernel.interface import LIST_WAIT, DataFile, Direct, Download, Glossary, MeaningVersion, OpenRun, StatedMeaning
from cfo_kernel.replies import ResultTable
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import WorkspaceRow
from cfo_kernel.upload_source import UploadSource
from cfo_kernel.workbench import downloads, glossary_view, unions, uploads
from cfo_kernel.workbench.engine import Engine
from cfo_kernel.workbench.glossary_edits import GlossaryEdits
from cfo_kernel.workbench.glossary_versions import version_of
from cfo_kernel.workbench.storage_errors import storage_errors, undone
from cfo_kernel.workbench.table import DIRECT_ROWS, EmbeddedTable
from cfo_kernel.workbench.thread import EmbeddedThread


class EmbeddedWorkspace:
    """The files and threads of one company. Every method may raise `WorkbenchClosed` or `OtherLoop`."""

    def __init__(self, engine: Engine, row: WorkspaceRow, owner: object) -> None:
        self._engine = engine
        self._owner = owner  # keeps the workbench and its engine open while this object is in use
        self._row = row

    @property
    def id(self) -> str:
        return self._row.id

    @property
    def name(self) -> str:
        return self._row.name

    @property
    def created_at(self) -> datetime:
        """The time in UTC when the workspace was created or first found in the root."""
        return self._row.created_at

    @property
    def updated_at(self) -> datetime:
        """The time in UTC when the name or the files were last changed through a workbench."""
        return self._row.updated_at

    @property
    def workspace_dir(self) -> Path:
        return self._engine.workspace_dir(self._row)

    async def rename(self, name: str) -> None:
        """Changes the name, but not the id or the folder. Raises `InvalidName` or `WorkspaceExists`."""
        catalog = self._engine.use().catalog
        catalog.rename_workspace(self.id, folders.workspace_name(name))
        self._row = catalog.workspace(self.id)

    async def delete(self) -> None:
        """Stops the runs of the workspace and moves its folder to the root's `.trash/`.

        Raises `ThreadBusy` if another program is working on one of its threads, or `StorageFailed`.
        """
        engine, folder = self._engine.use(), self.workspace_dir
        await engine.dispatch.stop_runs(self.id)
        await engine.close_workspace_data(self._row)
        await engine.dispatch.stop_runs(self.id)  # a message may have arrived while the workers ended
        moved = await asyncio.to_thread(_move_to_trash, engine.root, folder)
        with undone(moved, folder):
            engine.catalog.remove_workspace(self.id)

    async def upload(self, source: UploadSource, name: str | None = None) -> Dataset:
        """Stores a file (a path, or a binary stream with a name) in `data/`, after checking that it is a table.

        The limit is 2 GB. An existing file with the same name is moved to `.trash/`. Raises `InvalidInput`,
        `InvalidName`, a `FileProblem` or `StorageFailed`, in which case `data/` is not changed.
        """
        engine = self._engine.use()
        upload_source.check(source)
        safe = safe_name(name or upload_source.name_of(source))
        workspace_data, folder = engine.data(self._row), self.workspace_dir
        with storage_errors(f"{safe} cannot be stored"), locked_temp_folder(workspace_data.scratch) as scratch:
            path = scratch / safe
            await asyncio.to_thread(uploads.copy, source, path)
            await workspace_data.check_file(path)
            await asyncio.to_thread(uploads.put_in_place, path, folder / "data" / safe, folder)
            with suppress(FileNotFoundError):  # it was removed in the meantime, which is reported below
                await workspace_data.file_moved(safe)
        self._touch()
        index = await workspace_data.index(lambda index: index.is_read(safe))
        for dataset in index.datasets:
            if dataset.file == safe:
                return dataset
        raise UnreadableFile(f"{safe} was removed from data/ in the meantime. Upload it again.")

    async def files(self) -> Sequence[DataFile]:
        """Returns the files in `data/`, including the glossary, sorted by name. Raises `StorageFailed`."""
        self._engine.use()
        found = await asyncio.to_thread(_listed, self.workspace_dir / "data")
        return listings.files(found)

    async def download(self, file: str) -> Download:
        """Returns a file in `data/`, as it was uploaded. Raises `FileNotFound` or `StorageFailed`."""
        self._engine.use()
        found = await downloads.opened(self._file(file))
        if found is None:
            raise not_found.file(file)
        return found

    async def delete_file(self, file: str) -> None:
        """Moves a file from `data/` to `.trash/`. Raises `FileNotFound` or `StorageFailed`."""
        self._engine.use()
        await asyncio.to_thread(_move_to_trash, self.workspace_dir, self._file(file))
        self._touch()

    async def unite(self, name: str, files: Sequence[str]) -> None:
        """Puts the tables of these files together as the table `name`.

        Without files, keeps apart those that would form it.

        For a file with several tables, pass the name of the table instead. Writes `union:` in `datasets.yaml`. Raises
        `InvalidName`, `InvalidInput`, `FileNotFound`, `GlossaryInvalid` or `StorageFailed`.
        """
        workspace_data = self._engine.use().data(self._row)
        index = await workspace_data.index(lambda index: all(index.is_read(file) for file in files))
        table = unions.table_name(name)
        unions.check_files(files, index)
        await self._glossary_edits().unite(table, list(files))
        self._touch()

    async def datasets(self, *, wait: float = LIST_WAIT) -> Sequence[Dataset]:
        """Returns the files in the workspace with their tables. If a file cannot be read, its `problem` says why.

        Waits up to `wait` seconds for files that are being read. The `reading` of one that takes longer says how far it
        is.
        """
        return listings.datasets(await self._engine.use().data(self._row).datasets(wait=wait))

    async def stop_reading(self, file: str) -> None:
        """Stops reading a file, which is then listed without tables until `read_again`.

        A file that has already been read is not affected. Raises `FileNotFound` or `StorageFailed`.
        """
        workspace_data, path = self._engine.use().data(self._row), self._file(file)
        with storage_errors(f"{file} cannot be stopped"):
            await workspace_data.stop_reading(path.name)

    async def read_again(self, file: str) -> None:
        """Reads a file again whose reading was stopped or failed. A file that has already been read is not affected.

        Raises `FileNotFound` or `StorageFailed`.
        """
        workspace_data, path = self._engine.use().data(self._row), self._file(file)
        with storage_errors(f"{file} cannot be read again"):
            await workspace_data.read_again(path.name)

    async def schema(self, dataset: str) -> Dataset:
        """Returns the dataset with this id, file name or table. Raises `UnknownTable`."""
        index = await self._engine.use().data(self._row).index(lambda index: index.is_read(dataset))
        if found := index.found(dataset):
            return found
        message = f"There is no dataset {dataset[:80]!r}. {nearest(dataset, [d.id for d in index.datasets])}"
        raise UnknownTable(message)

    async def glossary(self, *, wait: float = LIST_WAIT) -> Glossary:
        """Returns the glossary in `data/datasets.yaml`, with example questions and any problems found in it.

        It says nothing about the tables of files that are still being read after `wait` seconds.
        """
        schema = await self._engine.use().data(self._row).ready_schema(wait=wait)
        return glossary_view.shown_glossary(schema.glossary, schema.tables, schema.glossary_problems)

    async def meaning(self) -> StatedMeaning:
        """Returns what the tables and columns mean: inferred with evidence, and as the glossary states it.

        Raises `GlossaryInvalid` if the glossary is not a text file, or `StorageFailed`.
        """
        data = self._engine.use().data(self._row)
        text = await self._glossary_edits().text()
        meaning, schema = await data.meaning(), await data.schema()
        return StatedMeaning(
            version=version_of(text),
            meaning=meaning,
            glossary=schema.glossary,
            text=text,
            problems=schema.glossary_problems,
        )

    async def set_meaning(self, changes: Mapping[str, Any], *, version: str) -> StatedMeaning:
        """Changes the glossary, and returns the new meaning. Comments and the order of the file stay.

        `changes` have the keys of `datasets.yaml`; a value of None removes an entry. `version` is that of the meaning
        that the caller has read. Raises `MeaningChanged` if the glossary was changed since, a `GlossaryProblem` if any
        part of the change is wrong, `InvalidInput` or `StorageFailed`. In all these cases nothing is changed.
        """
        await self._glossary_edits().set(changes, version)
        self._touch()
        return await self.meaning()

    async def undo_meaning(self, *, version: str) -> StatedMeaning:
        """Undoes the last change of the glossary that is not undone yet, and returns the new meaning.

        Raises `NothingToUndo`, `MeaningChanged` or `StorageFailed`.
        """
        await self._glossary_edits().undo(version)
        self._touch()
        return await self.meaning()

    async def meaning_history(self) -> Sequence[MeaningVersion]:
        """Returns the versions of the glossary that are kept, newest first. Raises `StorageFailed`."""
        return await self._glossary_edits().history()

    def table(self, name: str) -> EmbeddedTable:
        """Returns a handle for the table with this name."""
        return EmbeddedTable(self._engine, self._row, name, self)

    async def query(self, query: Direct) -> ResultTable | str:
        """Runs SQL, a plan or a program without a thread, and stores nothing.

        Returns the first 1,000 rows with the total row count, or the output of a program that sets no `result_df`.
        Raises `InvalidInput` unless `query` contains exactly one of the three, or a `QueryError`.
        """
        query.check()
        workspace_data = self._engine.use().data(self._row)
        if query.plan is not None:
            return await workspace_data.plan(query.plan, cap=DIRECT_ROWS)
        if query.python is not None:
            return await self.python(query.python)
        return await self.sql(query.sql or "")

    async def sql(self, text: str) -> ResultTable:
        """Runs one read-only SELECT. Returns the first 1,000 rows with the total row count. Raises a `QueryError`."""
        return await self._engine.use().data(self._row).query(text, cap=DIRECT_ROWS)

    async def python(self, code: str) -> ResultTable | str:
        """Runs a confined program, which has the tables as DataFrames. Discards the files that it writes.

        Returns the program's `result_df`, or its output if it sets none. Raises a `QueryError`.
        """
        workspace_data = self._engine.use().data(self._row)
        with locked_temp_folder(workspace_data.scratch) as folder:
            output = await workspace_data.python(code, cap=DIRECT_ROWS, folder=folder, stem="result")
        return output.stdout if output.table is None else output.table.model_copy(update={"file": None})

    async def threads(self) -> Sequence[EmbeddedThread]:
        """Returns the threads, most recently used first."""
        engine = self._engine.use()
        return listings.threads(EmbeddedThread(engine, self._row, row, owner=self) for row in engine.threads(self._row))

    async def thread(self, id: str | None = None, *, key: str | None = None) -> EmbeddedThread:
        """Returns the thread with this id, or a new thread. Raises `ThreadNotFound`.

        A `key` makes creation idempotent: the same key and first message return the same thread again.
        """
        engine = self._engine.use()
        if id is None:
            return EmbeddedThread(engine, self._row, owner=self) if key is None else self._thread_of_key(key)
        return EmbeddedThread(engine, self._row, engine.thread(self._row, id), owner=self)

    async def open_runs(self) -> Sequence[OpenRun]:
        """Returns the runs that are queued or running, in the order in which they were accepted."""
        rows = await self._engine.use().journal.open_runs(self.id)
        return [
            OpenRun(run_id=row.id, thread_id=row.thread_id, status="running" if row.status == "running" else "queued")
            for row in rows
            if row.parent_run_id is None and not row.ended
        ]

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs in the workspace, including those of deleted threads."""
        return await asyncio.to_thread(self._engine.use().ledger.totals, self.id)

    def _glossary_edits(self) -> GlossaryEdits:
        return GlossaryEdits(self.workspace_dir, self._engine.use().data(self._row))

    def _file(self, name: str) -> Path:
        path = downloads.own_file(self.workspace_dir / "data", name)
        if path is None:
            raise not_found.file(name)
        return path

    def _touch(self) -> None:
        self._engine.catalog.touch_workspace(self.id)
        self._row = self._engine.catalog.workspace(self.id)

    def _thread_of_key(self, key: str) -> EmbeddedThread:
        """Returns the thread whose id is a hash of the key, so that retries find it. It may not have a message yet."""
        id = f"key-{hashlib.sha256(f'{self.id}/{key}'.encode(errors='replace')).hexdigest()[:32]}"
        try:
            return EmbeddedThread(
                self._engine, self._row, self._engine.catalog.thread(self.id, id), key=key, owner=self
            )
        except ThreadNotFound:
            return EmbeddedThread(self._engine, self._row, id=id, key=key, owner=self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(["workspace", "id", "folder"], [[self.name, self.id, self._row.workspace_dir]])


def _listed(data: Path) -> list[DataFile]:
    """Returns the files that can be downloaded. Skips links, hidden files and other programs' temporary files."""
    found: list[DataFile] = []
    with storage_errors("The folder data/ cannot be read"):
        for entry in sorted(os.scandir(data), key=lambda entry: entry.name):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith((".", "~")):
                status = entry.stat(follow_symlinks=False)
                at = datetime.fromtimestamp(status.st_mtime, UTC)
                shown = os.fsencode(entry.name).decode(errors="replace")
                found.append(DataFile(name=shown, size=status.st_size, modified_at=at))
    return found


def _move_to_trash(folder: Path, path: Path) -> Path | None:
    """Moves the file or folder to the `.trash/` in `folder`. If that is on another disk, copying takes time."""
    with storage_errors(f"{path.name} cannot be moved to .trash/"):
        return folders.discard(folder, path)
