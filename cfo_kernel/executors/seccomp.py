"""The system calls that a confined process may make: only those on a list, and some only with certain arguments.

It is an allow-list, so that system calls added in later kernels are forbidden from the start. Other system calls fail
with EPERM. libseccomp knows the numbers on each architecture. A call for another architecture (x32, i386) ends the
process.
"""

import contextlib
import errno
import os
from typing import Any

import pyseccomp  # pyright: ignore[reportMissingTypeStubs]

# No link or symlink, chown, socket, fork, exec, mount or ptrace, and no io_uring, which could do these without their
# system calls.
_FILES = """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek open openat creat close
close_range dup dup2 dup3 flock fsync fdatasync sync_file_range ftruncate getdents getdents64 stat fstat lstat
newfstatat statx access faccessat faccessat2 readlink readlinkat rmdir unlink unlinkat rename renameat
renameat2 getcwd chdir fchdir statfs fstatfs fadvise64 readahead sendfile copy_file_range pipe pipe2 poll ppoll
select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2"""
_MEMORY = "brk mmap munmap mremap mprotect madvise mincore msync membarrier"
_THREADS = "futex set_robust_list set_tid_address rseq sched_yield getcpu gettid exit exit_group restart_syscall"
_TIME = "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getitimer setitimer alarm pause"
_SIGNALS = "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack"
_SELF = """getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getrusage getrlimit
sysinfo uname getrandom"""
_ALLOWED = " ".join((_FILES, _MEMORY, _THREADS, _TIME, _SIGNALS, _SELF)).split()

_NO_EFFECT = ["chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat", "umask"]
"""These report success but do nothing. Libraries do not work if these calls fail, but the calls would affect files
outside the scratch folder (which Landlock does not prevent), or hide from the engine what is in the folder.
"""
_ABSENT = ["clone3", "openat2"]
"""Their arguments are in memory, which a filter cannot read. If the kernel seems to lack these calls, glibc falls back
to clone and openat, whose arguments can be checked.
"""
_UNSUPPORTED = ["listxattr", "llistxattr", "flistxattr", "getxattr", "lgetxattr", "fgetxattr"]

_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1033, 1034)  # no F_SETOWN, F_SETSIG, F_NOTIFY, F_SETLEASE
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTL = (15, 16)  # the name of a thread
_THREAD = 0x10000  # CLONE_THREAD: a thread of this process, never a new process
_OWNER = 0o700  # a new folder must be open to its owner, or the engine could not count the files in it
_NAMESPACES = 0x7E020000


class SeccompFilter:
    """The list as a filter. It is built in the process that forks, so that children can load it quickly."""

    def __init__(self) -> None:
        self._filter = pyseccomp.SyscallFilter(defaction=pyseccomp.ERRNO(errno.EPERM))
        for name in _ALLOWED:
            self._add(pyseccomp.ALLOW, name)
        for action, names in ((0, _NO_EFFECT), (errno.ENOSYS, _ABSENT), (errno.ENOTSUP, _UNSUPPORTED)):
            for name in names:
                self._add(pyseccomp.ERRNO(action), name)
        for name, position, values in (("fcntl", 1, _FCNTL), ("ioctl", 1, _IOCTL), ("prctl", 0, _PRCTL)):
            for value in values:
                self._add(pyseccomp.ALLOW, name, pyseccomp.Arg(position, pyseccomp.EQ, value))
        self._add(pyseccomp.ALLOW, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _THREAD | _NAMESPACES, _THREAD))
        for name, position in (("mkdir", 1), ("mkdirat", 2)):
            self._add(pyseccomp.ALLOW, name, pyseccomp.Arg(position, pyseccomp.MASKED_EQ, _OWNER, _OWNER))
        for name in ("prlimit64", "sched_getaffinity"):  # 0 is the process itself
            self._add(pyseccomp.ALLOW, name, pyseccomp.Arg(0, pyseccomp.EQ, 0))

    def load(self) -> None:
        """Applies the filter to this process and to every thread that it starts."""
        # A process may send signals to itself (abort does). Its id is known only here, after the fork.
        for name in ("kill", "tgkill"):
            self._add(pyseccomp.ALLOW, name, pyseccomp.Arg(0, pyseccomp.EQ, os.getpid()))
        self._filter.load()

    def _add(self, action: int, name: str, *arguments: Any) -> None:
        """Adds a rule.

        A system call that is unknown to this architecture or libseccomp gets no rule, and stays forbidden.
        """
        with contextlib.suppress(OSError):
            self._filter.add_rule(action, name, *arguments)
