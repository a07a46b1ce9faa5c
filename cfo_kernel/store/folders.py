"""The folders of workspaces and threads. A name is checked here, so that its folder is always inside of the root."""

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
    """The name with its spaces and characters normalized. Raises `InvalidName`."""
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    unsafe = any(c in "/\\" or unicodedata.category(c).startswith("C") for c in tidy)
    if not tidy or len(tidy) > 100 or tidy.startswith(".") or unsafe or any(ord(c) < 32 for c in name):
        shown = tidy[:40].encode("utf-8", "replace").decode()
        message = f"{shown!r} is not a valid workspace name. Use 1 to 100 characters, no slash, and no leading dot."
        raise InvalidName(message)
    return tidy


def workspace_id(name: str) -> str:
    """The id of a new workspace, which is also its folder: the name in ASCII letters and digits."""
    flat = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", flat).strip("_")[:60] or f"workspace_{uuid.uuid4().hex[:8]}"


def new_id() -> str:
    """The id of a new thread or run. Ids sort by time, and cannot be guessed."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:12]}"


def is_id(text: str) -> bool:
    """Whether the text can be an id, and so the name of a folder."""
    return _ID.fullmatch(text) is not None and ".." not in text


def is_valid_text(text: str) -> bool:
    """Whether a database can store the text. Surrogates, which stand for bytes that are not UTF-8, cannot be stored."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def make_workspace(folder: Path) -> None:
    """Creates the folders of a workspace where they are missing."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "threads").mkdir(exist_ok=True)


def make_thread(folder: Path) -> None:
    """Creates the folders and files of a thread where they are missing.

    Raises `StorageFailed` if one of them is a link: tools would write to where it leads, outside of the thread.
    """
    for name in ("analysis", "results", "memory.json"):
        if (folder / name).is_symlink():
            message = f"{name} in the folder of thread {folder.name} is a link. Replace it by what it leads to."
            raise StorageFailed(message)
    (folder / "analysis").mkdir(parents=True, exist_ok=True)
    (folder / "results").mkdir(exist_ok=True)
    memory = folder / "memory.json"
    if not memory.exists():
        memory.write_text("{}\n")


def remove_unused_thread(folder: Path) -> None:
    """Removes the folder of a thread whose first message was refused, unless it has any other content."""
    with contextlib.suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {"analysis", "results", "memory.json", ".lock"}:
            (folder / "analysis").rmdir()
            (folder / "results").rmdir()
            for name in ("memory.json", ".lock"):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def unknown_workspaces(root: Path, known: set[str]) -> list[Path]:
    """Folders of the root that look like a workspace (they have `data/`) and are not in the catalog."""
    found = [p for p in sorted(root.iterdir()) if p.is_dir() and not p.is_symlink() and is_id(p.name)]
    return [p for p in found if p.name not in known and (p / "data").is_dir()]


def unknown_threads(workspace: Path, known: set[str]) -> list[Path]:
    """Thread folders that are not in the catalog."""
    threads = workspace / "threads"
    found = [p for p in sorted(threads.iterdir()) if p.is_dir() and not p.is_symlink() and is_id(p.name)]
    return [p for p in found if p.name not in known and any(p.glob("message_history*.json"))]


def to_trash(parent: Path, path: Path) -> Path:
    """Moves a file or folder to the `.trash/` of a workspace or root, which then drops what is over its limits."""
    target = trash.move(parent, path)
    trash.prune(target.parent)
    return target


def create_catalog_folder(root: Path) -> Path:
    """The folder of a root's databases, created where it is missing."""
    folder = root / CATALOG_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
