"""Downloads: finds the files that may be downloaded, converts tables, and streams content in chunks."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO

from cfo_kernel.data.file_formats import FORMATS
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder
from cfo_kernel.interface import Download, DownloadFormat, RowSelection
from cfo_kernel.workbench.storage_errors import storage_errors, storage_failed

_CHUNK = 1 << 20
_ANY = "application/octet-stream"
_MEDIA_TYPES = {
    **{suffix: format.media_type for suffix, format in FORMATS.items()},
    ".json": "application/json",
    ".png": "image/png",
    ".yaml": "application/yaml",
}


def own_file(folder: Path, name: str) -> Path | None:
    """Returns the file with this name directly in `folder`.

    Returns None for a missing file, a link, or a path outside the folder. The name is not trusted, because it may come
    from a request or from a copied history.
    """
    try:
        home = folder.resolve()
        path = home / name
        is_own = path.parent == home and path.name == name and path.resolve() == path
        return path if is_own and path.is_file() else None
    except (OSError, ValueError):
        return None


def own_result(thread_dir: Path, file: str) -> Path | None:
    """Returns the file `results/x` or `analysis/x` in a thread. Returns None for any other path; see `own_file`."""
    place, _, name = file.partition("/")
    folder = thread_dir / place
    return own_file(folder, name) if place in ("results", "analysis") and not folder.is_symlink() else None


async def opened(path: Path, name: str | None = None) -> Download | None:
    """Opens a file for download. Returns None if it is gone, and raises `StorageFailed` if it cannot be read.

    If the file is replaced later, the download still reads the old content.
    """
    try:
        file, size = await asyncio.to_thread(_open, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed(f"{path.name} cannot be read", error) from error
    return Download(name or path.name, size, _MEDIA_TYPES.get(path.suffix.lower(), _ANY), _chunks(file, path))


async def converted(
    workspace_data: WorkspaceData, table: Path, format: DownloadFormat, selection: RowSelection
) -> Download | None:
    """Converts the selected rows of a table to another format, and opens the result for download.

    The converted file is deleted while it is open, so that its space is freed as soon as the download ends. Raises
    `StorageFailed`, or any error from `WorkspaceData.export`.
    """
    with storage_errors("The file cannot be stored"), locked_temp_folder(workspace_data.scratch) as folder:
        path = folder / f"{table.stem}{selection.name_suffix}.{format}"
        await workspace_data.export(table, format, path, selection)
        return await opened(path)


def _open(path: Path) -> tuple[BinaryIO, int]:
    """Opens a regular file. Refuses a link, which may have replaced the file since its path was checked."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise FileNotFoundError(path.name)
    return file, status.st_size


async def _chunks(file: BinaryIO, path: Path) -> AsyncGenerator[bytes]:
    with file:
        try:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        except OSError as error:
            raise storage_failed(f"{path.name} cannot be read", error) from error
