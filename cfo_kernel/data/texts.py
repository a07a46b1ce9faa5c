"""Finds out what the texts of a column are: numbers, amounts as people write them, dates, or just texts.

Runs in the ingest worker, on the table `raw`. A column gets another type only if every one of its cells fits it, so
nothing is ever cut off; account codes with leading zeros stay texts.
"""

import duckdb

from cfo_kernel.data import exact
from cfo_kernel.data.dates import read_dates
from cfo_kernel.data.scope import quoted
from cfo_kernel.data.text_column import TextColumn

_WHOLE = r"[+-]?(0|[1-9]\d*)"
_PLAIN = r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)"
_FLOAT = rf"{_PLAIN}(e[+-]\d+)?|[+-]?\d+\.\d+e\d+|[+-]?inf(inity)?"  # 12E4 is a code, 1.2E4 and 12E+4 are not
_SIGNS = r"[-+(]?\s*[$€£¥]?\s*[-+]?"
_US = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(,\d{{3}})+)(\.\d+)?\s*[$€£¥]?"
_EU = rf"{_SIGNS}(0|[1-9]\d*|[1-9]\d{{0,2}}(\.\d{{3}})+)(,\d+)?\s*[$€£¥]?"
_END, _END_PERCENT = r"\)?-?\s*", r"\s*(%\)?-?|\)?-?\s*%)"
_SAMPLE = 2000


def type_texts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Changes the types of the text columns of `raw` in place; returns notes on what was read how."""
    notes: list[str] = []
    for name, kind, *_ in connection.execute("DESCRIBE raw").fetchall():
        if kind != "VARCHAR":
            continue
        column = TextColumn(connection, name, [])
        some = f"FROM raw WHERE {column.value} IS NOT NULL LIMIT {_SAMPLE}"
        found = connection.execute(f"SELECT DISTINCT {column.value} FROM ({some})")  # noqa: S608 - quoted
        cells = [cell for (cell,) in found.fetchall()]
        if not cells:
            continue
        column = TextColumn(connection, name, cells)
        signs = column.one(f"count(nullif(trim({quoted(name)}), '')) - count({column.value})")
        for read in (_booleans, _numbers, _floats, _amounts, read_dates):
            if (decided := read(column)) is not None:
                notes += decided
                if signs:
                    notes.append(f"{name}: signs for an empty cell (such as - or n/a) were read as empty: {signs}.")
                break
    return notes


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
    if whole < exact.MAX_WHOLE and column.all(_WHOLE):
        column.retype("BIGINT", column.value)
    elif scale <= exact.MAX_SCALE and whole + scale <= exact.MAX_DIGITS:
        column.retype(exact.decimal(whole, scale), column.value)
    elif scale:
        return exact.float_column(column.connection, column.name, f"CAST({column.value} AS DOUBLE)")
    return []


def _floats(column: TextColumn) -> list[str] | None:
    if not column.all(_FLOAT):
        return None
    return exact.float_column(column.connection, column.name, f"CAST({column.value} AS DOUBLE)")


def _amounts(column: TextColumn) -> list[str] | None:
    """Amounts as people write them: 1,234.56 or 1.234,56, (1,234) and 5- for negatives, currency signs, percents."""
    percent = all("%" in cell for cell in column.sample)
    end = _END_PERCENT if percent else _END
    european = not column.all(_US + end)
    if european and not column.all(_EU + end):
        return None
    digits = f"regexp_replace({column.value}, '[^0-9.,]', '', 'g')"
    digits = f"replace(replace({digits}, '.', ''), ',', '.')" if european else f"replace({digits}, ',', '')"
    whole = column.one(f"max(length(split_part({digits}, '.', 1)))")
    scale = column.one(f"max(length(split_part({digits}, '.', 2)))")
    if whole + scale > exact.MAX_DIGITS - 2:
        return None
    sign = f"CASE WHEN regexp_matches({column.value}, '[-(]') THEN '-' ELSE '' END"
    value = f"CAST({sign} || {digits} AS {exact.decimal(whole, scale)})"
    how = "1.234,56" if european else "1,234.56"
    if not percent:
        column.retype(exact.decimal(whole, scale), value)
        return [f"{column.name}: written amounts were read as numbers like {how}."]
    column.retype(exact.decimal(whole, scale + 2), f"CAST({value} AS DECIMAL(38, {scale + 2})) * 0.01")
    return [f"{column.name}: written amounts were read as numbers like {how}, percents as parts of 1."]
