"""Writes inferences as glossary entries, for people who want to check them and state them all."""

from typing import Any

from cfo_kernel.data.glossary import ColumnNotes, GlossaryFile
from cfo_kernel.data.semantics.meaning import ColumnMeaning, JoinMeaning, Meaning, Role, TableMeaning

_UNSURE = 0.5
"""Below this confidence, an inference is a guess that must be checked before it is stated."""


def inferred_entries(meaning: Meaning, glossary: GlossaryFile) -> dict[str, Any]:
    """Glossary entries for everything that is inferred, except what the glossary already states."""
    found: dict[str, Any] = {}
    if glossary.fiscal_year_start is None and meaning.fiscal_year_start != 1:
        found["fiscal_year_start"] = meaning.fiscal_year_start
    tables = {table.table: entries for table in meaning.tables if (entries := _table(table, meaning, glossary))}
    return {**found, "tables": tables} if tables else found


def _table(table: TableMeaning, meaning: Meaning, glossary: GlossaryFile) -> dict[str, Any]:
    notes = glossary.table(table.table)
    found: dict[str, Any] = {}
    if notes.kind is None and table.confidence >= _UNSURE:
        found["kind"] = str(table.kind)
    if not notes.one_row_per and table.grain:
        found["one_row_per"] = list(table.grain)
    if notes.date is None and table.time_axis:
        found["date"] = table.time_axis
    joins = [_join(join) for join in meaning.joins if _is_statable(join, table)]
    if joins and not notes.joins:  # a list is replaced as a whole
        found["joins"] = joins
    columns = {
        column.column: entries
        for column in table.columns
        if (entries := _column(column, glossary.column(table.table, column.column), table.table))
    }
    return {**found, "columns": columns} if columns else found


def _is_statable(join: JoinMeaning, table: TableMeaning) -> bool:
    """Whether the join was inferred for the table, by its own columns alone. Others cannot be written there."""
    own = [*(left for left, _ in join.equal), *filter(None, [join.column])]
    return join.table == table.table and join.source == "inferred" and all(table.column(name) for name in own)


def _join(join: JoinMeaning) -> dict[str, Any]:
    found: dict[str, Any] = {"to": join.to_table}
    if join.equal:
        found["by"] = dict(join.equal)
    if join.column:
        found["between"] = {join.column: [end for end in (join.low, join.high) if end]}
    return found


def _column(column: ColumnMeaning, notes: ColumnNotes, table: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if notes.role is None and column.confidence >= _UNSURE:
        found["role"] = "balance" if column.role is Role.STOCK else str(column.role)
    for field, stated, value in (
        ("date_kind", notes.date_kind, str(column.date) if column.date else None),
        ("refers_to", notes.refers_to, column.refers_to),
        ("scale", notes.scale, column.scale),
        ("once_per", notes.once_per, list(column.once_for)),
        ("total_of", notes.total_of, list(column.total_of)),
        ("period", notes.period, column.period),
    ):
        if not stated and value:
            found[field] = value
    if notes.unit is None and column.unit:
        found["unit"] = column.unit
    elif notes.unit is None and column.unit_column:
        source = column.unit_column
        found["unit"] = {"source": source if "." in source else f"{table}.{source}"}
    return found
