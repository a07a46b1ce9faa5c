"""The versions of a workspace's `data/datasets.yaml`, in `<workspace>/.glossary/`.

Each version is a file: its number, how it came about, and the hash of its text. A change that someone made by hand is
found at the next change through the workbench, and becomes a version too, so that undoing never skips or loses it. The
current version is also in `data/`, and is replaced in one step.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Literal, get_args

from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.errors import NothingToUndo, StorageFailed

MOST_VERSIONS = 50
_RETRY = 0.02
_MOST_LINES = 60
_LONGEST_LINE = 300
_MOST_COMPARED = 1_000
Origin = Literal["file", "edit", "undo"]
_NAME = re.compile(rf"(\d{{6,9}})-({'|'.join(get_args(Origin))})-([0-9a-f]{{16}})\.yaml")


def version_of(text: str) -> str:
    """The version of a glossary: a hash of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class StoredVersion:
    """A version that is kept, and its origin: found in the file, or written by an edit or an undo."""

    path: Path
    number: int
    origin: Origin
    version: str

    @property
    def at(self) -> datetime:
        """When the version was stored, in UTC."""
        return datetime.fromtimestamp(self.path.lstat().st_mtime, UTC)

    def text(self) -> str:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8", newline="") as file:
            return file.read()


def difference(old: str, new: str) -> str:
    """The lines that differ, as people read them in a diff."""
    before, after = old.splitlines(), new.splitlines()
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start, kept = max(same - 1, 0), min(len(before), len(after)) - same
    ends = zip(before[::-1][:kept], after[::-1][:kept], strict=True)
    end = max(next((i for i, (a, b) in enumerate(ends) if a != b), kept) - 1, 0)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if max(len(before), len(after)) <= _MOST_COMPARED:
        lines = [*unified_diff(before, after, n=1, lineterm="")][2:]
        lines = [_moved(line, start) for line in lines]
    else:  # difflib takes minutes for thousands of lines that repeat
        lines = [f"@@ -{start + 1},{len(before)} +{start + 1},{len(after)} @@"]
        lines += [*(f"-{line}" for line in before[: _MOST_LINES // 2]), *(f"+{line}" for line in after)]
    more = [f"... and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    shown = (line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..." for line in lines[:_MOST_LINES])
    return "\n".join([*shown, *more])


def _moved(line: str, by: int) -> str:
    """A line of a diff whose texts began `by` lines later than the whole texts."""
    if not line.startswith("@@ "):
        return line
    return re.sub(r"([-+])(\d+)", lambda found: f"{found[1]}{int(found[2]) + by}", line)


class GlossaryVersions:
    """The versions of one workspace's glossary. Only who holds `locked` may write."""

    def __init__(self, workspace_dir: Path) -> None:
        self._folder = workspace_dir / ".glossary"
        self._file = workspace_dir / "data" / GLOSSARY

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Holds the lock of the glossary. Other tasks and processes wait for it."""
        self._folder.mkdir(exist_ok=True)
        if self._folder.is_symlink():
            raise StorageFailed(f"{self._folder.name}/ is a link. Replace it with the folder that it points to.")
        try:
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise StorageFailed(f"{self._folder.name}/.lock is a link. Remove it, then try again.") from error
        try:
            while True:
                try:  # in a loop, because a blocking flock would block the event loop
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_RETRY)
            yield
        finally:
            os.close(lock)

    def stored(self) -> list[StoredVersion]:
        """The versions that are kept, oldest first."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        found = [(name, match) for name in names if (match := _NAME.fullmatch(name))]
        kept = [StoredVersion(self._folder / name, int(m[1]), _origin(m[2]), m[3]) for name, m in found]
        return sorted(kept, key=lambda version: version.number)

    def text_of(self, version: str) -> str | None:
        """The text of a version, if it is kept."""
        found = next((one for one in reversed(self.stored()) if one.version == version), None)
        return found.text() if found else None

    def before_last_edit(self, text: str) -> str:
        """The text before the last edit that has not been undone. Raises `NothingToUndo`."""
        versions = self.stored()
        if not versions or versions[-1].version != version_of(text):
            # The file was changed by hand since the last edit: that change is the last one.
            if not versions:
                raise NothingToUndo("No earlier version of the glossary is kept, so there is nothing to undo.")
            return versions[-1].text()
        undone = 0
        for earlier, version in zip(reversed(versions[:-1]), reversed(versions[1:]), strict=True):
            if version.origin == "undo":
                undone += 1
            elif undone:
                undone -= 1
            else:
                return earlier.text()
        raise NothingToUndo("All saved changes to the glossary have already been undone.")

    def replace(self, old: str, new: str, origin: Origin) -> None:
        """Keeps `old` if it is not kept yet, then puts `new` in its place. Raises `OSError` and changes nothing."""
        versions = self.stored()
        if not versions or versions[-1].version != version_of(old):
            versions.append(self._keep(old, "file", versions))
        kept = self._keep(new, origin, versions)
        try:
            temporary = self._folder / f".{GLOSSARY}"
            _write(temporary, new)
            temporary.replace(self._file)
        except BaseException:
            kept.path.unlink(missing_ok=True)
            raise
        for version in [*versions, kept][:-MOST_VERSIONS]:
            version.path.unlink(missing_ok=True)

    def _keep(self, text: str, origin: Origin, versions: list[StoredVersion]) -> StoredVersion:
        number = versions[-1].number + 1 if versions else 1
        version = version_of(text)
        path = self._folder / f"{number:06}-{origin}-{version}.yaml"
        temporary = self._folder / ".version"
        _write(temporary, text)
        temporary.replace(path)
        return StoredVersion(path, number, origin, version)


def _write(path: Path, text: str) -> None:
    """Writes the whole text to the disk, to a file of its own."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _origin(text: str) -> Origin:
    return next(origin for origin in get_args(Origin) if origin == text)
