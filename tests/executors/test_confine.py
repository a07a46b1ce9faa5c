"""Tests each barrier of the confinement separately, around a process that runs plain Python."""

import subprocess
import sys
from pathlib import Path

import pytest

from cfo_kernel.executors import confine, landlock

PROGRAM = """
import os, sys
from pathlib import Path
from cfo_kernel.executors import confine, import_paths, landlock, seccomp
scratch = Path(sys.argv[1])
calls = seccomp.SeccompFilter()
{wall}
"""
EVERYTHING = (
    "confine.confine(confine.ProcessLimits(1 << 30, 5, 1 << 20, 8), [scratch.parent / 'given.txt'], scratch, calls)\n"
)
FILES = (
    "confine._prctl(38, 1)\n"
    "landlock.restrict([*import_paths.readable_paths(scratch).whole, scratch.parent / 'none'], [scratch])\n"
)
CALLS = "calls.load()\n"


def behind(wall: str, code: str, folder: Path) -> str:
    """What the code prints behind this barrier, or the error that ends it."""
    (folder / "scratch").mkdir()
    (folder / "given.txt").write_text("given")
    (folder / "secret.txt").write_text("secret")
    guarded = "try:\n" + "".join(f"    {line}\n" for line in code.splitlines())
    program = PROGRAM.format(wall=wall) + guarded + "except OSError as error:\n    print(error.strerror)"
    command = [sys.executable, "-c", program, str(folder / "scratch")]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout.strip()


@pytest.mark.parametrize(
    ("wall", "code", "says"),
    [
        (FILES, "print(open('secret.txt').read())", "Permission denied"),
        (FILES, "open('scratch/x', 'w').write('x'); print(open('scratch/x').read())", "x"),
        (FILES, "os.symlink('/etc', 'scratch/x')", "Permission denied"),
        (FILES, "import email.mime.text; print('imported')", "imported"),
        (FILES, "print(os.listdir('/proc'))", "Permission denied"),
        (CALLS, "os.fork()", "Operation not permitted"),
        (CALLS, "import socket; socket.socket()", "Operation not permitted"),
        (CALLS, "os.chmod('secret.txt', 0); print(oct(os.stat('secret.txt').st_mode)[-3:])", "644"),
        (CALLS, "os.kill(os.getpid(), 0); print('itself')", "itself"),
        (CALLS, "os.kill(os.getppid(), 0)", "Operation not permitted"),
        (CALLS, "import threading; t = threading.Thread(target=print, args=('ran',)); t.start(); t.join()", "ran"),
        (EVERYTHING, "print(open('given.txt').read())", "given"),
        (EVERYTHING, "print(open('secret.txt').read())", "Permission denied"),
        (EVERYTHING, "open('scratch/x', 'wb').write(b'x' * (2 << 20))", "File too large"),
        (EVERYTHING, "import resource; print(resource.getrlimit(resource.RLIMIT_AS))", "(1073741824, 1073741824)"),
        (EVERYTHING, "while True: os.open('given.txt', 0)", "Too many open files"),
    ],
)
def test_each_wall_holds_without_the_others(wall: str, code: str, says: str, tmp_path: Path) -> None:
    assert behind(wall, code, tmp_path) == says


def test_root_loses_every_capability(tmp_path: Path) -> None:
    status = behind("confine._drop_privileges()", "print(open('/proc/self/status').read())", tmp_path)
    held = {line.split(":\t")[0]: line.split(":\t")[1] for line in status.splitlines() if line.startswith("Cap")}
    assert {held[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}


def test_this_machine_can_confine() -> None:
    assert confine.unsupported_reason() is None


@pytest.mark.parametrize(
    ("module", "name", "value", "says"),
    [
        ("sys", "platform", "darwin", "it needs Linux"),
        ("platform", "machine", lambda: "riscv64", "the processor riscv64"),
        ("cfo_kernel.executors.landlock", "abi", lambda: 0, "the kernel has no Landlock"),
        ("ctypes.util", "find_library", lambda _: None, "libseccomp is not installed"),
    ],
)
def test_the_reason_names_what_is_missing(
    module: str, name: str, value: object, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{module}.{name}", value)
    assert says in (confine.unsupported_reason() or "")


def test_landlock_uses_the_rights_that_each_version_has() -> None:
    files = {version: landlock._all_rights(version) for version in range(1, 8)}
    assert files[1] == ((1 << 13) - 1, 0, 0)
    assert files[3] == ((1 << 15) - 1, 0, 0)
    assert files[4][1:] == (3, 0)
    assert files[7] == ((1 << 16) - 1, 3, 3)
