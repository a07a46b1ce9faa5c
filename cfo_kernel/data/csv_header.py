"""Finds the header of a delimited text file, and decides which columns its names belong to.

A damaged header may have too few or too many names. Runs in the ingest worker.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from cfo_kernel import column_names
from cfo_kernel.data import headers
from cfo_kernel.data.column_shapes import ColumnShape, Kind, column_shapes
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Record, Records
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_NAME, check_columns
from cfo_kernel.data.row_alignment import Fault, align
from cfo_kernel.data.row_repair import may_be_rows, several_lines, unclosed
from cfo_kernel.data.vocabulary import listed
from cfo_kernel.errors import UnreadableFile
from cfo_kernel.executors.sql_names import unique_names

_OTHER_DELIMITERS = ",;\t| "
_DATE_WORDS = listed("date datum fecha data day tag dag dato buchungstag valuta valeur jour dia giorno dzien")
_CLOCK_WORDS = listed("time zeit uhrzeit hora heure ora tijd tid godzina")
_MARGIN = 1.0
_MOST_REPAIRED = 50

Row = list[str | None]


@dataclass(frozen=True)
class Head:
    """The header, the number of lines above the first row of data, and the cells of the row that names the columns."""

    header: headers.Header
    lines: int
    cells: Row


def find_head(name: str, lines: Sequence[str], dialect: Dialect, lines_above: int = 0, *, is_cut: bool) -> Head:
    """The header of a table that begins with these lines. `is_cut` means that more lines follow.

    `name` is the file's name in errors, and `lines_above` the number of its lines above the table.
    """
    records = list(Records(lines, dialect, lines_above + 1))
    if is_cut and len(records) > 1:
        del records[-1]  # it may be incomplete
    width = _width(records)
    check_columns(name, width)
    rows = _rows(records, dialect, width)
    header = _find_header(rows, width)
    if header is not None:
        rows, width, decisions = _with_all_names(records, rows, width, dialect, header)
        if decisions is not None:
            header = _find_header(rows, width) or header
            header.decisions.extend(decisions)
    opened = next((r for r in records if r.cells is None and r.is_open), None)
    if opened and (header is None or len(records) == 1):
        raise unclosed(name, opened.line, is_cut=is_cut)
    if header is None:
        raise UnreadableFile(f"{name} contains no table: no row looks like a header. Add one header row.")
    check_columns(name, len(header.names))
    above = records[: header.first_row]
    header.decisions.extend(_doubts(above, dialect, len(header.names)))
    if not above:
        return Head(header, 0, [])
    return Head(header, above[-1].line + above[-1].height - 1 - lines_above, rows[header.first_row - 1])


def _find_header(rows: list[Row], width: int) -> headers.Header | None:
    """The header. If it spans several rows, the names are joined from all of them."""
    header = headers.find_header(rows, width)
    if header is None or not header.first_row:
        return header
    last = header.first_row - 1
    first = next((i for i in range(last, -1, -1) if i == 0 or rows[i - 1] != rows[last]), last)
    alone = headers.find_header([*rows[:first], *rows[last:]], width) if first < last else None
    if alone is None or sum(cell is not None for cell in rows[last]) < 2:
        return header
    count = last - first + 1
    text = f"The header spans {count} rows, from which the names were joined."
    return replace(
        alone,
        first_row=alone.first_row + count - 1,
        names=unique_names([" ".join([name] * count)[:MAX_NAME] for name in alone.names]),
        decisions=[*alone.decisions, Decision(kind=DecisionKind.LAYOUT, text=text)],
    )


def _width(records: Sequence[Record]) -> int:
    """The number of cells that most rows have. If two numbers are equally common, returns the larger one."""
    known = [record.cells for record in records if record.cells is not None and record.text.strip()]
    widths = Counter(len(cells) for cells in known) or Counter([1])
    most = max(widths.values())
    return max(width for width, count in widths.items() if count == most)


def _rows(records: Sequence[Record], dialect: Dialect, width: int) -> list[Row]:
    """The cells of the rows. A malformed row is split so that its cells fit the columns."""
    rows: list[Row] = []
    even = [r.cells for r in records if r.cells is not None and len(r.cells) == width]
    names, shapes = [ColumnShape()] * width, column_shapes(even[1:], width)
    is_above = True  # no regular row has been seen yet
    for i, record in enumerate(records):
        cells = record.cells
        is_even = cells is not None and (len(cells) == width or not record.text.strip())
        if i < _MOST_REPAIRED and not is_even:
            cells = _divided(record, dialect, names if is_above else shapes)
        is_above = is_above and not is_even
        rows.append([cell.strip() or None for cell in cells or dialect.rough_cells(record.text)])
    return rows


def _divided(record: Record, dialect: Dialect, shapes: Sequence[ColumnShape]) -> list[str] | None:
    """The cells of a damaged row. In a header, only quotation marks count as evidence."""
    is_name = all(shape == ColumnShape() for shape in shapes)
    found = align(record.text, dialect, shapes) if record.cells is None or not is_name else None
    if is_name and found and Fault.MISSING in found.faults and (parted := _parted(record.text, dialect)):
        return parted if len(parted) == len(shapes) else found.cells
    return found.cells if found and (found.is_proved or record.cells is None) else record.cells


def _with_all_names(
    records: Sequence[Record], rows: list[Row], width: int, dialect: Dialect, header: headers.Header
) -> tuple[list[Row], int, list[Decision] | None]:
    """The rows, with a name or None in the header for each column, and the number of columns.

    The decisions are None if nothing had to be changed.
    """
    top = header.first_row - 1
    if top < 0:
        return _otherwise_separated(records, rows, width, dialect)
    record = records[top]
    if record.cells is None:
        return rows, width, [_at(record, "The header has a stray quotation mark")]
    cells = rows[top]
    while len(cells) > width and cells[-1] is None:
        cells = cells[:-1]
    if len(cells) > width:
        surplus = len(cells) - width
        if cells.count(None) != surplus:
            return _replaced(rows, top, cells), max(width, len(cells)), []
        text = "The header has an extra empty cell, which was left out"
        return _replaced(rows, top, [cell for cell in cells if cell]), width, [_at(record, text)]
    if len(cells) == width - 1 and width > 2 and None not in cells:
        return _with_gap(records, rows, width, dialect, top)
    return rows, width, None


def _otherwise_separated(
    records: Sequence[Record], rows: list[Row], width: int, dialect: Dialect
) -> tuple[list[Row], int, list[Decision] | None]:
    """The rows, with the first one divided by another separator if that gives each column a name."""
    first = next((i for i, record in enumerate(records) if record.text.strip()), 0)
    if len(rows[first]) >= width or width < 2:
        return rows, width, None
    for delimiter in _OTHER_DELIMITERS.replace(dialect.delimiter, ""):
        cells = Dialect(delimiter).rough_cells(records[first].text)
        if len(cells) == width and all(re.search(r"[^\W\d_]", cell) for cell in cells):
            text = "The header uses a different separator from the rows, and was read with it"
            return _replaced(rows, first, list(cells)), width, [_at(records[first], text)]
    return rows, width, None


def _replaced(rows: list[Row], i: int, cells: Row) -> list[Row]:
    return [*rows[:i], cells, *rows[i + 1 :]]


def _with_gap(
    records: Sequence[Record], rows: list[Row], width: int, dialect: Dialect, top: int
) -> tuple[list[Row], int, list[Decision] | None]:
    """The rows, with a gap in a header that lacks one name. The gap is where the other names fit their columns best."""
    cells, record = [cell or "" for cell in rows[top]], records[top]
    if (parted := _parted(record.text, dialect)) and len(parted) == width:
        text = "The header lacks a separator next to a quotation mark, and was split there"
        return _replaced(rows, top, list(parted)), width, [_at(record, text)]
    below = [r.cells for r in records[top + 1 :] if r.cells is not None and len(r.cells) == width]
    shapes = column_shapes(below, width)
    scores = _scores(cells, [shape.kind for shape in shapes])
    scores[-1] += shapes[-1].kind is Kind.EMPTY
    scores[0] += _MARGIN if _is_index([row[0] for row in below]) else 0
    best = max(range(width), key=lambda gap: (scores[gap], gap))
    second = max(score for gap, score in enumerate(scores) if gap != best)
    is_proved = scores[best] - second >= _MARGIN
    named: Row = [*cells[:best], None, *cells[best:]]
    if is_proved and shapes[best].kind is Kind.EMPTY:
        text = f"The header has {width - 1} names for {width} columns; column {best + 1}, which is empty, has none"
        return _replaced(rows, top, named), width, [_at(record, text)]
    text = f"The header has {width - 1} names for {width} columns; column {best + 1} was read without a name"
    return _replaced(rows, top, named), width, [_at(record, text, needs_check=True)]


def _parted(text: str, dialect: Dialect) -> list[str] | None:
    """The cells of a line in which a separator is missing next to a quoted cell."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote)
    before = re.sub(rf"(?<=[^{d}{q}\s])({q}[^{q}]+{q})(?={d}|$)", rf"{dialect.delimiter}\1", text)
    after = re.sub(rf"((?:^|{d}){q}[^{q}]+{q})(?=[^{d}{q}\s])", rf"\1{dialect.delimiter}", text)
    changed = before if before != text else after
    return dialect.cells(changed) if changed != text else None


def _scores(names: Sequence[str], kinds: Sequence[Kind]) -> list[float]:
    """How well the names fit the columns if there is no name for the first column, for the second, and so on."""
    before = accumulate(map(_fit, names, kinds), initial=0.0)
    behind = [*accumulate(map(_fit, reversed(names), reversed(kinds)), initial=0.0)]
    return [left + right for left, right in zip(before, reversed(behind), strict=True)]


def _fit(name: str, kind: Kind) -> float:
    """How well a name fits a column: a date-like name suits dates, a money-like one figures, a code-like one codes."""
    if kind is Kind.EMPTY:
        return 0
    parts = column_names.words(name)
    if any(part in _DATE_WORDS for part in parts):
        return 1 if kind is Kind.DATE else -1
    if any(part in _CLOCK_WORDS for part in parts):
        return 1 if kind is Kind.CLOCK else -1
    if column_names.says_money(parts) or column_names.says_count(parts) or column_names.says_percent(parts):
        return 1 if kind is Kind.NUMBER else -1
    if column_names.says_code(parts):
        return {Kind.CODE: 0.75, Kind.NUMBER: 0.5}.get(kind, -0.5)
    return 0.5 if kind in (Kind.TEXT, Kind.WORD) else -0.5


def _is_index(cells: Sequence[str]) -> bool:
    """Whether the cells are consecutive row numbers."""
    numbers = [int(cell) for cell in cells if cell.strip().isdecimal()]
    return len(numbers) == len(cells) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _doubts(above: Sequence[Record], dialect: Dialect, columns: int) -> list[Decision]:
    """Decisions about cells in the header, or in the titles above it, that may contain several rows."""
    found = [r for r in above if any(may_be_rows(cell, dialect.delimiter, columns) for cell in r.cells or ())]
    return [several_lines([r.line for r in found], len(found), max(r.height for r in found))] if found else []


def _at(record: Record, text: str, *, needs_check: bool = False) -> Decision:
    check = " Check it." if needs_check else ""
    text = f"{text} (row {record.line:,}).{check}"
    return Decision(kind=DecisionKind.LAYOUT, text=text, rows=(record.line,), count=1, needs_check=needs_check)
