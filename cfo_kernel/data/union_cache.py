"""Creates the tables that combine several files or sheets, and stores them in `.cache/` like other tables."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
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
from cfo_kernel.data.table_unions import Union, Unions
from cfo_kernel.data.tables import Dataset, Kind, ProposedUnion, Table
from cfo_kernel.data.union_parts import Part
from cfo_kernel.data.union_source import Source
from cfo_kernel.errors import CfoError, FileProblem

_MAX_DECISIONS, _MAX_NOTES = 1000, 100
Files = dict[str, Path]
"""The Parquet file of each table, by the table's name."""
Unite = Callable[[str, Sequence[Path], Sequence[Source], Path], Awaitable[Manifest]]
"""Has the worker combine the tables in these Parquet files.

The arguments are a name, the files, the sources and a folder.
"""


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

    async def united(self, datasets: Sequence[Dataset], files: Files) -> tuple[Sequence[Dataset], Files, bool]:
        """The datasets and files, with unions in place of their parts.

        The last value is False if another attempt might combine more.
        """
        self.folders, self.parts = set(), set()
        parts = [part for dataset in datasets for part in _parts(dataset)]
        if len(parts) < 2:
            return datasets, files, True
        settings = await asyncio.to_thread(self._settings)
        found = table_unions.find(parts, settings)
        proposals, is_final = list(found.proposals), True
        made: list[tuple[Union, Table]] = []
        for union in found.unions:
            try:
                table, file = await self._made(union, files)
            except CfoError as error:
                proposals.append(table_unions.proposed(union, error.message))
                is_final = is_final and isinstance(error, FileProblem)
                continue
            if not union.is_asked and (problem := table_unions.repeats(union, table)):
                proposals.append(table_unions.proposed(union, problem))
                continue
            names = {part.table.name for part in union.parts}
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
        return [_with_unions(dataset, replaced, first) for dataset in datasets], files, is_final

    async def _made(self, union: Union, files: Files) -> tuple[Table, Path]:
        """The table of a union and its Parquet file, from the cache if they are there. Raises a `CfoError`."""
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
        manifest = await asyncio.to_thread(manifests.read_manifest, folder)
        if manifest is None:
            manifest = await self._unite(union.name, paths, sources, folder)
            await asyncio.to_thread(manifests.write_manifest, folder, manifest)
        [raw] = manifest.tables
        table = manifests.described(raw, union.name, union.parts[0].table.dataset)
        decisions = (*table_unions.described(union), *table.decisions)[:_MAX_DECISIONS]
        files_of = tuple(dict.fromkeys(part.file for part in union.parts))
        return table.model_copy(
            update={"decisions": decisions, "notes": texts(decisions)[:_MAX_NOTES], "files": files_of}
        ), folder / raw.file

    def _settings(self) -> Unions:
        """What the glossary says about unions."""
        glossary = checked_glossary.checked(glossary_reader.read(self._data)).file
        return Unions(
            {name: members for name, members in glossary.union.items() if members},
            frozenset(name.lower() for name, members in glossary.union.items() if not members),
            frozenset(name.lower() for name in glossary.tables),
        )


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
