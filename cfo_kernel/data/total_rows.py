"""Removes total rows from a table, because every sum would count them in addition to the rows that they add up.

Runs in the ingest worker, on the table `staging`. Rows are removed only if arithmetic proves that they are totals: the
last row is labelled as a total, and each of its figures is the sum of the rows without such a label. Other rows that
look like totals are kept, with a note.
"""

from typing import Any

import duckdb

from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.sql_text import quoted

_LABEL = r"^\s*((grand|sub)[\s-]*)?(totals?|summe|zwischensumme|gesamt(summe)?)\s*:?(\s|$)"


def remove_total_rows(connection: duckdb.DuckDBPyConnection, rows: SourceRows) -> list[Decision]:
    """Deletes the proven totals from `staging`. Returns a decision about them, and about rows that look like totals."""
    described = connection.execute("DESCRIBE staging").fetchall()
    columns = [Column(name=name, type=kind) for name, kind, *_ in described]
    texts = [quoted(c.name) for c in columns if c.kind is Kind.TEXT]
    figures = [quoted(c.name) for c in columns if c.kind is Kind.NUMBER and not c.is_key]
    if not texts or not figures:
        return []
    # Only the first text in a row labels it: in another column, "Total ..." may be a name, such as that of an account.
    label = f"coalesce({', '.join(texts)})"
    is_total = f"regexp_matches(lower({label}), '{_LABEL}')"
    found = connection.execute(f"SELECT rowid, {label} FROM staging WHERE {is_total}").fetchall()  # noqa: S608 - quoted
    if not found:
        return []
    where = rows.of([rowid for rowid, _ in found])
    labels = "; ".join(dict.fromkeys(text.strip() for _, text in found[:5]))
    [(last,)] = connection.execute("SELECT max(rowid) FROM staging").fetchall()
    # A total elsewhere proves nothing: it may add up only some of the rows, or belong to another block of the sheet.
    if found[-1][0] == last and _adds_up(connection, figures, is_total, last):
        connection.execute(f"DELETE FROM staging WHERE {is_total}")  # noqa: S608 - quoted names and a constant
        return [Decision(kind=DecisionKind.TOTALS, text=_removed(len(found), labels), rows=where, count=len(found))]
    return [
        Decision(
            kind=DecisionKind.TOTALS, text=_kept(len(found), labels), rows=where, count=len(found), needs_check=True
        )
    ]


def _adds_up(connection: duckdb.DuckDBPyConnection, figures: list[str], is_total: str, last: int) -> bool:
    """Whether each figure of the last row is the sum of the rows that are not totals. There must be at least one."""
    pairs: list[tuple[Any, Any]] = []
    for some in batches(figures):
        sums = ", ".join(f"sum({f})" for f in some)
        others = f"SELECT {sums} FROM staging WHERE NOT coalesce({is_total}, false)"  # noqa: S608 - quoted names and a constant
        [parts] = connection.execute(others).fetchall()
        [whole] = connection.execute(f"SELECT {', '.join(some)} FROM staging WHERE rowid = ?", [last]).fetchall()  # noqa: S608
        pairs += [(part, total) for part, total in zip(parts, whole, strict=True) if total is not None]
    return bool(pairs) and all(part == total for part, total in pairs)


def _removed(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row is the total of the others ({labels}). It was skipped, since it would count twice."
    return f"{count} rows are totals of the others ({labels}). They were skipped, since they would count twice."


def _kept(count: int, labels: str) -> str:
    if count == 1:
        doubt = (
            f"1 row looks like a total ({labels}), but the figures do not prove it, so it counts like any other row."
        )
        return f"{doubt} If it is a total, delete it from the file."
    doubt = f"{count} rows look like totals ({labels}), but the figures do not prove it, so they count like other rows."
    return f"{doubt} If they are totals, delete them from the file."
