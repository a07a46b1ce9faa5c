"""The datasets of a workspace: finds its files, and reads new ones in the background.

The tables of a file are Parquet files in a folder of the workspace's `.cache/` that is named after the hash of the
file's content. A changed file is therefore a new version, and an unchanged one is never ingested twice. A missing
folder is recreated, and one that no file needs any more is eventually removed (`cache_cleanup`).
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.cancellation import cancel_and_wait, finish_in_thread
from cfo_kernel.data import cache_cleanup, dataset_index, file_records, glossary_reader
from cfo_kernel.data.dataset_index import DatasetIndex, Until, all_read
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.file_reader import FileReader, IngestedFile, shown_name
from cfo_kernel.data.file_readings import FileReadings
from cfo_kernel.data.file_records import FileStamp
from cfo_kernel.data.manifests import Manifest
from cfo_kernel.data.reading_stages import Reading, Stage
from cfo_kernel.data.tables import Dataset, Tables
from cfo_kernel.data.union_cache import MissingUnion, UnionCache, United
from cfo_kernel.data.union_source import Source
from cfo_kernel.errors import StorageFailed
from cfo_kernel.executors.worker_process import Worker, workbench_closed

_RETRY_FACTOR = 10
_FORMAT = 9  # the version of the cached format; raise it to have every file ingested again


@dataclass(frozen=True)
class FileBeingRead:
    """A file that is being read, and how many of the `total` files are already `done`."""

    name: str
    done: int
    total: int
    reading: Reading


@dataclass(frozen=True)
class _Seen:
    """The stamps of the files, and of the glossary, which says which files form one table."""

    files: dict[str, FileStamp]
    glossary: glossary_reader.Stamp | None


class IngestCache:
    """Looks at the `data/` folder for every caller, and reads new and changed files in the background."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._reader = FileReader(self._cache, worker, timeout, _FORMAT)
        self._readings = FileReadings(self._reader, self._finished)
        self._seen = _Seen({}, None)
        self._outcomes: dict[str, IngestedFile] = {}
        self._is_built = False
        self._begun_at = time.monotonic()
        self._retry_at: float | None = None
        self._index = DatasetIndex((), Tables(()), {})
        self._unions = UnionCache(self._data, self._cache, _FORMAT, self._unite)
        self._combining: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_closed = False

    @property
    def file_being_read(self) -> FileBeingRead | None:
        """A file that is being read at the moment, or None. There may be others."""
        done, total = len(self._outcomes), len(self._outcomes) + len(self._readings)
        for name, reading in self._readings.all().items():
            if reading.stage is not Stage.WAITING:
                return FileBeingRead(shown_name(name), done, total, reading)
        return None

    async def index(self, until: Until = all_read) -> DatasetIndex:
        """The datasets in the folder, once all files are read, or `until` is satisfied.

        Raises `StorageFailed` if the folder cannot be read. A file that failed for an external reason, such as a full
        disk, is retried, but only after ten times as long as the attempt took, because callers wait for it.
        """
        while True:
            changed = self._changed
            async with self._lock:
                index = await self._look_again()
            if index.is_complete or until(index):
                return index
            await changed.wait()
            while until is all_read and len(self._readings) and not self._is_closed:
                await self._changed.wait()  # without an index for each file, which would take long for many files

    async def check(self, path: Path) -> None:
        """Ingests a file that is not in `data/` yet. Raises a `FileProblem` if it contains no table or is too large.

        Raises `StorageFailed` if it cannot be read at the moment, for example because the disk is full.
        """
        await self._reader.read(path)

    async def moved(self, name: str) -> None:
        """Keeps the reading of a file that was checked, and then moved to `data/`. Raises `OSError`.

        Otherwise it would be hashed again, behind the files that are being read.
        """
        await finish_in_thread(self._reader.moved, self._data / name)

    async def stop(self, name: str) -> None:
        """Stops reading the file, which is then not read until `read_again` is called.

        A file that has already been read is not changed. Raises `OSError` or `StorageFailed`.
        """
        async with self._lock:
            await self._look_again()
            if name in self._readings:
                await self._readings.stop(name)
                await finish_in_thread(self._reader.stop, self._data / name)
                self._note_change()

    async def read_again(self, name: str) -> None:
        """Tries again to read a file that has a problem, or whose reading was stopped.

        Raises `OSError` or `StorageFailed`.
        """
        async with self._lock:
            await self._look_again()
            outcome = self._outcomes.get(name)
            if outcome is not None and outcome.problem:
                await finish_in_thread(self._reader.forget, self._data / name)
                del self._outcomes[name]
                self._note_change()

    async def close(self) -> None:
        """Stops reading. Waiting callers get `WorkbenchClosed`."""
        self._is_closed = True
        await self._readings.close()
        await cancel_and_wait(self._combining)
        self._note_change()

    def listed(self, index: DatasetIndex) -> tuple[Dataset, ...]:
        """The datasets of the index, with the progress of files that are still being read."""
        reached = {shown_name(name): reading for name, reading in self._readings.all().items()}
        return tuple(
            d.model_copy(update={"reading": reached[d.file]}) if d.reading and d.file in reached else d
            for d in index.datasets
        )

    async def _look_again(self) -> DatasetIndex:
        """Looks at the folder, and begins to read new and changed files.

        Returns the index of the files already read.
        """
        if self._is_closed:
            raise workbench_closed()
        seen, are_kept = await finish_in_thread(self._look)
        retry = self._retry_at is not None and time.monotonic() >= self._retry_at
        if retry:
            self._retry_at = None
            self._unions.forget_failures()
            self._outcomes = {name: found for name, found in self._outcomes.items() if found.is_final}
        await self._update(seen, are_kept)
        if not self._is_built or retry:
            await self._build()
        return self._index

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

    async def _update(self, seen: _Seen, are_kept: bool) -> None:
        """Drops what is known about removed and changed files, and begins to read files that are not known yet."""
        before, self._seen = self._seen, seen
        if seen == before and are_kept and len(self._outcomes) + len(self._readings) == len(seen.files):
            return
        if seen.glossary != before.glossary or not are_kept or seen.files.keys() != before.files.keys():
            self._is_built = False
        for name in [name for name in self._outcomes if not are_kept or seen.files.get(name) != before.files.get(name)]:
            del self._outcomes[name]
            self._is_built = False
        read = self._readings.all()
        changed = [name for name in read if not _is_same(seen.files.get(name), before.files.get(name))]
        await self._readings.stop(*changed)
        unknown = [name for name in seen.files if name not in self._outcomes and name not in self._readings]
        if not unknown:
            return
        known = await finish_in_thread(self._known_files, unknown)
        self._outcomes |= known
        left = {self._data / name: seen.files[name].size for name in unknown if name not in known}
        if left and not len(self._readings):
            self._begun_at = time.monotonic()
        self._readings.begin(left)
        self._is_built = False

    def _known_files(self, names: list[str]) -> dict[str, IngestedFile]:
        """The outcomes that are known without reading a file."""
        known = ((name, self._reader.known(self._data / name)) for name in names)
        return {name: found for name, found in known if found}

    def _finished(self, outcome: IngestedFile) -> None:
        """Stores the outcome for a file, and updates the file's stamp, which reading the file changes."""
        name = outcome.path.name
        self._outcomes[name] = outcome
        try:
            stamp = file_records.stamp_of(outcome.path)
        except OSError:  # it was deleted in the meantime
            stamp = None
        if stamp and _is_same(stamp, self._seen.files.get(name)):
            self._seen.files[name] = stamp
        self._note_change()

    def _note_change(self) -> None:
        """Marks the index as outdated, and wakes waiting callers."""
        self._is_built = False
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _build(self) -> None:
        """Builds the index of the files that have been read. Missing unions are created in the background."""
        self._is_built = True  # first, because a file may be read in the meantime
        try:
            united = await self._united()
        except BaseException:
            self._is_built = False
            raise
        tables = Tables(t for d in united.datasets for t in d.tables)
        index = DatasetIndex(tuple(united.datasets), tables, united.files, frozenset(self._unions.parts))
        if index != self._index:
            self._index = index
            self._wake()
        if united.missing and (self._combining is None or self._combining.done()):
            self._combining = asyncio.create_task(self._combine(united.missing), name="combine files")
        if index.is_complete:
            await self._settle(united.is_final and all(file.is_final for file in self._outcomes.values()))

    async def _united(self) -> United:
        """The datasets of the files that have been read, with the unions that have been created."""
        sizes = {name: stamp.size for name, stamp in self._seen.files.items()}
        files = [self._outcomes.get(name) or self._data / name for name in sizes]
        pending = [file.name for file in files if isinstance(file, Path)]
        datasets, paths = await finish_in_thread(dataset_index.named, files, sizes)
        return await self._unions.united(datasets, paths, [shown_name(name) for name in pending])

    async def _combine(self, missing: Sequence[MissingUnion]) -> None:
        try:
            for union in missing:
                await self._unions.make(union)
        finally:
            self._note_change()

    async def _settle(self, is_final: bool) -> None:
        """Removes cache entries that no file needs any more, or schedules another attempt."""
        if is_final:
            # Only now: a file that failed temporarily has no folder in the index, but may still need one.
            used = {path.parent.name for path in self._index.files.values()}
            used |= self._unions.folders
            used |= {file_records.file_name(self._data / name) for name in self._seen.files}
            await asyncio.to_thread(cache_cleanup.remove_stale_entries, self._cache, used)
        else:
            now = time.monotonic()
            self._retry_at = now + _RETRY_FACTOR * (now - self._begun_at)

    async def _unite(self, name: str, parts: Sequence[Path], sources: Sequence[Source], folder: Path) -> Manifest:
        """Combines the tables in these Parquet files. Raises a `CfoError`."""
        described = [source.model_dump(mode="json") for source in sources]
        return await self._reader.ask(
            "unite", name, Manifest, parts=[str(part) for part in parts], sources=described, folder=str(folder)
        )


def _is_same(stamp: FileStamp | None, other: FileStamp | None) -> bool:
    """Whether two stamps of a file represent the same content."""
    return stamp is not None and other is not None and stamp.is_same_content(other)


def _may_be_a_dataset(entry: "os.DirEntry[str]") -> bool:
    """Whether the entry, or the target of a link, is a file that counts as data."""
    if entry.name.startswith((".", "~")) or entry.name == GLOSSARY:
        return False
    try:
        return entry.is_file()
    except OSError:
        return False
