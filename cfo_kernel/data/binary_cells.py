"""Examines the cells of a .xlsb workbook: finds errors, numbers shown as codes, hidden rows, and merged cells.

Runs in the ingest worker. The package is laid out like a .xlsx workbook, but its parts are streams of records. Each has
a kind of up to two bytes and a length of up to four. The parser skips compact cells, which omit their column because
they directly follow another cell, and it does not see that a whole number is a date.
"""

import io
import posixpath
import struct
import zipfile
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from cfo_kernel.data import number_masks
from cfo_kernel.data.biff_cells import ERRORS
from cfo_kernel.data.cell_marks import ExaminedMarks, SheetMarks
from cfo_kernel.data.lost_cells import xml_parser
from cfo_kernel.errors import UnreadableFile

_BOOK, _RELATIONS, _STYLES = "xl/workbook.bin", "xl/_rels/workbook.bin.rels", "xl/styles.bin"
_MAX_PART = 256 << 20
_HUNDREDTHS, _WHOLE = 1, 2  # bits of a short number
_STYLE = 0xFFFFFF  # the bits of a cell's style
_ROW_FLAGS, _HIDDEN_ROW, _COLUMN_FLAGS, _HIDDEN_COLUMN = 11, 0x10, 16, 1
_Record = tuple[int, bytes]
_MORE = 0x80  # this bit is set in a byte if another one follows


class _Kind(IntEnum):
    ROW = 0
    FIRST_CELL = 1
    SHORT_NUMBER = 2
    ERROR = 3
    NUMBER = 5
    FORMULA_NUMBER = 9
    FORMULA_ERROR = 11
    LAST_CELL = 11
    FIRST_COMPACT = 12
    LAST_COMPACT = 18
    FORMAT = 44
    STYLE = 47
    SHEET = 156
    COLUMNS = 60
    FILTER = 161
    MERGED = 176
    STYLES = 617
    STYLES_END = 618


def examine(path: Path) -> ExaminedMarks:
    """The marks of the workbook. Raises `UnreadableFile`."""
    with zipfile.ZipFile(path) as archive:
        try:
            styles, formats = _styles(archive)
            masks = number_masks.style_marks(styles, formats)
            return ExaminedMarks({name: _cells(_part(archive, part), masks) for name, part in _sheets(archive)})
        except (struct.error, IndexError) as error:
            message = f"{path.name} is damaged or incomplete. Open it in a spreadsheet program and save it as .xlsx."
            raise UnreadableFile(message) from error


def for_parser(path: Path) -> BinaryIO:
    """Opens the workbook, rewritten if the parser would misread its compact cells or formatted whole numbers."""
    with zipfile.ZipFile(path) as archive:
        formatted = {style for style, key in enumerate(_styles(archive)[0]) if key}
        changed: dict[str, bytes] = {}
        for _, part in _sheets(archive):
            content = _part(archive, part)
            if any(_is_misread(record, formatted) for record in _records(content)):
                records = (_as_double(record, formatted) for record in _cell_records(content))
                changed[part] = b"".join(map(_packed, records))
        if not changed:
            return path.open("rb")
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as copy:
            for name in archive.namelist():
                copy.writestr(name, changed[name] if name in changed else _part(archive, name))
    made.seek(0)
    return made


def _is_misread(record: _Record, formatted: set[int]) -> bool:
    kind, _ = record
    return _Kind.FIRST_COMPACT <= kind <= _Kind.LAST_COMPACT or _as_double(record, formatted) is not record


def _as_double(record: _Record, formatted: set[int]) -> _Record:
    """Converts a cell with a formatted whole number to a double. Returns other records unchanged."""
    kind, body = record
    if kind != _Kind.SHORT_NUMBER:
        return record
    _, style, number = struct.unpack_from("<IIi", body)
    if not number & _WHOLE or style & _STYLE not in formatted:
        return record
    value = (number >> 2) / (100 if number & _HUNDREDTHS else 1)
    return _Kind.NUMBER, body[:8] + struct.pack("<d", value)


def _sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """The name of each sheet, and the path of its part in the package."""
    targets: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition("|")[2] == "Relationship":
            targets[attributes.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", attributes.get("Target", "")))

    xml_parser(start).Parse(_part(archive, _RELATIONS), True)
    found: list[tuple[str, str]] = []
    for kind, body in _records(_part(archive, _BOOK)):
        if kind == _Kind.SHEET:
            key, end = _text(body, 8)
            found.append((_text(body, end)[0], targets.get(key, "").lstrip("/")))
    return found


def _styles(archive: zipfile.ZipFile) -> tuple[list[int], dict[int, str]]:
    """The format number of each cell style, and the formats that the workbook defines."""
    formats: dict[int, str] = {}
    styles: list[int] = []
    is_within = False
    for kind, body in _records(_part(archive, _STYLES)):
        match kind:
            case _Kind.FORMAT:
                formats[struct.unpack_from("<H", body)[0]] = _text(body, 2)[0]
            case _Kind.STYLES | _Kind.STYLES_END:
                is_within = kind == _Kind.STYLES
            case _Kind.STYLE if is_within:
                styles.append(struct.unpack_from("<H", body, 2)[0])
            case _:
                pass
    return styles, formats


def _cells(data: bytes, masks: dict[int, str]) -> SheetMarks:
    marks = SheetMarks()
    row = 0
    for kind, body in _cell_records(data):
        match kind:
            case _Kind.ROW:
                (row,) = struct.unpack_from("<I", body)
                if body[_ROW_FLAGS] & _HIDDEN_ROW:
                    marks.hidden.rows.add(row)
            case _Kind.COLUMNS if body[_COLUMN_FLAGS] & _HIDDEN_COLUMN:
                marks.hide_columns(*struct.unpack_from("<II", body))
            case _Kind.FILTER:
                marks.hidden.is_filtered = True
            case _Kind.MERGED:
                top, bottom, left, right = struct.unpack_from("<4I", body)
                marks.add_merged(top, left, bottom - top + 1, right - left + 1)
            case _Kind.ERROR | _Kind.FORMULA_ERROR:
                (column,) = struct.unpack_from("<I", body)
                marks.add_error(row, column, ERRORS.get(body[8], "an error"))
            case _Kind.NUMBER | _Kind.SHORT_NUMBER | _Kind.FORMULA_NUMBER if masks:
                column, style = struct.unpack_from("<II", body)
                marks.add_number(row, column, masks.get(style & _STYLE, ""))
            case _:
                pass
    return marks


def _cell_records(data: bytes) -> Iterator[_Record]:
    """The records of a sheet, with compact cells expanded to full ones."""
    column = -1
    for kind, body in _records(data):
        if kind == _Kind.ROW:
            column = -1
        elif _Kind.FIRST_CELL <= kind <= _Kind.LAST_CELL:
            (column,) = struct.unpack_from("<I", body)
        elif _Kind.FIRST_COMPACT <= kind <= _Kind.LAST_COMPACT:
            column += 1
            yield kind - _Kind.FIRST_COMPACT + _Kind.FIRST_CELL, struct.pack("<I", column) + body
            continue
        yield kind, body


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if name not in archive.namelist():
        return b""
    with archive.open(name) as file:
        return file.read(_MAX_PART)


def _records(data: bytes) -> Iterator[_Record]:
    at = 0
    while at < len(data):
        kind, at = _number(data, at, 2)
        length, at = _number(data, at, 4)
        yield kind, data[at : at + length]
        at += length


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Reads a number of up to `most` bytes. Returns it and the position after it."""
    number = 0
    for i in range(most):
        byte = data[at + i]
        number |= (byte & 0x7F) << (7 * i)
        if not byte & _MORE:
            return number, at + i + 1
    return number, at + most


def _text(body: bytes, at: int) -> tuple[str, int]:
    """The string at a position, and the position after it."""
    (length,) = struct.unpack_from("<I", body, at)
    end = at + 4 + 2 * length
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


def _packed(record: _Record) -> bytes:
    kind, body = record
    head = bytes([kind]) if kind < _MORE else bytes([kind & 0x7F | _MORE, kind >> 7])
    length = len(body)
    while length >= _MORE:
        head, length = head + bytes([length & 0x7F | _MORE]), length >> 7
    return head + bytes([length]) + body
