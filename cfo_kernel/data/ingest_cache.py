"""The datasets of a workspace: finds its files, ingests new ones, and gives every table a name.

The tables of a file are Parquet files in a folder of the workspace's `.cache/` that is named after the hash of the
file's content. A changed file is therefore a new version, and an unchanged one is never ingested twice. A missing
folder is recreated, and one that no file needs any more is eventually removed (`cache_cleanup`).
"""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from cfo_kernel.data import cache_cleanup, file_formats, file_names, file_records, read_limits
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.file_records import FileRecord, FileRecords
from cfo_kernel.data.tables import Column, Dataset, Table, Tables
from cfo_kernel.errors import (
    CfoError,
    FileProblem,
    FileTooLarge,
    QueryError,
    QueryOutOfMemory,
    QueryTimeout,
    StorageFailed,
    UnreadableFile,
    UnsupportedFile,
    WorkerLost,
)
from cfo_kernel.executors.worker_process import Worker
from cfo_kernel.values import Value

_MANIFEST = "tables.json"
_RETRY_FACTOR = 10
_FORMAT = 7  # the version of the cached format; raise it to have every file ingested again


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets at one moment: their tables by name, and the Parquet file of each table."""

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]


@dataclass(frozen=True)
class FileBeingRead:
    """The file that is being read, and its position among all files: `done` come before it."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class _Ingested:
    """The outcome of ingesting a file: descriptions of its tables, or a problem.

    `is_final` means that another attempt would have the same outcome.
    """

    path: Path
    version: str = ""
    manifest: "_Manifest" = field(default_factory=lambda: _Manifest(tables=()))
    problem: str | None = None
    is_final: bool = True

    def plain_name(self, table: "_IngestedTable") -> str:
        """The identifier of a table before names are made unique, derived from its sheet or its file."""
        return file_names.identifier(table.sheet or file_formats.table_stem(self.path))


class _IngestedTable(Value):
    """A worker's description of a table, and the name of its Parquet file."""

    sheet: str | None
    file: str = Field(pattern=r"^\d{1,4}\.parquet$")
    row_count: int
    columns: tuple[Column, ...]
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...]


class _Manifest(Value):
    """The tables of a file, and notes on the file as a whole."""

    tables: tuple[_IngestedTable, ...]
    notes: tuple[str, ...] = ()


_Answer = TypeVar("_Answer", bound=Value)


class IngestCache:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._records = FileRecords(self._cache, _FORMAT)
        self._worker = worker
        self._timeout = timeout
        self._seen: list[tuple[str, int, int]] | None = None
        self._retry_at: float | None = None
        self._index = DatasetIndex((), Tables(()), {})
        self._lock = asyncio.Lock()
        self.file_being_read: FileBeingRead | None = None

    async def index(self) -> DatasetIndex:
        """The datasets in the folder at this moment. Raises `StorageFailed` if the folder cannot be read.

        A file that failed for an external reason, such as a full disk, is retried, but only after ten times as long as
        the attempt took, because every caller waits while files are ingested.
        """
        async with self._lock:
            seen = self._scan()
            retry = self._retry_at is not None and time.monotonic() >= self._retry_at
            if seen != self._seen or retry or not all(path.is_file() for path in self._index.files.values()):
                started = time.monotonic()
                self._retry_at = None
                self._index, is_final = await self._build_index({name: size for name, size, _ in seen})
                self._seen = seen
                if is_final:
                    # Only now: a file that failed temporarily has no folder in the index, but may still need one.
                    used = {path.parent.name for path in self._index.files.values()}
                    used |= {file_records.file_name(self._data / name) for name, *_ in seen}
                    await asyncio.to_thread(cache_cleanup.remove_stale_entries, self._cache, used)
                else:
                    now = time.monotonic()
                    self._retry_at = now + _RETRY_FACTOR * (now - started)
            return self._index

    async def check(self, path: Path) -> None:
        """Ingests a file that is not in `data/` yet. Raises a `FileProblem` if it contains no table or is too large.

        Raises `StorageFailed` if it cannot be read at the moment, for example because the disk is full.
        """
        await self._ingest(path)

    def _scan(self) -> list[tuple[str, int, int]]:
        """The name, size and modification time of every file."""
        try:
            names = sorted(path.name for path in self._data.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            reason = f"The folder data/ cannot be read ({error.strerror})"
            raise StorageFailed(f"{reason}. Check the folder and its permissions, then try again.") from error
        paths = [self._data / name for name in names if not name.startswith((".", "~")) and name != GLOSSARY]
        stats = [(path.name, s) for path in paths if (s := _stat(path))]
        return [(name, s.st_size, s.st_mtime_ns) for name, s in stats]

    async def _build_index(self, sizes: dict[str, int]) -> tuple[DatasetIndex, bool]:
        """Builds the index for these files. It is final if no file failed for a temporary reason."""
        files = await self._try_ingest_all(list(sizes))
        # Tables are named after their sheets, with the file's name added to repeated ones. Files keep their names.
        name_counts = Counter(file.plain_name(table) for file in files for table in file.manifest.tables)
        datasets: list[Dataset] = []
        paths: dict[str, Path] = {}
        for file in files:
            shown = _shown_name(file.path.name)
            dataset_id = _unique(file_names.identifier(file_formats.table_stem(file.path)), {d.id for d in datasets})
            tables: list[Table] = []
            for table in file.manifest.tables:
                name = file.plain_name(table)
                if table.sheet and name_counts[name] > 1:
                    name = file_names.identifier(f"{file_formats.table_stem(file.path)} {table.sheet}")
                name = _unique(name, set(paths))
                paths[name] = self._folder(file.version, file.path) / table.file
                tables.append(_described(table, name, dataset_id))
            datasets.append(
                Dataset(
                    id=dataset_id,
                    file=shown,
                    version=file.version,
                    size=sizes[file.path.name],
                    tables=tuple(tables),
                    notes=file.manifest.notes,
                    problem=file.problem,
                )
            )
        index = DatasetIndex(tuple(datasets), Tables(t for d in datasets for t in d.tables), paths)
        return index, all(file.is_final for file in files)

    async def _try_ingest_all(self, names: list[str]) -> list[_Ingested]:
        files: list[_Ingested] = []
        try:
            for done, name in enumerate(names):
                self.file_being_read = FileBeingRead(_shown_name(name), done, len(names))
                files.append(await self._try_ingest(self._data / name))
        finally:
            self.file_being_read = None
        return files

    async def _try_ingest(self, path: Path) -> _Ingested:
        """Returns the file's tables, or its problem.

        It does not raise, because one bad file must not hide the others.
        """
        try:
            return await self._ingest(path)
        except FileProblem as error:
            return _Ingested(path, problem=error.message)
        except CfoError as error:
            return _Ingested(path, problem=error.message, is_final=False)
        except FileNotFoundError:
            return _Ingested(path, problem="The file was deleted while it was being read.", is_final=False)
        except OSError as error:
            problem = f"The file cannot be read ({error.strerror}). Check the file and the disk, then try again."
            return _Ingested(path, problem=problem, is_final=False)

    async def _ingest(self, path: Path) -> _Ingested:
        """The tables of the file, from the cache if they are there. Raises a `CfoError` or an `OSError`.

        A `FileProblem` is recorded: the file is not read again until it changes. An unsupported suffix is not recorded,
        because another version may support it.
        """
        if path.is_symlink():
            raise UnsupportedFile(f"{path.name} is a symbolic link. Copy the file itself into data/.")
        file_formats.check_suffix(path)
        stamp = file_records.stamp_of(path)
        record = self._records.read(path, stamp)
        if record.problem and (record.problem.seconds is None or record.problem.seconds >= self._timeout):
            raise file_records.to_error(record.problem)
        try:
            version = record.version or await self._version(path, stamp)
            folder = self._folder(version, path)
            manifest = _read_manifest(folder)
            if manifest is None:
                manifest = await self._ask_worker("ingest", path, _Manifest, folder=str(folder))
                # The manifest comes last: without it, a folder of a crashed ingest counts for nothing.
                file_records.write_atomically(folder / _MANIFEST, manifest.model_dump_json())
        except FileProblem as error:
            known = FileRecord(version=record.version, problem=file_records.to_problem(error))
            self._records.write(path, stamp, known)
            raise
        return _Ingested(path, version, manifest)

    async def _version(self, path: Path, stamp: str) -> str:
        """The content hash. It is recorded, because hashing a large file takes a second."""
        record = await self._ask_worker("file_version", path, FileRecord)
        self._records.write(path, stamp, record)
        return record.version or ""

    async def _ask_worker(self, op: str, path: Path, kind: type[_Answer], **arguments: str) -> _Answer:
        """The worker's answer about a file.

        The worker's errors are worded for queries, so they are replaced with file errors. The answer is validated,
        because the file may have taken over the worker.
        """
        try:
            answer = await self._worker.ask(op, self._timeout, path=str(path), **arguments)
            return kind.model_validate(answer)
        except QueryTimeout as error:
            problem = f"{path.name} took longer than {self._timeout:g} s to read"
            advice = "Split the file, or raise CFO_INGEST_TIMEOUT"
            raise FileTooLarge(f"{problem}. {advice}.", seconds=self._timeout) from error
        except QueryOutOfMemory as error:
            limit = f"the {read_limits.MEMORY >> 30} GB that a process may use"
            raise FileTooLarge(f"{path.name} needs more memory to read than {limit}. Split the file.") from error
        except (WorkerLost, ValidationError) as error:
            problem = f"{path.name} crashed the process that was reading it"
            reason = f"it is damaged, or needs more memory than {read_limits.MEMORY >> 30} GB"
            raise UnreadableFile(f"{problem}: {reason}. Save it again, or split it.") from error
        except QueryError as error:
            advice = "Check that the disk has free space, then try again; if that does not help, save the file again"
            raise StorageFailed(f"{path.name} cannot be read at the moment. {advice}.") from error

    def _folder(self, version: str, path: Path) -> Path:
        return self._cache / f"{_FORMAT}-{version[:32]}{path.suffix.lower()}"


def _shown_name(name: str) -> str:
    """The name as text. Linux allows names that are not valid UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def _stat(path: Path) -> os.stat_result | None:
    """The status of the file itself, not of a link's target. None if it is not a regular file or no longer exists."""
    try:
        return path.lstat() if path.is_file() else None
    except OSError:
        return None


def _read_manifest(folder: Path) -> _Manifest | None:
    """The descriptions of a file's tables from an earlier ingest, if all of their Parquet files are still there."""
    try:
        manifest = _Manifest.model_validate_json((folder / _MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None
    return manifest if all((folder / table.file).is_file() for table in manifest.tables) else None


def _described(table: _IngestedTable, name: str, dataset_id: str) -> Table:
    """Builds a `Table` from a worker's description of it."""
    return Table(
        name=name,
        dataset=dataset_id,
        sheet=table.sheet,
        row_count=table.row_count,
        columns=table.columns,
        decisions=table.decisions,
        notes=table.notes,
    )


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number appended if it is taken."""
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
