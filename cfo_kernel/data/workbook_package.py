"""Examines a workbook's package before it is parsed, and refuses one that would take too much time or memory to read.

Runs in the ingest worker. A workbook is a ZIP archive of XML. A few kilobytes can claim billions of cells or strings,
or unpack to gigabytes, and the parser trusts every claim. The limits on the process would stop that too, but could not
say what is wrong with the file.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.data.file_formats import Content
from cfo_kernel.data.read_limits import MAX_CELLS
from cfo_kernel.errors import FileTooLarge, UnreadableFile

_MAX_XML = 1 << 30
_MAX_ENTRIES, _MAX_DIRECTORY = 10_000, 4 << 20
_END, _END_SIZE, _MAX_COMMENT = b"PK\5\6", 22, 1 << 16  # the record at the end of an archive
_END_64, _END_64_SIZE = b"PK\6\6", 56 + 20  # the record before it in a large archive, with a pointer to it
_ENCRYPTED = 1
_CHUNK = 1 << 20
_OVERLAP = 256  # bytes, so that a tag that crosses the border of two chunks is found
_ROWS, _COLUMNS = 1_048_576, 16_384  # in a sheet

_COUNT = re.compile(rb"""[cC]ount=["'](\d{7,30})""")
_FAR = re.compile(rb' r="(?![A-Z]\d{1,7}")([A-Z]{0,30}\d{0,30})')  # references of rows, and of cells from column AA on
_FILLED = re.compile(rb"""<(?:\w{1,20}:)?c\s[^>]{0,99}?\br=["']([A-Z]{1,30})(\d{1,30})["'][^>]{0,99}(?<!/)>""")
_LOST = re.compile(  # a cell with an error; a formula at the end of its cell, or with an empty value
    rb"""\bt\s*=\s*["']e["']|(?:</(?:\w{1,20}:)?f>|<(?:\w{1,20}:)?f\b[^>]{0,99}/>)\s*"""
    rb"""(?:</(?:\w{1,20}:)?c>|<(?:\w{1,20}:)?v(?:\s*/>|>\s*</))"""
)
_LOST_MARKS = (b'"e"', b"'e'", b"<f", b":f")
"""Every cell that `_LOST` finds has one of these. They are found in a fraction of the time."""
_HIDDEN = re.compile(rb"""hidden=["'](?:1|true)""")
_FORMATS = {
    "xl/workbook.xml": Content.OFFICE_OPEN_XML,
    "xl/workbook.bin": Content.BINARY_WORKBOOK,
    "content.xml": Content.OPEN_DOCUMENT,
    "mimetype": Content.OPEN_DOCUMENT,
}
"""The formats, by parts of their packages. The parser would read any of them, whatever the file's name says."""
_XML, _MANIFEST = (".xml", ".rels"), "META-INF/manifest.xml"
_LETTERS, _DIGITS = bytes(range(65, 91)), b"0123456789"


@dataclass
class Suspects:
    """The parts that must be examined.

    Those in `lost` may have cells with errors or with formulas that were never calculated, and those in `hidden` may
    have hidden rows or columns.
    """

    lost: set[str] = field(default_factory=set[str])
    hidden: set[str] = field(default_factory=set[str])


def check_package(path: Path, content: Content) -> Suspects:
    """Raises `FileTooLarge` if a workbook is too large to read, and `UnreadableFile` if it is damaged or forged.

    Returns the parts that have to be examined.
    """
    check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_format(archive, path.name, content)
            if _MANIFEST in archive.namelist() and b"encryption-data" in archive.read(_MANIFEST):
                raise UnreadableFile(f"{path.name} is encrypted with a password. Save it without one.")
            suffixes = (*_XML, ".bin") if content is Content.BINARY_WORKBOOK else _XML
            parts = [entry for entry in archive.infolist() if entry.filename.lower().endswith(suffixes)]
            size = sum(entry.file_size for entry in parts)
            if size > _MAX_XML:
                problem = f"{path.name} unpacks to {size >> 20:,} MB, and at most {_MAX_XML >> 20:,} MB can be read"
                raise FileTooLarge(f"{problem}. Split the workbook, or save its tables as CSV or Parquet.")
            is_new = content is Content.OFFICE_OPEN_XML
            suspects = Suspects()
            for entry in parts:
                _check_part(archive, entry, path.name, suspects, has_references=is_new)
            return suspects
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise _damaged(path.name, "its ZIP archive cannot be unpacked") from error


def _check_format(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    """Refuses a workbook that is not in the format of its name, because the safeguards depend on that format."""
    parts = {entry.filename.lower().replace("\\", "/") for entry in archive.infolist()}
    found = {_FORMATS[part] for part in parts if part in _FORMATS}
    if found - {content} or (not found and content is not Content.OFFICE_OPEN_XML):
        problem = f"{name} is a workbook, but not in the format that its name indicates"
        raise UnreadableFile(f"{problem}. Open it in a spreadsheet program and save it again as .xlsx.")


def check_directory(path: Path) -> None:
    """Refuses an archive with too many parts.

    They are counted in the archive's last bytes, because reading a list of millions would take minutes.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_SIZE - _MAX_COMMENT - _END_64_SIZE))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise _damaged(path.name, "the end of its ZIP archive is missing")
    count, size = struct.unpack_from("<HI", tail, at + 10)
    end_64 = tail[max(0, at - _END_64_SIZE) : at]
    if len(end_64) == _END_64_SIZE and end_64.startswith(_END_64):  # it overrides the other, as in `zipfile`
        count, size = struct.unpack_from("<QQ", end_64, 32)
    if count > _MAX_ENTRIES or size > _MAX_DIRECTORY:
        raise FileTooLarge(f"{path.name} has more than {_MAX_ENTRIES:,} parts. Save it again as .xlsx.")


def _check_part(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, suspects: Suspects, *, has_references: bool
) -> None:
    """Checks a part. `has_references` is true for Office Open XML, the only format with references to cells."""
    if entry.flag_bits & _ENCRYPTED:
        raise UnreadableFile(f"{name} is password-protected. Save it without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _damaged(name, "its parts are compressed in an unusual way")
    reach = _Reach()
    for text in _chunks(archive, entry):
        if entry.filename not in suspects.lost and any(mark in text for mark in _LOST_MARKS) and _LOST.search(text):
            suspects.lost.add(entry.filename)
        if entry.filename not in suspects.hidden and b"hidden=" in text and _HIDDEN.search(text):
            suspects.hidden.add(entry.filename)
        if b"<!DOCTYPE" in text:
            raise _damaged(name, f"{_shown(entry)} defines a document type, which no spreadsheet program does")
        if not has_references:
            continue
        # Each counted element takes more than a byte, so a larger count cannot be true.
        if b"ount=" in text and any(int(count) > entry.file_size for count in _COUNT.findall(text)):
            raise _damaged(name, f"{_shown(entry)} claims to contain more than fits in its {entry.file_size:,} bytes")
        refs = set(_FAR.findall(text.replace(b"'", b'"') if b" r='" in text else text))
        reach.add({ref.rstrip(_DIGITS) for ref in refs}, {ref.lstrip(_LETTERS) for ref in refs})
    if reach.bottom > _ROWS or reach.right > _COLUMNS:
        where = f"row {reach.bottom:,}" if reach.bottom > _ROWS else f"column {reach.right:,}"
        raise _damaged(name, f"it has a cell in {where}, but a sheet ends at row {_ROWS:,} and column {_COLUMNS:,}")
    if reach.bottom * reach.right > MAX_CELLS:
        _check_filled(archive, entry, name)


def _check_filled(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
    """Refuses a sheet whose filled cells are too far apart. Cells that only have a format do not count."""
    reach = _Reach()
    for text in _chunks(archive, entry):
        cells = _FILLED.findall(text)
        reach.add({letters for letters, _ in cells}, {row for _, row in cells})
    height, width = reach.bottom - reach.top + 1, reach.right - reach.left + 1
    if reach.bottom and height * width > MAX_CELLS:
        raise too_many_cells(name, height, width)


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of a part in pieces, each starting with the end of the previous one."""
    with archive.open(entry) as part:
        tail = b""
        while chunk := part.read(_CHUNK):
            yield tail + chunk
            tail = chunk[-_OVERLAP:]


@dataclass
class _Reach:
    """A rectangle that encloses cells."""

    top: int = _ROWS
    bottom: int = 0
    left: int = _COLUMNS
    right: int = 0

    def add(self, letters: set[bytes], digits: set[bytes]) -> None:
        """Extends the rectangle to cells in these columns (given as letters) and rows."""
        columns, rows = [_column_number(column) for column in letters - {b""}], [int(row) for row in digits - {b""}]
        self.top, self.bottom = min(self.top, *rows, _ROWS), max(self.bottom, *rows, 0)
        self.left, self.right = min(self.left, *columns, _COLUMNS), max(self.right, *columns, 0)


def too_many_cells(name: str, height: int, width: int) -> FileTooLarge:
    """The error for a workbook or sheet whose cells are too many or too far apart."""
    problem = f"The cells of {name} are spread over {height:,} rows and {width:,} columns"
    limit = f"at most {MAX_CELLS:,} cells can be read, including the empty cells between them"
    advice = "Delete cells that are far from the table (Ctrl+End goes to the last cell), or split the workbook."
    return FileTooLarge(f"{problem}, and {limit}. {advice}")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters[:12]:
        number = number * 26 + letter - 64
    return number


def _shown(entry: zipfile.ZipInfo) -> str:
    return entry.filename.rsplit("/", 1)[-1][:40].encode("ascii", "replace").decode()


def _damaged(name: str, problem: str) -> UnreadableFile:
    return UnreadableFile(f"{name} is damaged: {problem}. Save it again as .xlsx.")
