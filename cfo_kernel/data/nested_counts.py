"""Notes on figures over groups: how many groups have rows, because an average per month divides by that number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.plan import Expression, Nested, QueryPlan, parts


@dataclass(frozen=True)
class NestedCounts:
    """A query that returns one row: the lowest and the highest number of groups behind a figure of the result."""

    sql: str
    figure: str
    node: Nested
    width: ClassVar[int] = 2

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Notes for the result."""
        low, high = row
        if not high:
            return []
        count = f"{high:,}" if low == high else f"{low:,} to {high:,}"
        noun = " and ".join(group.result_name.replace("_", " ") for group in self.node.per)
        values = "value" if high == 1 else "values"
        return [f"{self.figure} is computed from {count} {values}, one for each {noun} that has rows."]


def nested_counts(plan: QueryPlan, compiler: Compiler) -> Iterator[NestedCounts]:
    """The queries for a plan that compiles, one for each figure over groups."""
    for measure in plan.select:
        for node in _nested(measure.expression):
            yield NestedCounts(compiler.part_counts(node), measure.name, node)


def _nested(node: Expression) -> Iterator[Nested]:
    if isinstance(node, Nested):
        yield node
    for part in parts(node):
        yield from _nested(part)
