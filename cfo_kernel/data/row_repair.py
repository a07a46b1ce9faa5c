"""Repairs the damaged rows of a delimited text file, and records how many rows have each kind of damage, and where.

Runs in the ingest worker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cfo_kernel.data.column_shapes import TYPED, WRONG, ColumnShape
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Record, Records
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.row_alignment import Alignment, Fault, align, align_simply
from cfo_kernel.errors import UnreadableFile

_MANY_LINES = 10  # in one cell; more are rarely intended
_MOST_WORK = 400_000  # the states of all alignments; a file with more damage has another problem
_MOST_JOINED = 20  # lines of a cell with stray quotation marks
_CHECKED = 200  # lines of a cell that may be rows
_OTHER_DELIMITERS = ",;\t| "
_CHEAP = 3.0
_MARGIN = 1.0
_SHOWN = 3


@dataclass
class _Named:
    """The rows with one kind of damage."""

    count: int = 0
    rows: list[int] = field(default_factory=list[int])


class RowRepair:
    """Divides rows that do not have one well-formed cell for each column.

    `may_join` allows extra cells to be read as parts of others.
    """

    def __init__(self, name: str, dialect: Dialect, shapes: Sequence[ColumnShape], *, may_join: bool) -> None:
        self._name = name
        self._dialect = dialect
        self._shapes = shapes
        self._may_join = may_join
        self._work = 0
        self._tallest = 0
        self._several = _Named()
        typed = [i for i, shape in enumerate(shapes) if shape.is_sure and shape.kind in TYPED]
        self._telling = sorted({*typed[:1], *typed[-1:]})
        self._damaged: dict[tuple[str, str, bool], _Named] = {}

    def cells(self, record: Record, records: Records) -> list[str]:
        """The cells of the row, which may be more than there are columns.

        Further lines that belong to the row are taken from `records`, and lines that do not are put back.
        """
        if record.height > 1 and record.cells is not None:
            may_be_rows = self._may_be_rows(record)
            if (may_be_rows or len(record.cells) != len(self._shapes)) and self._are_rows(record.text.split("\n")):
                self._note(record.line, "a stray quotation mark, which joined it to the next one,", "separated", True)
                record = records.take_back(record)
            elif may_be_rows and any(self._is_tall(cell) for cell in record.cells):
                self._tallest = max(self._tallest, record.height)
                _add(self._several, record.line)
        if record.is_part and self._dialect.quote in record.text:
            found = self._align(record.text)
            if found and found.is_proved and found.faults:
                return self._realigned(record.line, found)
        if record.cells is None:
            return self._malformed(record, records)
        if not any(cell.strip() for cell in record.cells):
            return record.cells[: len(self._shapes)]
        if len(record.cells) == len(self._shapes):
            return self._with_types(record, record.cells)
        return self._uneven(record.line, record.text, record.cells)

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether a row with the right number of cells has figures and dates where the other rows have them.

        Only a few columns are examined.
        """
        return not any(self._shapes[i].cost(cells[i]) >= WRONG for i in self._telling)

    def decisions(self) -> list[Decision]:
        """A decision for each kind of damage."""
        found = [_decision(*kind, named) for kind, named in self._damaged.items()]
        return [
            *found,
            *([several_lines(self._several.rows, self._several.count, self._tallest)] if self._several.count else []),
        ]

    def _with_types(self, record: Record, cells: list[str]) -> list[str]:
        """The cells of a row that has the right number of them, or another reading if that fits the types better."""
        if record.height > 1 or self.fits(cells):
            return cells
        if other := self._otherwise_separated(record.text):
            self._note(record.line, "another separator", "read with it", True)
            return other
        found = self._align(record.text)
        return self._realigned(record.line, found) if found and found.is_proved and found.faults else cells

    def _malformed(self, record: Record, records: Records) -> list[str]:
        """The cells of a malformed row."""
        found = self._align(record.text)
        if not (found and found.is_proved) and (joined := self._with_next_lines(record, records)):
            found = joined
        if found and not found.is_wrong:
            return self._realigned(record.line, found)
        if record.is_open:
            raise unclosed(self._name, record.line)
        return self._uneven(record.line, record.text, self._dialect.rough_cells(record.text))

    def _with_next_lines(self, record: Record, records: Records) -> Alignment | None:
        """The row, read as one whose quoted cell continues on the next lines and contains quotation marks."""
        text = record.text
        for count, line in enumerate(records.ahead(_MOST_JOINED), 1):
            text = f"{text}\n{line}"
            if self._dialect.quote in line:
                found = self._align(text)
                if found and found.is_proved and found.cost <= _CHEAP:
                    records.skip(count)
                    return found
        return None

    def _uneven(self, line: int, text: str, cells: list[str]) -> list[str]:
        """The cells of a row with too many or too few of them."""
        width = len(self._shapes)
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        standing = cells + [""] * (width - len(cells))
        filled = sum(bool(cell.strip()) for cell in cells)
        if other := self._otherwise_separated(text):
            self._note(line, "another separator", "read with it", True)
            return other
        is_title = filled <= 1 and len(cells) < width
        found = None if is_title or (len(cells) > width and not self._may_join) else self._align(text)
        if found and found.is_proved:
            return self._realigned(line, found)
        if found and self._misfit(found.cells) + _MARGIN <= self._misfit(standing):
            return self._realigned(line, found)
        what = "fewer cells than columns" if len(cells) <= width else "more cells than columns"
        self._note(line, what, "kept as {it}", False)
        return standing

    def _realigned(self, line: int, found: Alignment) -> list[str]:
        is_tail = found.is_tail and not found.faults - {Fault.MISSING}
        what = "fewer cells than columns" if is_tail else " and ".join(sorted(found.faults))
        how = "kept as {it}" if is_tail else "realigned" if found.is_proved else "realigned as the other rows suggest"
        self._note(line, what, how, found.is_proved)
        return found.cells

    def _misfit(self, cells: Sequence[str]) -> float:
        """How badly the cells fit into the columns."""
        return sum(shape.cost(cell) for shape, cell in zip(self._shapes, cells, strict=False))

    def _align(self, text: str) -> Alignment | None:
        if found := align_simply(text, self._dialect, self._shapes):
            return found
        if self._work > _MOST_WORK:
            return None
        self._work += text.count(self._dialect.delimiter) * 20 + len(text) // 10
        return align(text, self._dialect, self._shapes)

    def _otherwise_separated(self, text: str) -> list[str] | None:
        """The cells of a row that uses a different separator from the others, or None."""
        width = len(self._shapes)
        for delimiter in _OTHER_DELIMITERS.replace(self._dialect.delimiter, ""):
            if width > 1 and text.count(delimiter) >= width - 1:
                other = Dialect(delimiter).rough_cells(text)
                fits = len(other) == width and not any(s.cost(c) for s, c in zip(self._shapes, other, strict=True))
                if fits and any(s.proves(c) for s, c in zip(self._shapes, other, strict=True)):
                    return other
        return None

    def _may_be_rows(self, record: Record) -> bool:
        """Whether each of the row's lines, or a line in one of its cells, has as many separators as a row."""
        least, lines = len(self._shapes) - 1, record.text.split("\n")
        has_wide_lines = least > 0 and all(line.count(self._dialect.delimiter) >= least for line in lines)
        return has_wide_lines or any(self._is_tall(cell) for cell in record.cells or ())

    def _is_tall(self, cell: str) -> bool:
        return may_be_rows(cell, self._dialect.delimiter, len(self._shapes))

    def _are_rows(self, lines: Sequence[str]) -> bool:
        """Whether the types of the cells prove that each line is a row."""
        return len(self._shapes) > 1 and all(self._is_row(line) for line in lines[:_CHECKED] if line.strip())

    def _is_row(self, line: str) -> bool:
        found = self._align(line)
        if found is None or found.is_wrong or found.faults - {Fault.STRAY_QUOTE}:
            return False
        return any(shape.proves(cell) for shape, cell in zip(self._shapes, found.cells, strict=True))

    def _note(self, line: int, what: str, how: str, is_proved: bool) -> None:
        _add(self._damaged.setdefault((what, how, is_proved), _Named()), line)


def _add(named: _Named, line: int) -> None:
    named.count += 1
    if len(named.rows) < MAX_ROWS:
        named.rows.append(line)


def _decision(what: str, how: str, is_proved: bool, named: _Named) -> Decision:
    is_one = named.count == 1
    numbers = ", ".join(f"{row:,}" for row in named.rows[:_SHOWN]) + (", …" if named.count > _SHOWN else "")
    rows, verb = ("1 row", "was") if is_one else (f"{named.count:,} rows", "were")
    how = how.format(it="it stands" if is_one else "they stand")
    check = "" if is_proved else " Check it." if is_one else " Check them."
    text = f"{rows} had {what} and {verb} {how} ({'row' if is_one else 'rows'} {numbers}).{check}"
    kind = DecisionKind.ROWS
    return Decision(kind=kind, text=text, rows=tuple(named.rows), count=named.count, needs_check=not is_proved)


def may_be_rows(cell: str, delimiter: str, columns: int) -> bool:
    """Whether one of the cell's lines has as many separators as a row, or there are many lines."""
    lines = cell.split("\n")
    is_wide = columns > 1 and any(line.count(delimiter) >= columns - 1 for line in lines)
    return len(lines) > _MANY_LINES or (len(lines) > 1 and is_wide)


def several_lines(rows: Sequence[int], count: int, height: int) -> Decision:
    """The decision about cells that look like several rows. `height` is the number of lines in the tallest row."""
    cells = "1 row has a cell" if count == 1 else f"{count:,} rows have cells"
    found = (
        f"{cells} of several lines that look like rows (up to {height:,} lines; the first begins on line {rows[0]:,})"
    )
    text = f"{found}. If they are rows, there is an extra quotation mark: delete it and upload the file again."
    return Decision(kind=DecisionKind.ROWS, text=text, rows=tuple(rows), count=count, needs_check=True)


def unclosed(name: str, line: int, *, is_cut: bool = False) -> UnreadableFile:
    """The error for a quotation mark that is not closed.

    `is_cut` means that only the beginning of the file was read.
    """
    fault = "not closed in the same cell" if is_cut else "never closed"
    problem = f"a quotation mark is opened and {fault}, on line {line:,} or in the row that begins there"
    return UnreadableFile(f"{name}: {problem}. Close it, or save the file again as CSV.")
