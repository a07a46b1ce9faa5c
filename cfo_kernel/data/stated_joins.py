"""Checks by counting whether the joins in a glossary hold: no row may match two rows, and some rows must match one.

Ranges and periods of validity are compared once for each distinct value, because the values of a large table repeat.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cfo_kernel.data.glossary import GlossaryFile, JoinNotes
from cfo_kernel.data.semantics.meaning import JoinMeaning
from cfo_kernel.data.tables import Kind, Table, Tables
from cfo_kernel.sql_text import quoted

_OWN, _OTHER, _FOUND, _ROWS, _UNTIL, _HIT = "cfo_own", "cfo_other", "cfo_found", "cfo_rows", "cfo_until", "cfo_hit"


class JoinCount(NamedTuple):
    """The query that checks a stated join by counting, and the join itself."""

    table: str
    at: int
    sql: str
    join: JoinMeaning

    def proven(self, row: Sequence[Any]) -> JoinMeaning:
        """The join with its counts."""
        rows, matched, _ = (int(value or 0) for value in row)
        return self.join.model_copy(update={"rows": rows, "matched": matched})

    def problem(self, row: Sequence[Any]) -> str | None:
        """Why the join does not hold: a figure would count rows twice, or no row has a match. None if it holds."""
        rows, matched, repeated = (int(value or 0) for value in row)
        names = f"{self.join.table} to {self.join.to_table}"
        if repeated:
            return f"the join of {names} does not hold: {repeated:,} of {rows:,} rows match more than one row"
        if rows and not matched:
            return f"the join of {names} does not hold: none of {rows:,} rows has a match"
        return None


def join_counts(glossary: GlossaryFile, tables: Tables) -> Iterator[JoinCount]:
    """A query for each join of a glossary, whose names must be valid."""
    for name, notes in glossary.tables.items():
        for at, join in enumerate(notes.joins):
            if name in tables and join.to in tables:
                table, other = tables[name], tables[join.to]
                yield JoinCount(name, at, _sql(join, table, other), _meaning(join, table, other))


def _meaning(join: JoinNotes, table: Table, other: Table) -> JoinMeaning:
    [(column, ends)] = join.between.items() or [(None, ())]
    found = table.column(column) if column else None
    is_time = found is not None and found.kind is Kind.TIME
    low, high = (*ends, None, None)[:2]
    return JoinMeaning(
        kind="equal" if column is None else "interval" if is_time or high is None else "range",
        table=table.name,
        to_table=other.name,
        equal=tuple((_name(table, own), _name(other, its)) for own, its in join.by.items()),
        column=_name(table, column) if column else None,
        low=_name(other, low) if low else None,
        high=_name(other, high) if high else None,
        source="glossary",
    )


def _name(table: Table, name: str) -> str:
    """The column's own name, which the glossary may write in another case."""
    column = table.column(name)
    return column.name if column else name


def _sql(join: JoinNotes, table: Table, other: Table) -> str:
    """SQL for the number of rows with all values, of rows with a match, and of rows with several matches."""
    own = ", ".join(quoted(name) for name in (*join.by, *join.between))
    filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in (*join.by, *join.between))
    conditions = [f"{_OWN}.{quoted(left)} = {_OTHER}.{quoted(right)}" for left, right in join.by.items()]
    until = "NULL"
    for column, ends in join.between.items():
        value, low = f"{_OWN}.{quoted(column)}", f"{_OTHER}.{quoted(ends[0])}"
        if len(ends) == 2:
            high = f"{_OTHER}.{quoted(ends[1])}"
            conditions.append(f"{value} >= {low} AND ({high} IS NULL OR {value} <= {high})")
        else:
            keys = "".join(f"{quoted(its)}, " for its in join.by.values())
            window = f"{f'PARTITION BY {keys[:-2]} ' if keys else ''}ORDER BY {quoted(ends[0])}"
            until = f"lead({quoted(ends[0])}) OVER ({window})"
            conditions.append(f"{value} >= {low} AND ({_OTHER}.{_UNTIL} IS NULL OR {value} < {_OTHER}.{_UNTIL})")
    each = ", ".join(f"{_OWN}.{quoted(name)}" for name in (*join.by, *join.between))
    return (  # compiled from quoted names
        f"WITH {_OWN} AS (SELECT {own}, count(*) AS {_ROWS} FROM {quoted(table.name)} WHERE {filled} GROUP BY {own}), "  # noqa: S608
        f"{_OTHER} AS (SELECT *, {until} AS {_UNTIL}, 1 AS {_HIT} FROM {quoted(other.name)}), "
        f"{_FOUND} AS (SELECT any_value({_OWN}.{_ROWS}) AS n, count({_OTHER}.{_HIT}) AS hits FROM {_OWN} "
        f"LEFT JOIN {_OTHER} ON {' AND '.join(conditions)} GROUP BY {each}) "
        f"SELECT sum(n), sum(n) FILTER (WHERE hits > 0), sum(n) FILTER (WHERE hits > 1) FROM {_FOUND}"
    )
