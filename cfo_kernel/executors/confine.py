"""Confines a process to its own folder before it runs untrusted code.

There are several independent barriers: resource limits (memory, time, files, threads), dropped capabilities, Landlock
(for files), and seccomp (for system calls). A process can only tighten them. They need neither root nor namespaces, so
they also work inside a container.
"""

import contextlib
import ctypes
import ctypes.util
import importlib.util
import os
import platform
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cfo_kernel.executors import import_paths, landlock

if TYPE_CHECKING:
    from cfo_kernel.executors.seccomp import SeccompFilter

_ARCHITECTURES = ("x86_64", "aarch64")  # on other architectures, clone takes its arguments in a different order
_SET_PARENT_DEATH_SIGNAL, _GET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 1, 21, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522
_FIRST_UNUSED_USER = 0x60000000  # plus the process id: a user id that nothing else runs under
_OPEN_FILES = 64
_SHARED_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


@dataclass(frozen=True)
class ProcessLimits:
    """Limits that the kernel enforces on a process."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    threads: int


def unsupported_reason() -> str | None:
    """The reason why this machine cannot confine a process, or None if it can."""
    if sys.platform != "linux":
        return "it needs Linux to confine a process"
    if platform.machine() not in _ARCHITECTURES:
        return f"the processor {platform.machine()} is not supported ({', '.join(_ARCHITECTURES)} are)"
    if not landlock.abi():
        return "the kernel has no Landlock (Linux 5.13 or later, with landlock in its list of security modules)"
    if ctypes.CDLL(None).prctl(_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return "the kernel has no seccomp"
    if importlib.util.find_spec("pyseccomp") is None or ctypes.util.find_library("seccomp") is None:
        return "pyseccomp or libseccomp is not installed (pip install pyseccomp; on Debian: apt install libseccomp2)"
    return None


def confine(limits: ProcessLimits, read: Iterable[Path], scratch: Path, calls: "SeccompFilter") -> None:
    """Confines this process permanently: it can read `read` and Python's packages, and write below `scratch`.

    Must be called in a process with one thread: Landlock and seccomp bind the calling thread and the threads it starts
    later, so another thread would stay unconfined. Open descriptors stay open; the caller must close them. Raises
    OSError if one of the barriers cannot be set up.
    """
    _drop_privileges()
    _set_limits(limits)
    _prctl(_SET_PARENT_DEATH_SIGNAL, 9)  # an orphan would keep running with nothing to stop it
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)  # Landlock and seccomp require it of a process without capabilities
    packages = import_paths.readable_paths(scratch)
    system = map(Path, (*_SHARED_LIBRARIES, *_DEVICES))
    landlock.restrict([*system, *packages.whole, *read], [scratch], packages.listed)
    import_paths.RefusedPackages(packages.refused).install()
    calls.load()  # last, since the filter does not allow the calls above


def _set_limits(limits: ProcessLimits) -> None:
    """Sets hard limits, which the process cannot raise again."""
    with contextlib.suppress(OSError):  # if the machine runs out of memory, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text("1000")
    user = os.getuid()
    threads = limits.threads + (0 if user >= _FIRST_UNUSED_USER else _threads_of(user))
    for limit, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def _threads_of(user: int) -> int:
    """The number of this user's threads. The kernel counts all of them towards each process's limit."""
    count = 0
    for process in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and process.stat().st_uid == user:
                count += sum(1 for _ in os.scandir(f"{process.path}/task"))
    return count


def _drop_privileges() -> None:
    """Gives up root's privileges.

    The effective user stays, because only the owner may be able to read the Python installation. The real user becomes
    one that runs no other process, because the kernel does not limit the number of root's threads.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # a container may not have such a user
            os.setresuid(_FIRST_UNUSED_USER + os.getpid(), 0, 0)
            os.setgroups([])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    # Without capabilities, root is bound by file permissions like any other user.
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
