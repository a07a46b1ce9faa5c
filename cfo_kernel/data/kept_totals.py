"""Notes on answers that add up a table in which suspected totals were kept when its file was read."""

import re
from collections.abc import Iterable, Iterator

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.decisions import DecisionKind
from cfo_kernel.data.plan import QueryPlan, aggregates_in
from cfo_kernel.data.tables import Table

_AGGREGATES = re.compile(
    r"\b(?:sum|avg|mean|count|median|total|min|max|quantile\w*|percentile\w*|std\w*|var\w*|fsum|kahan_sum)\s*\(|\.agg\(",
    re.IGNORECASE,
)


def notes_on_plan(plan: QueryPlan, compiler: Compiler) -> Iterator[str]:
    """The notes on the tables whose rows the plan adds up, counts or averages."""
    nodes = [node for measure in plan.select for node in aggregates_in(measure.expression)]
    tables = [compiler.scope.find(node.column).table if node.column else compiler.scope.table for node in nodes]
    yield from _notes({table.name: table for table in tables}.values())


def notes_on_code(code: str, tables: Iterable[Table]) -> tuple[str, ...]:
    """The notes on the tables that SQL or a Python program names, if it aggregates at all."""
    if not _AGGREGATES.search(code):
        return ()
    lowered = code.lower()
    return tuple(_notes(table for table in tables if re.search(rf"\b{re.escape(table.name.lower())}\b", lowered)))


def _notes(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        for decision in table.decisions:
            if decision.kind is DecisionKind.TOTALS and decision.needs_check:
                yield f"{table.name}: {decision.text}"
