"""Removes byte order marks from inside a text file, where they come from files that were put together.

Runs in the ingest worker. A mark would become an invisible part of a name or value, and a quotation mark behind it
would not count.
"""

import codecs
from pathlib import Path

from cfo_kernel.data.decisions import Decision, DecisionKind

_CHUNK = 1 << 20
_MARK = "\ufeff"


def without_inner_marks(path: Path, encoding: str, scratch: Path) -> tuple[Path, str, list[Decision]]:
    """Returns the file to read, its encoding, and decisions. If there are marks, the file is a copy in `scratch`."""
    count = _inner_marks(path, encoding)
    if not count:
        return path, encoding, []
    copy = scratch / "unmarked.csv"
    if encoding == "utf-16":
        with path.open(encoding=encoding, errors="replace", newline="") as file, copy.open("wb") as out:
            while text := file.read(_CHUNK):
                out.write(text.replace(_MARK, "").encode(errors="replace"))
        encoding = "utf-8"
    else:
        _copy_without(path, codecs.BOM_UTF8, copy)
    marks = "A byte order mark" if count == 1 else f"{count:,} byte order marks"
    text = f"{marks} {'was' if count == 1 else 'were'} left out."
    return copy, encoding, [Decision(kind=DecisionKind.FORMAT, text=text, count=count)]


def _inner_marks(path: Path, encoding: str) -> int:
    """The number of marks in the file, except one at its start that the encoding consumes."""
    if encoding == "utf-16":
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            return sum(text.count(_MARK) for text in iter(lambda: file.read(_CHUNK), ""))
    mark, count, rest = codecs.BOM_UTF8, 0, b""
    with path.open("rb") as file:
        if encoding == "utf-8-sig" and file.read(len(mark)) != mark:
            file.seek(0)
        while chunk := file.read(_CHUNK):
            known = rest + chunk
            count += known.count(mark)
            rest = known[1 - len(mark) :]
    return count


def _copy_without(path: Path, mark: bytes, copy: Path) -> None:
    """Copies the bytes of the file without the marks. In Windows-1252, a mark is three characters."""
    rest = b""
    with path.open("rb") as file, copy.open("wb") as out:
        while chunk := file.read(_CHUNK):
            known = (rest + chunk).replace(mark, b"")
            kept = max((n for n in (1, 2) if known.endswith(mark[:n])), default=0)
            out.write(known[: len(known) - kept])
            rest = known[len(known) - kept :]
        out.write(rest)
