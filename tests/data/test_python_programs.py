"""The files of a program are stored in the thread's folder: all of them, or none."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cfo_kernel.data.python_programs import ProgramResult, PythonPrograms
from cfo_kernel.errors import PythonFailed, PythonTimeout, QueryFailed, QueryTimeout, StorageFailed, WorkerLost
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.python_executor import PythonCall, PythonResult, PythonTable, WrittenFile


class FileExecutor:
    """An executor whose program leaves these files and a table."""

    def __init__(self, *names: str, elapsed_ms: float = 1) -> None:
        self.names = names
        self.elapsed_ms = elapsed_ms

    async def run(self, call: PythonCall) -> PythonResult:
        for name in (*self.names, ".answer/result.parquet"):
            path = call.scratch / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(name)
        file = call.scratch / ".answer" / "result.parquet"
        files = tuple(WrittenFile(name=name, size=1) for name in self.names)
        return PythonResult(table=PythonTable(file=file), files=files, elapsed_ms=self.elapsed_ms)

    async def close(self) -> None:
        return None


EMPTY: dict[str, Any] = {"columns": [], "rows": [], "row_count": 0, "truncated": False, "notes": []}


async def run(executor: FileExecutor, folder: Path, error: Exception | None = None) -> ProgramResult:
    """Runs a program with a worker that writes an empty file in place of the table, or fails."""

    async def adopt(file: Path, target: Path, seconds: float, **limits: int) -> dict[str, Any]:
        if error:
            raise error
        target.touch()
        return EMPTY

    return await PythonPrograms(executor, adopt, seconds=5).run("", {}, folder, "python_001", 5)


async def test_equal_file_names_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "python_001_B.csv").write_text("of a program before this one")
    ran = await run(FileExecutor("a/b.csv", "a_b.csv", "a_b.txt", "b.csv"), tmp_path)
    names = ["python_001_a_b.csv", "python_001_a_b_2.csv", "python_001_a_b.txt", "python_001_b_2.csv"]
    assert ran.files == tuple(f"{tmp_path.name}/{name}" for name in names)
    assert [(tmp_path / name).read_text() for name in names] == ["a/b.csv", "a_b.csv", "a_b.txt", "b.csv"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PythonFailed("no"), PythonFailed),
        (WorkerLost("It died."), PythonFailed),
        (QueryTimeout("Late."), PythonTimeout),
        (QueryFailed("The disk is full."), QueryFailed),
    ],
)
async def test_a_table_that_cannot_be_read_back_leaves_no_files(
    error: Exception, kind: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(kind):
        await run(FileExecutor("a.csv"), tmp_path, error)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_is_weighed_again_while_it_is_copied(tmp_path: Path) -> None:
    """The size that the file had when it was listed does not matter."""

    class GrowingExecutor(FileExecutor):
        async def run(self, call: PythonCall) -> PythonResult:
            result = await super().run(call)
            for name in self.names:
                os.truncate(call.scratch / name, 60 << 20)
            return result

    with pytest.raises(PythonFailed, match="it wrote more than 100 MB of files"):
        await run(GrowingExecutor("a.bin", "b.bin"), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_the_copy_counts_for_the_time_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(PythonTimeout, match="longer than 5 s"):
        await run(FileExecutor("a.csv", elapsed_ms=5000), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_file, copied = scratch_folder.copy_file, list[str]()

    def full(scratch: Path, name: str, target: Path, spend: Any) -> None:
        copy_file(scratch, name, target, spend)
        copied.append(name)
        if len(copied) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(scratch_folder, "copy_file", full)
    with pytest.raises(StorageFailed, match="No space left"):
        await run(FileExecutor("a.csv", "b.csv"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "kind"), [(100_000, StorageFailed), (1 << 30, PythonFailed)])
async def test_a_program_that_fails_on_a_full_disk_is_not_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type[Exception]
) -> None:
    executor = FileExecutor()

    async def fail(_: PythonCall) -> PythonResult:
        raise PythonFailed("The program ended with status 1.")

    monkeypatch.setattr(executor, "run", fail)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(kind, match="too full" if kind is StorageFailed else "status 1"):
        await run(executor, tmp_path)


async def test_a_link_in_place_of_a_file_is_a_failure_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = FileExecutor("a.csv")
    ran = executor.run

    async def run_and_link(call: PythonCall) -> PythonResult:
        result = await ran(call)
        (call.scratch / "a.csv").unlink()
        (call.scratch / "a.csv").symlink_to("/etc/passwd")
        return result

    monkeypatch.setattr(executor, "run", run_and_link)
    with pytest.raises(PythonFailed, match=r"a\.csv cannot be copied"):
        await run(executor, tmp_path)
    assert list(tmp_path.iterdir()) == []
