"""The trash of a root or a workspace, `.trash/`: deleted and replaced things, kept for a while in case they are missed.

It has a limit in age and one in size. What is over is removed, the oldest first. The thing that was deleted last stays
until its days are over, however large it is: a deletion that could not be undone would be a surprise. Things that
people put there under names of their own are left alone, and so is one in which another program works.
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
    """Moves a file or folder to the trash of `parent`, where it gets a name that begins with the time."""
    trash = parent / FOLDER
    trash.mkdir(exist_ok=True)
    target = trash / f"{datetime.now(UTC):{_TIME}}-{uuid.uuid4().hex[:6]}-{path.name}"
    # From another disk it is copied, which takes a while. Until it is complete its name begins with a dot.
    arriving = target.with_name(f".{target.name}")
    shutil.move(path, arriving)
    arriving.rename(target)
    return target


def prune_root(root: Path) -> None:
    """Prunes the trash of a root and of its workspaces."""
    for parent in (root, *(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())):
        prune(parent / FOLDER)


def prune(trash: Path, max_bytes: int = MAX_BYTES, now: datetime | None = None) -> None:
    """Removes what is older than `DAYS`, then the oldest until the rest has at most `max_bytes`."""
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
    """What was moved to the trash, the oldest first; what an earlier removal left over is removed at once."""
    found: list[_Item] = []
    with contextlib.suppress(OSError):  # there is no trash yet, or it cannot be read now
        for path in sorted(trash.iterdir()):
            if path.name.startswith(_REMOVING):
                _erase(path)
            elif name := _NAME.fullmatch(path.name):
                with contextlib.suppress(ValueError):  # digits, but no time
                    deleted_at = datetime.strptime(name["time"], _TIME).replace(tzinfo=UTC)
                    found.append(_Item(path, deleted_at, is_complete=not name["state"]))
    return sorted(found, key=lambda item: item.deleted_at)


def _remove(path: Path) -> bool:
    """Removes a thing unless it is in use; whether it is gone.

    It first gets another name: whoever wants it back finds it whole, or not at all.
    """
    if _is_in_use(path):
        return False
    removing = path.with_name(f"{_REMOVING}{uuid.uuid4().hex}")
    try:
        path.rename(removing)
    except FileNotFoundError:  # another engine removed it, or somebody took it back
        return True
    except OSError:
        return False
    _erase(removing)
    return True


def _erase(path: Path) -> None:
    with contextlib.suppress(OSError):  # what is left goes the next time
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_in_use(path: Path) -> bool:
    """Whether a program holds a lock in the folder: on a thread, or on the folder of a worker."""
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
    """How many bytes the thing takes on the disk."""
    size = _bytes(path)
    for folder, _, files in os.walk(path):
        size += sum(_bytes(Path(folder, name)) for name in files)
    return size


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_blocks * 512
    return 0
