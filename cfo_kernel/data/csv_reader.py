"""Reads a delimited text file into the staging table, with every cell as text.

Runs in the ingest worker. DuckDB's own sniffer is not used because it samples only the first rows: in a column of whole
numbers, it turned a 2.75 further down into 3, and the account 00124 into 124. Types are inferred later, over whole
columns (`cfo_kernel.data.type_inference`), so no digit is lost. Users see the decisions that the file leaves open.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import duckdb

from cfo_kernel.data import csv_rows, headers, text_encoding
from cfo_kernel.data.column_blocks import batches
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.number_grammar import amount
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import EmptyFile, UnreadableFile
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted, text_literal

_CHUNK = 1 << 20
_HEAD = 1 << 16  # characters that are searched for the delimiter and header; more if the first line is very long
_MAX_HEAD = 4 << 20
_MAX_LINE = 32 << 20
_DELIMITERS = ",;\t|"
_EXPORT = "Export it again as CSV."
csv.field_size_limit(_MAX_LINE)


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> tuple[SourceRows, list[Decision]]:
    """Creates the table `staging` with all columns as text. Returns the rows, and decisions."""
    text = text_encoding.decoded(path, scratch)
    source, encoding, decisions = text.path, text.encoding, text.decisions
    delimiter, lines, header, cells = _find_header(source, path.name, encoding)
    body = scratch / "body.csv"
    count, has_quotes = _copy_body(source, path.name, encoding, lines, body)
    is_even = True
    try:
        # DuckDB's strict parser is tried first: it runs in parallel, and nearly every file passes.
        _read_csv(connection, body, delimiter, header.names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error:
        is_even = False
    if not is_even or (has_quotes and _row_count(connection) < count):
        rows = csv_rows.scan(path.name, body, delimiter, len(header.names), lines)
        decisions += rows.decisions
        if not is_even:
            header = _widened(header, path.name, rows.width)
            even = scratch / "even.csv"
            csv_rows.write_even(body, delimiter, len(header.names), even)
            _read_even(connection, path.name, even, delimiter, header.names)
            if rows.is_ragged:
                uneven = "Rows have different numbers of cells; missing cells are empty."
                decisions.append(Decision(kind=DecisionKind.ROWS, text=uneven))
    body.unlink()
    source_rows = SourceRows(lines + 1)
    decisions += _empty_repeated_headers(connection, header, cells, source_rows)
    _drop_empty(connection, header)
    return source_rows, decisions + header.decisions


def _find_header(path: Path, name: str, encoding: str) -> tuple[str, int, headers.Header, list[str | None]]:
    """The delimiter, the number of lines above the first row of data, the header, and its cells.

    `name` is the file's name in errors.
    """
    head, is_cut = _read_head(path, name, encoding)
    delimiter = max(_DELIMITERS, key=lambda d: _regularity(head, d))
    written, ends, open_line = csv_rows.read_head(head, delimiter)
    rows = [[cell.strip() or None for cell in row] for row in written]
    if (is_cut or open_line) and len(rows) > 1:
        del rows[-1], ends[-1]  # the last row of the head may be incomplete
    header = headers.find_header(rows, _common_width(rows))
    # A quotation mark that is opened further down is not closed within the head, but perhaps below it.
    if open_line and (header is None or len(written) == 1):
        raise csv_rows.unclosed(name, open_line, is_cut=is_cut)
    if header is None:
        raise UnreadableFile(f"{name} contains no table: no row looks like a header. Add one header row.")
    check_columns(name, len(header.names))
    header.decisions.extend(csv_rows.header_decisions(rows[: header.first_row], ends, delimiter, len(header.names)))
    if not header.first_row:
        return delimiter, 0, header, []
    return delimiter, ends[header.first_row - 1], header, rows[header.first_row - 1]


def _read_head(path: Path, name: str, encoding: str) -> tuple[str, bool]:
    """The beginning of the file, with at least two lines, and whether it is cut.

    Refuses a file whose first line never ends.
    """
    with path.open(encoding=encoding, errors="replace") as file:
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


def _regularity(head: str, delimiter: str) -> tuple[int, int]:
    """The number of rows in the head that have the same width with this delimiter, and that width."""
    rows = [row for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row]
    if delimiter == "," and len(rows[0]) == 1 and _has_decimal_commas(rows[1:]):
        return -1, 0
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return count, width


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    """Whether the commas of a file with a single column of amounts are decimal marks."""
    cells = [",".join(row).strip() for row in rows if len(row) > 1]
    return bool(cells) and all(re.fullmatch(amount(","), cell, re.IGNORECASE) for cell in cells)


def _common_width(rows: list[list[str | None]]) -> int:
    """The width that most rows have. If two widths are equally common, returns the larger one."""
    widths = Counter(len(row) for row in rows if row)
    most = max(widths.values())
    return max(width for width, count in widths.items() if count == most)


def _copy_body(path: Path, name: str, encoding: str, lines: int, body: Path) -> tuple[int, bool]:
    """Copies the rows below the header as UTF-8 with LF line ends.

    Returns how many lines are not empty, and whether there is a quotation mark.

    DuckDB cannot skip lines inside a quoted cell. A file with an overlong line is refused, because the lenient reader
    would silently skip those rows.
    """
    count = length = 0
    has_quotes = False
    with path.open(encoding=encoding, errors="replace") as file, body.open("w", encoding="utf-8", newline="\n") as out:
        for _ in range(lines):
            file.readline()
        last = "\n"
        while chunk := file.read(_CHUNK):
            length = len(chunk) - chunk.rfind("\n") - 1 if "\n" in chunk else length + len(chunk)
            if length > _MAX_LINE:
                problem = f"it has a line of more than {_MAX_LINE >> 20} MB"
                raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.")
            out.write(chunk)
            has_quotes = has_quotes or '"' in chunk
            count += chunk.count("\n") - chunk.count("\n\n") - (last == chunk[0] == "\n")
            last = chunk[-1]
    return count + (last != "\n"), has_quotes


def _read_csv(connection: duckdb.DuckDBPyConnection, body: Path, delimiter: str, names: list[str]) -> None:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"""CREATE TABLE staging AS FROM read_csv(?, auto_detect = false, header = false, columns = {{{columns}}},
            delim = ?, quote = '"', escape = '"', max_line_size = {_MAX_LINE})""",
        [str(body), delimiter],
    )


def _read_even(connection: duckdb.DuckDBPyConnection, name: str, even: Path, delimiter: str, names: list[str]) -> None:
    """Reads rows that `csv_rows` has written. Refuses a file in which one of them is far too long."""
    try:
        _read_csv(connection, even, delimiter, names)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        problem = "its rows cannot be told apart, or one of them is far too long"
        raise UnreadableFile(f"{name} is damaged: {problem}. Save it again as CSV.") from error
    even.unlink()


def _row_count(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("SELECT count(*) FROM staging").fetchall()[0][0]


def _widened(header: headers.Header, name: str, width: int) -> headers.Header:
    """The header with a column for each cell of the widest row."""
    check_columns(name, width)
    known = len(header.names)
    names = unique_names(header.names + [f"column_{i + 1}" for i in range(known, width)])
    return headers.Header(header.first_row, names, [*header.unnamed, *range(known, width)], header.decisions)


def _empty_repeated_headers(
    connection: duckdb.DuckDBPyConnection, header: headers.Header, cells: list[str | None], rows: SourceRows
) -> list[Decision]:
    """Empties rows that are equal to the header, as in files that were put together from several exports.

    `cells` are the cells of the header. A row of one column may be a value that happens to be the column's name.
    """
    if sum(cell is not None for cell in cells) < 2:
        return []
    named = zip(header.names, [*cells, *[None] * len(header.names)], strict=False)
    same = " AND ".join(f"coalesce(trim({quoted(name)}), '') = {text_literal(cell or '')}" for name, cell in named)
    found = connection.execute(f"SELECT rowid FROM staging WHERE {same} ORDER BY 1").fetchall()  # noqa: S608 - quoted
    if not found:
        return []
    # Not deleted at once: a deleted row is still converted with its column, which may hold numbers.
    emptied = ", ".join(f"{quoted(name)} = NULL" for name in header.names)
    connection.execute(f"UPDATE staging SET {emptied} WHERE {same}")  # noqa: S608 - quoted
    count = len(found)
    repeated = "1 row that repeats the header was" if count == 1 else f"{count:,} rows that repeat the header were"
    where = rows.of([rowid for (rowid,) in found[:MAX_ROWS]])
    return [Decision(kind=DecisionKind.LAYOUT, text=f"{repeated} left out.", rows=where, count=count)]


def _drop_empty(connection: duckdb.DuckDBPyConnection, header: headers.Header) -> None:
    """Drops empty rows, and columns with neither a name nor a value, which are there only for the layout."""
    columns = [quoted(name) for name in header.names]
    connection.execute(f"DELETE FROM staging WHERE coalesce({', '.join(columns)}) IS NULL")  # noqa: S608 - quoted
    for some in batches([columns[i] for i in header.unnamed]):
        counts = ", ".join(f"count({column})" for column in some)
        [filled] = connection.execute(f"SELECT {counts} FROM staging").fetchall()  # noqa: S608 - quoted
        for column in (column for column, count in zip(some, filled, strict=True) if not count):
            connection.execute(f"ALTER TABLE staging DROP {column}")
