"""Creates the tables that combine several files or sheets, and stores them in `.cache/` like other tables."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from cfo_kernel.data import (
    checked_glossary,
    file_formats,
    glossary_reader,
    manifests,
    table_unions,
    union_parts,
)
from cfo_kernel.data.decisions import texts
from cfo_kernel.data.manifests import Manifest
from cfo_kernel.data.reading_stages import Reading, Stage
from cfo_kernel.data.table_unions import Union, Unions
from cfo_kernel.data.tables import Dataset, Kind, ProposedUnion, Table
from cfo_kernel.data.union_parts import Part
from cfo_kernel.data.union_source import Source
from cfo_kernel.errors import CfoError, FileProblem, InternalError

_log = logging.getLogger(__name__)
_MAX_DECISIONS, _MAX_NOTES = 1000, 100
Files = dict[str, Path]
"""The Parquet file of each table, by the table's name."""
Unite = Callable[[str, Sequence[Path], Sequence[Source], Path], Awaitable[Manifest]]
"""Has the worker combine the tables in these Parquet files.

The arguments are a name, the files, the sources and a folder.
"""


@dataclass(frozen=True)
class MissingUnion:
    """A union that is not in the cache yet: its parts, and the folder that it belongs in."""

    union: Union
    paths: list[Path]
    sources: list[Source]
    folder: Path


@dataclass(frozen=True)
class United:
    """The datasets and files, with unions in place of their parts.

    `is_final` is False if another attempt might combine more.

    The tables of `missing` unions are left out, and their files count as being read.
    """

    datasets: Sequence[Dataset]
    files: Files
    is_final: bool = True
    missing: list[MissingUnion] = field(default_factory=list[MissingUnion])


class UnionCache:
    """Replaces the parts of each union with the union.

    Each file lists the whole union as its own table, since the file's rows are part of it.
    """

    def __init__(self, data: Path, cache: Path, format: int, unite: Unite) -> None:
        self._data, self._cache, self._format, self._unite = data, cache, format, unite
        self.folders: set[str] = set()
        """The folders of the parts, which are needed again if a part changes."""
        self.parts: set[str] = set()
        """The names that the parts had as separate tables."""
        self._failures: dict[str, CfoError] = {}

    async def united(self, datasets: Sequence[Dataset], files: Files, pending: Sequence[str] = ()) -> United:
        """The datasets, with the unions that are in the cache in place of their parts.

        Tables that may form a union with a file that is still being read (`pending`) are left out until it has been
        read, because a sum over the others would miss that file's rows.
        """
        self.folders, self.parts = set(), set()
        parts = [part for dataset in datasets for part in _parts(dataset)]
        if len(parts) + len(pending) < 2:
            return United(datasets, files)
        settings = await asyncio.to_thread(self._settings)
        held = table_unions.unsettled(parts, settings, pending)
        found = table_unions.find([part for part in parts if part.table.name not in held], settings)
        proposals, is_final = list(found.proposals), True
        made: list[tuple[Union, Table]] = []
        missing: list[MissingUnion] = []
        for union in found.unions:
            wanted = self._wanted(union, files)
            names = {part.table.name for part in union.parts}
            if error := self._failures.get(wanted.folder.name):
                proposals.append(table_unions.proposed(union, error.message))
                is_final = is_final and isinstance(error, FileProblem)
                continue
            manifest = await asyncio.to_thread(manifests.read_manifest, wanted.folder)
            if manifest is None:
                missing.append(wanted)
                held |= names
                continue
            table, file = _table(union, manifest, wanted.folder)
            if not union.is_asked and (problem := table_unions.repeats(union, table)):
                proposals.append(table_unions.proposed(union, problem))
                continue
            unique = manifests.unique_name(table.name, set(files) - names)
            if not union.is_asked and unique in settings.apart:
                continue
            self.parts |= names
            self.folders |= {files[name].parent.name for name in names}
            files = {name: path for name, path in files.items() if name not in names}
            table = table.model_copy(update={"name": unique})
            files[unique] = file
            made.append((union, table))
        replaced = {part.table.name: table for union, table in made for part in union.parts}
        first = {proposal.files[0]: proposal for proposal in reversed(proposals)}
        united = [_with_unions(_without(dataset, held), replaced, first) for dataset in datasets]
        return United(united, {n: path for n, path in files.items() if n not in held}, is_final, missing)

    async def make(self, missing: MissingUnion) -> None:
        """Creates the union. If that fails, the error is kept until `forget_failures` is called."""
        try:
            manifest = await self._unite(missing.union.name, missing.paths, missing.sources, missing.folder)
            await asyncio.to_thread(manifests.write_manifest, missing.folder, manifest)
        except CfoError as error:
            self._failures[missing.folder.name] = error
        except Exception as error:  # noqa: BLE001 - the boundary of a task: without an outcome, its callers would wait forever
            _log.exception("files cannot be combined")
            message = f"the files cannot be combined ({type(error).__name__}). Check the disk, then try again"
            self._failures[missing.folder.name] = InternalError(message)

    def forget_failures(self) -> None:
        """Allows another attempt at unions that failed, unless their files are the reason."""
        self._failures = {name: error for name, error in self._failures.items() if isinstance(error, FileProblem)}

    def _wanted(self, union: Union, files: Files) -> MissingUnion:
        paths = [files[part.table.name] for part in union.parts]
        _, has_sheets = union_parts.origins(union.parts)
        starts = union_parts.starts(union.parts)
        sources = [_source(part, start, has_sheets=has_sheets) for part, start in zip(union.parts, starts, strict=True)]
        key = json.dumps(
            [
                [f"{path.parent.name}/{path.name}", source.model_dump_json()]
                for path, source in zip(paths, sources, strict=True)
            ]
        )
        folder = self._cache / f"{self._format}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.union"
        return MissingUnion(union, paths, sources, folder)

    def _settings(self) -> Unions:
        """What the glossary says about unions."""
        glossary = checked_glossary.checked(glossary_reader.read(self._data)).file
        return Unions(
            {name: members for name, members in glossary.union.items() if members},
            frozenset(name.lower() for name, members in glossary.union.items() if not members),
            frozenset(name.lower() for name in glossary.tables),
        )


def _table(union: Union, manifest: Manifest, folder: Path) -> tuple[Table, Path]:
    """The table of a union, and its Parquet file."""
    [raw] = manifest.tables
    table = manifests.described(raw, union.name, union.parts[0].table.dataset)
    decisions = (*table_unions.described(union), *table.decisions)[:_MAX_DECISIONS]
    files = tuple(dict.fromkeys(part.file for part in union.parts))
    update = {"decisions": decisions, "notes": texts(decisions)[:_MAX_NOTES], "files": files}
    return table.model_copy(update=update), folder / raw.file


def _without(dataset: Dataset, held: set[str]) -> Dataset:
    """The dataset without the tables that may become parts of a union. If there are any, it counts as being read."""
    kept = tuple(table for table in dataset.tables if table.name not in held)
    if len(kept) == len(dataset.tables):
        return dataset
    return dataset.model_copy(update={"tables": kept, "reading": Reading(stage=Stage.COMBINING)})


def _parts(dataset: Dataset) -> list[Part]:
    stem = file_formats.table_stem(Path(dataset.file))
    is_only = len(dataset.tables) == 1
    return [Part(table, dataset.file, stem, dataset.version, is_only) for table in dataset.tables]


def _source(part: Part, start: date | None, *, has_sheets: bool) -> Source:
    columns = part.table.columns
    return Source(
        file=part.file,
        sheet=part.sheet if has_sheets else None,
        start=start,
        has_date=any(column.kind is Kind.TIME for column in columns),
        columns=tuple(column.name for column in columns),
        empty=tuple(column.name for column in columns if column.nulls == part.table.row_count),
    )


def _with_unions(dataset: Dataset, unions: dict[str, Table], proposals: dict[str, ProposedUnion]) -> Dataset:
    """The dataset with each union in place of its parts, and with the proposal that begins with this dataset."""
    tables = dict.fromkeys(table.name for table in (unions.get(table.name, table) for table in dataset.tables))
    known = {table.name: table for table in (*dataset.tables, *unions.values())}
    proposal = next((proposals[name] for name in (dataset.file, *tables) if name in proposals), None)
    notes = (*dataset.notes, table_unions.note(proposal)) if proposal else dataset.notes
    united = tuple(known[name] for name in tables)
    return dataset.model_copy(update={"tables": united, "notes": notes, "proposal": proposal})
