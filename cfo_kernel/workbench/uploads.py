"""A file on its way into a workspace: copied aside first, then put into `data/` in one step.

So `data/` is never without a file that it had, whatever fails on the way.
"""

import contextlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path

from cfo_kernel import upload_source
from cfo_kernel.errors import StorageFailed
from cfo_kernel.store import folders
from cfo_kernel.upload_source import UploadSource


def copy(source: UploadSource, target: Path) -> None:
    """Copies what was sent; raises `FileTooLarge`, or `UnreadableFile` where it cannot be read."""
    with target.open("wb") as out:
        for chunk in upload_source.chunks(source, target.name):
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
