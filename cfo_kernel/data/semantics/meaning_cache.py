"""Keeps the facts and the meaning of a workspace's tables, and counts missing facts.

The facts of a table are stored next to its Parquet file. The facts about all tables together are stored next to the
first file, under a hash of all files, so that they are removed with it.
"""

import asyncio
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from cfo_kernel.data import file_records
from cfo_kernel.data.ingest_cache import DatasetIndex
from cfo_kernel.data.semantics.facts import FORMAT, RelationFacts, TableFacts
from cfo_kernel.data.semantics.infer import infer
from cfo_kernel.data.semantics.key_facts import Ask
from cfo_kernel.data.semantics.meaning import Meaning
from cfo_kernel.data.semantics.relation_facts import relation_facts
from cfo_kernel.data.semantics.table_facts import table_facts
from cfo_kernel.errors import QueryError
from cfo_kernel.values import Value

_Facts = TypeVar("_Facts", TableFacts, RelationFacts)
_MOST_BYTES = 20_000_000
_AT_ONCE = 1  # a second SQL worker takes longer to start than the queries of most workspaces


@dataclass
class MeaningCache:
    """The meaning of the tables in the most recent index.

    Facts that cannot be counted, for example because a table takes too long, are left out, and the next process tries
    to count them again.
    """

    _index: DatasetIndex | None = None
    _meaning: Meaning = field(default_factory=Meaning)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of(self, index: DatasetIndex) -> Meaning | None:
        """The meaning of these tables if it is already known, or else None."""
        return self._meaning if self._index is index else None

    async def read(self, index: DatasetIndex, ask: Ask) -> Meaning:
        """The meaning of these tables. Facts whose query fails with a `QueryError` are left out."""
        async with self._lock:
            if self._index is not index and not index.files:
                self._index, self._meaning = index, Meaning()
            if self._index is not index:
                facts, relations = await asyncio.to_thread(self._stored, index)
                known = await asyncio.to_thread(_inferred, index, facts, relations)
                if known is None:
                    facts, relations = {}, None
                missing = [name for name in index.tables if index.tables[name].name not in facts]
                limit = asyncio.Semaphore(_AT_ONCE)

                async def count(name: str) -> None:
                    table = index.tables[name]
                    async with limit:
                        try:
                            facts[table.name] = await table_facts(table, ask)
                        except QueryError:
                            return
                    await asyncio.to_thread(_store, _beside(index.files[table.name]), facts[table.name])

                await asyncio.gather(*map(count, missing))
                if known is None or missing or relations is None:
                    relations = relations or await self._relations(index, facts, ask)
                    known = await asyncio.to_thread(infer, index.tables, facts, relations)
                self._meaning = known
                self._index = index
            return self._meaning

    async def _relations(self, index: DatasetIndex, facts: Mapping[str, TableFacts], ask: Ask) -> RelationFacts:
        known = {t.name: facts.get(t.name, TableFacts()) for t in index.tables.values()}
        try:
            relations = await relation_facts(index.tables, known, ask)
        except QueryError:
            return RelationFacts()
        await asyncio.to_thread(_store, self._place(index), relations)
        return relations

    def _stored(self, index: DatasetIndex) -> tuple[dict[str, TableFacts], RelationFacts | None]:
        """The facts that earlier processes have stored."""
        found = {t.name: _read(_beside(index.files[t.name]), TableFacts) for t in index.tables.values()}
        return {name: facts for name, facts in found.items() if facts}, _read(self._place(index), RelationFacts)

    def _place(self, index: DatasetIndex) -> Path:
        versions = sorted(f"{name} {path.parent.name}/{path.name}" for name, path in index.files.items())
        digest = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:32]
        return min(index.files.values()).with_name(f"{digest}.relations.json")


def _beside(file: Path) -> Path:
    return file.with_suffix(".facts.json")


def _inferred(index: DatasetIndex, facts: Mapping[str, TableFacts], relations: RelationFacts | None) -> Meaning | None:
    """The meaning by stored facts. None if they are not about these tables: anything may have changed the files."""
    try:
        return infer(index.tables, facts, relations or RelationFacts())
    except (LookupError, ValueError, ArithmeticError, TypeError, AttributeError):
        return None


def _read(path: Path, kind: type[_Facts]) -> _Facts | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            found = kind.model_validate_json(file.read(_MOST_BYTES))
    except (OSError, ValidationError):
        return None
    return found if found.format == FORMAT else None


def _store(path: Path, facts: Value) -> None:
    """Stores facts. If the disk is full, nothing is lost: they are counted again."""
    try:
        file_records.write_atomically(path, facts.model_dump_json())
    except OSError:
        return
