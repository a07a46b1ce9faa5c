"""The files of a program are stored in the thread's folder: all of them, or none."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.python_programs import ProgramResult, PythonPrograms
from cfo_kernel.errors import PythonFailed, StorageFailed
from cfo_kernel.executors.python_executor import PythonCall, PythonResult, PythonTable, WrittenFile
from cfo_kernel.executors.worker_process import ScriptedWorker


class FileExecutor:
    """An executor whose program leaves these files and a table."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def run(self, call: PythonCall) -> PythonResult:
        for name in (*self.names, ".answer/result.parquet"):
            path = call.scratch / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(name)
        file = call.scratch / ".answer" / "result.parquet"
        table = PythonTable(columns=(), rows=(), row_count=0, truncated=False, file=file)
        return PythonResult(table=table, files=tuple(WrittenFile(name=name, size=1) for name in self.names))

    async def close(self) -> None:
        return None


class RewritingWorker(ScriptedWorker):
    """An ingest worker that replaces the table by an empty file."""

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109 - a Worker's
        answer = await super().ask(op, timeout, **arguments)
        Path(arguments["target"]).touch()
        return answer


async def run(executor: FileExecutor, folder: Path, answer: dict[str, Any] | Exception | None = None) -> ProgramResult:
    worker = RewritingWorker({"rewrite_parquet": {"row_count": 0} if answer is None else answer})
    return await PythonPrograms(executor, worker, seconds=5).run("", {}, folder, "python_001", 5)


async def test_equal_file_names_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "python_001_B.csv").write_text("of a program before this one")
    ran = await run(FileExecutor("a/b.csv", "a_b.csv", "a_b.txt", "b.csv"), tmp_path)
    names = ["python_001_a_b.csv", "python_001_a_b_2.csv", "python_001_a_b.txt", "python_001_b_2.csv"]
    assert ran.files == tuple(f"{tmp_path.name}/{name}" for name in names)
    assert [(tmp_path / name).read_text() for name in names] == ["a/b.csv", "a_b.csv", "a_b.txt", "b.csv"]


async def test_a_table_that_cannot_be_read_back_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(PythonFailed):
        await run(FileExecutor("a.csv"), tmp_path, PythonFailed("no"))
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Any] = []

    def full(source: Any, copy: Any) -> None:
        copied.append(copy.write(source.read()))
        if len(copied) == 3:  # the table, a file, and now
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(StorageFailed, match="No space left"):
        await run(FileExecutor("a.csv", "b.csv"), tmp_path)
    assert list(tmp_path.iterdir()) == []


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
