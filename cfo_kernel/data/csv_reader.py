"""Reads a delimited text file into the staging table, with every cell as text.

Runs in the ingest worker. DuckDB's own sniffer is not used because it samples only the first rows: in a column of whole
numbers, it turned a 2.75 further down into 3, and the account 00124 into 124. Types are inferred later, over whole
columns (`cfo_kernel.data.type_inference`), so no digit is lost. Users see the decisions that the file leaves open.
"""

import csv
import mmap
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cfo_kernel.data import (
    csv_blocks,
    csv_header,
    csv_rows,
    fixed_width,
    headers,
    staging_formats,
    text_encoding,
    text_footers,
)
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.csv_dialect import find_dialect
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import EmptyFile, UnreadableFile
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted, text_literal

_CHUNK = 1 << 20
_HEAD = 1 << 16  # characters that are searched for the delimiter and header; more if the first line is very long
_MAX_HEAD = 4 << 20
_MAX_LINE = 32 << 20
_EXPORT = "Export it again as CSV."
csv.field_size_limit(_MAX_LINE)


@dataclass(frozen=True)
class TextTable:
    """A table in a text file, or in a part of it that `lines_above` lines precede. `name` is the file's name."""

    name: str
    text: text_encoding.Text
    dialect: Dialect
    lines_above: int = 0


def open_table(path: Path, scratch: Path) -> TextTable:
    """The file as one table. Raises a `FileProblem`."""
    text = text_encoding.decoded(path, scratch)
    beginning, is_cut = _read_head(text, path.name)
    found = find_dialect(lines := beginning.split("\n"))
    widths = fixed_width.find_widths(lines[:-1] if is_cut else lines)
    if widths and (found is None or widths.worth > found.worth):
        return TextTable(path.name, fixed_width.as_delimited(text, widths, scratch), Dialect(","))
    return TextTable(path.name, text, found.dialect if found else Dialect(_absent(beginning)))


def divided(table: TextTable, scratch: Path) -> list[TextTable]:
    """The tables of the file, if several stand one below the other in it."""
    parts = csv_blocks.divided(table.text, table.dialect, scratch)
    return [replace(table, text=text, lines_above=lines) for text, lines in parts]


def load(connection: duckdb.DuckDBPyConnection, table: TextTable, scratch: Path) -> tuple[SourceRows, list[Decision]]:
    """Creates the table `staging` with all columns as text. Returns the rows, and decisions."""
    name, text, dialect = table.name, table.text, table.dialect
    beginning, is_cut = _read_head(text, name)
    lines = beginning.removesuffix("\n").split("\n")
    head = csv_header.find_head(name, lines, dialect, table.lines_above, is_cut=is_cut)
    body = _copy_body(text, name, head.lines, dialect, scratch / "body.csv")
    above = table.lines_above + head.lines
    header, source_rows, decisions = head.header, SourceRows(above + 1), list(text.decisions)
    if footer := text_footers.cut_footer(body.path, dialect, header.values, above):
        body = _shortened(body, footer.text, dialect)
        decisions.append(footer.decision)
    if not _is_clean(connection, body, dialect, header.names):
        even = scratch / "even.csv"
        rows = csv_rows.write_even(name, body.path, dialect, len(header.names), above, even)
        header, source_rows = _widened(header, name, rows.width), SourceRows(above + 1, rows.lines)
        decisions += rows.decisions
        _read_even(connection, name, even, header.names)
    body.path.unlink()
    for cells in (head.cells, *(row for row in header.rows if row != head.cells)):
        decisions += _empty_repeated_headers(connection, header, list(cells), source_rows)
    for column in header.in_percent:
        staging_formats.mark_points(connection, header.names[column])
    _drop_empty(connection, header)
    return source_rows, decisions + header.decisions


def _absent(text: str) -> str:
    """A separator that the text does not contain, for a file of one column."""
    return next((delimiter for delimiter in ",;\t|" if delimiter not in text), "\x1f")


def _read_head(text: text_encoding.Text, name: str) -> tuple[str, bool]:
    """The beginning of the file, with at least two lines, and whether it is cut.

    Refuses a file whose first line never ends.
    """
    with text.path.open(encoding=text.encoding) as file:
        head = file.read(_HEAD)
        while head.strip().count("\n") < 1 and len(head) < _MAX_HEAD and (more := file.read(_MAX_HEAD - len(head))):
            head += more
        is_cut = bool(file.read(1))
    if not head.strip():
        raise EmptyFile(f"{name} is empty. Export it again and send the new file.")
    if is_cut and head.strip().count("\n") < 1:
        problem = f"its first line does not end within {_MAX_HEAD >> 20} MB"
        raise UnreadableFile(f"{name} is not a table: {problem}. {_EXPORT}")
    return head, is_cut


@dataclass(frozen=True)
class _Body:
    """The file with the rows below the header.

    `count` lines of it are not empty; `has_gaps` says that there are empty ones between them. `delimiters` counts the
    separators.
    """

    path: Path
    count: int
    delimiters: int
    has_gaps: bool
    has_quotes: bool
    has_spaced_quotes: bool


def _copy_body(text: text_encoding.Text, name: str, lines: int, dialect: Dialect, path: Path) -> _Body:
    """Copies the rows below the header as UTF-8 with LF line ends.

    DuckDB cannot skip lines inside a quoted cell. A file with an overlong line is refused, because the lenient reader
    would silently skip those rows.
    """
    count = delimiters = length = 0
    has_quotes = has_spaced_quotes = has_gaps = False
    is_after_gap = False
    spaced = f"{dialect.delimiter} {dialect.quote}"
    with text.path.open(encoding=text.encoding) as file, path.open("w", encoding="utf-8", newline="\n") as out:
        for _ in range(lines):
            file.readline()
        last = "\n"
        while chunk := file.read(_CHUNK):
            length = len(chunk) - chunk.rfind("\n") - 1 if "\n" in chunk else length + len(chunk)
            if length > _MAX_LINE:
                problem = f"it has a line of more than {_MAX_LINE >> 20} MB"
                raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.")
            out.write(chunk)
            has_quotes = has_quotes or dialect.quote in chunk
            has_spaced_quotes = has_spaced_quotes or (has_quotes and spaced in chunk)
            empty = chunk.count("\n\n") + (last == chunk[0] == "\n")
            has_gaps = has_gaps or "\n\n" in chunk.rstrip("\n") or (is_after_gap and not chunk.isspace())
            is_after_gap = chunk.endswith("\n\n") or (chunk == "\n" == last)
            count += chunk.count("\n") - empty
            delimiters += chunk.count(dialect.delimiter)
            last = chunk[-1]
    return _Body(path, count + (last != "\n"), delimiters, has_gaps, has_quotes, has_spaced_quotes)


def _shortened(body: _Body, footer: str, dialect: Dialect) -> _Body:
    """The description of the file after this footer was cut off."""
    count = body.count - sum(line != "" for line in footer.split("\n"))
    with body.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        has_gaps = content.find(b"\n\n") >= 0 or content[:1] == b"\n"
    return replace(body, count=count, delimiters=body.delimiters - footer.count(dialect.delimiter), has_gaps=has_gaps)


def _is_clean(connection: duckdb.DuckDBPyConnection, body: _Body, dialect: Dialect, names: list[str]) -> bool:
    """Whether DuckDB's strict parser has read the rows into `staging`.

    It is tried first, because it runs in parallel, and nearly every file passes. It does not notice rows that a stray
    quotation mark has joined, drops an empty cell at the end of a row that has one too many, even if the others have
    moved, and leaves the marks of quoted cells behind a space.
    """
    if dialect.has_escapes or (body.has_spaced_quotes and dialect.skips_spaces):
        return False
    try:
        _read_csv(connection, body.path, dialect, names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error:
        return False
    if not body.has_gaps and _row_count(connection) == body.count and _has_all_cells(connection, body, dialect, names):
        return True
    connection.execute("DROP TABLE staging")
    return False


def _read_csv(connection: duckdb.DuckDBPyConnection, body: Path, dialect: Dialect, names: list[str]) -> None:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"""CREATE TABLE staging AS FROM read_csv(?, auto_detect = false, header = false, columns = {{{columns}}},
            delim = ?, quote = ?, escape = ?, max_line_size = {_MAX_LINE})""",
        [str(body), dialect.delimiter, dialect.quote, dialect.quote],
    )


def _read_even(connection: duckdb.DuckDBPyConnection, name: str, even: Path, names: list[str]) -> None:
    """Reads rows that `csv_rows` has written. Refuses a file in which one of them is far too long."""
    try:
        _read_csv(connection, even, Dialect(","), names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        problem = "its rows cannot be told apart, or one of them is far too long"
        raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.") from error
    even.unlink()


def _has_all_cells(connection: duckdb.DuckDBPyConnection, body: _Body, dialect: Dialect, names: list[str]) -> bool:
    """Whether the separators of the file are those between the cells of `staging` and those inside them."""
    inside = body.delimiters - body.count * (len(names) - 1)
    if not body.has_quotes and len(names) > 1:
        return inside == 0
    for some in batches([quoted(name) for name in names]) if inside else ():
        delimiter = text_literal(dialect.delimiter)
        counts = " + ".join(f"coalesce(length({c}) - length(replace({c}, {delimiter}, '')), 0)" for c in some)
        [(count,)] = connection.execute(f"SELECT coalesce(sum({counts}), 0) FROM staging").fetchall()  # noqa: S608 - quoted
        inside -= count
    return inside == 0


def _row_count(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("SELECT count(*) FROM staging").fetchall()[0][0]


def _widened(header: headers.Header, name: str, width: int) -> headers.Header:
    """The header with a column for each cell of the widest row."""
    check_columns(name, width)
    known = len(header.names)
    names = unique_names(header.names + [f"column_{i + 1}" for i in range(known, width)])
    unnamed = [*header.unnamed, *range(known, width)]
    return replace(header, names=names, unnamed=unnamed)


def _empty_repeated_headers(
    connection: duckdb.DuckDBPyConnection, header: headers.Header, cells: list[str | None], rows: SourceRows
) -> list[Decision]:
    """Empties rows that are equal to the header, as in files that were put together from several exports.

    `cells` are the cells of the header. A row of one column may be a value that happens to be the column's name.
    """
    if sum(cell is not None for cell in cells) < 2 and cells not in header.rows:
        return []
    named = zip(header.names, [*cells, *[None] * len(header.names)], strict=False)
    same = " AND ".join(f"coalesce(trim({quoted(name)}), '') = {text_literal(cell or '')}" for name, cell in named)
    found = connection.execute(f"SELECT rowid FROM staging WHERE {same} ORDER BY 1").fetchall()  # noqa: S608 - quoted
    if not found:
        return []
    # Not deleted at once: a deleted row is still converted with its column, which may hold numbers.
    emptied = ", ".join(f"{quoted(name)} = NULL" for name in header.names)
    first, count = found[0][0], len(found)
    if _repeats_the_table(connection, header.names, [rowid for (rowid,) in found]):
        connection.execute(f"UPDATE staging SET {emptied} WHERE rowid >= {first}")  # noqa: S608 - quoted
        again = "1 more time" if count == 1 else f"{count:,} more times"
        where = rows.of([first])
        text = f"The same rows stand {again} below a repeated header (row {where[0]:,}), and were left out. Check them."
        return [Decision(kind=DecisionKind.LAYOUT, text=text, rows=where, count=count, needs_check=True)]
    connection.execute(f"UPDATE staging SET {emptied} WHERE {same}")  # noqa: S608 - quoted
    repeated = "1 row that repeats the header was" if count == 1 else f"{count:,} rows that repeat the header were"
    where = rows.of([rowid for (rowid,) in found[:MAX_ROWS]])
    return [Decision(kind=DecisionKind.LAYOUT, text=f"{repeated} left out.", rows=where, count=count)]


def _repeats_the_table(connection: duckdb.DuckDBPyConnection, names: list[str], repeated: list[int]) -> bool:
    """Whether exactly the same rows stand below each header, which is `repeated` in these rows of `staging`."""
    length, count = repeated[0], len(repeated)
    is_regular = repeated == [length + i * (length + 1) for i in range(count)]
    if length < 2 or not is_regular or _row_count(connection) != (length + 1) * (count + 1) - 1:
        return False
    for some in batches([quoted(name) for name in names]):
        differ = " OR ".join(f"a.{column} IS DISTINCT FROM b.{column}" for column in some)
        below = f"staging b ON b.rowid % {length + 1} = a.rowid AND b.rowid > {length}"
        [(other,)] = connection.execute(
            f"SELECT count(*) FROM staging a JOIN {below} WHERE a.rowid < {length} AND ({differ})"  # noqa: S608 - quoted
        ).fetchall()
        if other:
            return False
    return True


def _drop_empty(connection: duckdb.DuckDBPyConnection, header: headers.Header) -> None:
    """Drops empty rows, and columns with neither a name nor a value, which are there only for the layout."""
    columns = [quoted(name) for name in header.names]
    connection.execute(f"DELETE FROM staging WHERE coalesce({', '.join(columns)}) IS NULL")  # noqa: S608 - quoted
    for some in batches([columns[i] for i in header.unnamed]):
        counts = ", ".join(f"count({column})" for column in some)
        [filled] = connection.execute(f"SELECT {counts} FROM staging").fetchall()  # noqa: S608 - quoted
        for column in (column for column, count in zip(some, filled, strict=True) if not count):
            connection.execute(f"ALTER TABLE staging DROP {column}")
