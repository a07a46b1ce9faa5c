"""What is remembered about each file of a workspace: the hash of its content, or why it cannot be read.

A record is valid as long as the file's size, modification time and inode stay the same. A file is therefore hashed
once,
and no process tries to read an unreadable file again until it changes, because an attempt may take minutes.
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
    """Why a file cannot be read. `seconds` is the time limit if it ended the attempt, since a higher one may be
    enough.
    """

    code: str
    message: str
    seconds: float | None = None


class FileRecord(Value):
    """What is known about a file. Both fields are None if nothing is known."""

    version: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    problem: Problem | None = None


class _Stored(Value):
    stamp: str
    format: int
    record: FileRecord


class FileRecords:
    """The records of the files in a workspace's `data/`, one small file each in its `.cache/`."""

    def __init__(self, cache: Path, format: int) -> None:
        """`format` is the format of the cached tables. Problems recorded under an earlier format are ignored."""
        self._cache = cache
        self._format = format

    def read(self, path: Path, stamp: str) -> FileRecord:
        """The record of the file with this stamp."""
        try:
            with (self._cache / file_name(path)).open("rb") as file:
                stored = _Stored.model_validate_json(file.read(_MAX_BYTES))
        except (OSError, ValidationError):
            return FileRecord()
        if stored.stamp != stamp:
            return FileRecord()
        is_current = stored.format == self._format
        return stored.record if is_current else stored.record.model_copy(update={"problem": None})

    def write(self, path: Path, stamp: str, record: FileRecord) -> None:
        """Stores the record of the file with this stamp. Raises `OSError`."""
        self._cache.mkdir(exist_ok=True)
        stored = _Stored(stamp=stamp, format=self._format, record=record)
        write_atomically(self._cache / file_name(path), stored.model_dump_json())


def stamp_of(path: Path) -> str:
    """Values that change when the file does. Raises `OSError`."""
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def file_name(path: Path) -> str:
    """The name of this file's record."""
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.version"


def to_problem(error: FileProblem) -> Problem:
    return Problem(code=error.code, message=error.message, seconds=error.details.get("seconds"))


def to_error(problem: Problem) -> Exception:
    return restored(problem.code, problem.message)


def write_atomically(path: Path, text: str) -> None:
    """Writes the file in one step, because other processes may be reading it, or writing the same."""
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
