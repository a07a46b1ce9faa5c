"""Reads compound files, the containers of old Office documents, of encrypted workbooks and of Outlook messages.

Runs in the ingest worker. A compound file is a small file system: chains of sectors, and a directory of streams. Every
number in it may be forged, so chains are followed only within the file and never twice through the same sector.
"""

import re
import struct
from array import array
from pathlib import Path
from typing import NamedTuple

from cfo_kernel.errors import FileTooLarge, UnreadableFile

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED, WORKBOOK = "an encrypted file", "an old .xls workbook"
_MAX_BYTES = 512 << 20
_ENTRY, _NAME = 128, 64  # bytes of an entry of the directory, and of the name at its beginning
_HEADER_SECTORS = 109  # sectors of the table that the header itself lists
_END = 0xFFFFFFFA  # and above: marks, not sectors
_KINDS = {
    "EncryptedPackage": ENCRYPTED,
    "Workbook": WORKBOOK,
    "Book": WORKBOOK,
    "WordDocument": "an old Word document",
    "PowerPoint Document": "an old presentation",
    "__properties_version1.0": "an Outlook message",
}
"""The kind of file that each stream name indicates. The first stream that is found decides."""
_CHUNK = 1 << 20
_SOUGHT = re.compile(b"|".join(re.escape(name.encode("utf-16-le")) + rb"\0\0" for name in _KINDS), re.IGNORECASE)


def kind(path: Path) -> str:
    """What a compound file contains, judging by the names of its streams, even if the rest is damaged."""
    found: set[str] = set()
    with path.open("rb") as file:
        position, tail = 0, b""
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            start = position - len(tail)
            found |= {
                m[0][:-2].decode("utf-16-le").lower()
                for m in _SOUGHT.finditer(text)
                if not (start + m.start()) % _ENTRY
            }
            position += len(chunk)
            tail = text[-_NAME:]
    return next((kind for name, kind in _KINDS.items() if name.lower() in found), "an old .xls or .doc file")


class _Entry(NamedTuple):
    """An entry of the directory."""

    name: str
    start: int
    size: int


def stream(path: Path, names: tuple[str, ...]) -> bytes | None:
    """The content of the first stream with one of these names. Raises `UnreadableFile` or `FileTooLarge`."""
    if path.stat().st_size > _MAX_BYTES:
        raise FileTooLarge(f"{path.name} is larger than {_MAX_BYTES >> 20} MB. Save it again as .xlsx, or split it.")
    try:
        return _stream(path.read_bytes(), names)
    except (struct.error, IndexError, ValueError) as error:
        message = f"{path.name} is damaged or incomplete. Open it in a spreadsheet program and save it as .xlsx."
        raise UnreadableFile(message) from error


def _stream(data: bytes, names: tuple[str, ...]) -> bytes | None:
    (shift,) = struct.unpack_from("<H", data, 30)
    if shift not in (9, 12):
        raise ValueError(shift)
    size = 1 << shift
    directory, cutoff, mini_start = (struct.unpack_from("<I", data, at)[0] for at in (48, 56, 60))
    table = _table(data, size)
    entries = [_entry(raw) for raw in _pieces(_chain(data, table, size, directory, size), _ENTRY)]
    wanted = next((entry for name in names for entry in entries if entry.name.lower() == name.lower()), None)
    if wanted is None:
        return None
    if wanted.size >= cutoff:
        return _chain(data, table, size, wanted.start, size)[: wanted.size]
    mini = _chain(data, table, size, entries[0].start, size)
    mini_table = _numbers(_chain(data, table, size, mini_start, size))
    return _chain(mini, mini_table, 64, wanted.start, 0)[: wanted.size]


def _table(data: bytes, size: int) -> "array[int]":
    """The allocation table, which gives for each sector the one that follows it."""
    sectors = list(struct.unpack_from(f"<{_HEADER_SECTORS}I", data, 76))
    more, seen = struct.unpack_from("<I", data, 68)[0], set[int]()
    while more < _END and more not in seen:
        seen.add(more)
        listed = _numbers(_sector(data, more, size, size))
        sectors += listed[:-1]
        more = listed[-1]
    return _numbers(b"".join(_sector(data, number, size, size) for number in dict.fromkeys(sectors) if number < _END))


def _chain(data: bytes, table: "array[int]", size: int, start: int, offset: int) -> bytes:
    """The sectors of a chain. The first one begins `offset` bytes into the data."""
    found: list[bytes] = []
    number, most = start, len(table)
    while number < _END:
        if len(found) > most:
            raise ValueError("a chain of sectors has no end")
        found.append(_sector(data, number, size, offset))
        number = table[number]
    return b"".join(found)


def _sector(data: bytes, number: int, size: int, offset: int) -> bytes:
    at = offset + number * size
    if at >= len(data):
        raise ValueError("a sector lies beyond the end")
    return data[at : at + size]


def _numbers(data: bytes) -> "array[int]":
    numbers = array("I")
    numbers.frombytes(data[: len(data) // 4 * 4])
    return numbers


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data) - size + 1, size)]


def _entry(raw: bytes) -> _Entry:
    (length,) = struct.unpack_from("<H", raw, _NAME)
    name = raw[: max(0, min(length - 2, _NAME))].decode("utf-16-le", "replace")
    start, size = struct.unpack_from("<IQ", raw, 116)
    return _Entry(name, start, size & 0xFFFFFFFF)  # the upper half is undefined in old files
