"""Learns from the regular rows of a file what the cells of each column look like, to see where a damaged row broke."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from cfo_kernel.data import date_formats, number_grammar
from cfo_kernel.data.vocabulary import EMPTY_WORDS, PENDING_WORDS, plain

_MOST = 0.9  # of the cells have to fit; the others may be odd ones
_ENOUGH = 5  # rows, needed to draw conclusions from what never occurs
_MASKS, _MASK_SEEN = 5, 3
_WORDS, _WORDS_SEEN = 50, 3
_LONGEST = 60
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?")  # quicker than the whole grammar
_PREFIXED = re.compile(r"[^\W\d_]+[-/_]?\d[\w/-]*")  # `K-7386` might be an amount in a currency called K
_NUMBER = re.compile(number_grammar.ANY, re.IGNORECASE)
_DATE = re.compile(date_formats.ANY, re.IGNORECASE | re.ASCII)
_EMPTY = re.compile(EMPTY_WORDS, re.IGNORECASE)

WRONG = 4.0
"""The cost of a cell that cannot belong to its column."""
DOUBTFUL = 2.0
UNUSUAL = 1.0


class Kind(Enum):
    """The kind of the cells in a column."""

    EMPTY = auto()
    NUMBER = auto()
    DATE = auto()
    CLOCK = auto()
    CODE = auto()
    """Strings with digits that follow a few patterns, such as `K-7386`."""
    WORD = auto()
    """A few distinct strings that recur."""
    TEXT = auto()


TYPED = (Kind.NUMBER, Kind.DATE, Kind.CLOCK, Kind.CODE)
"""The kinds whose cells follow a pattern."""


def _kind(cell: str) -> Kind:
    """The kind of a single cell."""
    if len(cell) > _LONGEST:
        return Kind.TEXT if cell.strip() else Kind.EMPTY
    return _kind_of_short(cell)


@lru_cache(1 << 16)
def _kind_of_short(cell: str) -> Kind:
    if not cell.strip() or _EMPTY.fullmatch(cell.strip()):
        return Kind.EMPTY
    if not any(c.isdigit() for c in cell):
        return Kind.TEXT
    cell = cell.strip()
    if _PLAIN_NUMBER.fullmatch(cell):
        return Kind.NUMBER
    if _CLOCK.fullmatch(cell):
        return Kind.CLOCK
    if _NUMBER.fullmatch(cell):
        return Kind.CODE if _PREFIXED.fullmatch(cell) else Kind.NUMBER
    return Kind.DATE if _DATE.fullmatch(cell) else Kind.TEXT


def is_figure(cell: str) -> bool:
    """Whether a cell is a number, a date or a time."""
    return _kind(cell) in (Kind.NUMBER, Kind.DATE, Kind.CLOCK)


@dataclass(frozen=True)
class ColumnShape:
    """The shape of the cells in a column. `known` are the patterns of codes, or the words that recur."""

    kind: Kind = Kind.TEXT
    known: frozenset[str] = frozenset()
    may_be_empty: bool = True
    is_sure: bool = False
    has_figures: bool = True

    def cost(self, cell: str) -> float:
        """How badly the cell fits into the column: 0 if it fits, `WRONG` if it cannot belong there."""
        kind = _kind(cell)
        if kind is Kind.EMPTY:
            return 0 if self.may_be_empty else UNUSUAL
        match self.kind:
            case Kind.EMPTY:
                return WRONG if self.is_sure else UNUSUAL
            case Kind.CODE:
                return 0 if mask(cell) in self.known else DOUBTFUL
            case Kind.WORD:
                return 0 if cell.strip() in self.known else UNUSUAL if kind in (Kind.TEXT, Kind.CODE) else DOUBTFUL
            case Kind.TEXT:
                return 0 if kind in (Kind.TEXT, Kind.CODE) or self.has_figures else DOUBTFUL
            case _:
                if kind is self.kind or (self.kind is Kind.DATE and _DATE.fullmatch(cell.strip())):
                    return 0
                return UNUSUAL if plain(cell).strip(".!?*()[] ") in PENDING_WORDS else WRONG

    def proves(self, cell: str) -> bool:
        """Whether the cell fits so well that it is evidence for the column."""
        return self.kind not in (Kind.TEXT, Kind.EMPTY) and _kind(cell) is not Kind.EMPTY and self.cost(cell) == 0


def mask(cell: str) -> str:
    """The pattern of a code: `K-7386` becomes `A-9999`."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", cell.strip()))


def column_shapes(rows: Sequence[Sequence[str]], width: int) -> list[ColumnShape]:
    """The shapes of the columns of these rows, which have `width` cells each."""
    return [_shape([row[i] for row in rows]) for i in range(width)]


def _shape(cells: Sequence[str]) -> ColumnShape:
    if not cells:
        return ColumnShape()
    counts = Counter(map(_kind, cells))
    empty = counts.pop(Kind.EMPTY, 0)
    filled = len(cells) - empty
    is_sure = len(cells) >= _ENOUGH
    if not filled:
        return ColumnShape(Kind.EMPTY, is_sure=is_sure)
    may_be_empty = bool(empty) or not is_sure
    if (
        counts[Kind.NUMBER]
        and all(_DATE.fullmatch(c.strip()) for c in cells if _kind(c) is Kind.NUMBER)
        and counts[Kind.DATE]
    ):
        counts[Kind.DATE] += counts.pop(Kind.NUMBER)
    for kind in (Kind.NUMBER, Kind.DATE, Kind.CLOCK):
        if counts[kind] >= _MOST * filled:
            return ColumnShape(kind, may_be_empty=may_be_empty, is_sure=is_sure)
    texts = [cell.strip() for cell in cells if _kind(cell) is not Kind.EMPTY]
    masks = Counter(map(mask, texts)) if all(len(text) <= _LONGEST for text in texts) else Counter[str]()
    if masks and len(masks) <= _MASKS and min(masks.values()) >= _MASK_SEEN and all("9" in m for m in masks):
        return ColumnShape(Kind.CODE, frozenset(masks), may_be_empty, is_sure)
    has_figures = not is_sure or counts[Kind.TEXT] + counts[Kind.CODE] < filled
    words = Counter(texts)
    if len(words) <= _WORDS and filled >= _WORDS_SEEN * len(words) and max(map(len, words)) <= _LONGEST:
        return ColumnShape(Kind.WORD, frozenset(words), may_be_empty, is_sure, has_figures)
    return ColumnShape(Kind.TEXT, frozenset(), may_be_empty, is_sure, has_figures)
