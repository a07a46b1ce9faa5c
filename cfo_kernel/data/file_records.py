"""Records about each file in a workspace: the hash of its content, or why it cannot be read.

A record is valid as long as the file's stamp stays the same. A file is therefore hashed only once, and an unreadable
file is not read again until it changes, because an attempt may take minutes.
"""

import hashlib
import os
import uuid
from pathlib import Path

from pydantic import Field, ValidationError

from cfo_kernel.errors import FileProblem, restored
from cfo_kernel.values import Value

_MAX_BYTES = 1 << 16


class Problem(Value):
    """Why a file cannot be read.

    If a time limit ended the attempt, `seconds` is that limit, since a higher one may be enough.
    """

    code: str
    message: str
    seconds: float | None = None


class FileRecord(Value):
    """The known facts about a file. Both fields are None if nothing is known."""

    version: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    problem: Problem | None = None


class FileStamp(Value):
    """Values that change whenever the file does.

    The modification time is not enough: a program can set it back after writing, and copies keep it. The time of the
    last change (ctime) cannot be set, but it also changes when a link to the file is made or removed.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    def is_same_content(self, other: "FileStamp") -> bool:
        """Whether the stamps differ only in the time of the last change, as after reading through a link."""
        return self.model_copy(update={"changed_ns": other.changed_ns}) == other


class _Stored(Value):
    stamp: FileStamp
    format: int
    record: FileRecord


class FileRecords:
    """The records of the files in a workspace's `data/`, one small file each in its `.cache/`."""

    def __init__(self, cache: Path, format: int) -> None:
        """Problems recorded under a different `format` of the cached tables are ignored."""
        self._cache = cache
        self._format = format

    def read(self, path: Path, stamp: FileStamp) -> FileRecord:
        """The record of the file, or an empty record if there is none with this stamp."""
        stored = self._stored(path)
        if stored is None or stored.stamp != stamp:
            return FileRecord()
        is_current = stored.format == self._format
        return stored.record if is_current else stored.record.model_copy(update={"problem": None})

    def moved(self, path: Path) -> None:
        """Keeps the record of a file that was moved to `path` under the same name, although the move changed its stamp.

        Raises `OSError`.
        """
        stored, stamp = self._stored(path), stamp_of(path)
        if stored is not None and stored.format == self._format and stored.stamp.is_same_content(stamp):
            self.write(path, stamp, stored.record)

    def _stored(self, path: Path) -> _Stored | None:
        try:
            with (self._cache / file_name(path)).open("rb") as file:
                return _Stored.model_validate_json(file.read(_MAX_BYTES))
        except (OSError, ValidationError):
            return None

    def write(self, path: Path, stamp: FileStamp, record: FileRecord) -> None:
        """Stores the record of the file with this stamp. Raises `OSError`."""
        self._cache.mkdir(exist_ok=True)
        stored = _Stored(stamp=stamp, format=self._format, record=record)
        write_atomically(self._cache / file_name(path), stored.model_dump_json())


def stamp_of(path: Path) -> FileStamp:
    """The stamp of the file itself, not of a link's target. Raises `OSError`."""
    return _stamp(path.lstat())


def stamp_of_entry(entry: "os.DirEntry[str]") -> FileStamp | None:
    """The stamp of an entry in a folder, or None if it no longer exists."""
    try:
        return _stamp(entry.stat(follow_symlinks=False))
    except OSError:
        return None


def _stamp(found: os.stat_result) -> FileStamp:
    return FileStamp(
        size=found.st_size, modified_ns=found.st_mtime_ns, changed_ns=found.st_ctime_ns, inode=found.st_ino
    )


def file_name(path: Path) -> str:
    """The name of this file's record."""
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.version"


def to_problem(error: FileProblem) -> Problem:
    return Problem(code=error.code, message=error.message, seconds=error.details.get("seconds"))


def to_error(problem: Problem) -> Exception:
    return restored(problem.code, problem.message)


def write_atomically(path: Path, text: str) -> None:
    """Writes the file atomically, because other processes may be reading it or writing the same content."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
