"""The datasets of a workspace: finds the files, has new ones ingested, and knows every table by name.

A dataset's tables are Parquet files in the workspace's `.cache/`, in a folder named by the content of the file: a
changed file is another version, an unchanged one is never read again. What is lost of the cache is made again, and
what no file has made any more is removed in time.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass
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
_PATIENCE = 10
_FORMAT = 3  # of what ingest makes; a new number has every file read again


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets as they stand: tables by name, and the Parquet file of each."""

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]


class IngestCache:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._worker = worker
        self._timeout = timeout
        self._seen: list[tuple[str, int, int]] | None = None
        self._retry_at: float | None = None
        self._shelf = DatasetIndex((), Tables(()), {})
        self._lock = asyncio.Lock()

    async def index(self) -> DatasetIndex:
        """The datasets as the folder has them now. Raises `StorageFailed` where the folder cannot be read.

        Where a file failed for a reason that may pass (the time was up, the disk full) it is tried again, but not
        before ten times as long has passed as it took: others wait meanwhile.
        """
        async with self._lock:
            seen = self._look()
            retry = self._retry_at is not None and time.monotonic() >= self._retry_at
            if seen != self._seen or retry or not all(path.is_file() for path in self._shelf.files.values()):
                begun = time.monotonic()
                self._retry_at = None
                self._shelf, is_final = await self._read({name: size for name, size, _ in seen})
                self._seen = seen
                if is_final:
                    kept = {path.parent.name for path in self._shelf.files.values()}
                    kept |= {_memo(self._data / name) for name, *_ in seen}
                    await asyncio.to_thread(cache_cleanup.remove_stale_entries, self._cache, kept)
                else:
                    now = time.monotonic()
                    self._retry_at = now + _PATIENCE * (now - begun)
            return self._shelf

    async def check(self, path: Path) -> None:
        """Has a file ingested that is not in `data/` yet; raises a `FileProblem` where it holds no table.

        Raises `StorageFailed` where it could not be read now: the time was up, say.
        """
        await self._made(path)

    def _look(self) -> list[tuple[str, int, int]]:
        """Name, size and time of change of every file."""
        try:
            names = sorted(path.name for path in self._data.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageFailed(f"The folder data/ cannot be read ({error.strerror}). Mend that, ask again.") from error
        paths = [self._data / name for name in names if not name.startswith((".", "~")) and name != GLOSSARY]
        stats = [(path.name, s) for path in paths if (s := _stat(path))]
        return [(name, s.st_size, s.st_mtime_ns) for name, s in stats]

    async def _read(self, sizes: dict[str, int]) -> tuple[DatasetIndex, bool]:
        """The datasets of these files, and whether reading them again would give the same."""
        attempts = [(name, *await self._attempt(self._data / name)) for name in sizes]
        made = [(name, version, raws) for name, version, raws, _ in attempts]
        good = [(name, raws) for name, _, raws in made if not isinstance(raws, str)]
        slugs = [file_names.identifier(raw) for name, raws in good for raw in _raws(name, raws)]
        datasets: list[Dataset] = []
        paths: dict[str, Path] = {}
        for name, version, raws in made:
            path = self._data / name
            shown = os.fsencode(name).decode(errors="replace")
            identity = _unique(file_names.identifier(path.stem), {d.id for d in datasets})
            dataset = Dataset(id=identity, file=shown, version=version, size=sizes[name])
            if isinstance(raws, str):
                datasets.append(dataset.model_copy(update={"problem": raws}))
                continue
            tables: list[Table] = []
            for raw, wanted in zip(raws, _raws(name, raws), strict=True):
                slug = file_names.identifier(wanted)
                if raw["sheet"] and slugs.count(slug) > 1:
                    slug = file_names.identifier(f"{path.stem} {raw['sheet']}")
                slug = _unique(slug, set(paths))
                paths[slug] = self._folder(version, path) / raw["file"]
                tables.append(
                    Table(
                        name=slug,
                        dataset=identity,
                        sheet=raw["sheet"],
                        row_count=raw["row_count"],
                        columns=tuple(Column.model_validate(c) for c in raw["columns"]),
                        notes=tuple(raw["notes"]),
                    )
                )
            datasets.append(dataset.model_copy(update={"tables": tuple(tables)}))
        return DatasetIndex(tuple(datasets), Tables(t for d in datasets for t in d.tables), paths), all(
            is_final for *_, is_final in attempts
        )

    async def _attempt(self, path: Path) -> tuple[str, list[dict[str, Any]] | str, bool]:
        """The file's version, its tables or what is wrong with it, and whether that will stay as it is."""
        try:
            return *await self._made(path), True
        except FileProblem as error:
            return "", error.message, True
        except CfoError as error:
            return "", error.message, False
        except FileNotFoundError:
            return "", "The file was removed while it was read.", False
        except OSError as error:
            return "", f"The file cannot be read ({error.strerror}). Mend that, then ask again.", False

    async def _made(self, path: Path) -> tuple[str, list[dict[str, Any]]]:
        if path.is_symlink():
            raise UnsupportedFile(f"{path.name} is a link. Copy the file itself into data/.")
        version = await self._version(path)
        folder = self._folder(version, path)
        tables = _kept(folder)
        if tables is None:
            made = await self._told("ingest", path, folder=str(folder))
            _write(folder / _MANIFEST, json.dumps(made))
            tables = made["tables"]
        return version, tables

    async def _version(self, path: Path) -> str:
        """The content hash; remembered with size and time, for hashing a large file takes a second."""
        found = path.stat()
        mark = f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"
        memo = self._cache / _memo(path)
        with contextlib.suppress(OSError, ValueError):
            kept_mark, kept = memo.read_text().split()
            if kept_mark == mark:
                return kept
        answer = await self._told("file_version", path)
        self._cache.mkdir(exist_ok=True)
        _write(memo, f"{mark} {answer['version']}")
        return answer["version"]

    async def _told(self, op: str, path: Path, **arguments: str) -> dict[str, Any]:
        """The worker's answer about a file; what a query would be told in words about rows is said of the file."""
        try:
            return await self._worker.ask(op, self._timeout, path=str(path), **arguments)
        except QueryTimeout as error:
            reason = f"took longer than {self._timeout:g} s to read. Split the file, or raise CFO_INGEST_TIMEOUT"
            raise StorageFailed(f"{path.name} {reason}.") from error
        except QueryOutOfMemory as error:
            raise StorageFailed(f"{path.name} needs more memory than there is to read it. Split the file.") from error
        except WorkerLost as error:
            reason = "ended the process that read it. Try again; if it stays so, split the file or save it anew"
            raise StorageFailed(f"{path.name} {reason}.") from error
        except QueryError as error:
            reason = "Check that its disk has room, then try again; if it stays so, save the file anew"
            raise StorageFailed(f"{path.name} cannot be read now. {reason}.") from error

    def _folder(self, version: str, path: Path) -> Path:
        return self._cache / f"{_FORMAT}-{version[:32]}{path.suffix.lower()}"


def _memo(path: Path) -> str:
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.version"


def _stat(path: Path) -> os.stat_result | None:
    """What is known of the file itself, and not of one it links to; None if it is none, or gone by now."""
    try:
        return path.lstat() if path.is_file() else None
    except OSError:
        return None


def _kept(folder: Path) -> list[dict[str, Any]] | None:
    """The tables that were made of a file before, if all of them are there."""
    try:
        tables: list[dict[str, Any]] = json.loads((folder / _MANIFEST).read_text())["tables"]
        return tables if all((folder / table["file"]).is_file() for table in tables) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, text: str) -> None:
    """Writes the file in one step: other processes may be reading it, or writing the same."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _raws(name: str, raws: list[dict[str, Any]]) -> list[str]:
    """The plain names of a file's tables: of the sheet, or of the file."""
    return [raw["sheet"] or Path(name).stem for raw in raws]


def _unique(name: str, taken: set[str]) -> str:
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
