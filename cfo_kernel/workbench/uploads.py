"""Stores an uploaded file: copies it to a scratch folder, then moves it to `data/` in one step.

Whatever fails in between, `data/` keeps the previous file until the new one is complete.
"""

import os
import shutil
from pathlib import Path

from cfo_kernel import upload_source
from cfo_kernel.store import folders
from cfo_kernel.upload_source import UploadSource


def copy(source: UploadSource, target: Path) -> None:
    """Copies the uploaded file to `target`. Raises `FileTooLarge`, or `UnreadableFile` if it cannot be read."""
    with target.open("wb") as out:
        for chunk in upload_source.chunks(source, target.name):
            out.write(chunk)


def put_in_place(path: Path, target: Path, workspace: Path) -> None:
    """Moves the file to `target`. If that file exists, moves it to the workspace's `.trash/` first."""
    if target.exists():
        # A hard link to the old file goes to the trash, so that `target` always exists.
        replaced = path.with_name("replaced") / target.name
        replaced.parent.mkdir()
        try:
            os.link(target, replaced, follow_symlinks=False)
        except OSError:  # a file system without hard links
            shutil.copy2(target, replaced)
        folders.to_trash(workspace, replaced)
    path.replace(target)
