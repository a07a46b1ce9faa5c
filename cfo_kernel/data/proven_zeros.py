"""Reads dashes as zero where a total of their column proves it: the other rows add up to the total without them."""

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_proofs import Proof
from cfo_kernel.sql_text import quoted


def set_proven_zeros(
    connection: duckdb.DuckDBPyConnection,
    grid: Grid,
    proofs: Iterable[Proof],
    dashes: Mapping[str, list[int]],
    rows: SourceRows,
    decisions: Sequence[Decision],
) -> list[Decision]:
    """Sets the proven cells of `staging` to zero. Returns the decisions without these cells among the empty ones."""
    whole = [proof for proof in proofs if proof.is_whole and not proof.is_weak]
    numbers = {name for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall() if kind != "VARCHAR"}
    proven = {
        name: rowids
        for c, name in enumerate(grid.names)
        if (rowids := dashes.get(name)) and name in numbers and any(_covers(grid, p, c, {*rowids}) for p in whole)
    }
    changed = [d for d in decisions if d.column not in proven or d.kind is not DecisionKind.EMPTY_CELLS]
    for name, rowids in proven.items():
        among = ", ".join(map(str, rowids))
        connection.execute(f"UPDATE staging SET {quoted(name)} = 0 WHERE rowid IN ({among})")  # noqa: S608 - numbers
        others = [d for d in decisions if d.column == name and d.kind is DecisionKind.EMPTY_CELLS]
        changed += [_without(found, len(rowids)) for found in others if found.count > len(rowids)]
        changed.append(_zeros(name, rowids, rows))
    return changed


def _covers(grid: Grid, proof: Proof, column: int, dashes: set[int]) -> bool:
    """Whether the proof adds up the figures of a column with a dash among them."""
    filled = any(grid.rows[at].figures[column] is not None for at in proof.parts)
    spanned = grid.rows[min(proof.parts) : max(proof.parts) + 1]  # also rows of nothing but dashes
    has_total = bool(grid.rows[proof.total].figures[column])
    return column in proof.columns and has_total and filled and any(row.rowid in dashes for row in spanned)


def _without(decision: Decision, dashes: int) -> Decision:
    """The decision about empty cells, limited to cells that are not dashes."""
    count = decision.count - dashes
    cells = "1 cell without a value was" if count == 1 else f"{count:,} cells without a value were"
    text = f"{decision.column}: {cells} read as empty, apart from dashes."
    return decision.model_copy(update={"text": text, "count": count, "rows": ()})


def _zeros(name: str, rowids: Sequence[int], rows: SourceRows) -> Decision:
    cells = "1 dash was" if len(rowids) == 1 else f"{len(rowids):,} dashes were"
    text = f"{name}: {cells} read as zero, because a total of the column proves it."
    where = rows.of(rowids)
    return Decision(kind=DecisionKind.EMPTY_CELLS, text=text, column=name, rows=where, count=len(rowids))
