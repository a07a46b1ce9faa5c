"""The scratch folder in any state in which programs may leave it: nothing in it misleads the engine."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from cfo_kernel.executors import python_results, scratch_folder
from cfo_kernel.executors.python_executor import PythonCall, PythonLimits, WrittenFile

LIMITS = PythonLimits(files=10, disk_bytes=1 << 20)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_links_pipes_and_strange_names_are_skipped(scratch: Path) -> None:
    outside = scratch.parent / "outside"
    (scratch / "file.txt").symlink_to(outside / "secret.txt")
    (scratch / "folder").symlink_to(outside)
    os.link(outside / "secret.txt", scratch / "hard.txt")
    os.mkfifo(scratch / "pipe")
    (scratch / "new\nline").touch()
    (scratch / "closed.txt").touch(mode=0)
    (scratch / "good.csv").write_text("a")
    found, notes = scratch_folder.list_files(scratch, LIMITS)
    assert found == (WrittenFile(name="good.csv", size=1),)
    assert notes == ("6 files were skipped: only regular, readable files with ordinary names are kept.",)
    for name in ("file.txt", "folder/secret.txt", "hard.txt", "pipe", "../outside/secret.txt"):
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the trick
            scratch_folder.copy_file(scratch, name, scratch.parent / "copy")
    assert not (scratch.parent / "copy").exists()


def test_a_copied_file_keeps_its_bytes_and_not_its_permissions(scratch: Path) -> None:
    (scratch / "run.sh").write_text("x")
    (scratch / "run.sh").chmod(0o4777)
    scratch_folder.copy_file(scratch, "run.sh", scratch.parent / "copy")
    assert (scratch.parent / "copy").stat().st_mode & 0o7111 == 0
    with pytest.raises(FileExistsError):
        scratch_folder.copy_file(scratch, "run.sh", scratch.parent / "copy")


def test_the_exceeded_limit_is_named(scratch: Path) -> None:
    assert scratch_folder.exceeded_limit(scratch, LIMITS) is None
    assert scratch_folder.exceeded_limit(scratch, LIMITS, written=2 << 20) == "it wrote more than 1 MB to disk"
    (scratch / "deep/a/b/c/d/e").mkdir(parents=True)
    assert "deep" in (scratch_folder.exceeded_limit(scratch, LIMITS) or "")
    scratch_folder.remove_folder(scratch)
    scratch.mkdir()
    for number in range(11):
        (scratch / str(number)).touch()
    assert "more than 10 files" in (scratch_folder.exceeded_limit(scratch, LIMITS) or "")


def test_a_folder_is_removed_however_deep_it_is(scratch: Path) -> None:
    before = Path.cwd()
    os.chdir(scratch)
    for _ in range(1200):
        os.mkdir("d" * 200)  # noqa: PTH102 - the path as a whole is too long for the kernel
        os.chdir("d" * 200)
    os.chdir(before)
    (scratch / "link").symlink_to(scratch.parent / "outside")
    (scratch / "locked").mkdir(mode=0)
    scratch_folder.remove_folder(scratch)
    assert not scratch.exists()
    assert (scratch.parent / "outside" / "secret.txt").exists()


async def test_a_cancelled_call_stays_cancelled(scratch: Path) -> None:
    """This also holds if the cancellation arrives while a program that exceeded a limit is slow to end."""
    ending = asyncio.Event()

    async def end() -> int:
        try:
            await asyncio.sleep(30)
        finally:
            ending.set()
            await asyncio.sleep(30)
        return 0

    (scratch / "large").write_bytes(bytes(2 << 20))
    call = PythonCall(code="", tables={}, scratch=scratch, limits=LIMITS)
    watching = asyncio.create_task(python_results.watch(end(), call))
    await ending.wait()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_a_scratch_folder_without_permissions_is_removed() -> None:
    """Runs as an ordinary user, because permissions do not restrict root."""
    parent, user = Path(tempfile.mkdtemp(dir="/tmp")), os.geteuid()
    try:
        if user == 0:
            os.chown(parent, 65534, -1)
            os.seteuid(65534)
        with scratch_folder.new_scratch_folder(parent) as folder:
            (folder / "inner").mkdir()
            folder.chmod(0)
        assert list(parent.iterdir()) == []
    finally:
        os.seteuid(user)
        scratch_folder.remove_folder(parent)
