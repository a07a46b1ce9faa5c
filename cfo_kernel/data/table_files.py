"""Writes the table `staging` to a Parquet file, and describes it with its profile and decisions.

Runs in the ingest worker.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel import fiscal_periods
from cfo_kernel.data import profile, unusual_dates
from cfo_kernel.data.decisions import Decision, DecisionKind, texts
from cfo_kernel.data.tables import Column
from cfo_kernel.executors import stored_formats, stored_orders
from cfo_kernel.sql_text import text_literal

_SHOWN = 3
_PERCENTAGES = {
    "percent": "the figures are fractions, and are shown as percentages (0.05 as 5%)",
    "points": "the figures are in percent, and were kept as written (5 means 5%)",
}
_MAX_DECISIONS = 1000
_MAX_NOTES, _MAX_NOTE = 100, 500  # a note may quote a cell of any length


def store(
    connection: duckdb.DuckDBPyConnection, file: Path, sheet: str | None, decisions: list[Decision]
) -> dict[str, Any]:
    """Writes the table `staging` to a Parquet file. Returns its description."""
    count, columns = profile.profile_table(connection)
    if not count:
        decisions = [*decisions, Decision(kind=DecisionKind.ROWS, text="There are no rows of data.", needs_check=True)]
    orders = {c.name: found for c in columns if c.values and (found := fiscal_periods.ordered(c.name, c.values))}
    decisions = [*(d for d in decisions if not _is_settled(d, orders)), *map(_period, orders.items())]
    decisions += [*_percentages(columns, decisions), *unusual_dates.decisions(connection, columns)]
    formats = text_literal(stored_formats.to_text({column.name: column.format for column in columns}))
    footer = f"{text_literal(stored_formats.KEY)}: {formats}"
    if orders:
        footer += f", {text_literal(stored_orders.KEY)}: {text_literal(stored_orders.to_text(orders))}"
    options = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{footer}}}"
    connection.execute(f"COPY staging TO ? ({options})", [str(file)])
    return {
        "sheet": sheet,
        "file": file.name,
        "row_count": count,
        "columns": [c.model_dump(mode="json") for c in columns],
        "decisions": [decision.model_dump(mode="json") for decision in _bounded(decisions)],
        "notes": bounded_texts(list(texts(decisions))),
    }


def _is_settled(decision: Decision, orders: Mapping[str, Sequence[str]]) -> bool:
    """Whether the decision says why a column of periods is not a column of dates."""
    return decision.column in orders and decision.kind in (DecisionKind.CODES, DecisionKind.DATES)


def _period(found: tuple[str, Sequence[str]]) -> Decision:
    name, order = found
    shown = ", ".join(order[:_SHOWN]) + (", …" if len(order) > _SHOWN else "")
    text = f"{name}: the cells are fiscal periods. They stay text, and are sorted chronologically ({shown})."
    return Decision(kind=DecisionKind.DATES, text=text, column=name)


def _percentages(columns: Sequence[Column], decisions: Sequence[Decision]) -> Iterator[Decision]:
    """Decisions about the columns of percentages that have none yet."""
    said = {decision.column for decision in decisions if decision.kind is DecisionKind.PERCENT}
    for column in columns:
        role = column.format.role if column.format else ""
        if column.name not in said and role in _PERCENTAGES:
            text = f"{column.name}: {_PERCENTAGES[role]}."
            yield Decision(kind=DecisionKind.PERCENT, text=text, column=column.name)


def _bounded(decisions: list[Decision]) -> list[Decision]:
    """The decisions, limited in length and number."""
    return [d.model_copy(update={"text": _bounded_text(d.text)}) for d in decisions[:_MAX_DECISIONS]]


def bounded_texts(notes: list[str]) -> list[str]:
    """The notes, limited in length and number, because people read them and they are sent to models."""
    bounded = [_bounded_text(note) for note in notes[:_MAX_NOTES]]
    if more := len(notes) - len(bounded):
        bounded.append(f"{more:,} more notes are not shown.")
    return bounded


def _bounded_text(text: str) -> str:
    return text if len(text) <= _MAX_NOTE else f"{text[:_MAX_NOTE]} …"
