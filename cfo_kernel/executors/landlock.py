"""Landlock: restricts this process, for the rest of its life, to opening the given files.

The system calls are made by number through ctypes, since neither glibc nor Python has functions for them. `seccomp`
handles what Landlock does not cover (stat of a known path, chmod, truncate by path, signals, sockets other than TCP).
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_MAKE_AND_REMOVE = (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8)  # remove folders and files, create folders and files
_READ = _READ_FILE | _READ_DIR
# No right to create links, devices, sockets or pipes: the engine reads these folders, and a link could lead it outside.
_WRITE = _READ | _WRITE_FILE | _TRUNCATE | _MAKE_AND_REMOVE
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """The version of Landlock that the kernel offers, or 0 if it has none."""
    if sys.platform != "linux":
        return 0
    version, _ = _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(version, 0)


def restrict(read: Iterable[Path], write: Iterable[Path], listed: Iterable[Path] = ()) -> None:
    """Lets this process read only `read`, and write only below `write`. This cannot be undone.

    In and below the folders in `listed`, it may list names. Paths in `read` that do not exist are skipped. The process
    must have set no_new_privs, or the kernel refuses.
    """
    version = abi()
    # The ruleset handles every right that this kernel supports. Rights that it does not handle are not restricted.
    handled, network, scoped = _all_rights(version)
    # The kernel rejects a struct with fields that it does not know, so the struct is cut to the size of its version.
    shape = struct.pack("QQQ", handled, network, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _checked(_CREATE_RULESET, ctypes.c_char_p(shape), ctypes.c_size_t(len(shape)), 0)
    try:
        for path in read:
            if path.exists():
                _allow(ruleset, path, _READ & handled)
        for path in listed:
            _allow(ruleset, path, _READ_DIR & handled)
        for path in write:
            _allow(ruleset, path, _WRITE & handled)
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _all_rights(version: int) -> tuple[int, int, int]:
    """Everything that this version can forbid: file access, TCP bind and connect, abstract sockets and signals."""
    files = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if version >= since else 0
    return files, 3 if version >= 4 else 0, 3 if version >= 6 else 0


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Adds a rule for the path, and for everything below it if it is a folder."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        # The kernel rejects a rule that grants folder rights for a file.
        allowed = rights if path.is_dir() else rights & _FILE_RIGHTS
        _checked(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(struct.pack("=Qi", allowed, descriptor)), 0)
    finally:
        os.close(descriptor)


def _checked(number: int, *arguments: object) -> int:
    """Returns the result of a system call, or raises `OSError` if it failed."""
    result, problem = _call(number, *arguments)
    if result < 0:
        raise OSError(problem, os.strerror(problem))
    return result


def _call(number: int, *arguments: object) -> tuple[int, int]:
    """Makes a system call, and returns its result and its error number."""
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(ctypes.c_long(number), *arguments)), ctypes.get_errno()
