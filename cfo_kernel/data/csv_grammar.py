"""The grammar of a line of a delimited text file: where its cells begin and end.

Python's own reader accepts any text: text after a closing quotation mark becomes part of the cell, and a quotation mark
that is never closed swallows the rest of the file. This grammar says which lines are well formed. Quoted cells may have
spaces around them.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

_DELIMITER, _QUOTE, _BACKSLASH = "\ue000\ue001", "\ue000\ue002", "\ue000\ue003"
"""Stand-ins for escaped characters until the cells are divided: private-use characters, which no export contains."""


class State(Enum):
    """The state at the end of a line: complete rows, a quoted cell that continues on the next line, or malformed."""

    CLOSED = auto()
    OPEN = auto()
    WRONG = auto()


@dataclass(frozen=True)
class Dialect:
    """The separator, the quotation mark, and whether a backslash escapes both."""

    delimiter: str
    quote: str = '"'
    has_escapes: bool = False

    @property
    def skips_spaces(self) -> bool:
        """Whether spaces around a quoted cell are ignored."""
        return self.delimiter != " "

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        space = "[ ]*+" if self.skips_spaces else ""
        inside = rf"[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
        cell = rf"(?:{space}{q}{inside}{q}{space}(?={d}|\Z)|(?!{space}{q})[^{d}]*+)"
        closed = rf"(?:{cell}{d})*+{cell}"
        opened = rf"(?:{cell}{d})*+{space}{q}{inside}"
        ends = rf"{inside}{q}{space}"
        texts = (closed, opened, inside, rf"{ends}(?:{d}{closed})?", rf"{ends}{d}{opened}")
        first, second, third, fourth, fifth = (re.compile(text, re.DOTALL) for text in texts)
        return first, second, third, fourth, fifth

    def state(self, line: str, *, is_inside: bool = False) -> State:
        """The state of the line. `is_inside` means that it continues a quoted cell."""
        closed, opened, inside, ends, ends_opened = self._patterns
        if not is_inside:
            if self.quote not in line or closed.fullmatch(line):
                return State.CLOSED
            return State.OPEN if opened.fullmatch(line) else State.WRONG
        if inside.fullmatch(line) or ends_opened.fullmatch(line):
            return State.OPEN
        return State.CLOSED if ends.fullmatch(line) else State.WRONG

    def cells(self, text: str) -> list[str]:
        """The cells of a well-formed row, which may have several lines."""
        if self.quote not in text:
            return text.split(self.delimiter) if text else []
        return self.rough_cells(text)

    def cells_if_plain(self, line: str) -> list[str] | None:
        """The cells of a line, or None if it needs a closer look. This is quicker, and enough for most lines."""
        if self.quote not in line:
            return self.cells(line)
        try:
            return next(self.reader([line], is_strict=True), None)
        except csv.Error:
            return None

    def rough_cells(self, text: str) -> list[str]:
        """The cells of any row, as Python's own reader divides it."""
        try:
            return next(self.reader([text]), list[str]())
        except csv.Error:  # a line break outside of quotation marks
            return text.split(self.delimiter)

    def reader(self, lines: Iterable[str], *, is_strict: bool = False) -> Iterator[list[str]]:
        """Python's own CSV reader for these lines. It accepts malformed lines unless `is_strict` is set."""
        return csv.reader(
            lines, delimiter=self.delimiter, quotechar=self.quote, skipinitialspace=self.skips_spaces, strict=is_strict
        )

    def protected(self, line: str) -> str:
        """The line with stand-ins for escaped characters. `restored` puts the characters back."""
        return self._escape.sub(self._protect, line) if self.has_escapes and "\\" in line else line

    def restored(self, cells: list[str]) -> list[str]:
        """The cells with the escaped characters in place of their stand-ins.

        A backslash before any other character is kept.
        """
        if not self.has_escapes:
            return cells
        pairs = ((_DELIMITER, self.delimiter), (_QUOTE, self.quote), (_BACKSLASH, "\\"))
        return [_replaced(cell, pairs) if "\ue000" in cell else cell for cell in cells]

    @cached_property
    def _escape(self) -> re.Pattern[str]:
        return re.compile(rf"\\([\\{re.escape(self.delimiter)}{re.escape(self.quote)}])")

    def _protect(self, found: re.Match[str]) -> str:
        return {"\\": _BACKSLASH, self.quote: _QUOTE}.get(found[1], _DELIMITER)


def _replaced(cell: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        cell = cell.replace(old, new)
    return cell
