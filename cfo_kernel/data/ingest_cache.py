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
from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.cancellation import finish_in_thread
from cfo_kernel.data import cache_cleanup, file_formats, file_names, file_records, glossary_reader, manifests
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.file_reader import FileReader, IngestedFile, shown_name
from cfo_kernel.data.file_records import FileStamp
from cfo_kernel.data.file_workers import AT_ONCE
from cfo_kernel.data.manifests import Manifest
from cfo_kernel.data.tables import Dataset, Table, Tables
from cfo_kernel.data.union_cache import UnionCache
from cfo_kernel.data.union_source import Source
from cfo_kernel.errors import StorageFailed
from cfo_kernel.executors.worker_process import Worker

_RETRY_FACTOR = 10
_FORMAT = 9  # the version of the cached format; raise it to have every file ingested again
_SMALL = 1 << 20
_WORTH_A_PROCESS = 20
"""The number of small files that take as long to read as another process takes to start."""


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets at one moment: their tables by name, and the Parquet file of each table.

    `parts` are the names of tables that were combined with others.
    """

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FileBeingRead:
    """A file that is being read, and how many of the `total` files are already `done`."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class _Seen:
    """The stamps of the files, and of the glossary, which says which files form one table."""

    files: dict[str, FileStamp]
    glossary: glossary_reader.Stamp | None


class IngestCache:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._reader = FileReader(self._cache, worker, timeout, _FORMAT)
        self._seen: _Seen | None = None
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
            seen, is_complete = await finish_in_thread(self._look)
            retry = self._retry_at is not None and time.monotonic() >= self._retry_at
            if seen != self._seen or retry or not is_complete:
                started = time.monotonic()
                self._retry_at = None
                self._index, is_final = await self._build_index(seen.files)
                self._seen = await finish_in_thread(self._seen_after, seen)
                if is_final:
                    # Only now: a file that failed temporarily has no folder in the index, but may still need one.
                    used = {path.parent.name for path in self._index.files.values()}
                    used |= self._unions.folders
                    used |= {file_records.file_name(self._data / name) for name in seen.files}
                    await asyncio.to_thread(cache_cleanup.remove_stale_entries, self._cache, used)
                else:
                    now = time.monotonic()
                    self._retry_at = now + _RETRY_FACTOR * (now - started)
            return self._index

    async def check(self, path: Path) -> None:
        """Ingests a file that is not in `data/` yet. Raises a `FileProblem` if it contains no table or is too large.

        Raises `StorageFailed` if it cannot be read at the moment, for example because the disk is full.
        """
        await self._reader.read(path)

    def _look(self) -> tuple["_Seen", bool]:
        """What is in the folder, and whether all Parquet files of the index still exist."""
        seen = _Seen(self._scan(), glossary_reader.stamp(self._data))
        return seen, all(path.is_file() for path in self._index.files.values())

    def _scan(self) -> dict[str, FileStamp]:
        """The stamp of every file, by its name. Raises `StorageFailed` if the folder is a link or cannot be read."""
        if self._data.is_symlink():
            raise StorageFailed("The folder data/ is a link. Replace it with the folder that it points to.")
        try:
            with os.scandir(self._data) as entries:
                found = sorted((e for e in entries if _may_be_a_dataset(e)), key=lambda entry: entry.name)
        except FileNotFoundError:
            return {}
        except OSError as error:
            reason = f"The folder data/ cannot be read ({error.strerror})"
            raise StorageFailed(f"{reason}. Check the folder and its permissions, then try again.") from error
        stamps = ((entry.name, file_records.stamp_of_entry(entry)) for entry in found)
        return {name: stamp for name, stamp in stamps if stamp}

    def _seen_after(self, before: "_Seen") -> "_Seen":
        """What was seen `before` the files were read, with new stamps for files that only changed by being read."""
        after = self._scan()
        files = {
            name: after[name] if name in after and after[name].is_same_content(stamp) else stamp
            for name, stamp in before.files.items()
        }
        return _Seen(files, before.glossary)

    async def _build_index(self, stamps: dict[str, FileStamp]) -> tuple[DatasetIndex, bool]:
        """Builds the index for these files. It is final if no file failed for a temporary reason."""
        sizes = {name: stamp.size for name, stamp in stamps.items()}
        files = await self._read_all(sizes)
        united, paths, is_final = await self._unions.united(*await finish_in_thread(_named, files, sizes))
        tables = Tables(t for d in united for t in d.tables)
        index = DatasetIndex(tuple(united), tables, paths, frozenset(self._unions.parts))
        return index, is_final and all(file.is_final for file in files)

    async def _read_all(self, sizes: dict[str, int]) -> list[IngestedFile]:
        """The outcome for each file. Small files are read concurrently.

        Large files are read one by one, because each may use all the memory that a process is given.
        """
        found = await finish_in_thread(self._known_files, list(sizes))
        done = len(found)

        async def read(name: str) -> None:
            nonlocal done
            self.file_being_read = FileBeingRead(shown_name(name), done, len(sizes))
            found[name] = await self._reader.read_or_explain(self._data / name)
            done += 1

        left = [name for name in sizes if name not in found]
        small = [name for name in left if sizes[name] <= _SMALL]
        waiting = iter(small)

        async def read_small() -> None:
            for name in waiting:
                await read(name)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(small) // _WORTH_A_PROCESS + 1)):
                    group.create_task(read_small())
            for name in left:
                if name not in found:
                    await read(name)
        finally:
            self.file_being_read = None
        return [found[name] for name in sizes]

    def _known_files(self, names: list[str]) -> dict[str, IngestedFile]:
        """The outcomes that are known without reading a file."""
        known = ((name, self._reader.known(self._data / name)) for name in names)
        return {name: found for name, found in known if found}

    async def _unite(self, name: str, parts: Sequence[Path], sources: Sequence[Source], folder: Path) -> Manifest:
        """Combines the tables in these Parquet files. Raises a `CfoError`."""
        described = [source.model_dump(mode="json") for source in sources]
        return await self._reader.ask(
            "unite", name, Manifest, parts=[str(part) for part in parts], sources=described, folder=str(folder)
        )


def _named(files: Sequence[IngestedFile], sizes: dict[str, int]) -> tuple[list[Dataset], dict[str, Path]]:
    """The datasets with unique names for their tables, and the Parquet file of each table."""
    # Tables are named after their sheets, with the file's name added to repeated ones. Files keep their names.
    name_counts = Counter(file.plain_name(table) for file in files for table in file.manifest.tables)
    datasets: list[Dataset] = []
    ids: set[str] = set()
    paths: dict[str, Path] = {}
    for file in files:
        shown = shown_name(file.path.name)
        stem = file_formats.table_stem(file.path)
        dataset_id = manifests.unique_name(file_names.identifier(stem), ids)
        ids.add(dataset_id)
        tables: list[Table] = []
        for table in file.manifest.tables:
            name = file.plain_name(table)
            if table.sheet and name_counts[name] > 1:
                name = file_names.identifier(f"{stem} {table.sheet}")
            name = manifests.unique_name(name, paths)
            paths[name] = file.folder / table.file
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


def _may_be_a_dataset(entry: "os.DirEntry[str]") -> bool:
    """Whether the entry, or the target of a link, is a file that counts as data."""
    if entry.name.startswith((".", "~")) or entry.name == GLOSSARY:
        return False
    try:
        return entry.is_file()
    except OSError:
        return False
