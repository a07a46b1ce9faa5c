"""The engine's access to a program's scratch folder, whose files were named and written by untrusted code.

Links are never followed, names are checked, and counting stops at a limit. A running program may change anything
between two calls, so only sizes are added up during the run. Files are listed and read after it has ended.
"""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonLimits, WrittenFile

_MAX_DEPTH = 5
_ANSWER_FILES = (ANSWER_FOLDER, f"{ANSWER_FOLDER}/answer.json", f"{ANSWER_FOLDER}/result.parquet")
_PLAIN_NAME = re.compile(r"[^\W_][\w .,()+=@&%#'-]*")
_MAX_NAME_BYTES = 120
_CHUNK = 1 << 20


@contextlib.contextmanager
def new_scratch_folder(parent: Path) -> Generator[Path]:
    """An empty folder for one program, removed afterwards with everything that the program put there."""
    folder = Path(tempfile.mkdtemp(prefix=".python-", dir=parent))
    try:
        yield folder
    finally:
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Removes the folder, regardless of how deeply the program nested folders in it, and of their permissions.

    Uses descriptors and no recursion, because such a path may be too long for the kernel, and too deep for Python.
    """
    path: list[str] = []
    folder.chmod(0o700)
    current = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            if inner := _remove_files(current):
                os.chmod(inner, 0o700, dir_fd=current)
                current = _move_to(current, inner)
                path.append(inner)
            elif path:
                current = _move_to(current, "..")
                os.rmdir(path.pop(), dir_fd=current)
            else:
                break
    finally:
        os.close(current)
    folder.rmdir()


def _remove_files(folder: int) -> str | None:
    """Removes files from an open folder until it reaches a folder, and returns that folder's name."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=folder)
    return None


def _move_to(folder: int, name: str) -> int:
    """Opens a folder relative to an open one, and closes the latter."""
    moved = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    os.close(folder)
    return moved


def list_files(scratch: Path, limits: PythonLimits) -> tuple[tuple[WrittenFile, ...], tuple[str, ...]]:
    """The regular files that a program left, by name, and a note about any other files."""
    good: list[WrittenFile] = []
    skipped = 0
    for entry, name in _entries(scratch, limits.files):
        if name not in _ANSWER_FILES and not entry.is_dir(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            is_readable = bool(status.st_mode & stat.S_IRUSR)  # by the engine, which runs as the same user
            # A file with a second hard link may be from outside the folder. Its content must not get into the thread.
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and is_readable and _is_plain(name):
                good.append(WrittenFile(name=name, size=status.st_size))
            else:
                skipped += 1
    good.sort(key=lambda file: file.name)
    if not skipped:
        return tuple(good), ()
    count = "1 file was" if skipped == 1 else f"{skipped} files were"
    note = f"{count} skipped: only regular, readable files with ordinary names are kept."
    return tuple(good), (note,)


def exceeded_limit(scratch: Path, limits: PythonLimits, written: int = 0) -> str | None:
    """The limit that the program has exceeded, if any.

    `written` is the total number of bytes written, as counted by the kernel. A file is counted at its apparent size: a
    sparse file of 100 MB takes no space here, but its stored copy would take 100 MB.
    """
    size = count = 0
    for entry, name in _entries(scratch, limits.files + 1):
        count += name not in _ANSWER_FILES
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            size += max(status.st_size, status.st_blocks * 512)
        if name.count("/") >= _MAX_DEPTH:
            return f"it nested folders more than {_MAX_DEPTH} levels deep"
    if max(size, written) > limits.disk_bytes:
        return f"it wrote more than {limits.disk_bytes >> 20} MB to disk"
    return f"it created more than {limits.files} files and folders" if count > limits.files else None


def copy_file(scratch: Path, name: str, target: Path, spend: Callable[[int], None] | None = None) -> None:
    """Copies the bytes of a file to a new file, but nothing else, not even its permissions.

    `spend` is called with the size of each piece before it is written, and raises an error if the copy is too large.
    """
    with os.fdopen(open_regular_file(scratch, name), "rb") as source, target.open("xb") as copy:
        try:
            while piece := source.read(_CHUNK):
                if spend:
                    spend(len(piece))
                copy.write(piece)
            copy.flush()
        except BaseException:
            target.unlink()
            raise


def open_regular_file(scratch: Path, name: str) -> int:
    """A descriptor for a regular file in the scratch folder.

    Raises OSError for a pipe, and for a link anywhere in the path.
    """
    *folders, last = name.split("/")
    current = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Folder by folder, because O_NOFOLLOW applies only to the last part of a path.
        for folder in folders:
            current = _move_to(current, folder)
        # O_NONBLOCK, because opening a pipe that nothing writes to would wait forever.
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=current)
    finally:
        os.close(current)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise OSError(f"{name} is not a regular file with a single hard link")
    return descriptor


def _entries(scratch: Path, limit: int) -> Iterator[tuple[os.DirEntry[str], str]]:
    """The first entries in the folder and its subfolders, with their relative names.

    The answer's files are not counted.
    """
    pending = [("", scratch)]
    seen = 0
    while pending:
        prefix, folder = pending.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as found:
            for entry in found:
                name = prefix + entry.name
                if name not in _ANSWER_FILES and (seen := seen + 1) > limit:
                    return
                yield entry, name
                if name.count("/") < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    pending.append((f"{name}/", Path(entry.path)))


def _is_plain(name: str) -> bool:
    """Whether the name is short and without characters that could mislead people or programs."""
    is_short = len(name.encode(errors="replace")) <= _MAX_NAME_BYTES
    return is_short and all(_PLAIN_NAME.fullmatch(part) for part in name.split("/"))
