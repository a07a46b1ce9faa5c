"""Notes on percentage thresholds: a row whose percentage is undefined meets no threshold, and is excluded.

A percentage is null if a figure is missing, or if its base is zero or negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.expressions import contains
from cfo_kernel.data.hierarchies import Trees
from cfo_kernel.data.plan import Aggregate, Arithmetic, Expression, PercentChange, QueryPlan, Ratio, Window, parts
from cfo_kernel.data.tables import Tables
from cfo_kernel.sql_text import quoted


@dataclass(frozen=True)
class UndefinedPercentages:
    """A query that returns one row, with the number of rows without a value for each of the percentages."""

    sql: str
    measures: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.measures)

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes for the result."""
        return [_note(name, count) for name, count in zip(self.measures, row, strict=True) if count]


def undefined_percentages(plan: QueryPlan, tables: Tables, trees: Trees) -> UndefinedPercentages | None:
    """The query for a plan that compiles, or None if no threshold is on a percentage."""
    bounded = {having.measure.lower() for having in plan.having}
    names = tuple(m.name for m in plan.select if m.name.lower() in bounded and _is_percentage(m.expression))
    if not names:
        return None
    whole = Compiler(plan.model_copy(update={"having": ()}), tables, trees)
    return UndefinedPercentages(whole.count_sql(*(f"{quoted(name)} IS NULL" for name in names)), names)


def _is_percentage(node: Expression) -> bool:
    match node:
        case PercentChange() | Ratio() | Window(over="share_of_total" | "change_percent"):
            return True
        case Arithmetic(op="/") if contains(node.right, Aggregate):
            return True
        case _:
            return any(map(_is_percentage, parts(node)))


def _note(name: str, count: int) -> str:
    rows, them = ("1 row has", "it") if count == 1 else (f"{count:,} rows have", "them")
    return f"{rows} no {name} (a figure is missing, or its base is not positive): the threshold excludes {them}."
