"""Writes a result file as CSV that opens correctly in a spreadsheet.

Runs in the ingest worker. The file is UTF-8 with a byte order mark, without which Excel assumes another encoding. NULL
is an empty cell. A text that a spreadsheet would run as a formula gets an apostrophe in front; a plain number does not.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import file_formats, staging
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.sql_text import quoted

# The full-width signs, tab and carriage return count too: spreadsheets drop or convert them before they look.
_FORMULA = "^\\s*[=+\\-@＝＋－＠\\t\\r]"
_NUMBER = "^[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?%?$"
_NEVER_A_FORMULA = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\d+\)|DOUBLE|FLOAT|BOOLEAN|DATE|TIME.*)"
)
_BOM = b"\xef\xbb\xbf"


def write_csv(source: str, to: str) -> dict[str, Any]:
    """Writes the Parquet file `source` as the CSV file `to`; returns the number of rows."""
    file_formats.check_content(Path(source))
    body = Path(f"{to}.rows")
    try:
        with duckdb.connect(config=staging.DUCKDB_CONFIG) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            described = connection.execute("DESCRIBE FROM read_parquet(?)", [source]).fetchall()
            columns = ", ".join(_column(i, name, kind) for i, (name, kind, *_) in enumerate(described, 1))
            rows = f"SELECT {columns} FROM read_parquet(?)"  # noqa: S608 - positions and quoted names
            counted = connection.execute(f"COPY ({rows}) TO ? (FORMAT csv, HEADER true)", [source, str(body)])
            [(count,)] = counted.fetchall()
        # DuckDB writes no byte order mark, so its rows are copied behind one.
        with Path(to).open("wb") as whole, body.open("rb") as written:
            whole.write(_BOM)
            shutil.copyfileobj(written, whole, 1 << 20)
    except duckdb.Error as error:
        raise UnreadableFile("The result cannot be written as CSV. Run its query again, then download it.") from error
    finally:
        body.unlink(missing_ok=True)
    return {"rows": count}


def _column(position: int, name: str, kind: str) -> str:
    """SQL of a column, with an apostrophe in front of its name and its cells where they would be formulas."""
    safe_name = quoted(f"'{name}" if re.match(_FORMULA, name) else name)
    if _NEVER_A_FORMULA.fullmatch(kind):
        return f"#{position} AS {safe_name}"
    text = f"CAST(#{position} AS VARCHAR)"
    is_formula = f"regexp_matches({text}, '{_FORMULA}') AND NOT regexp_matches({text}, '{_NUMBER}')"
    return f"CASE WHEN {is_formula} THEN '''' || {text} ELSE {text} END AS {safe_name}"
