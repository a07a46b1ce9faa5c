"""Reads the sheets of a workbook: finds the header below title rows, and gives each column one type.

Runs in the ingest worker. A formula is read as its last calculated value, or as empty if it was never calculated.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import pyarrow as pa
from python_calamine import CalamineError, PasswordError, SheetTypeEnum, SheetVisibleEnum

from cfo_kernel.data import (
    block_headings,
    footers,
    headers,
    misplaced_headings,
    number_masks,
    sheet_blocks,
    sheet_columns,
    workbook_formats,
    workbook_package,
)
from cfo_kernel.data.block_headings import Blocks
from cfo_kernel.data.cell_marks import CellMarks
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.read_limits import MAX_CELLS, MAX_SHEETS, check_columns
from cfo_kernel.data.sheet_grid import Grid, read_grid
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import FileTooLarge, UnreadableFile

_MAX_SHEET_NAME = 100
_WITHOUT_CELLS = (  # not a dict, because the kinds are not hashable
    (SheetTypeEnum.ChartSheet, "it is a chart"),
    (SheetTypeEnum.DialogSheet, "it is a dialog"),
    (SheetTypeEnum.MacroSheet, "it contains macros"),
    (SheetTypeEnum.Vba, "it contains macros"),
)


@dataclass(frozen=True)
class Sheet:
    """A sheet with its table, its rows and the decisions about it, or the reason why it has no table.

    The figures of the columns `in_percent` are percentages, and those of `as_percent` are fractions that the sheet
    shows as percentages. Those of the columns `incomplete` lack the values of formulas that were never calculated.
    `blocks` has the columns made of headings, with their values by row of `table`.
    """

    name: str
    table: pa.Table | None = None
    rows: SourceRows = field(default_factory=SourceRows)
    decisions: list[Decision] = field(default_factory=list[Decision])
    left_out: str | None = None
    in_percent: list[str] = field(default_factory=list[str])
    as_percent: list[str] = field(default_factory=list[str])
    incomplete: list[str] = field(default_factory=list[str])
    blocks: Blocks | None = None


def read_sheets(path: Path) -> Iterator[Sheet]:
    """The sheets in the order of the workbook, one at a time. Raises `FileTooLarge` or `UnreadableFile`."""
    cells = 0
    try:
        book, marks = workbook_formats.open_workbook(path)
        with book:
            kinds = book.sheets_metadata
            if len(kinds) > MAX_SHEETS:
                problem = f"{path.name} has {len(kinds):,} sheets, and at most {MAX_SHEETS:,} can be read"
                raise FileTooLarge(f"{problem}. Split the workbook.")
            _check_names(path.name, [kind.name for kind in kinds])
            for position, kind in enumerate(kinds):
                name = headers.clean_name(kind.name, _MAX_SHEET_NAME) or f"sheet {position + 1}"
                if reason := next((reason for known, reason in _WITHOUT_CELLS if known == kind.typ), None):
                    yield Sheet(name, left_out=reason)
                    continue
                sheet = book.get_sheet_by_index(position)
                cells += sheet.height * sheet.width
                if cells > MAX_CELLS:
                    raise workbook_package.too_many_cells(path.name, sheet.height, sheet.width)
                source = _Source(path, kind.name, marks, is_hidden=kind.visible != SheetVisibleEnum.Visible)
                yield from _read_tables(name, read_grid(sheet, marks.merged(kind.name)), source)
    except PasswordError as error:
        raise UnreadableFile(f"{path.name} is password-protected. Save it without a password.") from error
    except CalamineError as error:
        if "Cell limit" in str(error):  # the parser's own limit, for a sheet whose cells are far apart
            raise FileTooLarge(
                f"{path.name} has too many cells, or cells that are too far apart. Split the workbook."
            ) from error
        raise _damaged(path) from error
    except (ExpatError, KeyError, OSError, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> UnreadableFile:
    problem = f"{path.name} cannot be opened as a workbook: it is damaged or incomplete"
    return UnreadableFile(f"{problem}. Save it again as .xlsx.")


def _check_names(file: str, names: list[str]) -> None:
    """Refuses a workbook with two sheets of the same name, because the parser finds a sheet by its name."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        problem = f"two of its sheets are named {headers.clean_name(twice[0], _MAX_SHEET_NAME)}"
        raise UnreadableFile(f"{file} is damaged: {problem}. Give each sheet its own name.")


@dataclass(frozen=True)
class _Source:
    """The sheet that a table is read from, by its name in the workbook."""

    path: Path
    sheet: str
    marks: CellMarks
    is_hidden: bool


def _read_tables(name: str, grid: Grid, source: _Source) -> Iterator[Sheet]:
    """The tables of a sheet. From the second one on, a number is appended to the name of the sheet."""
    if not grid.rows:
        yield Sheet(name, left_out="it is empty")
        return
    blocks = sheet_blocks.split(grid)
    for i, block in enumerate(blocks):
        table = _read_table(name if not i else f"{name} {i + 1}", block, source)
        if len(blocks) > 1:
            rows = f"rows {block.rows[0][0] + 1:,} to {block.rows[-1][0] + 1:,}"
            text = f"The sheet has {len(blocks)} tables, and this is table {i + 1} ({rows})."
            table.decisions.append(Decision(kind=DecisionKind.LAYOUT, text=text))
        yield table


def _read_table(name: str, grid: Grid, source: _Source) -> Sheet:
    check_columns(f"The sheet {name} of {source.path.name}", grid.width)
    head = grid.head()
    header = headers.find_header(head, grid.width, merged=grid.has_merged_header())
    if header is None:
        return Sheet(name, left_out="it contains a single cell, not a table")
    header = replace(header, first_row=sum(map(bool, head[: header.first_row])))
    decisions = list(header.decisions)
    if source.is_hidden:
        text = "The sheet is hidden in the workbook. It is read like the others."
        decisions.append(Decision(kind=DecisionKind.HIDDEN, text=text, needs_check=True))
    rows = grid.rows[header.first_row :]
    blocks = block_headings.find([row for _, row in rows], header)
    by_number = {rows[i][0]: values for i, values in blocks.values.items()} if blocks else {}
    taken = dict[int, str]()
    if blocks:
        taken = {rows[i][0]: text for i, text in blocks.headings.items()}
        decisions += blocks.decisions([number + 1 for number in taken], len(taken))
        rows = [(number, [taken[number]] if number in taken else row) for number, row in rows]
        rows = [(number, row) for number, row in rows if 0 not in header.values or number not in taken]
    above = [row for _, row in grid.rows[: header.first_row] if sum(cell is not None for cell in row) > 1]
    known = [*header.rows, *above]  # with and without the values of merged cells
    if again := [number for number, row in rows if row in known]:
        decisions.append(headers.repeated(len(again), again))
        rows = [(number, row) for number, row in rows if row not in known]
    if count := footers.count_footers(rows, header.values):
        decisions.append(footers.decision(rows[-count:]))
        rows = rows[:-count]
    decisions += misplaced_headings.move_in_rows(rows, header)
    repeated, found = grid.repeated_down(header.first_row, header.names)
    decisions += found
    below = grid.rows[header.first_row - 1][0] if header.first_row else -1
    lost, masks = source.marks.lost(source.sheet, below), source.marks.masks(source.sheet, below)
    if not grid.is_last:
        lost = lost.without(source.marks.lost(source.sheet, grid.rows[-1][0]))
    columns: dict[str, pa.Array[Any]] = {}
    as_percent: list[str] = []
    numbers = [number for number, _ in rows]
    cells = [*zip_longest(*(row for _, row in rows))]
    for i, column in enumerate(header.names):
        values = cells[i] if i < len(cells) else (None,) * len(rows)
        if down := repeated.get(i):
            values = [down.get(number, value) for number, value in zip(numbers, values, strict=True)]
        decisions += lost.decisions(grid.left + i, column)
        if i in header.unnamed and all(v is None for v in values):
            continue
        mask = masks.get(grid.left + i)
        columns[column], found = sheet_columns.read_column(column, values, mask, numbers)
        decisions += found
        if mask == number_masks.PERCENT:
            as_percent.append(column)
    names = {grid.left + i: column for i, column in enumerate(header.names)}
    decisions += source.marks.hidden(source.sheet).decisions(numbers, names)
    in_percent = [
        name
        for i, name in enumerate(header.names)
        if name in columns and (i in header.in_percent or masks.get(grid.left + i) == number_masks.POINTS)
    ]
    source_rows = SourceRows(numbers=[number + 1 for number in numbers])
    incomplete = [
        name for i, name in enumerate(header.names) if lost.uncalculated.counts[grid.left + i] and name in columns
    ]
    if blocks:
        values = {i: by_number[number] for i, number in enumerate(numbers) if number in by_number}
        headings = {i: taken[number] for i, number in enumerate(numbers) if number in taken}
        blocks = replace(blocks, values=values, headings=headings)
    table = Sheet(name, pa.table(columns), source_rows, decisions)
    return replace(table, in_percent=in_percent, as_percent=as_percent, incomplete=incomplete, blocks=blocks)
