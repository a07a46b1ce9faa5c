"""Notes on entities that `last_of` misses: they have rows in the month of the date it reads, but none on that date.

One unit may close January on the 30th and another on the 31st. The figure for January then covers only the second unit,
and a note names the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.compiler import Compiler, clause
from cfo_kernel.data.hierarchies import Tree, Trees
from cfo_kernel.data.plan import Grain, QueryPlan
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Kind
from cfo_kernel.sql_text import indented

_MOST_VALUES = 200  # a text column with more values describes individual rows instead of naming units
_SHORT = {Grain.DAY: "day", Grain.WEEK: "week"}


@dataclass(frozen=True)
class Entity:
    """A column that identifies the entity that a row belongs to. If the column contains keys, `tree` has the names."""

    ref: ColumnRef
    noun: str
    tree: Tree | None = None

    def name(self, value: str) -> str:
        node = self.tree.nodes.get(value) if self.tree else None
        return str(node.name) if node and node.name else value


@dataclass(frozen=True)
class MissingEntities:
    """A query that returns one row, with three values for each entity column.

    These are the number of missing entities, the first of them, and the last day on which that one has rows.
    """

    sql: str
    entities: tuple[Entity, ...]
    period: str

    @property
    def width(self) -> int:
        return 3 * len(self.entities)

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes for the result."""
        return [self._note(entity, *row[3 * i : 3 * i + 3]) for i, entity in enumerate(self.entities) if row[3 * i]]

    def _note(self, entity: Entity, count: int, value: str, day: str) -> str:
        who = f"1 {entity.noun} has" if count == 1 else f"{count:,} {entity.noun}s have"
        example = f"{entity.name(value)}, last on {day}"
        return (
            f"{who} rows in the same {self.period} as a date that was read, but none on that date ({example}): "
            "not included."
        )


def missing_entities(plan: QueryPlan, compiler: Compiler, trees: Trees) -> MissingEntities | None:
    """The query for a plan that compiles, or None if the plan has no `last_of` or no column names entities."""
    last = plan.last_of
    entities = tuple(_entities(plan, compiler, trees)) if last else ()
    if last is None or not entities:
        return None
    time, period = compiler.figures.time(last.column).sql, _SHORT.get(last.grain or Grain.MONTH, "month")
    conditions = [*compiler.conditions(but=last.column), *compiler.figure_conditions(), f"{time} IS NOT NULL"]
    named = [f"CAST({entity.ref.sql} AS VARCHAR) AS e{i}" for i, entity in enumerate(entities)]
    sql = [
        "WITH _read AS (",
        f"  SELECT moment FROM ({' '.join(compiler.last_moments(last))}) AS found(moment)",  # noqa: S608 - compiled
        "), _rows AS (",
        f"  SELECT DISTINCT {time} AS moment, {', '.join(named)}",
        *indented([*compiler.source(), *clause("WHERE", conditions)]),
        ")",
        "SELECT *",
        "FROM " + ", ".join(_missed(i, period) for i in range(len(entities))),
    ]
    return MissingEntities("\n".join(sql), entities, period)


def _missed(i: int, period: str) -> str:
    """SQL for one row about the entities that have rows in a period, but not on its date.

    The row has their number, the first of them, and its last day.
    """
    # Rows after the moment do not count: a filter on the date may have cut them off.
    same = f"date_trunc('{period}', r.moment) = date_trunc('{period}', m.moment) AND r.moment <= m.moment"
    pairs = f"SELECT e{i} AS e, max(r.moment) AS latest FROM _rows r JOIN _read m ON {same} WHERE e{i} IS NOT NULL"  # noqa: S608
    missed = f"{pairs} GROUP BY e{i}, m.moment HAVING max(r.moment) < m.moment"
    what = "count(DISTINCT e), min(e), CAST(CAST(arg_min(latest, e) AS DATE) AS VARCHAR)"
    return f"(SELECT {what} FROM ({missed})) AS x{i}(n{i}, e{i}, d{i})"  # noqa: S608 - names of its own


def _entities(plan: QueryPlan, compiler: Compiler, trees: Trees) -> Iterator[Entity]:
    """The columns that name entities: rows of trees without operators, the plan's groups, and the table's text columns.

    A tree with operators contains accounts. Accounts do not report figures themselves, and may come and go.
    """
    scope, met = compiler.scope, set[str]()
    for tree in trees.values():
        for ref in () if tree.signed else scope.pointers(tree.table, tree.key)[:1]:
            met |= {ref.name, f"{tree.table}.{tree.label}", f"{tree.table}.{tree.key}"}
            yield Entity(ref, tree.noun, tree)
    table = scope.find(plan.last_of.column).table if plan.last_of else scope.table
    texts = [c for c in table.columns if c.kind is Kind.TEXT and 1 < c.distinct <= _MOST_VALUES]
    groups = [scope.find(g.column) for g in plan.group_by if not g.grain]
    for ref in (*groups, *(ColumnRef(table, column) for column in texts)):
        tree = trees.get(ref.table.name.lower())
        if ref.name not in met and ref.column.kind is Kind.TEXT and not (tree and tree.signed):
            met.add(ref.name)
            yield Entity(ref, ref.column.name.replace("_", " "))
