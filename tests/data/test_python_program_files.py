"""The files of programs in a thread's folder, with real processes: all of them are stored, or none."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest
import pytest_asyncio

from cfo_kernel.data import ingest_worker
from cfo_kernel.data.python_programs import ProgramResult, PythonPrograms
from cfo_kernel.errors import PythonFailed, StorageFailed
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.worker_process import WorkerProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")
WRITES = "open('out.csv', 'w').write('1')"
FORGED = """
import pyarrow.parquet as pq
write = pq.write_table
def forged(table, file, **more):
    write(table.slice(0, 1), file, **more)
pq.write_table = __import__('cfo_kernel.executors.python_frames').executors.python_frames.parquet.write_table = forged
open('out.csv', 'w').write('1')
result_df = pd.DataFrame({'a': [1, 2, 3]})"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programs() -> AsyncIterator[PythonPrograms]:
    executor, ingest = ConfinedExecutor(), WorkerProcess("cfo_kernel.data.ingest_worker")
    yield PythonPrograms(executor, ingest, seconds=30)
    await executor.close()
    await ingest.close()


def run(programs: PythonPrograms, code: str, folder: Path) -> "asyncio.Task[ProgramResult]":
    return asyncio.ensure_future(programs.run(code, {}, folder, "python_001", 5))


async def test_every_file_gets_an_unused_name(programs: PythonPrograms, tmp_path: Path) -> None:
    code = "import os\nos.mkdir('a')\nopen('a/b.csv', 'w').write('1')\nopen('a_b.csv', 'w').write('2')"
    place = tmp_path.name
    first = await run(programs, code, tmp_path)
    assert first.files == (f"{place}/python_001_a_b.csv", f"{place}/python_001_a_b_2.csv")
    again = await run(programs, code, tmp_path)  # without a table the stem is given to the next program too
    assert again.files == (f"{place}/python_001_a_b_3.csv", f"{place}/python_001_a_b_4.csv")
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == ["1", "1", "2", "2"]


async def test_a_program_whose_table_is_refused_leaves_no_files(programs: PythonPrograms, tmp_path: Path) -> None:
    with pytest.raises(PythonFailed, match="does not have the number of rows"):
        await run(programs, FORGED, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_an_error_that_leaves_no_files(
    programs: PythonPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(scratch: Path, file: object, target: Path) -> None:
        target.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(scratch_folder, "copy_file", full)
    with pytest.raises(StorageFailed, match="No space left"):
        await run(programs, WRITES, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageFailed, match="No such file"):
        await run(programs, WRITES, tmp_path / "gone")


async def test_cancelling_while_files_are_copied_leaves_no_files(
    programs: PythonPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, take = threading.Event(), threading.Event(), scratch_folder.copy_file

    def slow(*arguments: object) -> None:
        begun.set()
        assert go_on.wait(60)
        take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(scratch_folder, "copy_file", slow)
    task = run(programs, WRITES, tmp_path)
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_small_file_of_many_rows_does_not_fill_the_disk(tmp_path: Path) -> None:
    duckdb.sql("SELECT hash(x) AS a FROM range(200000) t(x)").write_parquet(str(tmp_path / "large"))
    with pytest.raises(PythonFailed):
        ingest_worker.rewrite_parquet(str(tmp_path / "large"), str(tmp_path / "small"), 100_000)
    assert not (tmp_path / "small").exists() or (tmp_path / "small").stat().st_size <= 100_000
    assert ingest_worker.rewrite_parquet(str(tmp_path / "large"), str(tmp_path / "whole"), 10_000_000) == {
        "row_count": 200000
    }
