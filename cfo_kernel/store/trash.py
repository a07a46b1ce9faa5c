"""The trash of a root or a workspace, `.trash/`: keeps deleted and replaced items for a while in case they are needed.

The trash has an age limit and a size limit, and the oldest items are removed first. The most recently deleted item is
kept until it reaches the age limit, regardless of its size, because users expect to be able to undo their last
deletion. Items that people put there under other names, and items that another program is using, are never removed.
"""

import contextlib
import fcntl
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FOLDER = ".trash"
DAYS = 30
MAX_BYTES = 10 << 30
_TIME = "%Y%m%d-%H%M%S"
_NAME = re.compile(r"(?P<state>\.?)(?P<time>\d{8}-\d{6})-[0-9a-f]{6}-.+", re.DOTALL)
_REMOVING = ".removing-"
_LOCKS = (".lock", "lock")


@dataclass(frozen=True)
class _Item:
    path: Path
    deleted_at: datetime
    is_complete: bool


def move(parent: Path, path: Path) -> Path:
    """Moves a file or folder to the trash of `parent`, under a name that begins with the time. Returns its new path."""
    trash = parent / FOLDER
    trash.mkdir(exist_ok=True)
    target = trash / f"{datetime.now(UTC):{_TIME}}-{uuid.uuid4().hex[:6]}-{path.name}"
    # An item from another disk is copied, which takes a while. Until the copy is complete, its name begins with a dot.
    arriving = target.with_name(f".{target.name}")
    shutil.move(path, arriving)
    arriving.rename(target)
    return target


def prune_root(root: Path) -> None:
    """Prunes the trash of a root and of all its workspaces."""
    for parent in (root, *(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())):
        prune(parent / FOLDER)


def prune(trash: Path, max_bytes: int = MAX_BYTES, now: datetime | None = None) -> None:
    """Removes the items that are older than `DAYS`, then the oldest others until the rest fits in `max_bytes`."""
    oldest = (now or datetime.now(UTC)) - timedelta(days=DAYS)
    items = _items(trash)
    young = [item for item in items if item.deleted_at >= oldest]
    for item in items:
        if item.deleted_at < oldest:
            _remove(item.path)
    complete = [item for item in young if item.is_complete]
    sizes = {item.path: _size(item.path) for item in complete}
    total = sum(sizes.values())
    for item in complete[:-1]:
        if total > max_bytes and _remove(item.path):
            total -= sizes[item.path]


def _items(trash: Path) -> list[_Item]:
    """Returns the items in the trash, oldest first. Also erases the remains of unfinished removals."""
    found: list[_Item] = []
    with contextlib.suppress(OSError):  # there is no trash yet, or it cannot be read
        for path in sorted(trash.iterdir()):
            if path.name.startswith(_REMOVING):
                _erase(path)
            elif name := _NAME.fullmatch(path.name):
                with contextlib.suppress(ValueError):  # the digits are not a valid time
                    deleted_at = datetime.strptime(name["time"], _TIME).replace(tzinfo=UTC)
                    found.append(_Item(path, deleted_at, is_complete=not name["state"]))
    return sorted(found, key=lambda item: item.deleted_at)


def _remove(path: Path) -> bool:
    """Removes an item unless it is in use. Returns whether it is gone.

    The item is renamed first, so that a user who wants to restore it finds it either complete or gone.
    """
    if _is_in_use(path):
        return False
    removing = path.with_name(f"{_REMOVING}{uuid.uuid4().hex}")
    try:
        path.rename(removing)
    except FileNotFoundError:  # another engine removed it, or someone took it back
        return True
    except OSError:
        return False
    _erase(removing)
    return True


def _erase(path: Path) -> None:
    with contextlib.suppress(OSError):  # the rest is erased next time
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_in_use(path: Path) -> bool:
    """Whether a program holds a lock in the folder, either on a thread or on a worker's folder."""
    for folder, _, files in os.walk(path):
        for name in set(_LOCKS).intersection(files):
            with contextlib.suppress(OSError):
                lock = os.open(Path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                finally:
                    os.close(lock)
    return False


def _size(path: Path) -> int:
    """Returns how many bytes the item occupies on the disk."""
    size = _bytes(path)
    for folder, _, files in os.walk(path):
        size += sum(_bytes(Path(folder, name)) for name in files)
    return size


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_blocks * 512
    return 0
