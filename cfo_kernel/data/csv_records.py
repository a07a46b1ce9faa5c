"""Divides the lines of a delimited text file into rows, and finds the lines that are not well formed.

Runs in the ingest worker. A quoted cell may have several lines. A stray quotation mark looks like the beginning of such
a cell, so a row that does not end properly is handed on line by line, as text, for `row_alignment` to read.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cfo_kernel.data.csv_grammar import Dialect, State

_MOST_LINES = 10_000
_MOST_CHARACTERS = 8 << 20


@dataclass(frozen=True)
class Record:
    """A row of the file: its first line, counted from 1, its text, and its cells, which are None if it is malformed.

    `is_open` means that it opens a quotation mark that is not closed within the limits. `is_part` means that it was
    first read as part of a row of several lines.
    """

    line: int
    text: str
    cells: list[str] | None
    height: int = 1
    is_open: bool = False
    is_part: bool = False


class Records(Iterator[Record]):
    """Parses lines, without their line endings, into rows.

    A row that spans several lines can be split again, so that each line is read as its own row.
    """

    def __init__(self, lines: Iterable[str], dialect: Dialect, first_line: int = 1) -> None:
        self._lines = iter(lines)
        self._dialect = dialect
        self._line = first_line
        self._waiting: deque[str] = deque()
        self._alone = 0  # lines that each count as a row, because the row they were part of was undone

    def __next__(self) -> Record:
        text = self._next_line()
        if text is None:
            raise StopIteration
        line, dialect = self._line, self._dialect
        self._line += 1
        protected = dialect.protected(text)
        if (plain := dialect.cells_if_plain(protected)) is not None:
            is_part, self._alone = self._alone > 0, max(0, self._alone - 1)
            return Record(line, text, dialect.restored(plain), is_part=is_part)
        state = dialect.state(protected)
        if state is State.OPEN and not self._alone:
            return self._closed(line, text, protected)
        is_part, self._alone = self._alone > 0, max(0, self._alone - 1)
        cells = dialect.restored(dialect.cells(protected)) if state is State.CLOSED else None
        return Record(line, text, cells, is_open=state is State.OPEN, is_part=is_part)

    def _closed(self, line: int, text: str, protected: str) -> Record:
        """The row that begins with this line, which ends inside a quoted cell."""
        texts, known = [text], [protected]
        size = len(text)
        while len(texts) < _MOST_LINES and size < _MOST_CHARACTERS and (more := self._next_line()) is not None:
            texts.append(more)
            known.append(self._dialect.protected(more))
            size += len(more)
            state = self._dialect.state(known[-1], is_inside=True)
            if state is State.CLOSED:
                self._line += len(texts) - 1
                cells = self._dialect.restored(self._dialect.cells("\n".join(known)))
                return Record(line, "\n".join(texts), cells, len(texts))
            if state is State.WRONG:
                self._waiting.extendleft(reversed(texts[1:]))
                return Record(line, text, None)
        self._waiting.extendleft(reversed(texts[1:]))
        return Record(line, text, None, is_open=True)

    def ahead(self, count: int) -> list[str]:
        """The next lines, at most `count` of them, which stay unread."""
        while len(self._waiting) < count and (line := next(self._lines, None)) is not None:
            self._waiting.append(line)
        return list(self._waiting)[:count]

    def skip(self, count: int) -> None:
        """Skips the next lines."""
        for _ in range(count):
            self._waiting.popleft()
        self._line += count
        self._alone = max(0, self._alone - count)

    def take_back(self, record: Record) -> Record:
        """Undoes a row of several lines. Returns its first line as a row; the other lines follow as separate rows."""
        first, *others = record.text.split("\n")
        self._waiting.extendleft(reversed(others))
        self._line = record.line + 1
        self._alone = len(others)
        protected = self._dialect.protected(first)
        is_closed = self._dialect.state(protected) is State.CLOSED
        cells = self._dialect.restored(self._dialect.cells(protected)) if is_closed else None
        return Record(record.line, first, cells, is_part=True)

    def _next_line(self) -> str | None:
        if self._waiting:
            return self._waiting.popleft()
        return next(self._lines, None)
