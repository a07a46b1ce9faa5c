"""Finds where the rows of a delimited text file begin and end, if quotation marks or widths make this unclear.

Runs in the ingest worker. DuckDB's lenient parser reads everything after a stray quotation mark as one cell, without an
error, so rows would be lost silently. This slower parser refuses a mark that is never closed, and notes cells that look
like several rows.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.errors import UnreadableFile

_MANY_LINES = 10  # in one cell; more are rarely meant
_END = "\0"  # never in a file that is read


@dataclass(frozen=True)
class Rows:
    """The width of the widest row, whether others differ, and decisions about cells that may be several rows."""

    width: int
    is_ragged: bool
    decisions: list[Decision]


def scan(name: str, body: Path, delimiter: str, columns: int, lines_above: int) -> Rows:
    """Reads all rows of a table with this many columns.

    Raises `UnreadableFile` if a quotation mark is never closed. `lines_above` is the number of the file's lines that
    come before `body`.
    """
    narrowest = width = columns
    doubtful = longest = line = first = 0
    with body.open(encoding="utf-8") as file:
        reader = csv.reader(chain(file, [_END]), delimiter=delimiter)
        try:
            for row in reader:
                if row == [_END]:
                    break
                if _is_open(row):
                    raise unclosed(name, lines_above + _opening_line(row, line))
                height = reader.line_num - line
                if height > 1 and any(_may_be_rows(cell, delimiter, columns) for cell in row):
                    first = first or lines_above + line + 1
                    doubtful, longest = doubtful + 1, max(longest, height)
                line = reader.line_num
                if any(row):
                    width, narrowest = max(width, len(row)), min(narrowest, len(row))
        except csv.Error as error:  # a cell that is far too long
            raise unclosed(name, lines_above + line + 1) from error
    return Rows(width, narrowest < width, [_doubt(doubtful, longest, first)] if doubtful else [])


def read_head(head: str, delimiter: str) -> tuple[list[list[str]], list[int], int | None]:
    """The rows at the beginning of a file, with the last line of each, since a cell may contain line breaks.

    The third value is the line on which the last row opens a quotation mark that is not closed, or None.
    """
    rows: list[list[str]] = []
    ends: list[int] = []
    reader = csv.reader(chain(io.StringIO(head), [_END]), delimiter=delimiter)
    for row in reader:
        if row == [_END]:
            break
        rows.append([cell.removesuffix(_END) for cell in row])
        ends.append(reader.line_num)
        if _is_open(row):
            return rows, ends, _opening_line(row, ends[-2] if len(ends) > 1 else 0)
    return rows, ends, None


def header_decisions(rows: list[list[str | None]], ends: list[int], delimiter: str, columns: int) -> list[Decision]:
    """Decisions about cells that may be several rows, in the header and the titles above it.

    `ends` are their last lines.
    """
    found = [i for i, row in enumerate(rows) if any(cell and _may_be_rows(cell, delimiter, columns) for cell in row)]
    starts = [0, *ends]
    heights = [ends[i] - starts[i] for i in found]
    return [_doubt(len(found), max(heights), starts[found[0]] + 1)] if found else []


def write_even(body: Path, delimiter: str, width: int, to: Path) -> None:
    """Writes the rows with `width` cells each, and with quotation marks exactly where they are needed."""
    with body.open(encoding="utf-8") as file, to.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerows(_padded(csv.reader(file, delimiter=delimiter), width))


def _padded(rows: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    return (row + [""] * (width - len(row)) for row in rows if any(row))


def _may_be_rows(cell: str, delimiter: str, columns: int) -> bool:
    """Whether one of the cell's lines has as many delimiters as a row, or there are many lines."""
    lines = cell.split("\n")
    is_wide = columns > 1 and any(line.count(delimiter) >= columns - 1 for line in lines)
    return len(lines) > _MANY_LINES or (len(lines) > 1 and is_wide)


def _is_open(row: list[str]) -> bool:
    """Whether the end of the text was read as a part of the last cell."""
    return bool(row) and row[-1].endswith(_END) and row != [_END]


def _opening_line(row: list[str], lines_above: int) -> int:
    """The line on which the last cell of a row begins."""
    return lines_above + 1 + sum(cell.count("\n") for cell in row[:-1])


def unclosed(name: str, line: int, *, is_cut: bool = False) -> UnreadableFile:
    """The error for a quotation mark that is not closed, in a text of which perhaps only the beginning was read."""
    fault = "not closed in the same cell" if is_cut else "never closed"
    problem = f"a quotation mark is opened and {fault}, on line {line:,} or in the row that begins there"
    return UnreadableFile(f"{name}: {problem}. Close it, or save the file again as CSV.")


def _doubt(count: int, height: int, line: int) -> Decision:
    cells = "1 row has a cell" if count == 1 else f"{count:,} rows have cells"
    found = f"{cells} of several lines that look like rows (up to {height:,} lines; the first begins on line {line:,})"
    text = f"{found}. If they are rows, there is an extra quotation mark: delete it and upload the file again."
    return Decision(kind=DecisionKind.ROWS, text=text, rows=(line,), count=count, needs_check=True)
