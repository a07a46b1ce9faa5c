"""Notes on rows that are easy to overlook: blanks in an excluded column, and ties at the cutoff of a ranking."""

from dataclasses import replace
from typing import Any

from cfo_kernel.agent.analyst.planner import Figures, row_filters, span_of, tables_of
from cfo_kernel.agent.analyst.reading import Pick, Reading
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import figure, joined, plural
from cfo_kernel.data.plan import Aggregate, Filter, Measure, QueryPlan

_MORE = 20
_MOST_NAMED = 6


def excluded(reading: Reading) -> tuple[Pick, ...]:
    return tuple(p for p in reading.picks if p.negated)


def blanks(schema: Schema, reading: Reading, pick: Pick) -> QueryPlan:
    """Counts and sums the rows with a blank in an excluded column, because '<>' drops blanks as well."""
    others = replace(reading, picks=tuple(p for p in reading.picks if p is not pick))
    measures = [Measure(name="number", expression=Aggregate(fn="count"))]
    if reading.column and "sum" in reading.functions:
        measures.append(Measure(name="figure", expression=Aggregate(fn="sum", column=reading.column)))
    return QueryPlan(
        table=reading.table,
        joins=schema.joins(reading.table, tables_of(reading)) or (),
        filters=(*row_filters(others), *span_of(reading), Filter(column=pick.column, op="is null")),
        select=tuple(measures),
    )


def told_blanks(schema: Schema, reading: Reading, pick: Pick, result: dict[str, Any]) -> str | None:
    """A note on the number of blank rows that are excluded and their amount, or None if there are none."""
    number, *figures = result["rows"][0]
    if not number:
        return None
    scale = schema.column(reading.column)[1].scale or None if reading.column else None
    amount = f" ({figure(figures[0], scale)})" if figures and figures[0] is not None else ""
    rows = schema.rows_of(reading.table)
    said = f"{number:,} {rows} without a {schema.label(pick.column)}{amount} are excluded as well."
    return said if number > 1 else said.replace(rows, rows.removesuffix("s"), 1).replace(" are ", " is ")


def wider(plan: QueryPlan, reading: Reading) -> QueryPlan | None:
    """A ranking's plan with a higher limit, to detect rows that tie with the last row shown."""
    return plan.model_copy(update={"limit": plan.limit + _MORE}) if reading.top and reading.order else None


def ties(reading: Reading, figures: Figures, result: dict[str, Any]) -> str | None:
    """A note on entities below a ranking's cutoff that have the same figure as the last entity shown."""
    names = [c["name"] for c in result["columns"]]
    rows, top = result["rows"], reading.top or 0
    if figures.main not in names or len(rows) <= top:
        return None
    at = names.index(figures.main)
    last = rows[top - 1][at]
    others = [r for r in rows[top:] if r[at] == last]
    if not others:
        return None
    listed = [", ".join(str(v) for v in r[: len(reading.by)]) for r in others[:_MOST_NAMED]]
    more = " and others" if len(others) > _MOST_NAMED else ""
    label = plural(reading.by[0].label) if reading.by else "rows"
    return f"There is a tie at the cutoff: the last of the {label} shown has the same figure as {joined(listed)}{more}."
