"""Takes a process out of the reach of everything but its own folder, before it runs code that nobody has read.

Each wall stands on its own: resource limits (memory, time, files, threads), no capabilities, Landlock (which files),
seccomp (which system calls). A process can only make them tighter. They hold as root and as an ordinary user, and need
no namespaces, so that they work in a container too.
"""

import contextlib
import ctypes
import ctypes.util
import importlib.util
import os
import platform
import resource
import site
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cfo_kernel.executors import landlock

if TYPE_CHECKING:
    from cfo_kernel.executors.seccomp import SeccompFilter

_ARCHITECTURES = ("x86_64", "aarch64")  # where the arguments of clone are in the order that the filter expects
_SET_PARENT_DEATH_SIGNAL, _GET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 1, 21, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522
_NOBODY = 0x60000000  # plus the process id: a user that nothing else runs as
_OPEN_FILES = 64
_SHARED_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


@dataclass(frozen=True)
class ProcessLimits:
    """What the kernel itself holds a process to."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    threads: int


def unsupported_reason() -> str | None:
    """What this machine lacks to confine a process, or None where it can."""
    if sys.platform != "linux":
        return "it needs Linux, whose kernel can confine a process"
    if platform.machine() not in _ARCHITECTURES:
        return f"the processor {platform.machine()} is not one it was made for ({', '.join(_ARCHITECTURES)})"
    if not landlock.abi():
        return "the kernel has no Landlock (Linux 5.13 or later, with landlock in its list of security modules)"
    if ctypes.CDLL(None).prctl(_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return "the kernel has no seccomp"
    if importlib.util.find_spec("pyseccomp") is None or ctypes.util.find_library("seccomp") is None:
        return "pyseccomp or libseccomp is not installed (pip install pyseccomp; on Debian: apt install libseccomp2)"
    return None


def python_installation() -> list[Path]:
    """The folders and files that Python needs to import its own and the installed libraries."""
    named = sysconfig.get_paths()
    places = [named[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [Path(p) for p in dict.fromkeys((*places, *site.getsitepackages(), *_SHARED_LIBRARIES, *_DEVICES))]


def confine(bounds: ProcessLimits, read: Iterable[Path], scratch: Path, calls: "SeccompFilter") -> None:
    """Confines this process for good: it can read `read` and the Python installation, and write below `scratch`.

    To be called in a process with one thread. What it holds open stays open: that is for the caller to close.
    Raises OSError where a wall does not stand.
    """
    _become_nobody()
    _limit(bounds)
    _prctl(_SET_PARENT_DEATH_SIGNAL, 9)
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    landlock.restrict([*python_installation(), *read], [scratch])
    calls.load()


def _limit(bounds: ProcessLimits) -> None:
    """Hard limits, so that the process cannot raise them again."""
    with contextlib.suppress(OSError):  # if memory runs out all the same, this process shall be the one to go
        Path("/proc/self/oom_score_adj").write_text("1000")
    user = os.getuid()
    threads = bounds.threads + (0 if user >= _NOBODY else _tasks_of(user))
    for limit, value in (
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def _tasks_of(user: int) -> int:
    """How many threads run as this user: the kernel counts them all against the limit of one process."""
    count = 0
    for process in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and process.stat().st_uid == user:
                count += sum(1 for _ in os.scandir(f"{process.path}/task"))
    return count


def _become_nobody() -> None:
    """Gives up what root has. The effective user stays: the Python installation may be open to its owner only.

    The real user becomes one of its own, because the kernel holds root to no number of threads.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # a container may not have such a user
            os.setresuid(_NOBODY + os.getpid(), 0, 0)
            os.setgroups([])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
