"""The datasets of a workspace: finds its files, ingests new ones, and gives every table a name.

The tables of a file are Parquet files in a folder of the workspace's `.cache/` that is named after the hash of the
file's content. A changed file is therefore a new version, and an unchanged one is never ingested twice. A missing
folder is recreated, and one that no file needs any more is eventually removed (`cache_cleanup`).
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cfo_kernel.data import (
    cache_cleanup,
    file_formats,
    file_names,
    file_records,
    glossary_reader,
    manifests,
    read_limits,
)
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.file_records import FileRecord, FileRecords
from cfo_kernel.data.manifests import IngestedTable, Manifest
from cfo_kernel.data.tables import Dataset, Table, Tables
from cfo_kernel.data.union_cache import UnionCache
from cfo_kernel.data.union_writer import Source
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

_RETRY_FACTOR = 10
_FORMAT = 8  # the version of the cached format; raise it to have every file ingested again


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets at one moment: their tables by name, and the Parquet file of each table.

    `parts` are the names of tables that were put together with others.
    """

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]
    parts: frozenset[str] = frozenset()


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
    manifest: Manifest = field(default_factory=lambda: Manifest(tables=()))
    problem: str | None = None
    is_final: bool = True

    def plain_name(self, table: IngestedTable) -> str:
        """The identifier of a table before names are made unique, derived from its sheet or its file."""
        return file_names.identifier(table.sheet or file_formats.table_stem(self.path))


_Answer = TypeVar("_Answer", bound=Value)


class IngestCache:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._records = FileRecords(self._cache, _FORMAT)
        self._worker = worker
        self._timeout = timeout
        self._seen: object = None
        self._retry_at: float | None = None
        self._index = DatasetIndex((), Tables(()), {})
        self._unions = UnionCache(self._data, self._cache, _FORMAT, self._unite)
        self._lock = asyncio.Lock()
        self.file_being_read: FileBeingRead | None = None

    async def index(self) -> DatasetIndex:
        """The datasets in the folder at this moment. Raises `StorageFailed` if the folder cannot be read.

        A file that failed for an external reason, such as a full disk, is retried, but only after ten times as long as
        the attempt took, because every caller waits while files are ingested.
        """
        async with self._lock:
            sizes = self._scan()
            seen = sizes, glossary_reader.stamp(self._data)  # which says what is put together
            retry = self._retry_at is not None and time.monotonic() >= self._retry_at
            if seen != self._seen or retry or not all(path.is_file() for path in self._index.files.values()):
                started = time.monotonic()
                self._retry_at = None
                self._index, is_final = await self._build_index({name: size for name, size, _ in sizes})
                self._seen = seen
                if is_final:
                    # Only now: a file that failed temporarily has no folder in the index, but may still need one.
                    used = {path.parent.name for path in self._index.files.values()}
                    used |= self._unions.folders
                    used |= {file_records.file_name(self._data / name) for name, *_ in sizes}
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
        united, paths, is_final = await self._unions.united(*self._named(files, sizes))
        tables = Tables(t for d in united for t in d.tables)
        index = DatasetIndex(tuple(united), tables, paths, frozenset(self._unions.parts))
        return index, is_final and all(file.is_final for file in files)

    def _named(self, files: Sequence[_Ingested], sizes: dict[str, int]) -> tuple[list[Dataset], dict[str, Path]]:
        """The datasets with unique names for their tables, and the Parquet file of each table."""
        # Tables are named after their sheets, with the file's name added to repeated ones. Files keep their names.
        name_counts = Counter(file.plain_name(table) for file in files for table in file.manifest.tables)
        datasets: list[Dataset] = []
        paths: dict[str, Path] = {}
        for file in files:
            shown = _shown_name(file.path.name)
            stem = file_formats.table_stem(file.path)
            dataset_id = manifests.unique_name(file_names.identifier(stem), {d.id for d in datasets})
            tables: list[Table] = []
            for table in file.manifest.tables:
                name = file.plain_name(table)
                if table.sheet and name_counts[name] > 1:
                    name = file_names.identifier(f"{stem} {table.sheet}")
                name = manifests.unique_name(name, set(paths))
                paths[name] = self._folder(file.version, file.path) / table.file
                tables.append(manifests.described(table, name, dataset_id))
            datasets.append(
                Dataset(
                    id=dataset_id,
                    file=shown,
                    version=file.version,
                    size=sizes[file.path.name],
                    tables=tuple(tables),
                    notes=file.manifest.notes,
                    problem=file.problem,
                    document=None if file.problem else file_formats.document_of(file.path),
                )
            )
        return datasets, paths

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
            if file_formats.document_of(path):
                return _Ingested(path, version)
            folder = self._folder(version, path)
            manifest = manifests.read_manifest(folder)
            if manifest is None:
                manifest = await self._ask_worker("ingest", path.name, Manifest, path=str(path), folder=str(folder))
                manifests.write_manifest(folder, manifest)
        except FileProblem as error:
            known = FileRecord(version=record.version, problem=file_records.to_problem(error))
            self._records.write(path, stamp, known)
            raise
        return _Ingested(path, version, manifest)

    async def _unite(self, name: str, parts: Sequence[Path], sources: Sequence[Source], folder: Path) -> Manifest:
        """Puts the tables in these Parquet files together. Raises a `CfoError`."""
        described = [source.model_dump(mode="json") for source in sources]
        return await self._ask_worker(
            "unite", name, Manifest, parts=[str(part) for part in parts], sources=described, folder=str(folder)
        )

    async def _version(self, path: Path, stamp: str) -> str:
        """The content hash. It is recorded, because hashing a large file takes a second."""
        record = await self._ask_worker("file_version", path.name, FileRecord, path=str(path))
        self._records.write(path, stamp, record)
        return record.version or ""

    async def _ask_worker(self, op: str, name: str, kind: type[_Answer], **arguments: Any) -> _Answer:
        """The worker's answer about the file with this name.

        The worker's errors are worded for queries, so they are replaced with file errors. The answer is validated,
        because the file may have taken over the worker.
        """
        try:
            answer = await self._worker.ask(op, self._timeout, **arguments)
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
