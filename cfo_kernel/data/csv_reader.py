"""Reads a delimited text file into the staging table, with every cell as text.

Runs in the ingest worker. DuckDB's own sniffer is not used because it samples only the first rows: in a column of whole
numbers, it turned a 2.75 far below into 3, and the account 00124 into 124. Types are inferred later, over whole columns
(`cfo_kernel.data.type_inference`), so no digit is lost. Notes tell users about decisions that the file leaves open.
"""

import codecs
import csv
import io
from collections import Counter
from pathlib import Path

import duckdb

from cfo_kernel.data import headers
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.errors import EmptyFile, UnreadableFile
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted, text_literal

_CHUNK = 1 << 20
_HEAD = 1 << 16  # characters that are searched for the delimiter and header; more if the first line is very long
_MAX_HEAD = 4 << 20
_MAX_LINE = 32 << 20
_DELIMITERS = ",;\t|"
_EXPORT = "Export it again as CSV."
_UNCLOSED_QUOTE = "a quotation mark is opened and never closed. Close it, or save the file again as CSV."
csv.field_size_limit(_MAX_LINE)


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> tuple[str, list[str]]:
    """Creates the table `staging` with all columns as text. Returns the file's delimiter, and notes."""
    encoding, notes = _detect_encoding(path)
    delimiter, lines, header = _find_header(path, encoding)
    body = scratch / "body.csv"
    count = _copy_body(path, encoding, lines, body)
    try:
        # Strict parsing is tried first: it runs in parallel, and nearly every file passes. Only files with rows of
        # different widths needs the slow reader.
        _read_csv(connection, body, delimiter, header.names)
    except duckdb.Error:
        header = _widened(header, path, body, delimiter)
        _read_ragged_csv(connection, path, body, delimiter, header.names, count)
        notes.append("Rows have different numbers of cells; missing cells are empty.")
    body.unlink()
    _drop_empty(connection, header)
    return delimiter, notes + header.notes


def _detect_encoding(path: Path) -> tuple[str, list[str]]:
    """The encoding of the file, with a note unless it is UTF-8. Raises `UnreadableFile` for a binary file.

    The whole file is decoded, because the first byte that is not UTF-8 may be a million rows down.
    """
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16", ["The file is UTF-16."]
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        utf8 = True
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise UnreadableFile(f"{path.name} is a binary file, not text: it contains NUL bytes. {_EXPORT}")
            try:
                decoder.decode(chunk, final=len(chunk) < _CHUNK)
            except UnicodeDecodeError:
                utf8 = False  # the rest is still searched for NUL bytes
                decoder.reset()
    return ("utf-8-sig", []) if utf8 else ("cp1252", ["The file is not UTF-8; it was read as Windows-1252."])


def _find_header(path: Path, encoding: str) -> tuple[str, int, headers.Header]:
    """The delimiter, the number of lines above the first row of data, and the header."""
    head, is_cut = _read_head(path, encoding)
    delimiter = max(_DELIMITERS, key=lambda d: _regularity(head, d))
    rows: list[list[str | None]] = []
    ends: list[int] = []  # the last line of each row, since a quoted cell may contain line breaks
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    for row in reader:
        rows.append([cell.strip() or None for cell in row])
        ends.append(reader.line_num)
    if is_cut and len(rows) > 1:
        del rows[-1], ends[-1]  # the last row of the head may be incomplete
    header = headers.find_header(rows, _common_width(rows))
    if header is None:
        raise UnreadableFile(f"{path.name} contains no table: no row looks like a header. Add one header row.")
    check_columns(path.name, len(header.names))
    return delimiter, ends[header.first_row - 1] if header.first_row else 0, header


def _read_head(path: Path, encoding: str) -> tuple[str, bool]:
    """The beginning of the file, with at least two lines, and whether it is cut.

    Refuses a file whose first line never ends.
    """
    with path.open(encoding=encoding, errors="replace") as file:
        head = file.read(_HEAD)
        while head.strip().count("\n") < 1 and len(head) < _MAX_HEAD and (more := file.read(_MAX_HEAD - len(head))):
            head += more
        is_cut = bool(file.read(1))
    if not head.strip():
        raise EmptyFile(f"{path.name} is empty. Export it again and send the new file.")
    if is_cut and head.strip().count("\n") < 1:
        problem = f"its first line does not end within {_MAX_HEAD >> 20} MB"
        raise UnreadableFile(f"{path.name} is not a table: {problem}. {_EXPORT}")
    return head, is_cut


def _regularity(head: str, delimiter: str) -> tuple[int, int]:
    """The number of rows in the head that have the same width with this delimiter, and that width."""
    widths = Counter(len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if len(row) > 1)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return count, width


def _common_width(rows: list[list[str | None]]) -> int:
    """The width that most rows have. If two widths are equally common, the larger one."""
    widths = Counter(len(row) for row in rows if row)
    most = max(widths.values())
    return max(width for width, count in widths.items() if count == most)


def _copy_body(path: Path, encoding: str, lines: int, body: Path) -> int:
    """Copies the rows below the header as UTF-8 with LF line ends. Returns how many lines are not empty.

    DuckDB reads neither UTF-16 nor Windows-1252, and cannot skip lines inside a quoted cell. A file with a NUL
    character or an overlong line is refused, because the lenient reader would silently skip those rows.
    """
    count = length = 0
    with path.open(encoding=encoding, errors="replace") as file, body.open("w", encoding="utf-8", newline="\n") as out:
        for _ in range(lines):
            file.readline()
        last = "\n"
        while chunk := file.read(_CHUNK):
            if "\0" in chunk:
                raise UnreadableFile(f"{path.name} is a binary file, not text: it contains NUL characters. {_EXPORT}")
            length = len(chunk) - chunk.rfind("\n") - 1 if "\n" in chunk else length + len(chunk)
            if length > _MAX_LINE:
                problem = f"it has a line of more than {_MAX_LINE >> 20} MB"
                raise UnreadableFile(f"{path.name} is damaged: {problem}. Save it again as CSV.")
            out.write(chunk)
            count += chunk.count("\n") - chunk.count("\n\n") - (last == chunk[0] == "\n")
            last = chunk[-1]
    return count


def _read_csv(
    connection: duckdb.DuckDBPyConnection, body: Path, delimiter: str, names: list[str], options: str = ""
) -> None:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"""CREATE TABLE staging AS FROM read_csv(?, auto_detect = false, header = false, columns = {{{columns}}},
            delim = ?, quote = '"', escape = '"', max_line_size = {_MAX_LINE}{options})""",
        [str(body), delimiter],
    )


def _read_ragged_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, body: Path, delimiter: str, names: list[str], lines: int
) -> None:
    """Reads rows of different widths. Refuses a file in which an unclosed quotation mark swallows half of the lines."""
    try:
        _read_csv(connection, body, delimiter, names, ", strict_mode = false, null_padding = true, parallel = false")
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        problem = "its rows cannot be told apart, or one of them is far too long"
        raise UnreadableFile(f"{path.name} is damaged: {problem}. Save it again as CSV.") from error
    # Without strict mode, DuckDB reads everything after an unclosed quotation mark as one cell, and reports no error.
    if 2 * connection.execute("SELECT count(*) FROM staging").fetchall()[0][0] <= lines:
        raise UnreadableFile(f"{path.name}: {_UNCLOSED_QUOTE}")


def _widened(header: headers.Header, path: Path, body: Path, delimiter: str) -> headers.Header:
    """The header with a column for each cell of the widest row.

    Refuses a file with a cell longer than the maximum line length.
    """
    try:
        with body.open(encoding="utf-8") as file:
            width = max((len(row) for row in csv.reader(file, delimiter=delimiter)), default=0)
    except csv.Error as error:
        raise UnreadableFile(f"{path.name}: {_UNCLOSED_QUOTE}") from error
    check_columns(path.name, width)
    known = len(header.names)
    names = unique_names(header.names + [f"column_{i + 1}" for i in range(known, width)])
    return headers.Header(header.first_row, names, [*header.unnamed, *range(known, width)], header.notes)


def _drop_empty(connection: duckdb.DuckDBPyConnection, header: headers.Header) -> None:
    """Drops empty rows, and columns with neither a name nor a value, which only serve the layout."""
    columns = [quoted(name) for name in header.names]
    connection.execute(f"DELETE FROM staging WHERE coalesce({', '.join(columns)}) IS NULL")  # noqa: S608 - quoted
    for column in (columns[i] for i in header.unnamed):
        if not connection.execute(f"SELECT count({column}) FROM staging").fetchall()[0][0]:  # noqa: S608 - quoted
            connection.execute(f"ALTER TABLE staging DROP {column}")
