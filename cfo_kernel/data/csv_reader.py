"""Reads a delimited text file into the staging table, with every cell as text.

Runs in the ingest worker. DuckDB's own sniffer is not used because it samples only the first rows: in a column of whole
numbers, it turned a 2.75 further down into 3, and the account 00124 into 124. Types are inferred later, over whole
columns (`cfo_kernel.data.type_inference`), so no digit is lost. Users are shown every decision that the file itself
does not settle.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cfo_kernel.data import (
    block_columns,
    csv_blocks,
    csv_body,
    csv_header,
    csv_repeats,
    csv_rows,
    csv_sides,
    fixed_width,
    headers,
    misplaced_headings,
    staging_formats,
    text_encoding,
    text_footers,
)
from cfo_kernel.data.column_blocks import batches, close_gaps
from cfo_kernel.data.csv_dialect import find_dialect
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.read_limits import check_columns
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import EmptyFile, UnreadableFile
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted

_HEAD = 1 << 16  # characters that are searched for the delimiter and header; more if the first line is very long
_MAX_HEAD = 4 << 20
_EXPORT = "Export it again as CSV."
csv.field_size_limit(csv_body.MAX_LINE)


@dataclass(frozen=True)
class TextTable:
    """A table in a text file, or in the part of it below the first `lines_above` lines. `name` is the file's name."""

    name: str
    text: text_encoding.Text
    dialect: Dialect
    lines_above: int = 0


def open_table(path: Path, scratch: Path) -> TextTable:
    """The file as one table. Raises a `FileProblem` if it cannot be read."""
    text = text_encoding.decoded(path, scratch)
    beginning, is_cut = _read_head(text, path.name)
    lines = beginning.split("\n")
    if any(map(text_encoding.is_rule, lines)):
        text = text_encoding.without_rules(text, scratch)
        beginning, is_cut = _read_head(text, path.name)
        lines = beginning.split("\n")
    found = find_dialect(lines)
    widths = fixed_width.find_widths(lines[:-1] if is_cut else lines)
    if widths and (found is None or widths.worth > found.worth):
        return TextTable(path.name, fixed_width.as_delimited(text, widths, scratch), Dialect(","))
    return TextTable(path.name, text, found.dialect if found else Dialect(_absent(beginning)))


def divided(table: TextTable, scratch: Path) -> list[TextTable]:
    """The tables of the file, which may contain several, one below the other or side by side."""
    parts = csv_blocks.divided(table.text, table.dialect, scratch)
    sides = [(side, lines) for text, lines in parts for side in csv_sides.divided(text, table.dialect, scratch)]
    return [replace(table, text=text, lines_above=lines) for text, lines in sides]


def load(connection: duckdb.DuckDBPyConnection, table: TextTable, scratch: Path) -> tuple[SourceRows, list[Decision]]:
    """Creates the table `staging` with all columns as text.

    Returns the rows' positions in the file, and the decisions made.
    """
    name, text, dialect = table.name, table.text, table.dialect
    beginning, is_cut = _read_head(text, name)
    lines = beginning.removesuffix("\n").split("\n")
    head = csv_header.find_head(name, lines, dialect, table.lines_above, is_cut=is_cut)
    body = csv_body.copy_body(text, name, head.lines, dialect, scratch / "body.csv")
    above = table.lines_above + head.lines
    header, source_rows, decisions = head.header, SourceRows(above + 1), list(text.decisions)
    if footer := text_footers.cut_footer(body.path, dialect, header.values, above):
        body = csv_body.shortened(body, footer.text, dialect)
        decisions.append(footer.decision)
    if not csv_body.read_clean(connection, body, dialect, header.names):
        even = scratch / "even.csv"
        rows = csv_rows.write_even(name, body.path, dialect, len(header.names), above, even)
        header, source_rows = _widened(header, name, rows.width), SourceRows(above + 1, rows.lines)
        decisions += rows.decisions
        csv_body.read_even(connection, name, even, header.names)
    body.path.unlink()
    decisions += block_columns.take_from_staging(connection, header, source_rows)
    for cells in (head.cells, *(row for row in header.rows if row != head.cells)):
        decisions += csv_repeats.empty_repeated_headers(connection, header, list(cells), source_rows)
    decisions += misplaced_headings.move_in_staging(connection, header, source_rows)
    for column in header.in_percent:
        staging_formats.mark_points(connection, header.names[column])
    _drop_empty(connection, header)
    return close_gaps(connection, source_rows, block_columns.stored(connection)), decisions + header.decisions


def _absent(text: str) -> str:
    """A separator that the text does not contain, for a file of one column."""
    return next((delimiter for delimiter in ",;\t|" if delimiter not in text), "\x1f")


def _read_head(text: text_encoding.Text, name: str) -> tuple[str, bool]:
    """The beginning of the file, with at least two lines, and whether more text follows.

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


def _widened(header: headers.Header, name: str, width: int) -> headers.Header:
    """The header with a column for each cell of the widest row."""
    check_columns(name, width)
    known = len(header.names)
    names = unique_names(header.names + [f"column_{i + 1}" for i in range(known, width)])
    unnamed = [*header.unnamed, *range(known, width)]
    return replace(header, names=names, unnamed=unnamed)


def _drop_empty(connection: duckdb.DuckDBPyConnection, header: headers.Header) -> None:
    """Drops empty rows, and columns with neither a name nor a value, which are there only for the layout."""
    columns = [quoted(name) for name in header.names]
    connection.execute(f"DELETE FROM staging WHERE coalesce({', '.join(columns)}) IS NULL")  # noqa: S608 - quoted
    unnamed = header.unnamed if len(header.unnamed) < len(columns) else header.unnamed[1:]
    for some in batches([columns[i] for i in unnamed]):
        counts = ", ".join(f"count({column})" for column in some)
        [filled] = connection.execute(f"SELECT {counts} FROM staging").fetchall()  # noqa: S608 - quoted
        for column in (column for column, count in zip(some, filled, strict=True) if not count):
            connection.execute(f"ALTER TABLE staging DROP {column}")
