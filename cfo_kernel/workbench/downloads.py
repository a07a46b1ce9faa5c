"""Files on their way out: which ones a folder gives, what a table is made into, and their content in chunks."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO

from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import StorageFailed
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder
from cfo_kernel.interface import Download, DownloadFormat

_CHUNK = 1 << 20
_ANY = "application/octet-stream"
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
}


def own_file(folder: Path, name: str) -> Path | None:
    """The file of that name right in `folder`; None for a path out of it, for a link, and for what is not there.

    A name may come from anywhere: a history that was copied here, or a request.
    """
    try:
        home = folder.resolve()
        path = home / name
        is_own = path.parent == home and path.name == name and path.resolve() == path
        return path if is_own and path.is_file() else None
    except (OSError, ValueError):
        return None


def own_result(thread_dir: Path, file: str) -> Path | None:
    """The file `results/x` or `analysis/x` of the thread; None for any other, as in `own_file`."""
    place, _, name = file.partition("/")
    folder = thread_dir / place
    return own_file(folder, name) if place in ("results", "analysis") and not folder.is_symlink() else None


async def opened(path: Path, name: str | None = None) -> Download | None:
    """The file for reading, as it is now: one that is replaced meanwhile is read to its old end. None if it is gone.

    Raises `StorageFailed` where it cannot be read.
    """
    try:
        file, size = await asyncio.to_thread(_open, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    shown = name or path.name
    return Download(shown, size, _MEDIA_TYPES.get(path.suffix.lower(), _ANY), _chunks(file, path))


async def made(workspace_data: WorkspaceData, table: Path, format: DownloadFormat) -> Download | None:
    """The rows of a table as a file of that format, which is gone from the disk by the time it is read.

    Raises what `WorkspaceData.export` raises, or `StorageFailed`.
    """
    try:
        with locked_temp_folder(workspace_data.scratch) as folder:
            path = folder / f"{table.stem}.{format}"
            await workspace_data.export(table, format, path)
            return await opened(path)
    except OSError as error:
        raise StorageFailed(f"There is no room for the file ({error.strerror}). Mend that, then try again.") from error


def _open(path: Path) -> tuple[BinaryIO, int]:
    """Opens a regular file, and no link: the name may lead elsewhere since it was looked at."""
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
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"{path.name} cannot be read ({error.strerror}). Mend that, then try again.")
