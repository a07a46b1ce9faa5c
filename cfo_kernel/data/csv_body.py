"""Reads the rows below the header of a delimited text file with DuckDB's strict parser, if they are clean.

Runs in the ingest worker.
"""

import codecs
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cfo_kernel.data import text_encoding
from cfo_kernel.data.column_blocks import figures
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.sql_text import text_literal

_CHUNK = 1 << 20
_MOST_PARALLEL = 2_000  # columns; each thread reserves memory for 2,048 cells of each
MAX_LINE = 32 << 20
"""The number of characters in the longest line that is read."""


@dataclass(frozen=True)
class Body:
    """The file with the rows below the header.

    `count` is the number of lines that are not empty, `has_gaps` says whether there are empty lines between them, and
    `delimiters` is the number of separators.
    """

    path: Path
    count: int
    delimiters: int
    has_gaps: bool
    has_quotes: bool
    has_spaced_quotes: bool


def copy_body(text: text_encoding.Text, name: str, lines: int, dialect: Dialect, path: Path) -> Body:
    """Copies the rows below the header as UTF-8 with LF line endings.

    DuckDB cannot skip lines inside a quoted cell. A file with an overlong line is refused, because the lenient reader
    would silently skip such lines.
    """
    count = delimiters = length = 0
    has_quotes = has_spaced_quotes = has_gaps = False
    is_after_gap = False
    delimiter, quote = dialect.delimiter.encode(), dialect.quote.encode()
    with path.open("wb") as out:
        last = b"\n"
        for chunk in _below(text.path, lines):
            length = len(chunk) - chunk.rfind(b"\n") - 1 if b"\n" in chunk else length + len(chunk)
            if length > MAX_LINE:
                problem = f"it has a line of more than {MAX_LINE >> 20} MB"
                raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.")
            out.write(chunk)
            has_quotes = has_quotes or quote in chunk
            has_spaced_quotes = has_spaced_quotes or (has_quotes and delimiter + b" " + quote in chunk)
            empty = chunk.count(b"\n\n") + (last == chunk[:1] == b"\n")
            has_gaps = has_gaps or b"\n\n" in chunk.rstrip(b"\n") or (is_after_gap and not chunk.isspace())
            is_after_gap = chunk.endswith(b"\n\n") or (chunk == b"\n" == last)
            count += chunk.count(b"\n") - empty
            delimiters += chunk.count(delimiter)
            last = chunk[-1:]
    return Body(path, count + (last != b"\n"), delimiters, has_gaps, has_quotes, has_spaced_quotes)


def _below(path: Path, lines: int) -> Iterator[bytes]:
    """The text below the first lines of the file, which is UTF-8, in pieces with LF line endings."""
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while chunk := file.read(_CHUNK):
            while chunk.endswith(b"\r") and (more := file.read(1)):
                chunk += more
            if b"\r" in chunk:
                chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            while lines and chunk:
                _, end, chunk = chunk.partition(b"\n")
                lines -= bool(end)
            if chunk:
                yield chunk


def shortened(body: Body, footer: str, dialect: Dialect) -> Body:
    """The description of the file after this footer was cut off."""
    count = body.count - sum(line != "" for line in footer.split("\n"))
    with body.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        has_gaps = content.find(b"\n\n") >= 0 or content[:1] == b"\n"
    return replace(body, count=count, delimiters=body.delimiters - footer.count(dialect.delimiter), has_gaps=has_gaps)


def read_clean(connection: duckdb.DuckDBPyConnection, body: Body, dialect: Dialect, names: list[str]) -> bool:
    """Reads the rows into `staging` with DuckDB's strict parser. Returns whether it read every cell correctly.

    This parser is tried first, because it runs in parallel, and nearly every file passes. It does not notice rows that
    a stray quotation mark has joined, drops an extra empty cell at the end of a row even if the cells before it are
    shifted, and keeps the quotation marks of a quoted cell that follows a space.
    """
    if dialect.has_escapes or (body.has_spaced_quotes and dialect.skips_spaces):
        return False
    try:
        _read_csv(connection, body.path, dialect, names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error:
        return False
    if not body.has_gaps and row_count(connection) == body.count and _has_all_cells(connection, body, dialect, names):
        return True
    connection.execute("DROP TABLE staging")
    return False


def _read_csv(connection: duckdb.DuckDBPyConnection, body: Path, dialect: Dialect, names: list[str]) -> None:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"""CREATE TABLE staging AS FROM read_csv(?, auto_detect = false, header = false, columns = {{{columns}}},
            delim = ?, quote = ?, escape = ?, max_line_size = {MAX_LINE}, parallel = {len(names) <= _MOST_PARALLEL})""",
        [str(body), dialect.delimiter, dialect.quote, dialect.quote],
    )


def read_even(connection: duckdb.DuckDBPyConnection, name: str, even: Path, names: list[str]) -> None:
    """Reads rows that `csv_rows` has written. Refuses a file with a row that is far too long."""
    try:
        _read_csv(connection, even, Dialect(","), names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        problem = "its rows cannot be told apart, or one of them is far too long"
        raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.") from error
    even.unlink()


def _has_all_cells(connection: duckdb.DuckDBPyConnection, body: Body, dialect: Dialect, names: list[str]) -> bool:
    """Whether every separator in the file is either between two cells of `staging` or inside one."""
    inside = body.delimiters - body.count * (len(names) - 1)
    if not body.has_quotes and len(names) > 1:
        return inside == 0
    if inside:
        delimiter = text_literal(dialect.delimiter)
        counts = figures(
            connection,
            names,
            lambda cell: [f"coalesce(sum(length({cell}) - length(replace({cell}, {delimiter}, ''))), 0)"],
            rows=body.count,
        )
        inside -= sum(count for (count,) in counts)
    return inside == 0


def row_count(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of rows in `staging`."""
    return connection.execute("SELECT count(*) FROM staging").fetchall()[0][0]
