"""Notes on answers: doubts about how the tables and columns that an answer uses were read.

A decision about a whole table, such as a suspected total or hidden rows, is repeated in answers that compute figures
from its rows. A decision about a column is repeated in all answers that use the column.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.plan import QueryPlan, aggregates_in
from cfo_kernel.data.reading_summary import merged
from cfo_kernel.data.tables import Table

_AGGREGATES = re.compile(
    r"\b(?:sum|avg|mean|count|median|total|min|max|quantile\w*|percentile\w*|std\w*|var\w*|fsum|kahan_sum)\s*\(|\.agg\(",
    re.IGNORECASE,
)
_MOST = 5


def notes_on_plan(plan: QueryPlan, compiler: Compiler, sql: str) -> Iterator[str]:
    """The notes on the tables whose rows the plan adds up, counts or averages, and on the columns in its SQL."""
    nodes = [node for measure in plan.select for node in aggregates_in(measure.expression)]
    counted = {(compiler.scope.find(node.column).table if node.column else compiler.scope.table).name for node in nodes}
    yield from _notes(sql, compiler.scope.tables, counted)


def notes_on_code(code: str, tables: Iterable[Table], shown: Iterable[str] = ()) -> tuple[str, ...]:
    """The notes on the tables and columns that SQL or a Python program names. `shown` are the columns of its result."""
    named = [table for table in tables if table.decisions and _names(code, table.name)]
    counted = {table.name for table in named} if _AGGREGATES.search(code) else set[str]()
    return tuple(_notes("\n".join((code, *shown)), named, counted))


def _notes(text: str, tables: Iterable[Table], counted: Collection[str]) -> Iterator[str]:
    """The notes on these tables, and on those of their columns that the text names.

    The rows of the tables in `counted` are added up, counted or averaged.
    """
    for table in tables:
        doubts = [decision for decision in table.decisions if decision.needs_check]
        said = merged(d for d in doubts if (table.name in counted if d.column is None else _names(text, d.column)))
        yield from (f"{table.name}: {text}" for text in said[:_MOST])
        if (more := len(said) - _MOST) > 0:
            cut = "1 more decision needs" if more == 1 else f"{more:,} more decisions need"
            yield f"{table.name}: {cut} a check. The list of datasets shows all of them."


def _names(text: str, name: str) -> bool:
    is_in = name.lower() in text.lower()  # fast, for tables with thousands of decisions
    return is_in and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
