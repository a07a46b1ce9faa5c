"""The folder of a worker process, which may read only `in/` and write only below `out/`.

A malicious file could take over the worker that reads it, so the worker can open nothing else: it gets its files as
hard links (or as copies, where links are not possible), and the engine inspects its output before moving it out of
`out/`.
"""

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path

from cfo_kernel.executors import confine, locked_temp_folders

_CGROUP = (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))  # DuckDB reads its limits there, and aborts without them
_FILE_BYTES = 8 << 30
_THREADS = 64


class WorkerFolder:
    """The engine's view of the folder. A lock shows that the folder is in use, as in `locked_temp_folders`."""

    def __init__(self, parent: Path) -> None:
        """Raises `OSError`."""
        self.path = parent / uuid.uuid4().hex
        self.inputs, self.outputs = self.path / "in", self.path / "out"
        # They must exist before the process starts, because Landlock grants rights only for existing folders.
        for folder in (self.inputs, self.outputs):
            folder.mkdir(parents=True)
        self._lock = locked_temp_folders.lock_folder(self.path)

    def link(self, source: Path, name: str) -> Path:
        """Makes a regular file readable for the worker as `in/<name>`. Raises `OSError`."""
        status = source.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", str(source))
        link = self.inputs / name
        link.parent.mkdir(parents=True, exist_ok=True)
        # A confined worker that runs as root may not open other users' files, so it gets its own copy.
        is_readable = status.st_uid == os.geteuid() or status.st_mode & stat.S_IROTH
        try:
            if not is_readable:
                raise PermissionError
            os.link(source, link, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # or the file system has no hard links, or the folders are on two file systems
            try:
                shutil.copyfile(source, link, follow_symlinks=False)
            except OSError:
                link.unlink(missing_ok=True)
                raise
        return link

    def take(self, made: Path, target: Path) -> None:
        """Moves a file that the worker created out of its folder.

        Raises `OSError`, also for anything but a regular file. The worker could have put anything there, such as a
        link.
        """
        if not stat.S_ISREG(made.lstat().st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", str(made))
        try:
            made.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(made, target, follow_symlinks=False)

    def clear(self) -> None:
        """Removes a request's links, and the files that it left in `out/`. May take a while (see `remove`)."""
        for folder in (self.inputs, self.outputs):
            for entry in os.scandir(folder) if folder.is_dir() else ():
                remove(Path(entry.path))

    def remove(self) -> None:
        """Removes the folder and releases its lock. The process must have ended. May take a while (see `remove`)."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove(*paths: Path) -> None:
    """Removes files, and folders with everything in them, if they exist. Links are not followed.

    A worker may have left many or large files, so the engine calls this in a thread.
    """
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def confine_worker(memory_bytes: int, folder: Path, read: Iterable[Path] = ()) -> None:
    """Confines this process to its folder and `read`, if the kernel supports it. The process must have only one thread.

    If not, the limits on memory and time remain, as do the worker's own checks. Raises `OSError` if the kernel supports
    confinement but it fails.
    """
    if confine.unsupported_reason() is not None:
        return
    from cfo_kernel.executors import seccomp

    limits = confine.ProcessLimits(memory_bytes, cpu_seconds=1 << 30, file_bytes=_FILE_BYTES, threads=_THREADS)
    confine.confine(limits, (*read, folder / "in", *_CGROUP), folder / "out", seccomp.SeccompFilter())
