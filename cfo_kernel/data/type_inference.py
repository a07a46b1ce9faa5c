"""Infers the type of each text column: booleans, numbers, amounts as people write them, dates, or plain text.

Runs in the ingest worker, on the table `staging`. A column gets another type only if every one of its cells fits that
type, apart from placeholders and a few odd cells that a decision names (`odd_cells`). So no value is ever truncated,
and codes stay text (`codes`).

`1.234` is 1.234 in one country and 1234 in another. If no cell in a column shows which is meant, the other columns of
the file decide. If they do not settle it either, the point is the decimal mark, and a decision says so.
"""

from collections.abc import Collection, Sequence

import duckdb

from cfo_kernel import fiscal_periods
from cfo_kernel.data import amounts, codes, date_formats, durations, number_dates, odd_cells, scaled_amounts, text_cells
from cfo_kernel.data.date_formats import Dates
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.number_grammar import Mark
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn, text_columns
from cfo_kernel.data.type_changes import TypeChanges


def infer_types(
    connection: duckdb.DuckDBPyConnection, rows: SourceRows, tables: Sequence[str] = ("staging",)
) -> list[Decision]:
    """Changes the types of the text columns of the tables in place, and returns decisions on how they were read."""
    changes = [TypeChanges(connection, table) for table in tables]
    columns = [column for some in changes for column in text_columns(some)]
    decisions, dates = _read_columns(columns, rows)
    decisions += date_formats.read_all(dates, rows)
    for some in changes:
        some.apply()
    for table in tables:
        decisions += number_dates.read_numbers_as_dates(connection, table)
        decisions += text_cells.clean_text(connection, rows, table)
    return decisions


def infer_again(
    connection: duckdb.DuckDBPyConnection, rows: SourceRows, names: Collection[str], figures: Collection[str]
) -> list[Decision]:
    """Infers the types of some text columns of `staging` after rows were removed.

    Totals have proven that the columns in `figures` contain figures, so words in them are read as empty.
    """
    changes = TypeChanges(connection, "staging")
    columns = [column for column in text_columns(changes) if column.name in names]
    proven = [odd_cells.without_words(column) for column in columns if column.name in figures]
    decisions: list[Decision] = []
    for column in proven:
        found, _ = _read(column, (".", ","), rows)
        decisions += found or []
    more, dates = _read_columns([column for column in columns if column.is_text()], rows)
    decisions += more + date_formats.read_all(dates, rows)
    changes.apply()
    return decisions


def _read_columns(columns: Sequence[TextColumn], rows: SourceRows) -> tuple[list[Decision], list[Dates]]:
    """Reads all columns except dates, which are returned, because they are read together."""
    kept: dict[str, list[Decision]] = {column.name: [] for column in columns if _are_periods(column)}
    kept |= {c.name: found for c in columns if c.name not in kept and (found := codes.keeps_text(c)) is not None}
    decisions = [decision for found in kept.values() for decision in found]
    others = [column for column in columns if column.name not in kept]
    unclear = {column.name for column in others if amounts.may_be_either(column)}
    mark = _decimal_mark([column for column in others if column.name not in unclear]) if unclear else None
    dates: list[Dates] = []
    for column in others:
        is_unclear = column.name in unclear
        marks: tuple[Mark, ...] = (mark or ".",) if is_unclear else (".", ",")
        doubt = [_doubt(column, column.example("[.,]"))] if is_unclear and mark is None else []
        found, its_dates = _read(column, marks, rows)
        if its_dates is None and found is None and (clean := odd_cells.without_odd_cells(column)):
            found, its_dates = _read(clean, marks, rows)
        if its_dates is None and found is None:
            found = odd_cells.stays_text(column, rows)
        decisions += [*(found or []), *(doubt if found is not None and not column.is_text() else [])]
        dates += [its_dates] if its_dates else []
    return decisions, dates


def _are_periods(column: TextColumn) -> bool:
    """Whether the cells are fiscal periods, which stay text."""
    if not fiscal_periods.ordered(column.name, column.sample):
        return False
    cells = column.counts(f"{column.value} IS NOT NULL", fiscal_periods.MOST + 1)
    return bool(fiscal_periods.ordered(column.name, [cell for cell, _ in cells]))


def _read(column: TextColumn, marks: tuple[Mark, ...], rows: SourceRows) -> tuple[list[Decision] | None, Dates | None]:
    """Reads a column unless it has dates, which are returned. The decisions are None if it stays text."""
    empty = [*odd_cells.placeholders(column, rows), *odd_cells.decision(column, rows)]
    has_thousands = marks == (",",)  # in plain numbers, the point would be read as a decimal mark
    numbers = () if has_thousands else (amounts.read_numbers,)
    for read in (_booleans, *numbers, date_formats.read_iso, durations.read_durations):
        if (found := read(column)) is not None:
            return ([*found, *empty] if not column.is_text() else found), None
    found = scaled_amounts.read_scaled(column, marks, rows)
    if found is not None or (found := amounts.read_amounts(column, marks, rows)) is not None:
        return [*found, *empty], None
    if (dates := date_formats.find_dates(column)) is not None:
        return empty, dates
    return None, None


def _decimal_mark(columns: Sequence[TextColumn]) -> Mark | None:
    """The decimal mark used in this file, or None if no value in it shows which one it is, or values disagree."""
    marks: set[Mark] = {mark for column in columns if (mark := amounts.proven_mark(column))}
    return marks.pop() if len(marks) == 1 else None  # columns that disagree settle nothing


def _doubt(column: TextColumn, cell: str) -> Decision:
    read, other = ("decimal", "thousands") if "." in cell else ("thousands", "decimal")
    check = f"the file does not show whether it is a {other} separator. Check one value."
    text = f"{column.name}: the separator in {cell} was read as a {read} separator; {check}"
    return Decision(kind=DecisionKind.NUMBERS, text=text, column=column.name, needs_check=True)


def _booleans(column: TextColumn) -> list[Decision] | None:
    if not column.matches("true|false"):
        return None
    column.retype("BOOLEAN", column.value)
    return []
