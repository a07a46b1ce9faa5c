"""Removes total rows from a table, because every sum would count them in addition to the rows that they add up.

Runs in the ingest worker, on the table `staging`. A row is removed only if it is labelled as a total, or has no name,
and arithmetic proves each of its figures (`total_proofs`). Other rows that look like totals are kept, with a decision:
those whose figures prove nothing, those that add up others but have a name, such as `Net assets`, and all totals in a
statement (`total_statements`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import duckdb

from cfo_kernel.data import total_decisions, type_inference
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.proven_zeros import set_proven_zeros
from cfo_kernel.data.remembered_cells import read_remembered
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.total_certainty import weak_totals
from cfo_kernel.data.total_differences import Differences, turned
from cfo_kernel.data.total_grid import Grid
from cfo_kernel.data.total_hierarchies import completed
from cfo_kernel.data.total_proofs import Proof, Sign, sign_of
from cfo_kernel.data.total_reader import read_grid
from cfo_kernel.data.total_search import Search
from cfo_kernel.data.total_shares import share_rows
from cfo_kernel.data.total_statements import is_statement
from cfo_kernel.sql_text import quoted

_LARGEST = 600  # rows of a table in which a row with a name may be a total
_NAMES = 2  # columns of names in a table in which a row with a name may be a total
_REPEATED = 2


def remove_total_rows(
    connection: duckdb.DuckDBPyConnection,
    rows: SourceRows,
    decisions: Sequence[Decision] = (),
    *,
    is_typed: bool = False,
) -> list[Decision]:
    """Deletes the proven totals from `staging`.

    Returns the given decisions, and those about rows that look like totals.

    A word such as `Total` may have kept a column of dates as text. Unless the table `is_typed`, the type of such a
    column is inferred again, and the decisions about it are replaced.
    """
    remembered = read_remembered(connection)
    grid = read_grid(connection, remembered)
    if grid is None:
        return list(decisions)
    proofs = prove(grid)
    removed = [] if is_statement(grid, proofs) else [at for at, proof in proofs.items() if proof.is_sure]
    shares = share_rows(grid, removed)
    gone = {grid.rows[at].rowid for at in (*removed, *shares)}
    spoiled = _remove(connection, sorted(gone))
    figures = {grid.names[c] for proof in proofs.values() for c in proof.columns}
    texts = {name for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall() if kind == "VARCHAR"}
    again = (spoiled | figures) & texts if not is_typed else set[str]()
    made = type_inference.infer_again(connection, rows, again, figures) if again else []
    kept = [d for d in decisions if d.column not in again or d.kind is DecisionKind.FORMAT]
    left = {*rows.of(sorted(gone), len(gone))}
    kept = [d for d in kept if d.kind is not DecisionKind.PERCENT or not d.rows or not left >= {*d.rows}]
    remembered = read_remembered(connection)  # now including columns that have just been converted
    dashes = {name: [rowid for rowid in rowids if rowid not in gone] for name, rowids in remembered.dashes.items()}
    settled = set_proven_zeros(connection, grid, proofs.values(), dashes, rows, [*kept, *made])
    return [*settled, *total_decisions.about(grid, proofs, removed, shares, rows)]


def _remove(connection: duckdb.DuckDBPyConnection, rowids: Sequence[int]) -> set[str]:
    """Deletes the rows. Returns the names of the text columns in which they had a value."""
    if not rowids:
        return set()
    among = f"rowid IN ({', '.join(map(str, rowids))})"
    described = connection.execute("DESCRIBE staging").fetchall()
    found: set[str] = set()
    for names in batches([name for name, kind, *_ in described if kind == "VARCHAR"]):
        counts = ", ".join(f"count({quoted(name)})" for name in names)
        [filled] = connection.execute(f"SELECT {counts} FROM staging WHERE {among}").fetchall()  # noqa: S608 - quoted
        found |= {name for name, count in zip(names, filled, strict=True) if count}
    for name in found:  # a deleted row is still converted with its column
        connection.execute(f"UPDATE staging SET {quoted(name)} = NULL WHERE {among}")  # noqa: S608 - quoted
    connection.execute(f"DELETE FROM staging WHERE {among}")  # noqa: S608 - numbers
    return found


def prove(grid: Grid) -> dict[int, Proof]:
    """The proofs that rows are totals, by their positions."""
    signs = [sign_of(row, grid.usual) for row in grid.rows]
    places = [at for at, row in enumerate(grid.rows) if row.has_figures]
    starts = frozenset(at for before, at in pairwise(places) if _is_gap(grid, before, at))
    is_small = grid.is_whole and len(grid.rows) <= _LARGEST and not grid.has_dates and sum(grid.usual) <= _NAMES
    proofs = Search(grid, places, signs, starts, is_small).run()
    if weak := weak_totals(grid, proofs):
        signs = [Sign.NAMED if at in weak else sign for at, sign in enumerate(signs)]
        doubted = {at: replace(proofs[at], is_weak=True) for at in weak}
        proofs = Search(grid, places, signs, starts, is_small).run()
        proofs |= {at: proof for at, proof in doubted.items() if at not in proofs}
    if is_small:
        for same in _similar_names(grid, places, {at for at, sign in enumerate(signs) if sign and at not in proofs}):
            for at, proof in Search(grid, same, signs, takes_names=True).run().items():
                if at not in proofs and not any(_rests_on(proofs, part, at) for part in proof.parts):
                    proofs[at] = proof
        proofs = Differences(grid, places, turned(grid, proofs)).run()
        proofs = completed(grid, places, signs, proofs)
    return proofs


def _rests_on(proofs: Mapping[int, Proof], at: int, total: int) -> bool:
    """Whether the row is the total or adds it up, so that neither could be left out because of the other."""
    return at == total or (at in proofs and any(_rests_on(proofs, part, total) for part in proofs[at].parts))


def _is_gap(grid: Grid, before: int, at: int) -> bool:
    """Whether there is an empty row, or a row without figures, between these rows."""
    skipped = grid.is_whole and grid.rows[at].rowid - grid.rows[before].rowid > 1
    return at - before > 1 or skipped


def _similar_names(grid: Grid, places: Sequence[int], unproven: set[int]) -> Iterator[list[int]]:
    """Groups of rows whose names differ only in their numbers, as in a statement with a block for each region.

    Labelled rows that are not proven may add up the rows of a group, so each group is also searched together with them.
    """
    by_name: dict[str, list[int]] = {}
    for at in places:
        by_name.setdefault(re.sub(r"[\W\d_]+", " ", grid.rows[at].label.lower()).strip(), []).append(at)
    for name, found in by_name.items():
        if name and _REPEATED < len(found) <= len(places) // 2:
            yield found
            if more := unproven - {*found}:
                yield sorted({*found, *more})
