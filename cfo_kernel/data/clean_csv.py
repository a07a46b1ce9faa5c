"""Reads a large text file in a fraction of the usual time if all its cells are as plain as those in a sample.

Runs in the ingest worker. The sample is the beginning and some other parts of the file, and is read like any file
(`csv_reader`, `type_inference`). If nothing in it needs a decision, the whole file is read at once into the types of
the sample. Each cell is checked against its type while it is read. If a cell does not fit, or a line is not exactly one
row, the file is read like any other, which takes longer but has the same result.
"""

import csv
import re
from pathlib import Path

import duckdb

from cfo_kernel.data import date_formats, number_grammar
from cfo_kernel.data.exact_types import MAX_WHOLE
from cfo_kernel.data.number_grammar import SPACES
from cfo_kernel.sql_text import quoted, text_literal

_SMALL = 4 << 20
_HEAD, _PART = 1 << 16, 1 << 14
_PARTS = 4  # after the beginning
_CHUNK = 1 << 22
_DELIMITERS = ",;\t|"
_MAX_LINE = 32 << 20
_MOST_COLUMNS = 50  # one statement reads all of them
_DECIMAL = "DECIMAL("
_NO_TEXT = "false"  # the condition for a column that is empty in the sample


def write_sample(path: Path, folder: Path) -> Path | None:
    """Writes the beginning and other parts of the file to a sample in `folder`.

    Returns None if the file is not large, or if a part contains no complete line.
    """
    size = path.stat().st_size
    if size < max(_SMALL, 2 * (_HEAD + _PARTS * _PART)):
        return None
    with path.open("rb") as file:
        parts = [file.read(_HEAD)]
        for i in range(1, _PARTS + 1):  # the last one is the end of the file
            file.seek(_HEAD + (size - _HEAD) * i // _PARTS - _PART)
            parts.append(file.read(_PART))
    if any(b"\n" not in part.rstrip(b"\n") for part in parts):
        return None
    lines = [part[part.index(b"\n") + 1 : part.rindex(b"\n") + 1] for part in parts[1:-1]]
    sample = folder / path.name
    folder.mkdir(exist_ok=True)
    end = parts[-1][parts[-1].index(b"\n") + 1 :]
    sample.write_bytes(b"".join([parts[0][: parts[0].rindex(b"\n") + 1], *lines, end]))
    return sample


def load(connection: duckdb.DuckDBPyConnection, sample: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Creates `staging` in `connection` with the types that it has in `sample`.

    Returns False if the file is not plain enough.
    """
    types = {name: kind for name, kind, *_ in sample.execute("DESCRIBE staging").fetchall()}
    delimiter = _delimiter(path, len(types))
    if delimiter is None or not 1 < len(types) <= _MOST_COLUMNS or set(types.values()) == {"VARCHAR"}:
        return False
    lines, delimiters = _counts(path, delimiter)
    checked = [_checked(sample, name, kind) for name, kind in types.items()]
    if lines is None or None in checked:
        return False
    cells = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in types)
    source = f"""read_csv(?, auto_detect = false, header = false, skip = 1, columns = {{{cells}}}, delim = ?,
        quote = '"', escape = '"', max_line_size = {_MAX_LINE})"""
    columns = ", ".join(map(str, checked))
    try:
        connection.execute(f"CREATE TABLE staging AS SELECT {columns} FROM {source}", [str(path), delimiter])  # noqa: S608 - quoted
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error:  # a cell that does not fit
        return False
    empty = " AND ".join(f"{quoted(name)} IS NULL" for name in types)
    wanted = f"SELECT count(*), count(*) FILTER ({empty}) FROM staging"  # noqa: S608 - quoted
    if connection.execute(wanted).fetchall() == [(lines - 1, 0)]:
        # DuckDB drops an extra empty cell at the end of a row, even if the cells before it are shifted.
        texts = [quoted(name) for name, kind in types.items() if kind == "VARCHAR"]
        inside = [f"coalesce(sum(length({c}) - length(replace({c}, '{delimiter}', ''))), 0)" for c in texts]
        surplus = delimiters - lines * (len(types) - 1)
        if not surplus or connection.execute(f"SELECT {' + '.join(inside)} FROM staging").fetchall() == [(surplus,)]:  # noqa: S608 - quoted
            return True
    connection.execute("DROP TABLE staging")
    return False


def _delimiter(path: Path, columns: int) -> str | None:
    """The only delimiter that divides the first line into this many cells, or None."""
    with path.open(encoding="utf-8", errors="replace") as file:
        line = file.readline(_HEAD)
    found = [d for d in _DELIMITERS if len(next(csv.reader([line], delimiter=d))) == columns]
    return found[0] if len(found) == 1 else None


def _counts(path: Path, delimiter: str) -> tuple[int | None, int]:
    """The number of lines, or None if the file contains NUL bytes, and the number of delimiters."""
    count, delimiters, last = 0, 0, b"\n"
    mark = delimiter.encode()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                return None, 0
            count += chunk.count(b"\n")
            delimiters += chunk.count(mark)
            last = chunk[-1:]
    return count + (last != b"\n"), delimiters


def _checked(sample: duckdb.DuckDBPyConnection, name: str, kind: str) -> str | None:
    """SQL that converts a column's cells to this type, and raises an error for a cell that needs a closer look."""
    cell = quoted(name)
    if (condition := _condition(sample, cell, kind)) is None:
        return None
    obvious = f"WHEN {_is_obvious(cell)} THEN {cell} " if kind == "VARCHAR" and condition != _NO_TEXT else ""
    cases = f"WHEN {cell} IS NULL THEN NULL {obvious}WHEN {condition} THEN CAST({cell} AS {kind})"
    return f"CASE {cases} ELSE error('') END AS {cell}"


def _is_obvious(cell: str) -> str:
    """SQL for a quick check that text is plain, judging by its first and last characters."""
    return f"(({cell} >= '0' AND {cell} < ':') OR ({cell} >= 'A' AND {cell} < '{{')) AND {cell}[-1] BETWEEN '!' AND '~'"


def _condition(sample: duckdb.DuckDBPyConnection, cell: str, kind: str) -> str | None:
    """SQL that checks whether a cell is plain: written as this type requires, and as no other type would be.

    A date that does not exist raises an error when it is converted.
    """
    if kind == "VARCHAR":
        return _plain_text(sample, cell)
    if kind == "BIGINT":
        return f"regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,{MAX_WHOLE - 2}}})')"
    if kind.startswith(_DECIMAL):
        digits, scale = map(int, kind.removeprefix(_DECIMAL).rstrip(")").split(","))
        return f"regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,{digits - scale - 1}}})(\\.[0-9]{{1,{scale}}}0*)?')"
    if kind == "DATE":
        return f"strlen({cell}) = 10 AND {cell}[5] = '-'"
    if kind == "TIMESTAMP":
        return f"strlen({cell}) >= 16 AND {cell}[5] = '-'"
    return f"{cell} IN ('true', 'false')" if kind == "BOOLEAN" else None


def _plain_text(sample: duckdb.DuckDBPyConnection, cell: str) -> str | None:
    """The condition for a column that is text in the sample. Returns None if it might not be text in the whole file."""
    found = f"SELECT {cell}, count(*) FROM staging WHERE {cell} IS NOT NULL GROUP BY 1"  # noqa: S608 - quoted
    counts = dict(sample.execute(found).fetchall())
    filled = sum(counts.values())
    if 4 * sum(count for text, count in counts.items() if _may_be_typed(text)) > filled:
        return None
    if not filled:
        return _NO_TEXT
    return f"NOT regexp_matches({cell}, '^[{SPACES}=''\"]|[{SPACES}]$') AND {cell} <> ''"


def _may_be_typed(cell: str) -> bool:
    has_letters = re.search("[a-z]", cell, re.IGNORECASE) is not None
    is_figure = not has_letters and re.fullmatch(number_grammar.ANY, cell) is not None
    return is_figure or date_formats.is_date(cell)
