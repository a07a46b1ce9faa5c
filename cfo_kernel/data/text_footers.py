"""Cuts the footer off the rows of a text file, before a parser sees lines without separators.

Runs in the ingest worker. Only the end of the file is read.
"""

from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.data import footers
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.decisions import Decision

_TAIL = 16 << 10


@dataclass(frozen=True)
class Footer:
    """A footer that was cut off: its text, and the decision about it."""

    text: str
    decision: Decision


def cut_footer(body: Path, dialect: Dialect, values: frozenset[int], lines: int) -> Footer | None:
    """Cuts the footer off the file `body`, which begins after this many lines of the whole file.

    `values` are the columns of figures, years and dates.
    """
    size = body.stat().st_size
    with body.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    start = tail.find(b"\n") + 1 if size > _TAIL else 0
    written = tail[start:].split(b"\n")
    texts = [line.decode(errors="replace") for line in written]
    if any(text.count(dialect.quote) % 2 for text in texts):
        return None  # a cell of several lines, of which perhaps only the end was read
    rows = [(i, cells) for i, text in enumerate(texts) if (cells := _cells(text, dialect))]
    count = footers.count_footers(rows, values)
    if not count:
        return None
    first = rows[-count - 1][0] + 1  # the line after the last row of the table
    above = lines + _count_lines(body, size - len(tail) + start)
    with body.open("rb+") as file:
        file.truncate(size - len(b"\n".join(written[first:])))
    return Footer("\n".join(texts[first:]), footers.decision([(above + i, cells) for i, cells in rows[-count:]]))


def _cells(line: str, dialect: Dialect) -> list[str | None]:
    """The cells of a line, or an empty list if none of them has text."""
    cells = [cell.strip() or None for cell in dialect.cells(line)]
    return cells if any(cells) else []


def _count_lines(body: Path, end: int) -> int:
    """The number of lines in the first bytes of the file."""
    count = 0
    with body.open("rb") as file:
        while end > 0 and (chunk := file.read(min(end, 1 << 20))):
            count += chunk.count(b"\n")
            end -= len(chunk)
    return count
