"""Reads single files into a workspace's `.cache/`, or finds the result of an earlier read there.

A file is identified by the hash of its content. The hash is stored together with the file's stamp (`file_records`), so
that a file that did not change is neither hashed nor read again.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cfo_kernel.cancellation import finish_in_thread
from cfo_kernel.data import file_formats, file_names, file_records, manifests, read_limits
from cfo_kernel.data.file_records import FileRecord, FileRecords, FileStamp
from cfo_kernel.data.manifests import IngestedTable, Manifest
from cfo_kernel.errors import (
    CfoError,
    FileProblem,
    FileTooLarge,
    QueryError,
    QueryOutOfMemory,
    QueryTimeout,
    ReadingStopped,
    StorageFailed,
    UnreadableFile,
    UnsupportedFile,
    WorkerLost,
)
from cfo_kernel.executors.worker_process import OnStage, Worker
from cfo_kernel.values import Value

_Answer = TypeVar("_Answer", bound=Value)


@dataclass(frozen=True)
class IngestedFile:
    """The outcome of ingesting a file: descriptions of its tables, or a problem.

    `is_final` means that another attempt would have the same outcome, and `is_stopped` that a person stopped it.
    """

    path: Path
    version: str = ""
    folder: Path = Path()
    manifest: Manifest = field(default_factory=lambda: Manifest(tables=()))
    problem: str | None = None
    is_final: bool = True
    is_stopped: bool = False

    def plain_name(self, table: IngestedTable) -> str:
        """The identifier of a table before names are made unique, derived from its sheet or its file."""
        return file_names.identifier(table.sheet or file_formats.table_stem(self.path))


@dataclass(frozen=True)
class _Known:
    """What the cache knows about a file. `found` is None if the file must be read."""

    stamp: FileStamp
    record: FileRecord
    found: IngestedFile | None


class FileReader:
    """Reads the files of one workspace, with a worker. `format` is the version of the cached format."""

    def __init__(self, cache: Path, worker: Worker, timeout: float, format: int) -> None:
        self._cache = cache
        self._records = FileRecords(cache, format)
        self._worker = worker
        self._timeout = timeout
        self._format = format

    async def read(self, path: Path, on_stage: OnStage | None = None) -> IngestedFile:
        """The tables of the file, from the cache if they are there. Raises a `CfoError` or an `OSError`.

        A `FileProblem` is recorded: the file is not read again until it changes. An unsupported suffix is not recorded,
        because another version may support it.
        """
        known = await finish_in_thread(self._known, path)
        if known.found:
            return known.found
        record = known.record
        try:
            if record.version is None:
                record = await self.ask("file_version", path.name, FileRecord, on_stage, path=str(path))
            folder = self._folder(record.version or "", path)
            manifest = Manifest(tables=())
            if not file_formats.document_of(path):
                manifest = await self._manifest(path, folder, on_stage)
        except FileProblem as error:
            record = FileRecord(version=record.version, problem=file_records.to_problem(error))
            raise
        finally:
            await finish_in_thread(self._remember, path, known, record)
        return IngestedFile(path, record.version or "", folder, manifest)

    async def read_or_explain(self, path: Path, on_stage: OnStage | None = None) -> IngestedFile:
        """The tables of the file, or its problem, so that one bad file does not hide the others."""
        try:
            return await self.read(path, on_stage)
        except (CfoError, OSError) as error:
            return explained(path, error)

    def stop(self, path: Path) -> None:
        """Records that a person stopped the reading of the file, which is then not read until `forget` is called.

        Raises `OSError`.
        """
        stamp = file_records.stamp_of(path)
        error = ReadingStopped(f"{path.name} was not read, because the reading was stopped. Read it again.")
        record = self._records.read(path, stamp).model_copy(update={"problem": file_records.to_problem(error)})
        self._records.write(path, stamp, record)

    def moved(self, path: Path) -> None:
        """Keeps what is known about a file that was read, and then moved to `path` under its name. Raises `OSError`."""
        self._records.moved(path)

    def forget(self, path: Path) -> None:
        """Removes the record of a problem with the file, so that the file is read again. Raises `OSError`."""
        stamp = file_records.stamp_of(path)
        self._records.write(path, stamp, self._records.read(path, stamp).model_copy(update={"problem": None}))

    def known(self, path: Path) -> IngestedFile | None:
        """Like `read_or_explain`, but without reading the file. Returns None if it must be read."""
        try:
            return self._known(path).found
        except (CfoError, OSError) as error:
            return explained(path, error)

    async def ask(
        self, op: str, name: str, kind: type[_Answer], on_stage: OnStage | None = None, **arguments: Any
    ) -> _Answer:
        """The worker's answer about the file with this name.

        The worker's errors are worded for queries, so they are replaced with file errors. The answer is validated,
        because the file may have taken over the worker.
        """
        try:
            answer = await self._worker.ask(op, self._timeout, on_stage=on_stage, **arguments)
            return kind.model_validate(answer)
        except QueryTimeout as error:
            problem = f"{name} took longer than {self._timeout:g} s to read"
            advice = "Split the file, or raise CFO_INGEST_TIMEOUT"
            raise FileTooLarge(f"{problem}. {advice}.", seconds=self._timeout) from error
        except QueryOutOfMemory as error:
            limit = f"the {read_limits.MEMORY >> 30} GB that a process may use"
            raise FileTooLarge(f"{name} needs more memory to read than {limit}. Split the file.") from error
        except (WorkerLost, ValidationError) as error:
            problem = f"{name} crashed the process that was reading it"
            reason = f"it is damaged, or needs more memory than {read_limits.MEMORY >> 30} GB"
            raise UnreadableFile(f"{problem}: {reason}. Save it again, or split it.") from error
        except QueryError as error:
            advice = "Check that the disk has free space, then try again; if that does not help, save the file again"
            raise StorageFailed(f"{name} cannot be read at the moment. {advice}.") from error

    def _known(self, path: Path) -> _Known:
        """What the cache knows about the file. Raises its recorded problem, `UnsupportedFile` or `OSError`."""
        if path.is_symlink():
            raise UnsupportedFile(f"{path.name} is a symbolic link. Copy the file itself into data/.")
        file_formats.check_suffix(path)
        stamp = file_records.stamp_of(path)
        record = self._records.read(path, stamp)
        if record.problem and (record.problem.seconds is None or record.problem.seconds >= self._timeout):
            raise file_records.to_error(record.problem)
        found = None
        if record.version:
            folder = self._folder(record.version, path)
            no_tables = Manifest(tables=()) if file_formats.document_of(path) else None
            manifest = no_tables or manifests.read_manifest(folder)
            found = IngestedFile(path, record.version, folder, manifest) if manifest is not None else None
        return _Known(stamp, record, found)

    async def _manifest(self, path: Path, folder: Path, on_stage: OnStage | None) -> Manifest:
        manifest = await finish_in_thread(manifests.read_manifest, folder)
        if manifest is None:
            manifest = await self.ask("ingest", path.name, Manifest, on_stage, path=str(path), folder=str(folder))
            await finish_in_thread(manifests.write_manifest, folder, manifest)
        return manifest

    def _remember(self, path: Path, known: _Known, record: FileRecord) -> None:
        """Stores the record of a file that was read. Raises `OSError` if it cannot be stored.

        The stamp is taken after reading, because the link through which the worker reads the file changes it.
        """
        try:
            stamp = file_records.stamp_of(path)
        except OSError:  # it was deleted in the meantime
            return
        if stamp.is_same_content(known.stamp) and (stamp, record) != (known.stamp, known.record):
            self._records.write(path, stamp, record)

    def _folder(self, version: str, path: Path) -> Path:
        return self._cache / f"{self._format}-{version[:32]}{path.suffix.lower()}"


def explained(path: Path, error: Exception) -> IngestedFile:
    """The outcome for a file that could not be read."""
    match error:
        case CfoError():
            return IngestedFile(
                path,
                problem=error.message,
                is_final=isinstance(error, FileProblem),
                is_stopped=isinstance(error, ReadingStopped),
            )
        case FileNotFoundError():
            problem = "The file was deleted while it was being read."
        case _:
            reason = error.strerror if isinstance(error, OSError) else error
            problem = f"The file cannot be read ({reason}). Check the file and the disk, then try again."
    return IngestedFile(path, problem=problem, is_final=False)


def shown_name(name: str) -> str:
    """Replaces bytes of the name that are not valid UTF-8, which Linux allows."""
    return os.fsencode(name).decode(errors="replace")
