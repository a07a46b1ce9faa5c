"""The scratch folder of a program, as the engine sees it: what is in it was named and written by code nobody has read.

Links are never followed, names are checked, and counting stops at a limit. While the program runs it may change
anything under the engine's hands, so that only amounts are taken then; files are listed and read after its end.
"""

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonLimits, WrittenFile

_DEEPEST = 5
_OURS = (ANSWER_FOLDER, f"{ANSWER_FOLDER}/answer.json", f"{ANSWER_FOLDER}/result.parquet")
_PLAIN = re.compile(r"[^\W_][\w .,()+=@&%#'-]*")
_LONGEST = 120


@contextlib.contextmanager
def new_scratch_folder(parent: Path) -> Generator[Path]:
    """An empty folder for one program, removed afterwards with all that the program put there."""
    folder = Path(tempfile.mkdtemp(prefix=".python-", dir=parent))
    try:
        yield folder
    finally:
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Removes the folder, however deep the program nested folders in it and whatever rights it gave them.

    It walks by descriptors, for a path of that depth would be too long for the kernel, and a recursion for Python.
    """
    trail: list[str] = []
    folder.chmod(0o700)
    current = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            if inner := _emptied(current):
                os.chmod(inner, 0o700, dir_fd=current)
                current = _moved(current, inner)
                trail.append(inner)
            elif trail:
                current = _moved(current, "..")
                os.rmdir(trail.pop(), dir_fd=current)
            else:
                break
    finally:
        os.close(current)
    folder.rmdir()


def _emptied(folder: int) -> str | None:
    """Removes the files of an open folder up to the first folder in it, whose name it returns."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=folder)
    return None


def _moved(folder: int, name: str) -> int:
    """Opens a folder beside an open one, which is closed."""
    moved = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    os.close(folder)
    return moved


def list_files(scratch: Path, limits: PythonLimits) -> tuple[tuple[WrittenFile, ...], tuple[str, ...]]:
    """The regular files a program left, by name, and notes about those that were left out."""
    good: list[WrittenFile] = []
    left_out = 0
    for entry, name in _entries(scratch, limits.files):
        if not entry.is_dir(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            is_open = bool(status.st_mode & stat.S_IRUSR)  # to the engine, which runs as the same user
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and is_open and _is_plain(name):
                good.append(WrittenFile(name=name, size=status.st_size))
            else:
                left_out += 1
    good.sort(key=lambda file: file.name)
    notes = (
        (f"{left_out} files were left out: they are links, closed, or have unusual characters in their names.",)
        if left_out
        else ()
    )
    return tuple(good), notes


def exceeded_limit(scratch: Path, limits: PythonLimits, written: int = 0) -> str | None:
    """Which limit the program is over, if any; `written` is what the kernel says that it wrote in all."""
    size = count = 0
    for entry, name in _entries(scratch, limits.files + 1):
        count += 1
        with contextlib.suppress(OSError):
            size += entry.stat(follow_symlinks=False).st_blocks * 512
        if name.count("/") >= _DEEPEST:
            return f"it nested folders more than {_DEEPEST} deep"
    if max(size, written) > limits.disk_bytes:
        return f"it wrote more than {limits.disk_bytes >> 20} MB to disk"
    return f"it made more than {limits.files} files and folders" if count > limits.files else None


def copy_file(scratch: Path, file: WrittenFile, target: Path) -> None:
    """Copies a listed file to where the engine wants it; its bytes and nothing else, not even its rights."""
    with os.fdopen(open_regular_file(scratch, file.name), "rb") as source, target.open("xb") as copy:
        try:
            shutil.copyfileobj(source, copy)
            copy.flush()
        except OSError:
            target.unlink()
            raise


def open_regular_file(scratch: Path, name: str) -> int:
    """A descriptor of a regular file in the scratch folder; raises OSError for a link, on the way too, or a pipe."""
    *folders, last = name.split("/")
    current = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            current = _moved(current, folder)
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=current)
    finally:
        os.close(current)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise OSError(f"{name} is not a file of its own")
    return descriptor


def _entries(scratch: Path, limit: int) -> Iterator[tuple[os.DirEntry[str], str]]:
    """The first entries of the folder and those below it, with their names relative to it, without the answer's own."""
    pending = [("", scratch)]
    seen = 0
    while pending:
        prefix, folder = pending.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as found:
            for entry in found:
                name = prefix + entry.name
                if name not in _OURS:
                    if (seen := seen + 1) > limit:
                        return
                    yield entry, name
                if name.count("/") < _DEEPEST and entry.is_dir(follow_symlinks=False):
                    pending.append((f"{name}/", Path(entry.path)))


def _is_plain(name: str) -> bool:
    return len(name.encode(errors="replace")) <= _LONGEST and all(_PLAIN.fullmatch(part) for part in name.split("/"))
