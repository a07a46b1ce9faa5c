"""Writes a result file as CSV that opens correctly in a spreadsheet.

Runs in the ingest worker. The file is UTF-8 with a byte order mark, without which Excel assumes another encoding. Text
is quoted; numbers, dates and NULL, which is an empty cell, are not. Numbers have all their digits, and no thousands
separators. A percentage is written with a percent sign and all its digits: 0.125 becomes `12.5%`, which spreadsheets
and uploads read as 0.125.

Text that a spreadsheet would run as a formula gets an apostrophe in front; a plain number does not. Quotation marks
alone are not enough: a spreadsheet whose locale separates lists by `;` splits `5,"a;=b"` into `5,"a` and `=b"`, since a
quotation mark counts only at the start of a cell. Text that follows another separator or a line break inside a cell is
therefore treated as the start of a cell too.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import file_formats, staging, staging_formats
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.number_formats import NumberFormat
from cfo_kernel.sql_text import text_literal

_SIGN = r"[=+\-@＝＋－＠]"  # full-width signs count too: spreadsheets convert them before they check for formulas
_BLANK = r"\p{Z}\p{Cc}\p{Cf}"  # spreadsheets drop these characters before they check for formulas
_SEPARATOR = r"[;؛،|\t\r\n\x0b\x0c\x{85}\x{2028}\x{2029}]"
_FORMULA = rf"^([{_BLANK}]*{_SIGN}|[\t\r])"
_LATER_FORMULA = rf"""({_SEPARATOR}[{_BLANK}"]*)({_SIGN})"""
_NUMBER = r"^[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?%?$"
_EXACT = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\d+\)|BOOLEAN")
_WITH_INFINITY = re.compile(r"DOUBLE|FLOAT|DATE|TIME.*")
_MACROS = (
    "without_zeros(t) AS regexp_replace(CASE WHEN contains(t, '.') THEN rtrim(rtrim(t, '0'), '.') ELSE t END,"
    " '^0+([0-9])', '\\1')",
    "with_point(digits, point) AS without_zeros(CASE WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits"
    " WHEN point >= length(digits) THEN rpad(digits, CAST(point AS INTEGER), '0')"
    " ELSE digits[:point] || '.' || digits[point + 1:] END)",
    "percent_of(sign, whole, decimals, exponent) AS"
    " sign || with_point(whole || decimals, length(whole) + coalesce(TRY_CAST(exponent AS BIGINT), 0) + 2) || '%'",
    "percent_text(t) AS percent_of(CASE WHEN t LIKE '-%' THEN '-' ELSE '' END,"
    " regexp_extract(t, '^-?([0-9]*)', 1), regexp_extract(t, '[.]([0-9]*)', 1), regexp_extract(t, 'e(.*)$', 1))",
)
"""`percent_text` formats a fraction as a percentage with the same digits: 0.0725 becomes 7.25%. It moves the point,
because multiplying by 100 would round the value.
"""
_BOM = b"\xef\xbb\xbf"


def write_csv(source: str, to: str) -> dict[str, Any]:
    """Writes the Parquet file `source` as the CSV file `to`. Returns the number of rows."""
    file_formats.check_content(Path(source))
    body = Path(f"{to}.rows")
    try:
        with staging.connect(Path(to).parent) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for macro in _MACROS:
                connection.execute(f"CREATE TEMP MACRO {macro}")
            connection.execute(f"CREATE VIEW staging AS FROM read_parquet({text_literal(source)})")
            described = connection.execute("DESCRIBE staging").fetchall()
            head = _head(connection, [name for name, *_ in described])
            kinds = {f"c{i}": kind for i, (_, kind, *_) in enumerate(described, 1)}
            formats = staging_formats.number_formats(connection, Path(source))
            columns = ", ".join(
                f"{_cell(f'#{i}', kind, format)} AS c{i}"
                for i, (kind, format) in enumerate(zip(kinds.values(), formats, strict=True), 1)
            )
            texts = ", ".join(name for name, kind in kinds.items() if _is_text(kind))
            options = f"FORMAT csv, HEADER false{texts and f', FORCE_QUOTE ({texts})'}"
            rows = f"SELECT {columns} FROM staging"  # noqa: S608 - positions and types
            counted = connection.execute(f"COPY ({rows}) TO ? ({options})", [str(body)])
            [(count,)] = counted.fetchall()
        # DuckDB writes no byte order mark, and quotes only some names, so its rows are appended to a separate header.
        with Path(to).open("wb") as whole, body.open("rb") as written:
            whole.write(_BOM + head)
            shutil.copyfileobj(written, whole, 1 << 20)
    except duckdb.Error as error:
        raise UnreadableFile("The result cannot be written as CSV. Run its query again, then download it.") from error
    finally:
        body.unlink(missing_ok=True)
    return {"rows": count}


def _head(connection: duckdb.DuckDBPyConnection, names: list[str]) -> bytes:
    """The first line: the names of the columns."""
    safe = connection.execute(f"SELECT {_harmless('name')} FROM unnest(?) AS it(name)", [names])  # noqa: S608
    cells = [f'"{name.replace(chr(34), chr(34) * 2)}"' for (name,) in safe.fetchall()]
    return (",".join(cells) + "\n").encode()


def _is_text(kind: str) -> bool:
    return not (_EXACT.fullmatch(kind) or _WITH_INFINITY.fullmatch(kind))


def _cell(value: str, kind: str, format: NumberFormat | None = None) -> str:
    """SQL for a cell."""
    if format is not None and format.role == "percent":
        text = _as_text(value, kind)
        return f"CASE WHEN {text} SIMILAR TO '-?(inf|nan).*' THEN {_cell(value, kind)} ELSE percent_text({text}) END"
    if _EXACT.fullmatch(kind):
        return value
    text = _as_text(value, kind)
    if _WITH_INFINITY.fullmatch(kind):  # `-inf` and `-infinity` would be formulas
        return f"CASE WHEN {text} LIKE '-inf%' THEN '''' || {text} ELSE {text} END"
    return _harmless(text)


def _as_text(value: str, kind: str) -> str:
    """SQL for a value as text. The negative zero of doubles loses its sign."""
    return f"CAST({value}{' + 0' if kind in ('DOUBLE', 'FLOAT') else ''} AS VARCHAR)"


def _harmless(text: str) -> str:
    """SQL for text, with an apostrophe wherever a formula would begin."""
    later = f"regexp_replace({text}, {text_literal(_LATER_FORMULA)}, '\\1''\\2', 'g')"
    is_formula = (
        f"regexp_matches({text}, {text_literal(_FORMULA)}) AND NOT regexp_matches({text}, {text_literal(_NUMBER)})"
    )
    return f"CASE WHEN {is_formula} THEN '''' || {later} ELSE {later} END"
