"""Reads text files whose columns are aligned with spaces, as in printed reports and exports from mainframes.

Runs in the ingest worker. The columns lie between positions that are empty in all rows. The file is rewritten with
commas, line by line, so that the other modules read it like any delimited text.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cfo_kernel.data.csv_dialect import is_figure, worth
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.text_encoding import Text
from cfo_kernel.data.vocabulary import PAGE_WORDS, plain

_GAP = re.compile(r"\S {2,}(?=\S)")
_MOST = 0.6  # of the lines have to be rows of columns; the others are titles and footers
_FIGURES = 0.8
_SHOWN = 3
_MOST_TITLES, _FEWEST = 5, 3
_AMOUNT = re.compile(r"\d[.,]\d\d(?![\d./])")
_PAGE = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(sorted(PAGE_WORDS))})\.?[ :#]{{0,4}}(?:no\.? ?|nr\.? ?)?\d+")


@dataclass(frozen=True)
class FixedWidths:
    """The start and end of the text in each column.

    `spans` is empty if two spaces or more separate the cells instead. `worth` says how meaningful the cells look, from
    0 to 1. `repeated` are lines that occur on several pages.
    """

    spans: tuple[tuple[int, int], ...]
    worth: float = 0
    repeated: frozenset[str] = frozenset()

    def cells(self, line: str) -> list[str] | None:
        """The cells of a line, or None if it has text between two columns."""
        if not self.spans:
            return re.split(r" {2,}", line.strip())
        starts = [0, *(start for start, _ in self.spans[1:])]
        ends = [*(end for _, end in self.spans[:-1]), len(line)]
        if any(line[end:start].strip() for end, start in zip(ends, starts[1:], strict=False)):
            return None
        return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def find_widths(lines: Sequence[str]) -> FixedWidths | None:
    """The columns of a file that begins with these lines, or None if the lines are not aligned with spaces."""
    text = [line.expandtabs() for line in lines if line.strip()]
    rows = [line for line in text if _GAP.search(line.strip())]
    if len(rows) < 2 or len(rows) < _MOST * len(text):
        return None
    of_pages = Counter(_without_digits(line) for line in text if _is_of_page(line))
    alike = Counter(_without_digits(row) for row in dict.fromkeys(rows) if not _AMOUNT.search(row))
    found = (
        _below_titles([row for row in rows if not _is_of_page(row)])
        or _below_titles([row for row in rows if not _is_of_page(row) and alike[_without_digits(row)] < 2])
        or _found(list(dict.fromkeys(rows)))
    )
    if found is None or not found.spans:
        return found
    between = Counter(_without_digits(line) for line in text if found.cells(line) is None and not _AMOUNT.search(line))
    return replace(found, repeated=frozenset(line for line, count in (of_pages + between).items() if count > 1))


def _without_digits(line: str) -> str:
    """Replaces each number in the line with a zero, because page numbers and times may differ."""
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _found(rows: Sequence[str]) -> FixedWidths | None:
    for widths in (_aligned(rows), FixedWidths(())):
        cells = [widths.cells(row) or [] for row in rows]
        if len(widths.spans) != 1 and len({len(row) for row in cells}) == 1 and _is_table(cells):
            return replace(widths, worth=worth(cells))
    return None


def _below_titles(rows: Sequence[str]) -> FixedWidths | None:
    """The columns below titles that contain gaps too, such as a company's name beside the name of the report."""
    rows = list(dict.fromkeys(rows))
    tried = (_found(rows[titles:]) for titles in range(min(_MOST_TITLES, len(rows) - _FEWEST) + 1))
    return next((found for found in tried if found), None)


def _is_of_page(line: str) -> bool:
    """Whether the line contains a page number, like the header or footer of a page."""
    return _PAGE.search(plain(line)) is not None


def _aligned(rows: Sequence[str]) -> FixedWidths:
    """The columns between the positions that are empty in all rows. A gap of one space counts only next to figures."""
    length = max(map(len, rows))
    is_used = [any(i < len(row) and row[i] != " " for row in rows) for i in range(length)]
    edges = [i for i in range(length + 1) if (i > 0 and is_used[i - 1]) != (i < length and is_used[i])]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        is_apart = not merged or start - merged[-1][1] > 1
        if is_apart or _has_figures(rows, start, end) or _has_figures(rows, *merged[-1]):
            merged.append((start, end))
        else:
            merged[-1] = (merged[-1][0], end)
    return FixedWidths(tuple(merged))


def _has_figures(rows: Sequence[str], start: int, end: int) -> bool:
    cells = [row[start:end].strip() for row in rows[1:]]
    return _are_figures([cell for cell in cells if cell])


def _are_figures(cells: Sequence[str]) -> bool:
    return bool(cells) and sum(map(is_figure, cells)) >= _FIGURES * len(cells)


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether there are several columns, one of them has figures, and few cells look like more than one."""
    if 10 * sum(any(_GAP.search(cell) for cell in row) for row in rows) > len(rows):
        return False
    columns = list(zip(*(row for row in rows[1:] if len(row) == len(rows[0])), strict=True))
    return len(rows[0]) > 1 and any(_are_figures([c for c in column if c]) for column in columns)


def as_delimited(text: Text, widths: FixedWidths, scratch: Path) -> Text:
    """The file with commas between its cells. A line that is not a row of these columns becomes a single cell."""
    path = scratch / "delimited.csv"
    odd, count = list[int](), 0
    pages = list[int]()
    with text.path.open(encoding=text.encoding) as file, path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for number, raw in enumerate(file, 1):
            line = raw.rstrip("\n").expandtabs()
            if not line.strip():
                out.write("\n")
                continue
            cells = widths.cells(line)
            is_of_page = _without_digits(line) in widths.repeated or (
                _is_of_page(line) and (cells is None or not widths.spans)
            )
            if is_of_page:
                pages.append(number)
                out.write("\n")
                continue
            if cells is None:
                count += 1
                odd += [number] if len(odd) < MAX_ROWS else []
            writer.writerow(cells if cells is not None else [line.strip()])
    said = Decision(
        kind=DecisionKind.FORMAT, text="The columns are aligned with spaces, and were read by their positions."
    )
    more = [*([_odd(odd, count)] if count else []), *([_pages(pages)] if pages else [])]
    return Text(path, "utf-8", [*text.decisions, said, *more])


def _pages(rows: list[int]) -> Decision:
    count = len(rows)
    lines = (
        "1 line of a page header or footer was" if count == 1 else f"{count:,} lines of page headers or footers were"
    )
    where = tuple(rows[:MAX_ROWS])
    return Decision(kind=DecisionKind.LAYOUT, text=f"{lines} left out.", rows=where, count=count)


def _odd(rows: list[int], count: int) -> Decision:
    lines, verb = ("1 line", "was") if count == 1 else (f"{count:,} lines", "were")
    numbers = ", ".join(f"{row:,}" for row in rows[:_SHOWN]) + (", …" if count > _SHOWN else "")
    text = (
        f"{lines} with text between the columns {verb} read as one cell ({'row' if count == 1 else 'rows'} {numbers})."
    )
    return Decision(kind=DecisionKind.ROWS, text=text, rows=tuple(rows), count=count)
