"""Finds the tables of a delimited text file that holds several, one below the other.

Runs in the ingest worker. A table begins with its own header: more or fewer names than the table above has, or,
after an empty line, different names. A header that repeats the names of the table above continues it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from cfo_kernel.data.csv_dialect import is_figure
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Record, Records
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.text_encoding import Text
from cfo_kernel.data.vocabulary import EMPTY_WORDS, PENDING_WORDS, plain

MAX_BYTES = 4 << 20
"""The maximum size of a report with several tables. A larger file is taken for a single table."""
_MOST_TABLES = 50
_NARROW = 2  # columns
_LEAST_ROWS, _LEAST_ROWS_IF_NARROW = 2, 3


def divided(text: Text, dialect: Dialect, scratch: Path) -> list[tuple[Text, int]]:
    """The text of each table, with the number of lines above it. Most files have one table."""
    with text.path.open(encoding=text.encoding) as file:
        content = file.read()
    starts = _starts(content, dialect) if _may_have_several(content, dialect) else []
    if not starts or len(starts) >= _MOST_TABLES:
        return [(text, 0)]
    lines = content.split("\n")
    tables: list[tuple[Text, int]] = []
    for number, (start, end) in enumerate(zip([0, *starts], [*starts, len(lines)], strict=True)):
        path = scratch / f"table_{number}.csv"
        path.write_text("\n".join(lines[start:end]), encoding="utf-8")
        where = f"The file has {len(starts) + 1} tables, one below the other. This one begins at row {start + 1:,}."
        said = Decision(kind=DecisionKind.LAYOUT, text=where, rows=(start + 1,))
        tables.append((Text(path, "utf-8", [*text.decisions, said]), start))
    return tables


def _may_have_several(content: str, dialect: Dialect) -> bool:
    """Whether there are empty lines, or a line that begins like the first one with several cells."""
    content = content.strip("\n")
    first = next((line for line in content.split("\n", 50) if dialect.delimiter in line.strip(dialect.delimiter)), "")
    begin = first[: first.find(dialect.delimiter) + 1]
    return "\n\n" in content or (len(begin) > 1 and f"\n{begin}" in content[len(begin) :])


def _starts(content: str, dialect: Dialect) -> list[int]:
    """The lines, counted from zero, on which further tables begin."""
    records = list(Records(content.split("\n"), dialect))
    starts: list[int] = []
    names: list[str] | None = None
    gap: int | None = None  # the first line after the last empty one, if only titles have followed
    for i, record in enumerate(records):
        cells = _texts(record)
        if not any(cells):
            gap = None
            continue
        is_behind_gap = i > 0 and not any(_texts(records[i - 1]))
        gap = record.line - 1 if is_behind_gap else gap
        found = _names(records, i)
        if found is None:
            gap = gap if sum(map(bool, cells)) == 1 else None
        elif names is None:
            names = found
        elif found != names and (gap is not None or {*found} < {*names} or {*found} > {*names}):
            starts.append(gap if gap is not None else record.line - 1)
            names = found
    return starts


def _names(records: Sequence[Record], i: int) -> list[str] | None:
    """The names in a row if it is a header: words above rows of the same width, with figures in some column."""
    cells = _texts(records[i])
    while cells and not cells[-1]:
        cells = cells[:-1]
    names = [cell for cell in cells if cell]
    if len(names) < 2 or len({*names}) < len(names) or not all(map(_is_name, names)):
        return None
    # Names and values of metadata above a table look like a small table too.
    least = _LEAST_ROWS if len(cells) > _NARROW else _LEAST_ROWS_IF_NARROW
    below = [row for row in map(_texts, records[i + 1 : i + 2 + least]) if any(row)][:least]
    is_table = len(below) == least and all(len(row) >= len(cells) and not any(row[len(cells) :]) for row in below)
    has_figures = (
        any(all(is_figure(row[column]) for row in below) for column in range(len(cells))) if is_table else False
    )
    return names if has_figures else None


def _is_name(cell: str) -> bool:
    is_value = is_figure(cell) or plain(cell) in PENDING_WORDS or re.fullmatch(EMPTY_WORDS, cell, re.IGNORECASE)
    return not is_value


def _texts(record: Record) -> list[str]:
    cells = record.cells if record.cells is not None else []
    return [" ".join(cell.split()).lower() for cell in cells]
