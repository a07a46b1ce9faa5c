"""Leaves rows of totals out of a table: counted among the others they would double every sum.

Runs in the ingest worker, on the table `staging`. A row is left out only where arithmetic proves it: the last row calls
itself a total, and each of its figures is the sum of the rows that do not. Other rows that look like totals are told
and not touched.
"""

import duckdb

from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.sql_text import quoted

_LABEL = r"^\s*((grand|sub)[\s-]*)?(totals?|summe|zwischensumme|gesamt(summe)?)\s*:?(\s|$)"


def remove_total_rows(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Deletes the proven totals of `staging`; returns a note on what was left out, or on what looks like a total."""
    described = connection.execute("DESCRIBE staging").fetchall()
    columns = [Column(name=name, type=kind) for name, kind, *_ in described]
    texts = [quoted(c.name) for c in columns if c.kind is Kind.TEXT]
    figures = [quoted(c.name) for c in columns if c.kind is Kind.NUMBER and not c.is_key]
    if not texts or not figures:
        return []
    # The first cell with a text names the row; elsewhere "Total ..." may be the name of a thing, such as an account.
    labelled = f"regexp_matches(lower(coalesce({', '.join(texts)})), '{_LABEL}')"
    found = connection.execute(f"SELECT rowid, coalesce({', '.join(texts)}) FROM staging WHERE {labelled}").fetchall()  # noqa: S608
    if not found:
        return []
    labels = "; ".join(dict.fromkeys(label.strip() for _, label in found[:5]))
    [(last,)] = connection.execute("SELECT max(rowid) FROM staging").fetchall()
    if found[-1][0] == last and _adds_up(connection, figures, labelled, last):
        connection.execute(f"DELETE FROM staging WHERE {labelled}")  # noqa: S608 - quoted names and a constant
        told = "1 row is the total" if len(found) == 1 else f"{len(found)} rows are totals"
        return [f"{told} of the others ({labels}); it would count twice, and was left out."]
    return [f"{len(found)} rows look like totals ({labels}), but do not add up: they are counted as they are."]


def _adds_up(connection: duckdb.DuckDBPyConnection, figures: list[str], labelled: str, last: int) -> bool:
    """Whether each figure of the last row is the sum of the rows that are no totals; at least one must be there."""
    sums = ", ".join(f"sum({f}) FILTER (WHERE NOT coalesce({labelled}, false))" for f in figures)
    [parts] = connection.execute(f"SELECT {sums} FROM staging").fetchall()  # noqa: S608 - quoted names and a constant
    [whole] = connection.execute(f"SELECT {', '.join(figures)} FROM staging WHERE rowid = ?", [last]).fetchall()  # noqa: S608
    pairs = [(part, total) for part, total in zip(parts, whole, strict=True) if total is not None]
    return bool(pairs) and all(part == total for part, total in pairs)
