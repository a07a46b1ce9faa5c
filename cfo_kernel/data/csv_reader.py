"""Reads a text table into DuckDB, every cell as text, so that nothing is decided from a sample and no digit is lost.

Runs in the ingest worker. DuckDB's own sniffer looks at the first rows only: a column of whole numbers with one 2.75
far below became 3, an account 00124 became 124. What the texts are is decided later, over whole columns
(`cfo_kernel.data.type_inference`). The notes are for people: what was decided that the file did not say.
"""

import codecs
import csv
import io
from collections import Counter
from pathlib import Path

import duckdb

from cfo_kernel.data import headers
from cfo_kernel.data.literals import text
from cfo_kernel.errors import EmptyFile, UnreadableFile
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted

_CHUNK = 1 << 20
_HEAD = 1 << 16
_LONGEST_LINE = 32 << 20
_DELIMITERS = ",;\t|"
_UNCLOSED = "a quotation mark is opened and never closed. Close it, or save the file again as CSV."
csv.field_size_limit(_LONGEST_LINE)


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> tuple[str, list[str]]:
    """Creates the table `staging` with all columns as text; returns the delimiter of the file, and notes."""
    encoding, notes = _encoding(path)
    delimiter, lines, header = _begin(path, encoding)
    body = scratch / "body.csv"
    count = _copy_body(path, encoding, lines, body)
    try:
        _read(connection, body, delimiter, header.names)
    except duckdb.Error:
        header = _widened(header, path, body, delimiter)
        _read_ragged(connection, path, body, delimiter, header.names, count)
        notes.append("Rows have different numbers of cells; missing cells are empty.")
    body.unlink()
    _drop_empty(connection, header)
    return delimiter, notes + header.notes


def _encoding(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16", ["The file is UTF-16."]
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        utf8 = True
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise UnreadableFile(f"{path.name} is not text but binary: it holds NUL bytes. Export it again as CSV.")
            try:
                decoder.decode(chunk, final=len(chunk) < _CHUNK)
            except UnicodeDecodeError:
                utf8 = False
                decoder.reset()
    return ("utf-8-sig", []) if utf8 else ("cp1252", ["The file is not UTF-8; it was read as Windows-1252."])


def _begin(path: Path, encoding: str) -> tuple[str, int, headers.Header]:
    """The delimiter, the number of lines above the rows of data, and the header."""
    with path.open(encoding=encoding, errors="replace") as file:
        head = file.read(_HEAD)
        cut = bool(file.read(1))
    if not head.strip():
        raise EmptyFile(f"{path.name} is empty. Export it again and send the new file.")
    delimiter = max(_DELIMITERS, key=lambda d: _regular(head, d))
    rows: list[list[str | None]] = []
    ends: list[int] = []  # the last line of each row: a quoted cell may hold line breaks
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    for row in reader:
        rows.append([cell.strip() or None for cell in row])
        ends.append(reader.line_num)
    if cut and len(rows) > 1:
        del rows[-1], ends[-1]
    header = headers.find_header(rows, _common_width(rows))
    if header is None:
        raise UnreadableFile(f"{path.name} holds no table: no row looks like a header. Add one header row.")
    return delimiter, ends[header.first - 1] if header.first else 0, header


def _regular(head: str, delimiter: str) -> tuple[int, int]:
    """How many rows of the head are equally wide with this delimiter, and how wide."""
    widths = Counter(len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if len(row) > 1)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return count, width


def _common_width(rows: list[list[str | None]]) -> int:
    widths = Counter(len(row) for row in rows if row)
    most = max(widths.values())
    return max(width for width, count in widths.items() if count == most)


def _copy_body(path: Path, encoding: str, lines: int, body: Path) -> int:
    """Copies what is below the header as UTF-8 with plain line ends; returns the number of lines that are not empty."""
    count = 0
    with path.open(encoding=encoding, errors="replace") as file, body.open("w", encoding="utf-8", newline="\n") as out:
        for _ in range(lines):
            file.readline()
        last = "\n"
        while chunk := file.read(_CHUNK):
            out.write(chunk)
            count += chunk.count("\n") - chunk.count("\n\n") - (last == chunk[0] == "\n")
            last = chunk[-1]
    return count


def _read(
    connection: duckdb.DuckDBPyConnection, body: Path, delimiter: str, names: list[str], options: str = ""
) -> None:
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    connection.execute(
        f"""CREATE TABLE staging AS FROM read_csv(?, auto_detect = false, header = false, columns = {{{columns}}},
            delim = ?, quote = '"', escape = '"', max_line_size = {_LONGEST_LINE}{options})""",
        [str(body), delimiter],
    )


def _read_ragged(
    connection: duckdb.DuckDBPyConnection, path: Path, body: Path, delimiter: str, names: list[str], lines: int
) -> None:
    """Reads rows of different widths; refuses a file of which a quotation mark swallows half the lines."""
    try:
        _read(connection, body, delimiter, names, ", strict_mode = false, null_padding = true, parallel = false")
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        what = "its rows cannot be told apart, or one of them is far too long"
        raise UnreadableFile(f"{path.name} is damaged: {what}. Save it again as CSV.") from error
    if 2 * connection.execute("SELECT count(*) FROM staging").fetchall()[0][0] <= lines:
        raise UnreadableFile(f"{path.name}: {_UNCLOSED}")


def _widened(header: headers.Header, path: Path, body: Path, delimiter: str) -> headers.Header:
    """The header with a column for each cell of the widest row; refuses a cell that is longer than any line may be."""
    try:
        with body.open(encoding="utf-8") as file:
            width = max((len(row) for row in csv.reader(file, delimiter=delimiter)), default=0)
    except csv.Error as error:
        raise UnreadableFile(f"{path.name}: {_UNCLOSED}") from error
    known = len(header.names)
    names = unique_names(header.names + [f"column_{i + 1}" for i in range(known, width)])
    return headers.Header(header.first, names, [*header.unnamed, *range(known, width)], header.notes)


def _drop_empty(connection: duckdb.DuckDBPyConnection, header: headers.Header) -> None:
    """Empty rows, and columns that have neither a name nor a value, are only layout."""
    columns = [quoted(name) for name in header.names]
    connection.execute(f"DELETE FROM staging WHERE coalesce({', '.join(columns)}) IS NULL")  # noqa: S608 - quoted
    for column in (columns[i] for i in header.unnamed):
        if not connection.execute(f"SELECT count({column}) FROM staging").fetchall()[0][0]:  # noqa: S608 - quoted
            connection.execute(f"ALTER TABLE staging DROP {column}")
