"""The datasets of a workspace: finds its files, ingests new ones, and gives every table a name.

The tables of a file are Parquet files in a folder of the workspace's `.cache/` that is named after the hash of the
file's content. A changed file is therefore a new version, and an unchanged one is never ingested twice. A missing
folder is recreated, and one that no file needs any more is eventually removed (`cache_cleanup`).
"""

import asyncio
import contextlib
import hashlib
import json
import os
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfo_kernel.data import cache_cleanup, file_names
from cfo_kernel.data.glossary import FILE_NAME as GLOSSARY
from cfo_kernel.data.tables import Column, Dataset, Table, Tables
from cfo_kernel.errors import (
    CfoError,
    FileProblem,
    QueryError,
    QueryOutOfMemory,
    QueryTimeout,
    StorageFailed,
    UnsupportedFile,
    WorkerLost,
)
from cfo_kernel.executors.worker_process import Worker

_MANIFEST = "tables.json"
_RETRY_FACTOR = 10
_FORMAT = 3  # of the cached tables; raise it to have every file ingested again


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets at one moment: their tables by name, and the Parquet file of each table."""

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]


@dataclass(frozen=True)
class _Ingested:
    """The outcome of ingesting a file: descriptions of its tables, or a problem. `is_final`: a retry would not change
    it.
    """

    path: Path
    version: str = ""
    tables: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    problem: str | None = None
    is_final: bool = True

    def plain_name(self, table: dict[str, Any]) -> str:
        """The table's identifier before names are made unique: that of its sheet, or of the file."""
        return file_names.identifier(table["sheet"] or self.path.stem)


class IngestCache:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._worker = worker
        self._timeout = timeout
        self._seen: list[tuple[str, int, int]] | None = None
        self._retry_at: float | None = None
        self._index = DatasetIndex((), Tables(()), {})
        self._lock = asyncio.Lock()

    async def index(self) -> DatasetIndex:
        """The datasets in the folder at this moment. Raises `StorageFailed` if the folder cannot be read.

        A file that failed for a temporary reason (a timeout, a full disk) is tried again, but only after ten
        times as long as
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
                    # Only now: a file that failed for the moment has no folder in the index, but may still need one.
                    used = {path.parent.name for path in self._index.files.values()}
                    used |= {_version_file(self._data / name) for name, *_ in seen}
                    await asyncio.to_thread(cache_cleanup.remove_stale_entries, self._cache, used)
                else:
                    now = time.monotonic()
                    self._retry_at = now + _RETRY_FACTOR * (now - started)
            return self._index

    async def check(self, path: Path) -> None:
        """Ingests a file that is not in `data/` yet. Raises a `FileProblem` if it contains no table.

        Raises `StorageFailed` if the file could not be read at the moment, for example because time ran out.
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
        files = [await self._try_ingest(self._data / name) for name in sizes]
        # A sheet is named after itself; if another table has that name, after its file too. Files keep their names.
        name_counts = Counter(file.plain_name(table) for file in files for table in file.tables)
        datasets: list[Dataset] = []
        paths: dict[str, Path] = {}
        for file in files:
            shown = os.fsencode(file.path.name).decode(errors="replace")
            dataset_id = _unique(file_names.identifier(file.path.stem), {d.id for d in datasets})
            tables: list[Table] = []
            for table in file.tables:
                name = file.plain_name(table)
                if table["sheet"] and name_counts[name] > 1:
                    name = file_names.identifier(f"{file.path.stem} {table['sheet']}")
                name = _unique(name, set(paths))
                paths[name] = self._folder(file.version, file.path) / table["file"]
                tables.append(_described(table, name, dataset_id))
            datasets.append(
                Dataset(
                    id=dataset_id,
                    file=shown,
                    version=file.version,
                    size=sizes[file.path.name],
                    tables=tuple(tables),
                    problem=file.problem,
                )
            )
        index = DatasetIndex(tuple(datasets), Tables(t for d in datasets for t in d.tables), paths)
        return index, all(file.is_final for file in files)

    async def _try_ingest(self, path: Path) -> _Ingested:
        """Returns the file's tables, or what is wrong with it, because one bad file must not hide the others."""
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
        """The tables of the file, from the cache if they are there. Raises a `CfoError` or an `OSError`."""
        if path.is_symlink():
            raise UnsupportedFile(f"{path.name} is a symbolic link. Copy the file itself into data/.")
        version = await self._version(path)
        folder = self._folder(version, path)
        tables = _read_manifest(folder)
        if tables is None:
            answer = await self._ask_worker("ingest", path, folder=str(folder))
            # The manifest comes last: without it, a folder of a crashed ingest counts for nothing.
            _write_atomically(folder / _MANIFEST, json.dumps(answer))
            tables = answer["tables"]
        return _Ingested(path, version, tables)

    async def _version(self, path: Path) -> str:
        """The content hash. It is stored with size, time and inode of the file, since hashing a large file takes a
        second.
        """
        found = path.stat()
        stamp = f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"
        file = self._cache / _version_file(path)
        with contextlib.suppress(OSError, ValueError):
            known_stamp, version = file.read_text().split()
            if known_stamp == stamp:
                return version
        answer = await self._ask_worker("file_version", path)
        self._cache.mkdir(exist_ok=True)
        _write_atomically(file, f"{stamp} {answer['version']}")
        return answer["version"]

    async def _ask_worker(self, op: str, path: Path, **arguments: str) -> dict[str, Any]:
        """The worker's answer about a file. Its errors are worded for queries, and raised again in words for a file."""
        try:
            return await self._worker.ask(op, self._timeout, path=str(path), **arguments)
        except QueryTimeout as error:
            problem = f"{path.name} took longer than {self._timeout:g} s to read"
            raise StorageFailed(f"{problem}. Split the file, or raise CFO_INGEST_TIMEOUT.") from error
        except QueryOutOfMemory as error:
            raise StorageFailed(f"{path.name} needs more memory to read than is available. Split the file.") from error
        except WorkerLost as error:
            advice = "Try again; if it happens again, split the file or save it again"
            raise StorageFailed(f"{path.name} crashed the process that was reading it. {advice}.") from error
        except QueryError as error:
            advice = "Check that the disk has free space, then try again; if that does not help, save the file again"
            raise StorageFailed(f"{path.name} cannot be read at the moment. {advice}.") from error

    def _folder(self, version: str, path: Path) -> Path:
        return self._cache / f"{_FORMAT}-{version[:32]}{path.suffix.lower()}"


def _version_file(path: Path) -> str:
    """The name of the cache file that stores the hash of this file."""
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.version"


def _stat(path: Path) -> os.stat_result | None:
    """The status of the file itself, not of a link's target. None if it is not a regular file or no longer exists."""
    try:
        return path.lstat() if path.is_file() else None
    except OSError:
        return None


def _read_manifest(folder: Path) -> list[dict[str, Any]] | None:
    """The descriptions of a file's tables from an earlier ingest, if all their Parquet files still exist."""
    try:
        tables: list[dict[str, Any]] = json.loads((folder / _MANIFEST).read_text())["tables"]
        return tables if all((folder / table["file"]).is_file() for table in tables) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_atomically(path: Path, text: str) -> None:
    """Writes the file in one step, because other processes may be reading it, or writing the same."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _described(table: dict[str, Any], name: str, dataset_id: str) -> Table:
    """Builds a `Table` from the worker's description of it."""
    return Table(
        name=name,
        dataset=dataset_id,
        sheet=table["sheet"],
        row_count=table["row_count"],
        columns=tuple(Column.model_validate(c) for c in table["columns"]),
        notes=tuple(table["notes"]),
    )


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number appended if it is taken."""
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
