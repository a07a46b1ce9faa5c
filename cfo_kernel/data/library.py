"""The datasets of a workspace: finds the files, has new ones ingested, and knows every table by name.

A dataset's tables are Parquet files in the workspace's `.cache/`, in a folder named by the content of the file: a
changed file is another version, an unchanged one is never read again.
"""

import asyncio
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfo_kernel.data import files
from cfo_kernel.data.glossary import FILE_NAME as GLOSSARY
from cfo_kernel.data.tables import Column, Dataset, Table, Tables
from cfo_kernel.errors import CfoError, UnsupportedFile
from cfo_kernel.executors.process import Worker

_FORMAT = 2  # of what ingest makes; a new number has every file read again


@dataclass(frozen=True)
class Shelf:
    """The datasets as they stand: tables by name, and the Parquet file of each."""

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]


class Library:
    """Reads the `data/` folder again whenever a file in it has changed."""

    def __init__(self, workspace_dir: Path, worker: Worker, timeout: float) -> None:
        self._data = workspace_dir / "data"
        self._cache = workspace_dir / ".cache"
        self._worker = worker
        self._timeout = timeout
        self._seen: list[tuple[str, int, int]] | None = None
        self._shelf = Shelf((), Tables(()), {})
        self._lock = asyncio.Lock()

    async def shelf(self) -> Shelf:
        """The datasets as the folder has them now."""
        async with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._shelf = await self._read({name: size for name, size, _ in seen})
                self._seen = seen
            return self._shelf

    async def check(self, path: Path) -> None:
        """Has a file ingested that is not in `data/` yet; raises a `FileProblem` where it holds no table."""
        await self._made(path)

    def _look(self) -> list[tuple[str, int, int]]:
        """Name, size and time of change of every file."""
        if not self._data.is_dir():
            return []
        found = [p for p in self._data.iterdir() if not p.name.startswith((".", "~")) and p.name != GLOSSARY]
        stats = [(p.name, p.lstat()) for p in sorted(found) if p.is_file()]
        return [(name, s.st_size, s.st_mtime_ns) for name, s in stats]

    async def _read(self, sizes: dict[str, int]) -> Shelf:
        made = [(name, *await self._ingested(self._data / name)) for name in sizes]
        good = [(name, raws) for name, _, raws in made if not isinstance(raws, str)]
        slugs = [files.identifier(raw) for name, raws in good for raw in _raws(name, raws)]
        datasets: list[Dataset] = []
        paths: dict[str, Path] = {}
        for name, version, raws in made:
            path = self._data / name
            shown = os.fsencode(name).decode(errors="replace")
            identity = _unique(files.identifier(path.stem), {d.id for d in datasets})
            dataset = Dataset(id=identity, file=shown, version=version, size=sizes[name])
            if isinstance(raws, str):
                datasets.append(dataset.model_copy(update={"problem": raws}))
                continue
            tables: list[Table] = []
            for raw, wanted in zip(raws, _raws(name, raws), strict=True):
                slug = files.identifier(wanted)
                if raw["sheet"] and slugs.count(slug) > 1:
                    slug = files.identifier(f"{path.stem} {raw['sheet']}")
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
        return Shelf(tuple(datasets), Tables(t for d in datasets for t in d.tables), paths)

    async def _ingested(self, path: Path) -> tuple[str, list[dict[str, Any]] | str]:
        """The file's version, and its tables or what is wrong with it."""
        try:
            return await self._made(path)
        except CfoError as error:
            return "", error.message
        except FileNotFoundError:
            return "", "The file was removed while it was read."

    async def _made(self, path: Path) -> tuple[str, list[dict[str, Any]]]:
        if path.is_symlink():
            raise UnsupportedFile(f"{path.name} is a link. Copy the file itself into data/.")
        version = await self._version(path)
        folder = self._folder(version, path)
        manifest = folder / "tables.json"
        if not manifest.exists():
            made = await self._worker.ask("ingest", self._timeout, path=str(path), folder=str(folder))
            _write(manifest, json.dumps(made))
        return version, json.loads(manifest.read_text())["tables"]

    async def _version(self, path: Path) -> str:
        """The content hash; remembered with size and time, for hashing a large file takes a second."""
        stat = path.stat()
        mark = f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ino}"
        memo = self._cache / f"{path.name}.version"
        if memo.exists() and (kept := memo.read_text().split()) and kept[0] == mark:
            return kept[1]
        answer = await self._worker.ask("version", self._timeout, path=str(path))
        self._cache.mkdir(exist_ok=True)
        _write(memo, f"{mark} {answer['version']}")
        return answer["version"]

    def _folder(self, version: str, path: Path) -> Path:
        return self._cache / f"{_FORMAT}-{version[:32]}{path.suffix.lower()}"


def _write(path: Path, text: str) -> None:
    """Writes the file in one step: other processes may be reading it, or writing the same."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    partial.write_text(text)
    partial.replace(path)


def _raws(name: str, raws: list[dict[str, Any]]) -> list[str]:
    """The plain names of a file's tables: of the sheet, or of the file."""
    return [raw["sheet"] or Path(name).stem for raw in raws]


def _unique(name: str, taken: set[str]) -> str:
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
