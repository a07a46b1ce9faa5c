"""Finds headings above blocks of rows in a report, such as a cost centre, so that they can become columns.

Runs in the ingest worker. A heading has no figures of its own. Its name precedes it, in the same cell or another (`Cost
centre: 1000 Sales`). A heading without a name is recognized only by its position: above a header that is repeated for
each block, or in a column of dates or figures. Headings that only divide a report stay rows (`sections`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cfo_kernel.data import total_labels, units
from cfo_kernel.data.cell_kinds import CellKind, is_pending, kind_of
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.headers import Header, clean_name
from cfo_kernel.data.read_limits import MAX_NAME
from cfo_kernel.data.total_labels import Label
from cfo_kernel.data.vocabulary import BLOCK_NAMES, MONTHS, PAGE_WORDS, plain

MOST_ROWS, MOST_COLUMNS = 20_000, 100  # reports are no larger
SECTION = "section"
_MOST_CELLS, _MOST_KEYS = 4, 5
_KEY = re.compile(r"\s*([^\W\d_][^\d:=\n]{0,58}?)\s*[:=]\s*(\S.*)", re.DOTALL)
_WORD = re.compile(r"[^\W\d_][^\s\d]*")

Cells = Sequence[Any]


@dataclass(frozen=True)
class Blocks:
    """The columns made of headings, with their values by row. `headings` has the text of each heading row to delete.

    Rows are counted from the first one below the header.
    """

    names: list[str]
    values: dict[int, list[str | None]]
    headings: dict[int, str]
    example: str

    def decisions(self, rows: Sequence[int], count: int) -> list[Decision]:
        """The decision about these headings.

        `rows` are their row numbers in the file, and `count` is how many there are.
        """
        columns = f"the column {self.names[0]}" if len(self.names) == 1 else f"the columns {', '.join(self.names)}"
        text = f"The headings above blocks of rows, such as {self.example}, were put into {columns}."
        where = tuple(rows[:MAX_ROWS])
        return [Decision(kind=DecisionKind.LAYOUT, text=text, column=self.names[0], rows=where, count=count)]


@dataclass(frozen=True)
class _Heading:
    """A heading. Its `row` is negative if it is above the header, and its `key` is None if it has no name."""

    row: int
    key: str | None
    value: str
    text: str


@dataclass
class _Report:
    """The rows below a header.

    `plain` lists the rows that are neither empty nor a header, and `usual` is the most common number of cells in them.
    """

    rows: Sequence[Cells]
    header: Header
    is_header: list[bool] = field(default_factory=list[bool])
    plain: list[int] = field(default_factory=list[int])
    usual: int = 0

    def __post_init__(self) -> None:
        known = {_key_of(row) for row in self.header.rows}
        self.is_header = [_key_of(row) in known for row in self.rows]
        self.plain = [i for i, row in enumerate(self.rows) if not self.is_header[i] and any(map(_text, row))]
        sizes = Counter(sum(map(bool, map(_text, self.rows[i]))) for i in self.plain)
        self.usual = sizes.most_common(1)[0][0] if sizes else 0

    def is_above_header(self, i: int) -> bool:
        """Whether the next row that is not empty is the header or a repetition of it."""
        following = next((j for j in range(i + 1, len(self.rows)) if any(map(_text, self.rows[j]))), None)
        return i < 0 or (following is not None and self.is_header[following])


def find(rows: Sequence[Cells], header: Header) -> Blocks | None:
    """The columns made of the headings among the rows below a header, or None if there are none."""
    if not 2 < len(rows) <= MOST_ROWS or not 1 < len(header.names) <= MOST_COLUMNS or not header.values:
        return None
    report = _Report(rows, header)
    above = [(i - len(header.titles), row) for i, row in enumerate(header.titles)]
    lines = [*above, *((i, rows[i]) for i in report.plain)]
    found = _named(report, lines) or _unnamed(report, lines)
    return _blocks(report, found) if found else None


def _named(report: _Report, lines: Sequence[tuple[int, Cells]]) -> list[_Heading]:
    """The headings that have a name, in the order of the rows."""
    found: dict[str, list[_Heading]] = defaultdict(list)
    for i, row in lines:
        for heading in _readings(i, row, report.header.values, report.usual):
            found[plain(heading.key or "")].append(heading)
    used: list[_Heading] = []
    for headings in sorted(found.values(), key=lambda some: (-len(some), some[0].row)):
        if {heading.row for heading in headings}.isdisjoint(heading.row for heading in used):
            used += headings if _are_blocks(report, headings, [*used, *headings]) else []
    taken = {heading.row for heading in used}
    first = next((i for i in report.plain if i not in taken), -1)
    keys = {plain(h.key or "") for h in used if h.row < first}
    used = [heading for heading in used if plain(heading.key or "") in keys]
    return sorted(used, key=lambda heading: heading.row) if 0 < len(keys) <= _MOST_KEYS else []


def _readings(i: int, row: Cells, values: frozenset[int], usual: int) -> Iterator[_Heading]:
    """The ways to read a row as a heading with a name, if any. `usual` is the number of cells in most rows."""
    filled = [(column, _text(cell)) for column, cell in enumerate(row) if _text(cell)]
    if not filled or len(filled) > _MOST_CELLS or filled[0][0] > 1 or filled[-1][0] - filled[0][0] >= len(filled):
        return
    texts = [text for _, text in filled]
    whole = " ".join(texts)
    if len(whole) > MAX_NAME or units.is_unit(whole) or total_labels.label_of(texts[0]) is not Label.NONE:
        return
    figures = [text for column, text in filled[1:] if column in values and kind_of(text) is not CellKind.WORDS]
    has_words = any(kind_of(text) is CellKind.WORDS for column, text in filled[1:] if column in values)
    is_full = len(filled) >= usual and not has_words
    if figures and (is_full or not figures[0].isdecimal() or len(figures) > 1):
        return
    if match := _KEY.fullmatch(whole):
        if not figures or texts[0].endswith(":"):
            yield _Heading(i, match[1].strip(), match[2].strip(), whole)
        return
    if len(texts) == 1:
        yield from _divided(i, whole)
        return
    if (
        (has_words or _says_block(texts[0]))
        and not any(char.isdigit() for char in texts[0])
        and not any(map(is_pending, texts[1:]))
    ):
        yield _Heading(i, texts[0], " ".join(texts[1:]), whole)


def _divided(i: int, text: str) -> Iterator[_Heading]:
    """Splits a heading of one cell into name and value: the name ends before a code, or is a known name for blocks."""
    words = text.split()
    end = next((at for at, word in enumerate(words) if not _WORD.fullmatch(word)), len(words))
    rest = " ".join(words[end:]).lstrip("-–—#. ")
    if not MONTHS.keys().isdisjoint(map(plain, words)):
        return
    if 0 < end < len(words) and rest[:1].isdigit():
        yield _Heading(i, " ".join(words[:end]), rest, text)
        return
    for size in (3, 2, 1):
        if size < len(words) and plain(" ".join(words[:size])) in BLOCK_NAMES:
            yield _Heading(i, " ".join(words[:size]), " ".join(words[size:]).lstrip("-–—. "), text)
            return


def _says_block(text: str) -> bool:
    return plain(text.strip(" :.")) in BLOCK_NAMES


def _are_blocks(report: _Report, headings: Sequence[_Heading], all_headings: Sequence[_Heading]) -> bool:
    """Whether headings with the same name introduce blocks: they have several values, and most have rows below them."""
    key = plain(headings[0].key or "")
    if len(headings) < 2 or len({heading.value for heading in headings}) < 2 or key in PAGE_WORDS:
        return False
    places = {heading.row for heading in all_headings}
    ordinary = [i for i in report.plain if i not in places]
    own = [heading.row for heading in headings]
    ends = [*own[1:], len(report.rows)]
    used = sum(any(start < i < end for i in ordinary) for start, end in zip(own, ends, strict=True))
    return 2 * used > len(own) and used > 1


def _unnamed(report: _Report, lines: Sequence[tuple[int, Cells]]) -> list[_Heading]:
    """Unnamed headings, identifiable as headings only by their position."""
    alone = [(i, label) for i, row in lines if (label := _label(row, report.header.values)) is not None]
    headings = [_Heading(i, None, label, label) for i, label in alone if i >= 0]
    repeated = [heading for heading in headings if report.is_above_header(heading.row)]
    if repeated:
        last = lines[sum(i < 0 for i, _ in lines) - 1] if lines[0][0] < 0 else None
        first = [_Heading(i, None, label, label) for i, label in alone if last is not None and i == last[0]]
        headings = [*first, *repeated]
    elif 0 not in report.header.values or not _are_words(headings):
        return []
    headings = [h for h in headings if not PAGE_WORDS.intersection(plain(h.value).split())]
    is_first = bool(headings) and headings[0].row < next((i for i in report.plain if i != headings[0].row), 0)
    return headings if is_first and _are_blocks(report, headings, headings) else []


def _label(row: Cells, values: frozenset[int]) -> str | None:
    """The text of a row that has only a label, or only a code and a name. None for any other row."""
    filled = [(column, _text(cell)) for column, cell in enumerate(row) if _text(cell)]
    if not 0 < len(filled) < 3 or filled[0][0] > 1 or filled[-1][0] > filled[0][0] + 1:
        return None
    text = " ".join(cell for _, cell in filled)
    is_words = any(kind_of(cell) is CellKind.WORDS and not is_pending(cell) for _, cell in filled)
    if not is_words or len(text) > MAX_NAME or units.is_unit(text) or total_labels.label_of(text) >= Label.WORD:
        return None
    return None if total_labels.is_balance(text) or any(column in values for column, _ in filled[1:]) else text


def _are_words(headings: Sequence[_Heading]) -> bool:
    """Whether each heading occurs only once, unlike remarks between rows, which may be repeated."""
    texts = [heading.value for heading in headings]
    return len(set(texts)) == len(texts)


def _blocks(report: _Report, headings: Sequence[_Heading]) -> Blocks:
    keys = list(dict.fromkeys(plain(heading.key or "") for heading in headings))
    written = {plain(h.key or ""): h.key for h in reversed(headings)}
    names = [clean_name(written[key] or SECTION, MAX_NAME) for key in keys]
    at = {heading.row: heading for heading in headings}
    current: list[str | None] = [None] * len(keys)
    for heading in (h for h in headings if h.row < 0):
        _enter(current, keys, heading)
    values: dict[int, list[str | None]] = {}
    is_closed = False
    for i in report.plain:
        if heading := at.get(i):
            _enter(current, keys, heading)
            is_closed = False
            continue
        is_total = total_labels.label_of(_first_text(report.rows[i])) >= Label.WORD
        if is_closed and is_total:
            current = [None] * len(keys)  # a total of several blocks
        is_closed = is_closed or is_total
        values[i] = list(current)
    return Blocks(names, values, {h.row: h.text for h in headings if h.row >= 0}, headings[0].text)


def _enter(current: list[str | None], keys: Sequence[str], heading: _Heading) -> None:
    """Begins a block, which ends the previous block of the same name and the blocks nested in it."""
    place = keys.index(plain(heading.key or ""))
    current[place:] = [heading.value, *[None] * (len(keys) - place - 1)]


def _first_text(row: Cells) -> str:
    return next((text for text in map(_text, row) if text), "")


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else " ".join(str(cell).split())


def _key_of(row: Cells) -> tuple[str, ...]:
    cells = [_text(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)
