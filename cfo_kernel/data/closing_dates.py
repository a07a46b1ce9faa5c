"""Notes on the dates that `last_of` reads, and on dates with clearly fewer entities than the previous one.

A closing date may contain nothing but adjustments. The balance at that date is then the sum of the adjustments, yet it
looks complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.compiler import Compiler, clause
from cfo_kernel.data.hierarchies import Tree, Trees
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.sql_text import indented

_MOST_NOTES = 3
_MOST_DATES = 6
MOST_ROWS = 1000


@dataclass(frozen=True)
class ClosingDates:
    """A query for the dates that a plan reads. `nouns` name the entities that are counted at each date."""

    sql: str
    nouns: tuple[str, ...]

    def notes(self, rows: Sequence[Sequence[Any]]) -> list[str]:
        """Notes derived from the query's rows.

        Each row has a date, the previous date, whether the date has clearly fewer rows, and pairs of counts, at the
        date and at the previous date. There is one pair for each entity, and the last pair counts rows.
        """
        dates = [str(row[0]) for row in rows]
        more = f" and {len(dates) - _MOST_DATES} more" if len(dates) > _MOST_DATES else ""
        dates_note = [f"Read at the last date with rows: {', '.join(dates[:_MOST_DATES])}{more}."] if dates else []
        thin = [self._thin(row) for row in rows if row[2]]
        rest = [_and_more(len(thin) - _MOST_NOTES)] if len(thin) > _MOST_NOTES else []
        return [*dates_note, *thin[:_MOST_NOTES], *rest]

    def _thin(self, row: Sequence[Any]) -> str:
        counts = [(noun, row[3 + 2 * i], row[4 + 2 * i]) for i, noun in enumerate((*self.nouns, "row"))]
        fewer = [c for c in counts[:-1] if c[1] < c[2]] or counts[-1:]
        now = " and ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count, _ in fewer)
        before = " and ".join(str(count) for _, _, count in fewer)
        return (
            f"{row[0]} has {now}, while the previous date ({row[1]}) has {before}, so it may contain only adjustments."
        )


def closing_dates(plan: QueryPlan, compiler: Compiler, trees: Trees) -> ClosingDates | None:
    """The query for a plan that compiles, or None if the plan has no `last_of`."""
    if plan.last_of is None:
        return None
    entities = _entities(compiler, trees)
    time = compiler.figures.time(plan.last_of.column).sql
    counted = [f"count(DISTINCT {ref.sql}) AS n{i}" for i, (ref, _) in enumerate(entities)]
    counted.append(f"count(*) AS n{len(entities)}")
    conditions = compiler.conditions(but=plan.last_of.column) + compiler.figure_conditions()
    names = [f"n{i}" for i in range(len(counted))]
    # Any missing entity is worth a note. Row counts vary from date to date: less than three quarters counts as few.
    fewer = [f"{n} < {n}_before" for n in names[:-1]] + [f"4 * {names[-1]} < 3 * {names[-1]}_before"]
    beside = ", ".join(f"lag({n}) OVER before AS {n}_before" for n in ("moment", *names))
    pairs = ", ".join(f"{n}, {n}_before" for n in names)
    sql = [
        "WITH _moments AS (",
        f"  SELECT {time} AS moment, {', '.join(counted)}",
        *indented([*compiler.source(), *clause("WHERE", [*conditions, f"{time} IS NOT NULL"]), "GROUP BY 1"]),
        "), _beside AS (",
        f"  SELECT *, {beside} FROM _moments WINDOW before AS (ORDER BY moment)",  # noqa: S608
        ")",
        f"SELECT {_day('moment')}, {_day('moment_before')}, {' OR '.join(fewer)}, {pairs}",
        "FROM _beside",
        "WHERE moment IN (",
        *indented(compiler.last_moments(plan.last_of)),
        ")",
        "ORDER BY moment",
    ]
    return ClosingDates("\n".join(sql), tuple(tree.noun for _, tree in entities))


def _and_more(count: int) -> str:
    return f"{'1 more date has' if count == 1 else f'{count} more dates have'} similarly few rows or entities."


def _day(name: str) -> str:
    return f"CAST(CAST({name} AS DATE) AS VARCHAR)"


def _entities(compiler: Compiler, trees: Trees) -> list[tuple[ColumnRef, Tree]]:
    """The plan's columns that refer to entities: rows of a tree without operators.

    A tree with operators contains accounts. Accounts do not report figures themselves, and may come and go.
    """
    plain = [tree for tree in trees.values() if not tree.signed]
    return [(ref, tree) for tree in plain for ref in compiler.scope.pointers(tree.table, tree.key)[:1]]
