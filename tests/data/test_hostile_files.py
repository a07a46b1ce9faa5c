"""Hostile files in real, confined worker processes: each ends in an error that names the file and the reason."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cfo_kernel.data import file_worker, read_limits
from cfo_kernel.data.file_worker import FileWorker
from cfo_kernel.data.ingest_cache import IngestCache
from cfo_kernel.errors import CfoError, FileProblem, WorkbenchClosed
from cfo_kernel.executors import confine
from tests.data import hostile_files

in_module = pytest.mark.asyncio(loop_scope="module")


class CountingWorker:
    """A real worker that records its requests."""

    def __init__(self, folder: Path) -> None:
        self.worker = FileWorker(folder / ".files")
        self.asked: list[str] = []

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109 - as a Worker
        self.asked.append(op)
        return await self.worker.ask(op, timeout, **arguments)

    async def close(self) -> None:
        await self.worker.close()

    @property
    def pid(self) -> int:
        assert self.worker._current is not None
        process = self.worker._current[1]._process
        assert process is not None
        return process.pid

    def status(self, field: str) -> str:
        [line] = re.findall(rf"^{field}:\t(.*)$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        return line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CountingWorker]:
    folder = tmp_path_factory.mktemp("worker")
    made = CountingWorker(folder)
    yield made
    await made.close()
    assert not [*(folder / ".files").iterdir()]


@pytest.fixture
def data(tmp_path: Path, worker: CountingWorker) -> Path:
    (tmp_path / "data").mkdir()
    worker.asked.clear()
    return tmp_path / "data"


@in_module
async def test_each_hostile_file_is_refused_by_name_and_reason_once(data: Path, worker: CountingWorker) -> None:
    hostile_files.written(data, {name: content for name, (content, _) in hostile_files.REFUSED.items()})
    (data / "good.csv").write_text("a,b\n1,2\n")
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    index = await IngestCache(data.parent, worker, 60).index()
    assert list(index.tables) == ["good"]
    wrong = {
        dataset.file: dataset.problem
        for dataset in index.datasets
        if dataset.problem is not None
        and not (
            re.search(hostile_files.REFUSED[dataset.file][1], dataset.problem)
            and dataset.file in dataset.problem
            and str(data) not in dataset.problem
            and dataset.problem.endswith(".")
        )
    }
    assert wrong == {}
    assert len([d for d in index.datasets if d.problem]) == len(hostile_files.REFUSED)
    assert int(worker.status("VmPeak").split()[0]) << 10 <= read_limits.MEMORY
    assert int(worker.status("VmHWM").split()[0]) < 1 << 20  # kB: none of them took a gigabyte
    # None is read again, by this process or another, when something else changes.
    worker.asked.clear()
    (data / "new.csv").write_text("a,b\n3,4\n")
    again = await IngestCache(data.parent, worker, 60).index()
    assert worker.asked == ["file_version", "ingest"]
    assert {d.file: d.problem for d in again.datasets if d.problem} == {
        d.file: d.problem for d in index.datasets if d.problem
    }
    (data / "new.csv").unlink()
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before
    kept = sum(path.stat().st_size for path in (data.parent / ".cache").rglob("*") if path.is_file())
    assert kept < 100_000


@in_module
async def test_a_file_that_only_looks_hostile_is_read(data: Path, worker: CountingWorker) -> None:
    hostile_files.written(data, hostile_files.READ)
    index = await IngestCache(data.parent, worker, 60).index()
    assert {d.file: d.problem for d in index.datasets if d.problem} == {}
    assert {t.row_count for t in index.tables.values()} == {1}
    assert {len(t.columns) for t in index.tables.values()} == {2}
    assert max(len(c.name) for t in index.tables.values() for c in t.columns) == read_limits.MAX_NAME
    assert max(map(len, index.tables)) < 200


@in_module
async def test_a_file_that_crashes_the_process_is_not_read_again(data: Path, worker: CountingWorker) -> None:
    """The claim is written so that the check of the package misses it, and only the process's limits stop it."""
    hostile_files.written(data, hostile_files.CRASHES)
    for turn in range(3):
        (data / f"good_{turn}.csv").write_text("a,b\n1,2\n")
        index = await IngestCache(data.parent, worker, 60).index()
        [problem] = [d.problem for d in index.datasets if d.problem]
        assert problem.startswith(
            "far_cell_in_disguise.xlsx crashed the process that was reading it: it is damaged, or "
        )
        assert len(index.tables) == turn + 1
    assert worker.asked.count("ingest") == 2  # it, and the others, which have the same content


@in_module
async def test_time_that_runs_out_ends_a_file_for_good(data: Path, worker: CountingWorker) -> None:
    rows = b"1,2\n" * 3_000_000
    (data / "slow.csv").write_bytes(b"a,b\n" + rows)
    cache = IngestCache(data.parent, worker, 0.05)
    for _ in range(2):
        with pytest.raises(FileProblem, match=r"slow\.csv took longer than 0\.05 s to read\. Split the file"):
            await cache.check(data / "slow.csv")
        asked, worker.asked = worker.asked, []
    assert asked == []


@in_module
async def test_the_process_is_confined(data: Path, worker: CountingWorker) -> None:
    assert confine.unsupported_reason() is None
    (data / "good.csv").write_text("a,b\n1,2\n")
    await IngestCache(data.parent, worker, 60).index()
    assert (worker.status("Seccomp"), worker.status("NoNewPrivs"), worker.status("CapEff")) == ("2", "1", "0" * 16)
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes().decode()
    assert "HOME" not in environment


@in_module
async def test_a_worker_without_landlock_reads_within_its_limits(data: Path, tmp_path: Path) -> None:
    """On a system that cannot confine processes, the worker reads files all the same, as SQL workers do."""
    without = CountingWorker(tmp_path)
    _, process = await without.worker._running()
    start = "import sys; from cfo_kernel.executors import landlock; landlock.abi = lambda: 0; "
    main = "from cfo_kernel.data import file_process; file_process.main(sys.argv[1])"
    process._command = (sys.executable, "-I", "-c", start + main, process._command[-1])
    try:
        hostile_files.written(data, hostile_files.CRASHES)
        (data / "good.csv").write_text("a,b\n1,2\n")
        index = await IngestCache(data.parent, without, 60).index()
        assert list(index.tables) == ["good"]
        assert "crashed" in (index.datasets[0].problem or "")
        assert without.status("Seccomp") == "0"
    finally:
        await without.close()


TAKEN_OVER = """
import json, os, socket, sys
from pathlib import Path
from cfo_kernel.data import file_worker, read_limits
from cfo_kernel.executors import worker_folder
folder, elsewhere = sys.argv[1:]
worker_folder.confine_worker(read_limits.MEMORY, Path(folder))
outcomes = {}
def attempt(name, work):
    try: outcomes[name] = str(work())[:40]
    except (OSError, MemoryError) as error: outcomes[name] = type(error).__name__
attempt("passwords", lambda: open("/etc/passwd").read())
attempt("elsewhere", lambda: open(elsewhere).read())
attempt("list", lambda: os.listdir(os.path.dirname(elsewhere)))
attempt("write in", lambda: open(folder + "/in/x", "w"))
attempt("truncate in", lambda: os.truncate(folder + "/in/file.csv", 0))
attempt("link", lambda: os.symlink("/etc/passwd", folder + "/out/link"))
attempt("hard link", lambda: os.link(folder + "/in/file.csv", folder + "/out/link"))
attempt("move", lambda: os.rename(folder + "/in/file.csv", folder + "/out/file.csv"))
attempt("network", lambda: socket.socket())
attempt("fork", lambda: os.fork())
attempt("kill", lambda: os.kill(os.getppid(), 9))
attempt("memory", lambda: len(bytearray(5 << 30)))
attempt("read in", lambda: open(folder + "/in/file.csv").read())
attempt("write out", lambda: open(folder + "/out/x", "w").write("fine"))
print(json.dumps(outcomes))
"""


def test_a_process_that_was_taken_over_reaches_only_its_folder(tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    for name in ("in", "out"):
        (worker / name).mkdir(parents=True)
    (worker / "in" / "file.csv").write_text("given")
    (tmp_path / "secret").write_text("secret")
    command = [sys.executable, "-I", "-c", TAKEN_OVER, str(worker), str(tmp_path / "secret")]
    outcomes = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (outcomes.pop("read in"), outcomes.pop("write out")) == ("given", "4")
    assert set(outcomes.values()) <= {"PermissionError", "MemoryError", "OSError"}, outcomes
    assert (tmp_path / "secret").read_text() == "secret"
    assert (worker / "in" / "file.csv").read_text() == "given"
    assert [p.name for p in (worker / "out").iterdir()] == ["x"]


@in_module
async def test_only_files_are_taken_from_a_worker(data: Path, worker: CountingWorker) -> None:
    """A process without Landlock left a link in place of a table."""
    (data / "good.csv").write_text("a,b\n1,2\n")
    folder, _ = await worker.worker._running()
    (folder.outputs / "made").mkdir()
    (folder.outputs / "made" / "0.parquet").symlink_to("/etc/passwd")
    with pytest.raises(CfoError, match="cannot be stored"):
        file_worker._take(folder, {folder.outputs / "made": data / "taken"})
    assert [*(data / "taken").iterdir()] == []


@in_module
async def test_a_closed_worker_answers_no_request(tmp_path: Path) -> None:
    closed = FileWorker(tmp_path / ".files")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    asking = asyncio.create_task(closed.ask("file_version", 30, path=str(tmp_path / "a.csv")))
    await asyncio.sleep(0)
    await closed.close()
    with pytest.raises(WorkbenchClosed):
        await asking
    with pytest.raises(WorkbenchClosed):
        await closed.ask("file_version", 30, path=str(tmp_path / "a.csv"))
    assert [*(tmp_path / ".files").iterdir()] == []
