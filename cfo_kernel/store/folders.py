"""The folders of workspaces and threads. Checks their names, so that every folder is inside the root."""

import contextlib
import re
import unicodedata
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cfo_kernel.errors import InvalidName, StorageFailed
from cfo_kernel.store import trash

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
HISTORY = "message_history.json"
CATALOG_FOLDER = ".cfo"


def workspace_name(name: str) -> str:
    """Returns the name with whitespace and characters normalized. Raises `InvalidName`."""
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    unsafe = any(c in "/\\" or unicodedata.category(c).startswith("C") for c in tidy)
    if not tidy or len(tidy) > 100 or tidy.startswith(".") or unsafe or any(ord(c) < 32 for c in name):
        shown = tidy[:40].encode("utf-8", "replace").decode()
        message = f"{shown!r} is not a valid workspace name. Use 1 to 100 characters, no slash, and no leading dot."
        raise InvalidName(message)
    return tidy


def workspace_id(name: str) -> str:
    """Returns the id for a new workspace, which also names its folder: the name in ASCII letters and digits."""
    flat = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", flat).strip("_")[:60] or f"workspace_{uuid.uuid4().hex[:8]}"


def new_id() -> str:
    """Returns an id for a new thread or run. Ids sort by time and cannot be guessed."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:12]}"


def is_id(text: str) -> bool:
    """Whether the string is valid as an id, and therefore as a folder name."""
    return _ID.fullmatch(text) is not None and ".." not in text


def is_valid_text(text: str) -> bool:
    """Whether databases can store the string: it contains no NUL and no surrogate (a byte that is not valid UTF-8)."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def make_workspace(folder: Path) -> None:
    """Creates the missing folders of a workspace.

    Raises `StorageFailed` if one of them is a link, because files outside the workspace would be read and moved.
    """
    for name in ("data", "threads"):
        if (folder / name).is_symlink():
            message = f"{name}/ of the workspace {folder.name} is a link. Replace it with the folder that it points to."
            raise StorageFailed(message)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "threads").mkdir(exist_ok=True)


def make_thread(folder: Path) -> None:
    """Creates the missing folders and files of a thread.

    Raises `StorageFailed` if one of them is a link, because tools would follow it and write outside the thread.
    """
    for name in ("analysis", "results", "memory.json"):
        if (folder / name).is_symlink():
            raise StorageFailed(
                f"{name} in the folder of thread {folder.name} is a link. Replace it with the file or folder that it"
                " points to."
            )
    (folder / "analysis").mkdir(parents=True, exist_ok=True)
    (folder / "results").mkdir(exist_ok=True)
    memory = folder / "memory.json"
    if not memory.exists():
        memory.write_text("{}\n")


def remove_unused_thread(folder: Path) -> None:
    """Removes the folder of a thread whose first message was refused, unless it contains any other files."""
    with contextlib.suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {"analysis", "results", "memory.json", ".lock"}:
            (folder / "analysis").rmdir()
            (folder / "results").rmdir()
            for name in ("memory.json", ".lock"):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def is_in_use(root: Path) -> bool:
    """Whether the root contains databases or a workspace. Raises `OSError` if it cannot be read."""
    try:
        return (root / CATALOG_FOLDER).exists() or bool(unknown_workspaces(root, set()))
    except FileNotFoundError:
        return False


_BETWEEN_WORDS = " _-.,&'"


def is_same_name(one: str, other: str) -> bool:
    """Whether two workspace names differ only in case, spaces and punctuation."""
    return _letters(one) == _letters(other) != ""


def _letters(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c not in _BETWEEN_WORDS)


def unknown_workspaces(root: Path, known: set[str]) -> list[Path]:
    """Returns the folders in the root that look like a workspace (they contain `data/`) but are not `known`."""
    found = [p for p in sorted(root.iterdir()) if p.is_dir() and not p.is_symlink() and is_id(p.name)]
    return [p for p in found if p.name not in known and (p / "data").is_dir()]


def unknown_threads(workspace: Path, known: set[str]) -> list[Path]:
    """Returns the thread folders of a workspace that are not `known`."""
    threads = workspace / "threads"
    found = [p for p in sorted(threads.iterdir()) if p.is_dir() and not p.is_symlink() and is_id(p.name)]
    return [p for p in found if p.name not in known and any(p.glob("message_history*.json"))]


def to_trash(parent: Path, path: Path) -> Path:
    """Moves a file or folder to the `.trash/` of a workspace or root, then prunes it. Returns the new path."""
    target = trash.move(parent, path)
    trash.prune(target.parent)
    return target


def discard(parent: Path, path: Path) -> Path | None:
    """Moves a file or folder to the `.trash/` of a workspace or root.

    Returns the new path, or None if another deletion has already moved it.
    """
    try:
        return to_trash(parent, path)
    except FileNotFoundError:
        if path.exists():
            raise
        return None


def take_back(discarded: Path | None, path: Path) -> None:
    """Undoes `discard`, if possible."""
    if discarded is not None and not path.exists():
        with contextlib.suppress(OSError):
            discarded.rename(path)


def create_catalog_folder(root: Path) -> Path:
    """Returns the folder for a root's databases, and creates it if it is missing."""
    folder = root / CATALOG_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
