"""Counts the cells of a sheet that have no value although they are not empty: errors, and formulas never calculated.

Runs in the ingest worker. The workbook parser returns both as empty cells, which a sum would silently leave out.
"""

import re
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind

_CHUNK = 1 << 20
_MAX_DIRECTORY = 16 << 20  # bytes of each part that lists the sheets
_BOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_NAMESPACE = "|"
_SAVE = "Open the workbook in a spreadsheet program, save it, and upload it again."
_TOTAL = re.compile(r"(?:SUM|SUBTOTAL\(\d+,)\(?\s*\$?([A-Z]{1,3})\$?\d+:\$?([A-Z]{1,3})\$?\d+\s*\)", re.IGNORECASE)
_MAX_FORMULA = 100


@dataclass
class CellCounts:
    """The number of cells in each column, and the first rows they are in.

    Columns are counted from 0, and rows from 1.
    """

    counts: Counter[int] = field(default_factory=Counter[int])
    rows: dict[int, list[int]] = field(default_factory=lambda: defaultdict[int, list[int]](list))

    def add(self, row: int, column: int) -> None:
        """Counts a cell, whose row is counted from zero."""
        self.counts[column] += 1
        if len(rows := self.rows[column]) < MAX_ROWS:
            rows.append(row + 1)

    def without(self, others: "CellCounts") -> "CellCounts":
        """Returns these cells without `others`, which are in lower rows."""
        rows = {
            column: [row for row in rows if row not in others.rows.get(column, ())]
            for column, rows in self.rows.items()
        }
        return CellCounts(self.counts - others.counts, rows)


@dataclass
class LostCells:
    """The lost cells of a sheet. `example` is one of the errors.

    `totals` are formulas that add up cells above or below them. No other sum is incomplete without their values.
    """

    errors: CellCounts = field(default_factory=CellCounts)
    uncalculated: CellCounts = field(default_factory=CellCounts)
    totals: CellCounts = field(default_factory=CellCounts)
    example: str = ""

    def without(self, others: "LostCells") -> "LostCells":
        """Returns these cells without `others`, which are in lower rows."""
        return LostCells(
            self.errors.without(others.errors),
            self.uncalculated.without(others.uncalculated),
            self.totals.without(others.totals),
            self.example,
        )

    def decisions(self, column: int, name: str) -> list[Decision]:
        """Decisions about the lost cells of a column."""
        found: list[Decision] = []
        if count := self.errors.counts[column]:
            cells, verb = ("1 cell has an error", "was") if count == 1 else (f"{count:,} cells have errors", "were")
            text = f"{name}: {cells} (such as {self.example[:20]}) and {verb} read as empty. Correct the workbook."
            found.append(_empty(name, self.errors, column, text, needs_check=True))
        if count := self.uncalculated.counts[column]:
            cells = "1 formula was" if count == 1 else f"{count:,} formulas were"
            kept = "The column is kept as text, because its sums would be incomplete."
            text = f"{name}: {cells} never calculated, and read as empty. {kept} {_SAVE}"
            found.append(_empty(name, self.uncalculated, column, text, needs_check=True))
        if count := self.totals.counts[column]:
            cells = "1 total was" if count == 1 else f"{count:,} totals were"
            text = f"{name}: {cells} never calculated, and read as empty."
            found.append(_empty(name, self.totals, column, text))
        return found


def _empty(name: str, cells: CellCounts, column: int, text: str, *, needs_check: bool = False) -> Decision:
    return Decision(
        kind=DecisionKind.EMPTY_CELLS,
        text=text,
        column=name,
        rows=tuple(cells.rows[column]),
        count=cells.counts[column],
        needs_check=needs_check,
    )


def parts(path: Path) -> dict[str, str]:
    """The part of the package that holds each sheet, by the sheet's name."""
    ids: dict[str, str] = {}
    targets: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        local = {key.rpartition(_NAMESPACE)[2]: value for key, value in attributes.items()}
        match tag.rpartition(_NAMESPACE)[2]:
            case "sheet":
                ids.setdefault(local.get("name", ""), local.get("id", ""))
            case "Relationship":
                target = local.get("Target", "").removeprefix("/")
                targets[local.get("Id", "")] = target if target.startswith("xl/") else f"xl/{target}"
            case _:
                pass

    with zipfile.ZipFile(path) as archive:
        for part in (_BOOK, _RELATIONS):
            with archive.open(part) as file:
                xml_parser(start).Parse(file.read(_MAX_DIRECTORY), True)
    return {name: targets[key] for name, key in ids.items() if key in targets}


def count_lost_cells(path: Path, part: str, below: int) -> LostCells:
    """Counts the lost cells of a sheet in the rows below the row `below`, counted from zero."""
    found = _Cells(below)
    parser = xml_parser(found.start)
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parse_part(path, part, parser)
    return found.lost


def parse_part(path: Path, part: str, parser: expat.XMLParserType, most: int | None = None) -> None:
    """Feeds a part of the package to the parser in chunks, up to about `most` bytes of it."""
    with zipfile.ZipFile(path) as archive, archive.open(part) as file:
        while (most is None or file.tell() < most) and (chunk := file.read(_CHUNK)):
            parser.Parse(chunk)


def xml_parser(start: Any) -> expat.XMLParserType:
    """A parser that calls `start` for each element."""
    parser = expat.ParserCreate(namespace_separator=_NAMESPACE)
    parser.buffer_text = True
    parser.StartElementHandler = start
    return parser


class _Cells:
    """Follows the cells of a sheet while it is parsed. A row or cell without a reference follows the previous one."""

    def __init__(self, below: int) -> None:
        self.lost = LostCells()
        self._below = below
        self._row = self._column = -1
        self._kind = ""
        self._has_formula = self._in_value = self._in_formula = False
        self._value = self._formula = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(_NAMESPACE)[2]:
            case "row":
                self._row = row_of(attributes.get("r", ""), self._row + 1)
                self._column = -1
            case "c":
                self._column = column_of(attributes.get("r", ""), self._column + 1)
                self._kind, self._has_formula = attributes.get("t", ""), False
                self._value = self._formula = ""
            case "f":
                self._has_formula = self._in_formula = True
            case "v":
                self._in_value = True
            case _:
                pass

    def text(self, text: str) -> None:
        if self._in_value:
            self._value += text[:50]
        elif self._in_formula and len(self._formula) <= _MAX_FORMULA:
            self._formula += text[:_MAX_FORMULA]

    def end(self, tag: str) -> None:
        name = tag.rpartition(_NAMESPACE)[2]
        if name == "v":
            self._in_value = False
        if name == "f":
            self._in_formula = False
        if name != "c" or self._row <= self._below:
            return
        if self._kind == "e":
            self.lost.errors.add(self._row, self._column)
            self.lost.example = self.lost.example or self._value.strip()
        elif self._has_formula and not self._value.strip() and self._kind != "str":  # a string may be empty
            cells = self.lost.totals if self._is_total() else self.lost.uncalculated
            cells.add(self._row, self._column)

    def _is_total(self) -> bool:
        """Whether the formula of the cell adds up cells in its own column."""
        found = _TOTAL.fullmatch(self._formula.strip())
        return found is not None and column_of(found[1], -1) == column_of(found[2], -1) == self._column


def row_of(number: str, default: int) -> int:
    """The row with this number, counted from zero, or `default` if the number is not valid."""
    return int(number) - 1 if number.isdecimal() and len(number) < 9 else default


def column_of(reference: str, default: int) -> int:
    """The column in a reference such as B2, counted from zero, or `default` if there is none."""
    number = 0
    for letter in reference[:4].upper():
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number - 1 if number else default
