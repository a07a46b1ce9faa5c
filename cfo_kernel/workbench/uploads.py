"""A file on its way into a workspace: copied aside first, then put into `data/` in one step.

So `data/` is never without a file that it had, whatever fails on the way.
"""

import contextlib
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cfo_kernel.errors import FileTooLarge, InvalidInput, StorageFailed, UnreadableFile
from cfo_kernel.store import folders

MAX_BYTES = 2 << 30
"""The largest file that is taken; more belongs into several files, or into Parquet."""
_CHUNK = 1 << 20
Source = str | Path | BinaryIO


def name_of(source: Source) -> str:
    """The name of a file, or of the file that a stream reads; empty for a stream without one."""
    own = source if isinstance(source, str | Path) else getattr(source, "name", "")
    return Path(own).name if isinstance(own, str | Path) else ""


def check(source: Source) -> None:
    """Raises `InvalidInput` for what is neither a file nor a stream."""
    if not isinstance(source, str | Path):
        if not callable(getattr(source, "read", None)):
            raise InvalidInput("An upload is the path of a file, or a stream opened with 'rb'.")
        return
    with contextlib.suppress(OSError, ValueError):
        if Path(source).is_file():
            return
    raise InvalidInput(f"There is no file {str(source)[:200]!r}. Check the path.")


def copy(source: Source, target: Path) -> None:
    """Copies what was sent; raises `FileTooLarge`, or `UnreadableFile` where it cannot be read."""
    size = 0
    with target.open("wb") as out:
        for chunk in _chunks(source, target.name):
            size += len(chunk)
            if size > MAX_BYTES:
                limit = f"{MAX_BYTES / (1 << 30):g} GB"
                raise FileTooLarge(f"{target.name} is larger than {limit}. Split it, or send it as Parquet.")
            out.write(chunk)


def put_in_place(path: Path, target: Path, workspace: Path) -> None:
    """Moves the file to its place; what it replaces is in the workspace's `.trash/` before that."""
    if target.exists():
        kept = path.with_name("replaced") / target.name
        kept.parent.mkdir()
        try:
            os.link(target, kept, follow_symlinks=False)
        except OSError:  # a file system without hard links
            shutil.copy2(target, kept)
        folders.to_trash(workspace, kept)
    path.replace(target)


@contextlib.contextmanager
def storing(name: str) -> Generator[None]:
    """Raises `StorageFailed` where the disk does not take the file."""
    try:
        yield
    except OSError as error:
        message = f"{name} cannot be stored ({error.strerror or error}). Mend that, then upload it again."
        raise StorageFailed(message) from error


def _chunks(source: Source, name: str) -> Iterator[bytes]:
    try:
        with Path(source).open("rb") if isinstance(source, str | Path) else contextlib.nullcontext(source) as stream:
            sent: Any = stream
            while chunk := sent.read(_CHUNK):
                if not isinstance(chunk, bytes):
                    raise InvalidInput("The stream gives text, and an upload is bytes. Open the file with 'rb'.")
                yield chunk
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{name} cannot be read ({error}). Check the file, then upload it again.") from error
