"""Compares what is inferred from a company's files with the `semantics.json` next to them, written by an analyst.

`python -m tests.bench.meaning FOLDER ...` takes folders with `files/` and `semantics.json`, without any glossary. For
each company, it prints how much is right (roles, stocks, joins), how many questions there are, and each difference.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfo_kernel.data.semantics.meaning import ColumnMeaning, Meaning, Role
from cfo_kernel.data.tables import Table, Tables
from cfo_kernel.data.workspace_data import WorkspaceData

_ACCEPTED: dict[str, tuple[Role, ...]] = {
    "key": (Role.KEY,),
    "foreign key": (Role.REFERENCE, Role.KEY),
    "attribute": (Role.NAME, Role.ATTRIBUTE, Role.CODE),
    "date": (Role.DATE,),
    "currency": (Role.CURRENCY,),
    "balance": (Role.STOCK,),
    "flow": (Role.FLOW, Role.COUNT),
    "amount": (Role.AMOUNT, Role.FLOW, Role.COUNT),
    "rate": (Role.RATE,),
    "price": (Role.PRICE,),
    "percent": (Role.PERCENT,),
    "line number": (Role.CODE,),
}


@dataclass
class Score:
    """How much of an analyst's description was inferred."""

    roles: int = 0
    right: int = 0
    stocks: int = 0
    stocks_found: int = 0
    flows_as_stocks: int = 0
    joins: int = 0
    joins_found: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, place: str, expected: dict[str, Any], found: ColumnMeaning | None) -> None:
        role = expected["role"]
        accepted = _ACCEPTED[role] if "unit_of" not in expected else (*_ACCEPTED[role], Role.UNIT)
        self.roles += 1
        is_right = found is not None and found.role in accepted
        if role == "foreign key" and found is not None:
            is_right = is_right and found.refers_to is not None
        if role == "amount" and found is not None:
            is_right = is_right and found.period is None
        self.right += is_right
        is_stock = found is not None and found.role is Role.STOCK
        self.stocks += role == "balance"
        self.stocks_found += role == "balance" and is_stock
        self.flows_as_stocks += role != "balance" and is_stock
        if not is_right:
            shown = f"{found.role} ({'; '.join(found.evidence)})" if found else "missing"
            self.wrong.append(f"{place}: {role}, not {shown}")


async def meaning_of(files: Path) -> tuple[Tables, Meaning]:
    """The tables of the files, and their meaning."""
    folder = Path(tempfile.mkdtemp(prefix="cfo-meaning-"))
    data = WorkspaceData(folder, query_timeout=60, ingest_timeout=300)
    try:
        shutil.copytree(files, folder / "data")
        started = time.perf_counter()
        index = await data.index()
        read = time.perf_counter()
        meaning = await data.meaning()
        print(f"  read in {read - started:.1f} s, inferred in {time.perf_counter() - read:.1f} s", file=sys.stderr)
        return index.tables, meaning
    finally:
        await data.close()
        shutil.rmtree(folder, ignore_errors=True)


def compare(expected: dict[str, Any], tables: Tables, meaning: Meaning) -> Score:
    """Compares the meaning with an analyst's."""
    score = Score()
    names = {name: _table(name, spec, tables) for name, spec in expected["tables"].items()}
    for name, spec in expected["tables"].items():
        table = names[name]
        for column, what in _columns(spec["columns"], table):
            score.count(f"{name}.{column}", what, meaning.column(table.name, column) if table else None)
        joins = list(spec["joins"]) + [f"{c} -> {w['to']}" for c, w in spec["columns"].items() if "to" in w]
        for join in joins:
            score.joins += 1
            if table and _has_join(join, table, names, meaning):
                score.joins_found += 1
            else:
                score.wrong.append(f"{name}: join {join}")
    return score


def _table(name: str, spec: dict[str, Any], tables: Tables) -> Table | None:
    """The table, or the union that its file is part of."""
    if name in tables:
        return tables[name]
    return next((t for t in tables.values() if spec["file"] in t.files), None)


def _columns(columns: dict[str, Any], table: Table | None) -> Iterator[tuple[str, Any]]:
    """The columns, with ranges such as `Jan ... Dec` in full."""
    names = [c.name for c in table.columns] if table else []
    for name, what in columns.items():
        first, is_range, last = name.partition(" ... ")
        if is_range and first in names and last in names:
            yield from ((one, what) for one in names[names.index(first) : names.index(last) + 1])
        else:
            yield name, what


def _has_join(join: str, table: Table, names: dict[str, Table | None], meaning: Meaning) -> bool:
    """Whether a join connects the table with one that the text names."""
    target = join.replace(" = ", " -> ").partition(" -> ")[2] or join
    union = {spec.name for name, spec in names.items() if spec and name.split("_")[0] in target}
    others = {t.name for name, t in names.items() if t and name in target} | (union if " export" in target else set())
    own = [m.parent for m in meaning.tables if m.table == table.name and m.parent]
    if own and table.name in others:
        return True
    return any({j.table, j.to_table} == {table.name, other} for j in meaning.joins for other in others)


async def main(folders: list[str]) -> None:
    for folder in map(Path, folders):
        tables, meaning = await meaning_of(folder / "files")
        expected = json.loads((folder / "semantics.json").read_text())
        score = compare(expected, tables, meaning)
        print(
            f"{folder.name}: {score.right} of {score.roles} roles ({100 * score.right / score.roles:.0f} %),", end=" "
        )
        print(
            f"stocks {score.stocks_found} of {score.stocks}, flows taken for stocks {score.flows_as_stocks},", end=" "
        )
        print(f"joins {score.joins_found} of {score.joins}, questions {len(meaning.questions)}")
        start = int(expected["fiscal_year_starts"])
        print(f"  fiscal year starts in month {meaning.fiscal_year_start} (expected {start})")
        axes = {n: (_table(n, s, tables), s["time_axis"]) for n, s in expected["tables"].items()}
        for name, (table, axis) in axes.items():
            found = meaning.table(table.name) if table else None
            if found and axis and not axis.startswith("the columns") and found.time_axis != axis:
                print(f"  {name}: time axis {axis}, not {found.time_axis}")
        for line in (*score.wrong, *(q.text for q in meaning.questions)):
            print(f"  {line}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
