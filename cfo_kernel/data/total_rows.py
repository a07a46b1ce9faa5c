"""Removes total rows from a table, because every sum would count them in addition to the rows that they add up.

Runs in the ingest worker, on the table `staging`. A row is removed only if it is labelled as a total, or has no name,
and arithmetic proves each of its figures (`total_proofs`). Other rows that look like totals are kept, with a decision:
those whose figures prove nothing, those that add up others but have a name, such as `Net assets`, and all those of a
statement with years side by side, such as an income statement, because each of its lines is asked for by name.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import duckdb

from cfo_kernel.data import total_labels, type_inference
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.empty_marks import read_marks
from cfo_kernel.data.proven_zeros import set_proven_zeros
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.total_certainty import weak_totals
from cfo_kernel.data.total_doubts import doubtful_totals
from cfo_kernel.data.total_grid import Grid, Row
from cfo_kernel.data.total_proofs import Proof, Sign, sign_of
from cfo_kernel.data.total_reader import read_grid
from cfo_kernel.data.total_search import Search
from cfo_kernel.sql_text import quoted

_LARGEST = 600  # rows of a table in which a row with a name may be a total
_NAMES = 2  # columns of names in a table in which a row with a name may be a total
_REPEATED = 2
_SHOWN = 5
_NAMED_ROWS = 200  # each row is a line of its own
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def remove_total_rows(
    connection: duckdb.DuckDBPyConnection,
    rows: SourceRows,
    decisions: Sequence[Decision] = (),
    *,
    is_typed: bool = False,
) -> list[Decision]:
    """Deletes the proven totals from `staging`. Returns the decisions, and those about rows that look like totals.

    A word such as `Total` may have kept a column of dates from its type, which is inferred again unless the table
    `is_typed`; the decisions on such a column are made again too.
    """
    marks = read_marks(connection)
    grid = read_grid(connection, marks.labels)
    if grid is None:
        return list(decisions)
    proofs = prove(grid)
    removed = [at for at, proof in proofs.items() if proof.is_sure and not _has_years(grid)]
    spoiled = _remove(connection, [grid.rows[at].rowid for at in removed])
    figures = {grid.names[c] for proof in proofs.values() for c in proof.columns}
    texts = {name for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall() if kind == "VARCHAR"}
    again = (spoiled | figures) & texts if not is_typed else set[str]()
    made = type_inference.infer_again(connection, rows, again, figures) if again else []
    kept = [d for d in decisions if d.column not in again or d.kind is DecisionKind.FORMAT]
    gone = {grid.rows[at].rowid for at in removed}
    marks = read_marks(connection)  # also of columns that have their type only now
    dashes = {name: [rowid for rowid in rowids if rowid not in gone] for name, rowids in marks.dashes.items()}
    settled = set_proven_zeros(connection, grid, proofs.values(), dashes, rows, [*kept, *made])
    return [*settled, *_about_totals(grid, proofs, removed, rows)]


def _has_years(grid: Grid) -> bool:
    """Whether the table is a statement with years side by side, whose totals are lines that people ask for by name."""
    years = [_YEAR.findall(name) for name in grid.names]
    return 2 * sum(map(bool, years)) >= len(years) and len({year for found in years for year in found}) > 1


def _remove(connection: duckdb.DuckDBPyConnection, rowids: Sequence[int]) -> set[str]:
    """Deletes the rows. Returns the names of the text columns in which they had a cell."""
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


def _about_totals(grid: Grid, proofs: Mapping[int, Proof], removed: Sequence[int], rows: SourceRows) -> list[Decision]:
    counted = [at for at, proof in proofs.items() if proof.is_whole and at not in removed]
    doubtful = [*(at for at, proof in proofs.items() if not proof.is_whole), *doubtful_totals(grid, proofs)]
    # A weak proof of a single equal row says no more than that the row looks like a total.
    equal = [at for at in counted if proofs[at].is_weak and len(proofs[at].parts) == 1]
    counted, doubtful = [at for at in counted if at not in equal], [*doubtful, *equal]
    balances = [at for at, row in enumerate(grid.rows) if at not in removed and _is_balance(row)]
    exact = [at for at in removed if proofs[at].is_exact]
    rounded = [at for at in removed if not proofs[at].is_exact]
    found = ((_removed, exact), (_rounded, rounded), (_counted, counted), (_doubtful, doubtful), (_balances, balances))
    return [
        _decision(text, [grid.rows[at] for at in sorted(places)], rows, needs_check=text not in (_removed, _rounded))
        for text, places in found
        if places
    ]


def _is_balance(row: Row) -> bool:
    return row.size == 1 and row.has_figures and total_labels.is_balance(row.label)


def prove(grid: Grid) -> dict[int, Proof]:
    """The proofs that rows are totals, by their positions."""
    signs = [sign_of(row, grid.usual) for row in grid.rows]
    places = [at for at, row in enumerate(grid.rows) if row.has_figures]
    starts = frozenset(at for before, at in pairwise(places) if _is_gap(grid, before, at))
    is_statement = grid.is_whole and len(grid.rows) <= _LARGEST and not grid.has_dates and sum(grid.usual) <= _NAMES
    proofs = Search(grid, places, signs, starts, is_statement).run()
    if weak := weak_totals(grid, proofs):
        signs = [Sign.NAMED if at in weak else sign for at, sign in enumerate(signs)]
        doubted = {at: replace(proofs[at], is_weak=True) for at in weak}
        proofs = Search(grid, places, signs, starts, is_statement).run()
        proofs |= {at: proof for at, proof in doubted.items() if at not in proofs}
    if is_statement:
        for same in _similar_names(grid, places, {at for at, sign in enumerate(signs) if sign and at not in proofs}):
            for at, proof in Search(grid, same, signs, takes_names=True).run().items():
                if at not in proofs and not any(_rests_on(proofs, part, at) for part in proof.parts):
                    proofs[at] = proof
    return proofs


def _rests_on(proofs: Mapping[int, Proof], at: int, total: int) -> bool:
    """Whether the row is the total or adds it up, so that neither could be left out because of the other."""
    return at == total or (at in proofs and any(_rests_on(proofs, part, total) for part in proofs[at].parts))


def _is_gap(grid: Grid, before: int, at: int) -> bool:
    """Whether an empty row, or one without figures, stands between these rows."""
    skipped = grid.is_whole and grid.rows[at].rowid - grid.rows[before].rowid > 1
    return at - before > 1 or skipped


def _similar_names(grid: Grid, places: Sequence[int], unproven: set[int]) -> Iterator[list[int]]:
    """The rows whose names differ only in their numbers, as in a statement with a block for each region.

    Labelled rows that are not proven may add up the rows of such a name, so they are searched with them.
    """
    by_name: dict[str, list[int]] = {}
    for at in places:
        by_name.setdefault(re.sub(r"[\W\d_]+", " ", grid.rows[at].label.lower()).strip(), []).append(at)
    for name, found in by_name.items():
        if name and _REPEATED < len(found) <= len(places) // 2:
            yield found
            if more := unproven - {*found}:
                yield sorted({*found, *more})


def _decision(
    text: Callable[[int, str], str], found: Sequence[Row], rows: SourceRows, *, needs_check: bool
) -> Decision:
    labels = list(dict.fromkeys(row.label.strip() or "without a name" for row in found))
    shown = "; ".join(labels[:_SHOWN]) + ("; …" if len(labels) > _SHOWN else "")
    where = rows.of([row.rowid for row in found], _NAMED_ROWS)
    return Decision(
        kind=DecisionKind.TOTALS, text=text(len(found), shown), rows=where, count=len(found), needs_check=needs_check
    )


def _removed(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row is the total of other rows ({labels}). It was left out, since it would count twice."
    return f"{count:,} rows are totals of other rows ({labels}). They were left out, since they would count twice."


def _rounded(count: int, labels: str) -> str:
    if count == 1:
        total = f"1 row is the total of other rows, apart from rounding ({labels})"
        return f"{total}. It was left out, since it would count twice."
    totals = f"{count:,} rows are totals of other rows, apart from rounding ({labels})"
    return f"{totals}. They were left out, since they would count twice."


def _counted(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row adds up other rows ({labels}). It was kept, so a sum over the table counts those rows twice."
    return f"{count:,} rows add up other rows ({labels}). They were kept, so a sum over the table counts rows twice."


def _doubtful(count: int, labels: str) -> str:
    if count == 1:
        doubt = (
            f"1 row looks like a total ({labels}), but the figures do not prove it, so it counts like any other row."
        )
        return f"{doubt} If it is a total, delete it from the file."
    doubt = (
        f"{count:,} rows look like totals ({labels}), but the figures do not prove it, so they count like other rows."
    )
    return f"{doubt} If they are totals, delete them from the file."


def _balances(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row is a balance rather than a movement ({labels}). It was kept, so a sum over the table counts it."
    return f"{count:,} rows are balances rather than movements ({labels}). They were kept, so a sum counts them too."
