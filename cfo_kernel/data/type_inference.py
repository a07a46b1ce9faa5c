"""Infers the type of each text column: booleans, numbers, amounts as people write them, dates, or plain text.

Runs in the ingest worker, on the table `staging`. A column gets another type only if every one of its cells fits that
type, so no value is ever truncated, and account codes with leading zeros stay text.

`1.234` is 1.234 in one country and 1234 in another. If no cell in a column shows which is meant, the other columns of
the file decide, and after them the file's delimiter. If that does not settle it either, the American reading is used,
and a note says so.
"""

from collections.abc import Sequence
from typing import Literal

import duckdb

from cfo_kernel.data import exact_types, staging_formats
from cfo_kernel.data.date_formats import read_dates
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_CELL
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.sql_text import quoted

_WHOLE = r"[+-]?(0|[1-9]\d*)"
_PLAIN = r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)"
_FLOAT = rf"{_PLAIN}(e[+-]\d+)?|[+-]?\d+\.\d+e\d+|[+-]?inf(inity)?"  # 12E4 is a code, 1.2E4 and 12E+4 are numbers
_SIGNS = r"[-+(]?\s*[$€£¥]?\s*[-+]?"
# No leading zeros in any of these: 00124 is an account code, and 01,234 is a slip that is better left unchanged.
_AMERICAN = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(,\d{{3}})+)(\.\d+)?\s*[$€£¥]?"
_EUROPEAN = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(\.\d{{3}})+)(,\d+)?\s*[$€£¥]?"
_EITHER = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}[.,]\d{{3}})\s*[$€£¥]?"
_END, _END_PERCENT = r"\)?-?\s*", r"\s*(%\)?-?|\)?-?\s*%)"
_SAMPLE = 2000


def infer_types(
    connection: duckdb.DuckDBPyConnection,
    rows: SourceRows,
    tables: Sequence[str] = ("staging",),
    *,
    semicolons: bool = False,
) -> list[Decision]:
    """Changes the types of the text columns of the tables in place, and returns decisions on how they were read.

    `semicolons` says that semicolons delimit the file, as is usual where the comma is the decimal mark.
    """
    columns = [column for table in tables for column in _text_columns(connection, table)]
    unclear = [column.name for column in columns if _is_unclear(column)]
    mark = _decimal_mark([column for column in columns if column.name not in unclear], semicolons) if unclear else None
    decisions: list[Decision] = []
    for column in columns:
        is_european = column.name in unclear and mark == ","
        doubt = _doubt(column, column.example("[.,]")) if column.name in unclear and mark is None else None
        placeholders = _placeholders(column, rows)
        # The order matters: the first reader that fits wins, and the exact readers come before the lenient ones.
        for read in (_european,) if is_european else (_booleans, _numbers, _floats, _amounts, read_dates):
            if (found := read(column)) is not None:
                decisions += found
                if (doubt or placeholders) and column.is_text():
                    break
                if doubt:
                    decisions.append(doubt)
                if placeholders:
                    decisions.append(placeholders)
                break
    return decisions


def _placeholders(column: TextColumn, rows: SourceRows) -> Decision | None:
    """A decision about the cells that hold only a placeholder, if there are any."""
    text = f"nullif(trim({quoted(column.name)}), '')"
    if not (count := column.figure(f"count({text}) - count({column.value})")):
        return None
    cells, verb = ("1 placeholder cell", "was") if count == 1 else (f"{count} placeholder cells", "were")
    return Decision(
        kind=DecisionKind.EMPTY_CELLS,
        text=f"{column.name}: {cells} (such as - or n/a) {verb} read as empty.",
        column=column.name,
        rows=rows.of(column.rowids(f"{text} IS NOT NULL AND {column.value} IS NULL")),
        count=count,
    )


def _text_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[TextColumn]:
    """The text columns that are not empty and have no cell that is too long to be a number or a date."""
    columns: list[TextColumn] = []
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    names = [name for name, kind, *_ in described if kind == "VARCHAR"]
    if not names:
        return []
    lengths = ", ".join(f"max(length({quoted(name)}))" for name in names)
    [(count, *longest)] = connection.execute(f"SELECT count(*), {lengths} FROM {table}").fetchall()  # noqa: S608 - quoted
    for name in (name for name, length in zip(names, longest, strict=True) if 0 < (length or 0) <= MAX_CELL):
        value = TextColumn(connection, table, name, []).value
        some = f"FROM {table} WHERE {value} IS NOT NULL LIMIT {_SAMPLE}"
        found = connection.execute(f"SELECT DISTINCT {value} FROM ({some})")  # noqa: S608 - quoted
        if cells := [cell for (cell,) in found.fetchall()]:
            is_whole = count <= _SAMPLE and not any("\v" in cell for cell in cells)  # a space for Python, not DuckDB
            columns.append(TextColumn(connection, table, name, cells, is_whole))
    return columns


def _is_unclear(column: TextColumn) -> bool:
    """Whether the points or commas in the column may separate either thousands or decimals."""
    return column.matches(_EITHER + _end(column)) and not column.matches("[^.,]*")


def _decimal_mark(columns: list[TextColumn], semicolons: bool) -> Literal[".", ","] | None:
    """The decimal mark used in this file, if any value in it shows which one that is."""
    marks: set[Literal[".", ","]] = set()
    for column in columns:
        american, european = column.matches(_AMERICAN + _end(column)), column.matches(_EUROPEAN + _end(column))
        if american != european:
            marks.add("." if american else ",")
    if not marks:
        return "," if semicolons else None
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


def _numbers(column: TextColumn) -> list[Decision] | None:
    """Reads numbers without separators: exactly if they are short enough, otherwise as rounded doubles."""
    if not column.matches(_PLAIN):
        return None
    whole = column.figure(f"max(length(ltrim(split_part({column.value}, '.', 1), '+-')))")
    scale = column.figure(f"max(length(rtrim(split_part({column.value}, '.', 2), '0')))")
    if whole < exact_types.MAX_WHOLE and column.matches(_WHOLE):
        column.retype("BIGINT", column.value)
    elif scale <= exact_types.MAX_SCALE and whole + scale <= exact_types.MAX_DIGITS:
        column.retype(exact_types.decimal(whole, scale), column.value)
    elif scale:
        return exact_types.float_column(column.connection, column.table, column.name, f"CAST({column.value} AS DOUBLE)")
    return []  # a whole number with more digits than any type can hold stays text


def _floats(column: TextColumn) -> list[Decision] | None:
    if not column.matches(_FLOAT):
        return None
    return exact_types.float_column(column.connection, column.table, column.name, f"CAST({column.value} AS DOUBLE)")


def _amounts(column: TextColumn) -> list[Decision] | None:
    """Reads amounts as people write them: 1,234.56 or 1.234,56, (1,234) or 5- for negatives, currencies, percents."""
    if column.matches(_AMERICAN + _end(column)):
        return _parse_amounts(column, is_european=False)
    return _european(column)


def _european(column: TextColumn) -> list[Decision] | None:
    return _parse_amounts(column, is_european=True) if column.matches(_EUROPEAN + _end(column)) else None


def _parse_amounts(column: TextColumn, *, is_european: bool) -> list[Decision] | None:
    digits = f"regexp_replace({column.value}, '[^0-9.,]', '', 'g')"
    digits = f"replace(replace({digits}, '.', ''), ',', '.')" if is_european else f"replace({digits}, ',', '')"
    whole = column.figure(f"max(length(split_part({digits}, '.', 1)))")
    scale = column.figure(f"max(length(split_part({digits}, '.', 2)))")
    if whole + scale > exact_types.MAX_DIGITS - 2:  # two digits are reserved for percentages
        return None
    sign = f"CASE WHEN regexp_matches({column.value}, '[-(]') THEN '-' ELSE '' END"
    value = f"CAST({sign} || {digits} AS {exact_types.decimal(whole, scale)})"
    symbols = column.figure(f"string_agg(DISTINCT regexp_replace({column.value}, '[^$€£¥]', '', 'g'), '')")
    if len(symbols := sorted(set(symbols))) > 1:
        mixed = f"the amounts are in different currencies ({', '.join(symbols)}), so they were kept as text"
        advice = "Write each currency in its own column, or its code in a second one."
        return [_decision(DecisionKind.NUMBERS, column, f"{mixed}. {advice}")]
    shape = "1.234,56" if is_european else "1,234.56"
    if not _is_percent(column):
        column.retype(exact_types.decimal(whole, scale), value)
        return [_decision(DecisionKind.NUMBERS, column, f"amounts were read in the style of {shape}.")]
    column.retype(exact_types.decimal(whole, scale + 2), f"CAST({value} AS DECIMAL(38, {scale + 2})) * 0.01")
    staging_formats.mark_percent(column.connection, column.table, column.name)
    text = f"percentages were read in the style of {shape} and stored as fractions (5% as 0.05)."
    return [_decision(DecisionKind.PERCENT, column, text)]


def _decision(kind: DecisionKind, column: TextColumn, text: str) -> Decision:
    return Decision(kind=kind, text=f"{column.name}: {text}", column=column.name)


def _end(column: TextColumn) -> str:
    return _END_PERCENT if _is_percent(column) else _END


def _is_percent(column: TextColumn) -> bool:
    return all("%" in cell for cell in column.sample)
