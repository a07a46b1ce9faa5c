"""Examines the cells of a .xls workbook: finds errors, numbers that are shown as codes, and hidden rows.

Runs in the ingest worker. The parser returns errors as empty cells, and does not return formats. A workbook is a stream
of records, each with a kind and a length.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from cfo_kernel.data import compound_file, number_masks
from cfo_kernel.data.cell_marks import ExaminedMarks, SheetMarks
from cfo_kernel.errors import UnreadableFile

_STREAMS = ("Workbook", "Book")
_HIDDEN_ROW, _HIDDEN_COLUMN = 0x20, 1
_NEW = 0x600  # the version of Excel 97 and later
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


class _Kind(IntEnum):
    BEGIN = 0x809
    END = 0x0A
    SHEET = 0x85
    FORMAT = 0x41E
    STYLE = 0xE0
    PASSWORD = 0x2F
    FORMULA = 0x06
    FLAG = 0x205
    NUMBER = 0x203
    SHORT_NUMBER = 0x27E
    SHORT_NUMBERS = 0xBD
    ROW = 0x208
    COLUMNS = 0x7D
    FILTER = 0x9B


def examine(path: Path) -> ExaminedMarks:
    """The marks of the workbook. Raises `UnreadableFile` or `FileTooLarge`."""
    data = compound_file.stream(path, _STREAMS)
    if data is None:
        raise UnreadableFile(f"{path.name} is {compound_file.kind(path)}, not a workbook. Save its table as .xlsx.")
    try:
        return _examine(data, path.name)
    except (struct.error, IndexError) as error:
        message = f"{path.name} is damaged or incomplete. Open it in a spreadsheet program and save it as .xlsx."
        raise UnreadableFile(message) from error


class _Records:
    """The records of a workbook.

    Each record belongs to one sheet, so reading stops after twice the size of the data: a damaged workbook may list a
    sheet hundreds of times.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = 2 * len(data)

    def part(self, at: int) -> Iterator[tuple[int, bytes]]:
        """The records of the part of the workbook that begins at `at`. Nested parts, such as charts, are skipped.

        Raises `IndexError` if too much was read.
        """
        data, depth = self._data, 0
        while at + 4 <= len(data):
            kind, length = struct.unpack_from("<HH", data, at)
            depth += (kind == _Kind.BEGIN) - (kind == _Kind.END)
            if not depth:
                return
            if depth == 1:
                yield kind, data[at + 4 : at + 4 + length]
            at += 4 + length
            self._left -= 4 + length
            if self._left < 0:
                raise IndexError


def _examine(data: bytes, name: str) -> ExaminedMarks:
    records = _Records(data)
    sheets: list[tuple[str, int]] = []
    formats: dict[int, str] = {}
    styles: list[int] = []
    is_new = True
    for kind, body in records.part(0):
        match kind:
            case _Kind.BEGIN:
                is_new = struct.unpack_from("<H", body)[0] == _NEW
            case _Kind.PASSWORD:
                raise UnreadableFile(f"{name} is password-protected. Save it without a password.")
            case _Kind.SHEET:
                sheets.append((_text(body[6:7] + b"\0" * is_new + body[7:], is_new), *struct.unpack_from("<I", body)))
            case _Kind.FORMAT:
                formats[struct.unpack_from("<H", body)[0]] = _text(body[2:], is_new)
            case _Kind.STYLE:
                styles.append(struct.unpack_from("<H", body, 2)[0])
            case _:
                pass
    masks = number_masks.style_marks(styles, formats)
    return ExaminedMarks({sheet: _cells(records.part(offset), masks) for sheet, offset in sheets})


def _cells(records: Iterator[tuple[int, bytes]], masks: dict[int, str]) -> SheetMarks:
    marks = SheetMarks()
    for kind, body in records:
        match kind:
            case _Kind.FORMULA | _Kind.FLAG if (error := _error(kind, body)) is not None:
                row, column = struct.unpack_from("<HH", body)
                marks.add_error(row, column, ERRORS.get(error, "an error"))
            case _Kind.ROW if body[12] & _HIDDEN_ROW:
                marks.hidden.rows.update(struct.unpack_from("<H", body))
            case _Kind.COLUMNS if body[8] & _HIDDEN_COLUMN:
                marks.hide_columns(*struct.unpack_from("<HH", body))
            case _Kind.FILTER:
                marks.hidden.is_filtered = True
            case _Kind.NUMBER | _Kind.SHORT_NUMBER | _Kind.FORMULA if masks:
                row, column, style = struct.unpack_from("<HHH", body)
                marks.add_number(row, column, masks.get(style, ""))
            case _Kind.SHORT_NUMBERS if masks:
                row, first = struct.unpack_from("<HH", body)
                for i, at in enumerate(range(4, len(body) - 6, 6)):
                    marks.add_number(row, first + i, masks.get(struct.unpack_from("<H", body, at)[0], ""))
            case _:
                pass
    return marks


def _error(kind: int, body: bytes) -> int | None:
    """The error code of a cell, or None."""
    if kind == _Kind.FLAG:
        return body[6] if body[7:8] == b"\1" else None
    return body[8] if body[12:14] == b"\xff\xff" and body[6] == 2 else None


def _text(body: bytes, is_new: bool) -> str:
    """The string at the start of these bytes."""
    if not is_new:
        return body[1 : 1 + body[0]].decode("latin-1")
    (length,) = struct.unpack_from("<H", body)
    wide = body[2] & 1
    return body[3 : 3 + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1", "replace")
