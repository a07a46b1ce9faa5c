"""Replaces what was inferred with what the glossary states, column by column and field by field.

Everything else stays as inferred, so that a line about one thing never changes what is known about another.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cfo_kernel.data.glossary import ColumnNotes, GlossaryFile, TableNotes
from cfo_kernel.data.semantics.meaning import (
    ColumnMeaning,
    JoinMeaning,
    Meaning,
    MeasureMeaning,
    Question,
    Role,
    TableMeaning,
)


def overruled(
    meaning: Meaning,
    glossary: GlossaryFile,
    joins: Sequence[JoinMeaning] = (),
    measures: Sequence[MeasureMeaning] = (),
) -> Meaning:
    """The meaning, with everything that the glossary states. `joins` and `measures` are those that were checked."""
    return meaning.model_copy(
        update={
            "tables": tuple(_table(table, glossary.table(table.table)) for table in meaning.tables),
            "joins": (*(join for join in meaning.joins if not _is_restated(join, joins)), *joins),
            "measures": (*(m for m in meaning.measures if not _is_redefined(m, measures)), *measures),
            "fiscal_year_start": glossary.fiscal_year_start or meaning.fiscal_year_start,
            "questions": tuple(q for q in meaning.questions if not _is_answered(q, glossary)),
        }
    )


def _table(table: TableMeaning, notes: TableNotes) -> TableMeaning:
    stated: dict[str, Any] = {}
    if notes.kind:
        stated |= {"kind": notes.kind, "confidence": 1.0, "source": "glossary"}
    if notes.one_row_per:
        stated["grain"] = tuple(_own_name(table, name) for name in notes.one_row_per)
    if notes.date:
        stated["time_axis"] = _own_name(table, notes.date)
    if tree := notes.hierarchy:
        own = {field: _own_name(table, getattr(tree, field)) for field in ("key", "parent", "label")}
        stated |= own
    lines = tuple(_sentences(stated, {"kind": "the kind", "grain": "the grain", "time_axis": "the time axis"}))
    if lines:
        stated["evidence"] = (*lines, *table.evidence)
    columns = tuple(_column(column, notes, table) for column in table.columns)
    return table.model_copy(update={**stated, "columns": columns})


def _own_name(table: TableMeaning, name: str) -> str:
    column = table.column(name)
    return column.column if column else name


def _column(column: ColumnMeaning, table_notes: TableNotes, table: TableMeaning) -> ColumnMeaning:
    notes = next((n for name, n in table_notes.columns.items() if name.lower() == column.column.lower()), None)
    stated = dict(_stated_fields(column, notes, table)) if notes else {}
    if not stated:
        return column
    words = {"role": "the role", "date": "the kind of date", "unit": "the unit", "unit_column": "the unit's column"}
    words |= {"scale": "the scale", "refers_to": "the reference", "period": "the period"}
    stated["evidence"] = (*_sentences(stated, words), *column.evidence)
    if role := stated.get("role"):
        stated |= {"confidence": 1.0, "source": "glossary"}
        # `refers_to` stays, since sums of other columns may depend on the rows that it refers to, such as scenarios.
        if role is not Role.DATE and "date" not in stated:
            stated["date"] = None
    return column.model_copy(update=stated)


def _stated_fields(column: ColumnMeaning, notes: ColumnNotes, table: TableMeaning) -> Iterator[tuple[str, Any]]:
    for field, value in (
        ("role", notes.role),
        ("scale", notes.scale),
        ("date", notes.date_kind),
        ("refers_to", notes.refers_to),
        ("once_for", tuple(_own_name(table, name) for name in notes.once_per)),
        ("total_of", tuple(_own_name(table, name) for name in notes.total_of)),
        ("period", notes.period),
    ):
        if value:
            yield field, value
    if notes.unit:
        own, _, name = notes.unit.source.partition(".")
        is_own = own.lower() == table.table.lower()
        yield "unit", notes.unit.name or None
        yield "unit_column", (_own_name(table, name) if is_own else notes.unit.source) or None
    # A measure stays one until its role is stated, since its sums are guarded by its role.
    if notes.role is None and not column.role.facts.is_measure and (notes.date_kind or notes.refers_to):
        yield "role", Role.DATE if notes.date_kind else Role.REFERENCE


def _sentences(stated: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    for field, word in words.items():
        if value := stated.get(field):
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            yield f"The glossary states {word}: {shown}."


def _is_restated(join: JoinMeaning, stated: Sequence[JoinMeaning]) -> bool:
    """Whether the glossary states how these tables are joined by the same columns."""
    return any(
        (join.table.lower(), join.to_table.lower()) == (other.table.lower(), other.to_table.lower())
        and _own_columns(join) & _own_columns(other)
        for other in stated
    )


def _own_columns(join: JoinMeaning) -> set[str]:
    return {name.lower() for name in (*(own for own, _ in join.equal), *filter(None, [join.column]))}


def _is_redefined(measure: MeasureMeaning, stated: Sequence[MeasureMeaning]) -> bool:
    return any(measure.name.lower() == other.name.lower() for other in stated)


def _is_answered(question: Question, glossary: GlossaryFile) -> bool:
    """Whether the glossary states what the question asks for."""
    table = glossary.table(question.table)
    column = glossary.column(question.table, question.column) if question.column else ColumnNotes()
    match question.field:
        case "role":
            return column.role is not None
        case "date":
            return column.date_kind is not None or column.role not in (None, Role.DATE)
        case "unit":
            return column.unit is not None
        case "time_axis":
            return table.date is not None
        case "joins":
            return bool(table.joins)
        case _:
            return False
