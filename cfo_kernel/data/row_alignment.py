"""Finds out how to divide the text of a damaged row into the columns of its table.

Runs in the ingest worker. A row may have an extra or a missing separator, a separator inside unquoted text, a stray
quotation mark, or a quoted cell with quotation marks that are not doubled. Each of these faults has a cost, and so does
a cell that does not fit its column (`column_shapes`). The cheapest reading is used. It is proved if every other reading
costs clearly more.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from cfo_kernel.data.column_shapes import DOUBTFUL, UNUSUAL, WRONG, ColumnShape, Kind, is_figure
from cfo_kernel.data.csv_grammar import Dialect, State

_MOST_STATES = 20_000
_LONGEST_ROW = 20_000  # characters
_LONGEST_SPAN = 50  # separators in a quoted cell
_SLACK = 3  # cells that may be missing or joined
_LONGEST_JOIN = 3
_LONGEST_SPLIT = 80
_MARGIN = 1.0
_GROUPED = re.compile(r"[-+(]?[$€£¥]? ?[-+]?\d{1,3}(,\d{3})+(\.\d+)?\)?")


class Fault(StrEnum):
    """A fault in a row."""

    EXTRA = "an extra empty cell"
    MISSING = "a missing cell"
    JOINED = "two cells without a separator between them"
    UNQUOTED = "a separator inside a cell"
    STRAY_QUOTE = "a stray quotation mark"
    INNER_QUOTE = "a quotation mark inside a quoted cell"


_SHIFTS = frozenset({Fault.EXTRA, Fault.MISSING, Fault.JOINED, Fault.UNQUOTED})
"""The faults that shift the cells after them."""


@dataclass(frozen=True)
class Alignment:
    """A reading of a row: a cell for each column, and the faults in it.

    `is_proved` means that the file leaves no doubt, `is_wrong` that a cell cannot belong to its column, and `is_tail`
    that cells are missing only at the end.
    """

    cells: list[str]
    faults: frozenset[Fault]
    cost: float
    is_proved: bool
    is_wrong: bool
    is_tail: bool


@dataclass(frozen=True, slots=True)
class _Path:
    """A reading of the beginning of a row. Readings with different cells have different keys."""

    cost: float
    key: int
    before: "_Path | None" = None
    cells: tuple[str, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """A way to continue a reading: the cells it fills, the number of pieces it uses, and what it costs."""

    cells: tuple[str, ...]
    pieces: int
    cost: float
    fault: Fault | None = None


def align(text: str, dialect: Dialect, shapes: Sequence[ColumnShape]) -> Alignment | None:
    """The best reading of a row with these columns, or None if there is none or the row is too long."""
    pieces = dialect.protected(text).split(dialect.delimiter)
    width, surplus = len(shapes), len(pieces) - len(shapes)
    if len(text) > _LONGEST_ROW or (len(pieces) + 1) * (2 * _SLACK + abs(surplus) + 1) > _MOST_STATES:
        return None
    low, high = min(0, surplus) - _SLACK, max(0, surplus) + _SLACK
    paths: dict[tuple[int, int], list[_Path]] = {(0, 0): [_Path(0, 0)]}
    row = _Row(pieces, dialect, shapes)
    for used in range(len(pieces) + 1):
        for filled in range(max(0, used - high), min(width, used - low) + 1):
            for path in paths.get((used, filled), ()):
                for step in row.steps(used, filled):
                    _add(paths, path, step, used + step.pieces, filled + len(step.cells))
    return _result(paths.get((len(pieces), width), []), dialect, shapes)


def align_simply(text: str, dialect: Dialect, shapes: Sequence[ColumnShape]) -> Alignment | None:
    """The reading of a row with one common fault: a single stray quotation mark, or empty cells missing at its end.

    A file with this fault in every row would otherwise take long. Returns None for any other row, or if types do not
    fit.
    """
    pieces, width, quote = text.split(dialect.delimiter), len(shapes), dialect.quote
    marks = text.count(quote)
    if "\\" in text and dialect.has_escapes:
        return None
    if marks == 1 and len(pieces) == width:
        fault = Fault.STRAY_QUOTE
        cells = [_bare(piece, quote, shape) for piece, shape in zip(pieces, shapes, strict=True)]
    elif not marks and len(pieces) < width and shapes[len(pieces) - 1].proves(pieces[-1]):
        fault = Fault.MISSING
        cells = pieces + [""] * (width - len(pieces))
    else:
        return None
    if any(shape.cost(cell) for shape, cell in zip(shapes, cells, strict=True)):
        return None
    return Alignment(cells, frozenset({fault}), 0, is_proved=True, is_wrong=False, is_tail=fault is Fault.MISSING)


def _bare(piece: str, quote: str, shape: ColumnShape) -> str:
    """The cell without a stray quotation mark if that fits the column, or else with it."""
    bare = piece.strip(quote)
    return bare if quote not in bare and (not bare or shape.proves(bare)) else piece


def _add(paths: dict[tuple[int, int], list[_Path]], path: _Path, step: _Step, used: int, filled: int) -> None:
    """Adds a reading. Only the two best readings with different cells are kept."""
    key = hash((path.key, step.cells)) if step.cells else path.key
    new = _Path(path.cost + step.cost, key, path, step.cells, step.fault)
    known = paths.setdefault((used, filled), [])
    same = next((i for i, other in enumerate(known) if other.key == key), None)
    if same is not None:
        if new.cost < known[same].cost:
            known[same] = new
    else:
        known.append(new)
    known.sort(key=lambda p: p.cost)
    del known[2:]


def _result(found: list[_Path], dialect: Dialect, shapes: Sequence[ColumnShape]) -> Alignment | None:
    if not found:
        return None
    cells: list[str] = []
    faults: set[Fault] = set()
    gaps = len(shapes)  # the first column for which a cell is missing
    path: _Path | None = found[0]
    while path is not None:
        cells[:0] = path.cells
        faults |= {path.fault} if path.fault else set()
        gaps = len(shapes) - len(cells) if path.fault is Fault.MISSING else gaps
        path = path.before
    cells = dialect.restored(cells)
    costs = [shape.cost(cell) for shape, cell in zip(shapes, cells, strict=True)]
    is_alone = len(found) == 1 or found[1].cost - found[0].cost >= _MARGIN
    last = max((i for i, cell in enumerate(cells) if cell.strip()), default=0)
    # A missing cell may be anywhere before the last one, unless that one is where it belongs.
    is_placed = Fault.MISSING not in faults or shapes[last].proves(cells[last])
    is_proved = is_alone and is_placed and max(costs) < (UNUSUAL if faults & _SHIFTS else DOUBTFUL)
    is_tail = Fault.MISSING in faults and not any(cells[gaps:])
    return Alignment(cells, frozenset(faults), found[0].cost, is_proved, max(costs) >= WRONG, is_tail)


@dataclass(frozen=True)
class _Row:
    """The pieces between the separators of a row, and the columns that they must fill."""

    pieces: list[str]
    dialect: Dialect
    shapes: Sequence[ColumnShape]

    @cached_property
    def _edge(self) -> re.Pattern[str]:
        """A quotation mark where a cell would begin or end."""
        d, q = re.escape(self.dialect.delimiter), re.escape(self.dialect.quote)
        return re.compile(rf"{d} *{q}|{q} *(?={d})")

    def steps(self, used: int, filled: int) -> Iterator[_Step]:
        """The ways to continue after this many pieces and columns."""
        if filled < len(self.shapes):
            at_end = used == len(self.pieces)
            yield _Step(("",), 0, (0.5 if at_end else 2.5) + self.shapes[filled].cost(""), Fault.MISSING)
        if used == len(self.pieces):
            return
        piece = self.pieces[used]
        if not piece.strip():
            is_tail = filled == len(self.shapes) and not any(p.strip() for p in self.pieces[used:])
            yield _Step((), 1, 0.5 if is_tail else 2.5, Fault.EXTRA)
        if filled < len(self.shapes):
            yield from self._plain(used, filled)
            yield from self._quoted(used, filled)
            yield from self._unquoted(used, filled)
        if filled + 1 < len(self.shapes):
            yield from self._divided(used, filled)

    def _plain(self, used: int, filled: int) -> Iterator[_Step]:
        """Reads a piece as a cell."""
        piece, quote, shape = self.pieces[used], self.dialect.quote, self.shapes[filled]
        if "\n" in piece:
            return
        text = piece.strip(" ") if self.dialect.skips_spaces else piece
        if not text.startswith(quote):
            is_end = text.endswith(quote) and text.count(quote) == 1
            yield _Step((piece,), 1, shape.cost(piece) + (0.5 if is_end else 0), None)
        elif self.dialect.state(text) is not State.CLOSED:
            yield _Step((text,), 1, 2 + shape.cost(text), Fault.STRAY_QUOTE)
        if (bare := _bare(text, quote, shape)) != text:
            yield _Step((bare,), 1, 2.0, Fault.STRAY_QUOTE)

    def _quoted(self, used: int, filled: int) -> Iterator[_Step]:
        """Reads several pieces as one quoted cell."""
        for pieces, cell, cost in self._spans(used, ""):
            step_cost = cost + self.shapes[filled].cost(cell)
            yield _Step((cell,), pieces, step_cost, Fault.INNER_QUOTE if cost else None)

    def _spans(self, used: int, before: str) -> Iterator[tuple[int, str, float]]:
        """The quoted strings that begin after `before` in this piece.

        Yields the number of pieces that each uses, the string, and its cost.
        """
        quote, space = self.dialect.quote, " " if self.dialect.skips_spaces else ""
        first = self.pieces[used][len(before) :].lstrip(space)
        if not first.startswith(quote):
            return
        parts: list[str] = []
        for i in range(used, min(used + _LONGEST_SPAN, len(self.pieces))):
            parts.append(first if i == used else self.pieces[i])
            end = parts[-1].rstrip(space)
            if not end.endswith(quote) or (i == used and len(end) == 1):
                continue
            inner = self.dialect.delimiter.join([*parts[:-1], end])[1:-1]
            single = inner.replace(quote * 2, "")
            if quote not in single:
                yield i - used + 1, inner.replace(quote * 2, quote), 0
                return  # what follows belongs to other cells
            else:
                rough = inner.replace("\\" + quote, quote) if "\\" + quote in inner else inner.replace(quote * 2, quote)
                yield i - used + 1, rough, 1 + 1.5 * len(self._edge.findall(inner))

    def _unquoted(self, used: int, filled: int) -> Iterator[_Step]:
        """Reads several pieces as one cell that is not quoted."""
        shape = self.shapes[filled]
        for count in range(2, _LONGEST_JOIN + 1):
            parts = self.pieces[used : used + count]
            if len(parts) < count or any(self.dialect.quote in part or "\n" in part for part in parts):
                return
            cell = self.dialect.delimiter.join(parts)
            if shape.kind is Kind.NUMBER and not _GROUPED.fullmatch(cell.strip()):
                continue
            if any(not part.strip() or is_figure(part) for part in parts) and shape.kind is not Kind.NUMBER:
                continue
            # `Smith, John`: people write a space after a comma within a text.
            is_prose = all(part.startswith(" ") for part in parts[1:]) and self.dialect.delimiter in ",;"
            yield _Step((cell,), count, (1.5 if is_prose else 2.5) + 0.5 * count + shape.cost(cell), Fault.UNQUOTED)

    def _divided(self, used: int, filled: int) -> Iterator[_Step]:
        """Reads a piece as two cells without a separator between them."""
        piece, quote = self.pieces[used], self.dialect.quote
        left, right = self.shapes[filled], self.shapes[filled + 1]
        if (at := piece.find(quote, 1)) > 0 and not piece.lstrip().startswith(quote):
            for pieces, cell, cost in self._spans(used, before := piece[:at]):
                yield _Step((before, cell), pieces, 3 + cost + left.cost(before) + right.cost(cell), Fault.JOINED)
        if (
            piece.startswith(quote)
            and (end := piece.find(quote, 1)) > 0
            and piece[end + 1 :].strip()
            and quote not in piece[end + 1 :]
        ):
            cells = piece[1:end], piece[end + 1 :]
            yield _Step(cells, 1, 3 + left.cost(cells[0]) + right.cost(cells[1]), Fault.JOINED)
        if len(piece) <= _LONGEST_SPLIT and quote not in piece:
            for i in range(1, len(piece)):
                if left.proves(piece[:i]) and right.proves(piece[i:]):
                    yield _Step((piece[:i], piece[i:]), 1, 2.0, Fault.JOINED)
