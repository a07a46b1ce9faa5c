"""Finds dates that are probably not meant literally: 9999-12-31 for an open end, 1900-01-01, Buddhist years.

Runs in the ingest worker, on the table `staging`, after its columns were profiled.
"""

from collections.abc import Iterable, Iterator

import duckdb

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.sql_text import quoted

_USUAL = ("1900-01-02", "2200-01-01")
_BUDDHIST = ("2443-01-01", "2643-01-01")  # 1900 to 2100
_OPEN = ("9999-12-31", "9999-01-01", "2999-12-31", "1900-01-01", "1899-12-31", "1899-12-30", "0001-01-01")


def decisions(connection: duckdb.DuckDBPyConnection, columns: Iterable[Column]) -> Iterator[Decision]:
    """A decision about each column with such dates."""
    for column in columns:
        ends = (column.minimum or _USUAL[0], column.maximum or _USUAL[0])
        if column.kind is Kind.TIME and (ends[0] < _USUAL[0] or ends[1] >= _USUAL[1] or len(ends[1].split("-")[0]) > 4):
            yield from _unusual(connection, column)


def _unusual(connection: duckdb.DuckDBPyConnection, column: Column) -> Iterator[Decision]:
    name = quoted(column.name)
    day = f"CAST({name} AS DATE)"
    low, high = (f"DATE '{end}'" for end in _USUAL)
    where = f"WHERE {name} IS NOT NULL AND NOT ({day} >= {low} AND {day} < {high})"
    between = " AND ".join((f"min({day}) >= DATE '{_BUDDHIST[0]}'", f"max({day}) < DATE '{_BUDDHIST[1]}'"))
    found = f"SELECT count(*), CAST(mode({day}) AS VARCHAR), {between}, count(DISTINCT {day}) FROM staging {where}"  # noqa: S608
    [(count, example, is_buddhist, different)] = connection.execute(found).fetchall()
    if not count:
        return
    cells = "1 cell has the date" if count == 1 else f"{count:,} cells have dates such as"
    if is_buddhist:
        means = "which may be years of the Buddhist era, 543 years ahead. They were read as written"
    elif different == 1 and example in _OPEN:
        means = "which probably means that there is no date. It was read as written, and counts in minimum and maximum"
    else:
        means = "far from today, read as written"
    yield Decision(
        kind=DecisionKind.DATES,
        text=f"{column.name}: {cells} {example}, {means}.",
        column=column.name,
        count=count,
        needs_check=not (different == 1 and example in _OPEN),
    )
