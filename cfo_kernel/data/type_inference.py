"""Finds out what the texts of a column are: numbers, amounts as people write them, dates, or just texts.

Runs in the ingest worker, on the table `staging`. A column gets another type only if every one of its cells fits it, so
nothing is ever cut off; account codes with leading zeros stay texts.

`1.234` is 1.234 in one country and 1234 in another. Where no cell of a column decides which, the other columns of the
file do, then the character between its cells; what nothing decides is read as American, and noted.
"""

from typing import Literal

import duckdb

from cfo_kernel.data import exact_types
from cfo_kernel.data.date_formats import read_dates
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.sql_text import quoted

_WHOLE = r"[+-]?(0|[1-9]\d*)"
_PLAIN = r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)"
_FLOAT = rf"{_PLAIN}(e[+-]\d+)?|[+-]?\d+\.\d+e\d+|[+-]?inf(inity)?"  # 12E4 is a code, 1.2E4 and 12E+4 are not
_SIGNS = r"[-+(]?\s*[$€£¥]?\s*[-+]?"
_US = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(,\d{{3}})+)(\.\d+)?\s*[$€£¥]?"
_EU = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(\.\d{{3}})+)(,\d+)?\s*[$€£¥]?"
_EITHER = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}[.,]\d{{3}})\s*[$€£¥]?"
_END, _END_PERCENT = r"\)?-?\s*", r"\s*(%\)?-?|\)?-?\s*%)"
_SAMPLE = 2000


def infer_types(connection: duckdb.DuckDBPyConnection, *, semicolons: bool = False) -> list[str]:
    """Changes the types of the text columns of `staging` in place; returns notes on what was read how.

    `semicolons`: they stand between the cells of the file, as where a comma stands before the decimals.
    """
    columns = _text_columns(connection)
    unclear = [column.name for column in columns if _is_unclear(column)]
    mark = _decimal_mark([column for column in columns if column.name not in unclear], semicolons) if unclear else None
    notes: list[str] = []
    for column in columns:
        european = column.name in unclear and mark == ","
        doubt = _doubt(column, column.example("[.,]")) if column.name in unclear and mark is None else None
        signs = column.one(f"count(nullif(trim({quoted(column.name)}), '')) - count({column.value})")
        for read in (_european,) if european else (_booleans, _numbers, _floats, _amounts, read_dates):
            if (decided := read(column)) is not None:
                notes += decided
                if doubt:
                    notes.append(doubt)
                if signs:
                    notes.append(
                        f"{column.name}: signs for an empty cell (such as - or n/a) were read as empty: {signs}."
                    )
                break
    return notes


def _text_columns(connection: duckdb.DuckDBPyConnection) -> list[TextColumn]:
    """The columns that are texts and not empty."""
    columns: list[TextColumn] = []
    for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall():
        if kind == "VARCHAR":
            value = TextColumn(connection, name, []).value
            some = f"FROM staging WHERE {value} IS NOT NULL LIMIT {_SAMPLE}"
            found = connection.execute(f"SELECT DISTINCT {value} FROM ({some})")  # noqa: S608 - quoted
            if cells := [cell for (cell,) in found.fetchall()]:
                columns.append(TextColumn(connection, name, cells))
    return columns


def _is_unclear(column: TextColumn) -> bool:
    """Whether the points or commas of the column may stand between thousands or before decimals."""
    return column.all(_EITHER + _end(column)) and not column.all("[^.,]*")


def _decimal_mark(columns: list[TextColumn], semicolons: bool) -> Literal[".", ","] | None:
    """What stands before the decimals in this file, as far as anything says so."""
    marks: set[Literal[".", ","]] = set()
    for column in columns:
        american, european = column.all(_US + _end(column)), column.all(_EU + _end(column))
        if american != european:
            marks.add("." if american else ",")
    if not marks:
        return "," if semicolons else None
    return marks.pop() if len(marks) == 1 else None


def _doubt(column: TextColumn, cell: str) -> str:
    read, other = ("decimals", "thousands") if "." in cell else ("thousands", "decimals")
    return f"{column.name}: {cell} and the like were read as {read}; they may be {other}, the file does not say."


def _booleans(column: TextColumn) -> list[str] | None:
    if not column.all("true|false"):
        return None
    column.retype("BOOLEAN", column.value)
    return []


def _numbers(column: TextColumn) -> list[str] | None:
    """Numbers as the file wrote them: exact where they are short, else through a double that sheds its noise."""
    if not column.all(_PLAIN):
        return None
    whole = column.one(f"max(length(ltrim(split_part({column.value}, '.', 1), '+-')))")
    scale = column.one(f"max(length(rtrim(split_part({column.value}, '.', 2), '0')))")
    if whole < exact_types.MAX_WHOLE and column.all(_WHOLE):
        column.retype("BIGINT", column.value)
    elif scale <= exact_types.MAX_SCALE and whole + scale <= exact_types.MAX_DIGITS:
        column.retype(exact_types.decimal(whole, scale), column.value)
    elif scale:
        return exact_types.float_column(column.connection, column.name, f"CAST({column.value} AS DOUBLE)")
    return []


def _floats(column: TextColumn) -> list[str] | None:
    if not column.all(_FLOAT):
        return None
    return exact_types.float_column(column.connection, column.name, f"CAST({column.value} AS DOUBLE)")


def _amounts(column: TextColumn) -> list[str] | None:
    """Amounts as people write them: 1,234.56 or 1.234,56, (1,234) and 5- for negatives, currency signs, percents."""
    return _written(column, european=False) if column.all(_US + _end(column)) else _european(column)


def _european(column: TextColumn) -> list[str] | None:
    return _written(column, european=True) if column.all(_EU + _end(column)) else None


def _written(column: TextColumn, *, european: bool) -> list[str] | None:
    digits = f"regexp_replace({column.value}, '[^0-9.,]', '', 'g')"
    digits = f"replace(replace({digits}, '.', ''), ',', '.')" if european else f"replace({digits}, ',', '')"
    whole = column.one(f"max(length(split_part({digits}, '.', 1)))")
    scale = column.one(f"max(length(split_part({digits}, '.', 2)))")
    if whole + scale > exact_types.MAX_DIGITS - 2:
        return None
    sign = f"CASE WHEN regexp_matches({column.value}, '[-(]') THEN '-' ELSE '' END"
    value = f"CAST({sign} || {digits} AS {exact_types.decimal(whole, scale)})"
    how = "1.234,56" if european else "1,234.56"
    if not _is_percent(column):
        column.retype(exact_types.decimal(whole, scale), value)
        return [f"{column.name}: written amounts were read as numbers like {how}."]
    column.retype(exact_types.decimal(whole, scale + 2), f"CAST({value} AS DECIMAL(38, {scale + 2})) * 0.01")
    return [f"{column.name}: written amounts were read as numbers like {how}, percents as parts of 1."]


def _end(column: TextColumn) -> str:
    return _END_PERCENT if _is_percent(column) else _END


def _is_percent(column: TextColumn) -> bool:
    return all("%" in cell for cell in column.sample)
