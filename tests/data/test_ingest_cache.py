"""The folder `data/`: its files become datasets, with unique names, and are ingested again after a change."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from cfo_kernel.data import glossary_reader, ingest_worker
from cfo_kernel.data.file_formats import FORMATS
from cfo_kernel.data.ingest_cache import IngestCache
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import (
    CfoError,
    FileProblem,
    FileTooLarge,
    QueryFailed,
    QueryOutOfMemory,
    QueryTimeout,
    StorageFailed,
    UnknownTable,
    UnreadableFile,
    WorkerLost,
)


class LocalWorker:
    """Ingests in the test's process, and records the files."""

    def __init__(self) -> None:
        self.ingested: list[str] = []
        self.fails: Exception | None = None

    async def ask(self, op: str, _: float, *, on_stage: Any = None, **arguments: Any) -> dict[str, Any]:  # noqa: ARG002 - as a Worker
        if op == "ingest":
            self.ingested.append(Path(arguments["path"]).name)
            if self.fails:
                raise self.fails
        return ingest_worker.HANDLERS[op](**arguments)

    async def close(self) -> None:
        return None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def worker() -> LocalWorker:
    return LocalWorker()


@pytest.fixture
def cache(tmp_path: Path, worker: LocalWorker) -> IngestCache:
    return IngestCache(tmp_path, worker, 30)


def book(path: Path, *sheets: str) -> None:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name in sheets:
        sheet = workbook.create_sheet(name)
        sheet.append(["a", "b"])
        sheet.append([1, 2])
    workbook.save(path)


async def names(cache: IngestCache) -> list[str]:
    return [table.name for table in (await cache.index()).tables.values()]


async def test_files_become_datasets(data: Path, cache: IngestCache) -> None:
    (data / "Net Sales.csv").write_text("a,b\n1,2\n")
    book(data / "reference.xlsx", "Departments", "Fx rates")
    (data / "datasets.yaml").write_text("tables: {}")
    (data / ".hidden.csv").write_text("a,b\n1,2\n")
    (data / "~$reference.xlsx").write_text("lock")
    (data / "folder").mkdir()
    index = await cache.index()
    assert [(d.id, d.file, [(t.name, t.sheet) for t in d.tables]) for d in index.datasets] == [
        ("net_sales", "Net Sales.csv", [("net_sales", None)]),
        ("reference", "reference.xlsx", [("departments", "Departments"), ("fx_rates", "Fx rates")]),
    ]
    assert index.tables["NET_SALES"].row_count == 1
    assert all(path.is_file() for path in index.files.values())
    assert set(index.files) == set(index.tables)


async def test_sheets_of_the_same_name_also_carry_the_name_of_their_file(data: Path, cache: IngestCache) -> None:
    book(data / "north.xlsx", "Sales", "Rent")
    book(data / "south.xlsx", "Sales")
    (data / "sales.csv").write_text("a,b\n1,2\n")
    assert await names(cache) == ["north_sales", "rent", "sales", "south_sales"]


async def test_equal_names_are_numbered(data: Path, cache: IngestCache) -> None:
    for name in ("a b.csv", "a-b.csv", "a_b.csv"):
        (data / name).write_text("a,b\n1,2\n")
    assert await names(cache) == ["a_b", "a_b_2", "a_b_3"]
    assert len({d.id for d in (await cache.index()).datasets}) == 3


async def test_an_unchanged_file_is_ingested_once(
    data: Path, tmp_path: Path, worker: LocalWorker, cache: IngestCache
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    first = await cache.index()
    assert await cache.index() is first
    assert [d.version for d in (await IngestCache(tmp_path, worker, 30).index()).datasets] == [
        first.datasets[0].version
    ]
    (data / "a.csv").rename(data / "b.csv")
    assert await names(cache) == ["b"]
    assert worker.ingested == ["a.csv"]


async def test_a_changed_file_is_a_new_version(data: Path, worker: LocalWorker, cache: IngestCache) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    first = await cache.index()
    (data / "a.csv").write_text("a,b\n1,2\n3,4\n")
    second = await cache.index()
    assert second.datasets[0].version != first.datasets[0].version
    assert second.tables["a"].row_count == 2
    assert first.files["a"].exists()
    assert first.files["a"] != second.files["a"]
    (data / "a.csv").write_text("a,b\n1,2\n")
    assert (await cache.index()).datasets[0].version == first.datasets[0].version
    assert worker.ingested == ["a.csv", "a.csv"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_file_written_in_place_with_its_old_size_and_time_is_read_again(
    data: Path, tmp_path: Path, worker: LocalWorker, cache: IngestCache, restarted: bool
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    first, before = await cache.index(), (data / "a.csv").stat()
    assert await cache.index() is first
    while (data / "a.csv").stat().st_ctime_ns == before.st_ctime_ns:  # the file system's clock ticks every few ms
        (data / "a.csv").write_text("a,b\n1,9\n")
        os.utime(data / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (data / "a.csv").stat()[:9] == before[:9]
    again = IngestCache(tmp_path, worker, 30) if restarted else cache
    assert (await again.index()).datasets[0].version != first.datasets[0].version


async def test_links_to_a_file_do_not_make_it_a_new_version(
    data: Path, tmp_path: Path, worker: LocalWorker, cache: IngestCache
) -> None:
    """The worker reads each file through a link, and backups make others."""
    (data / "a.csv").write_text("a,b\n1,2\n")
    asked: list[str] = []
    ask = worker.ask

    async def linked(op: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        asked.append(op)
        os.link(data / "a.csv", tmp_path / "link")
        try:
            return await ask(op, seconds, **arguments)
        finally:
            (tmp_path / "link").unlink()

    worker.ask = linked
    first = await cache.index()
    assert await cache.index() is first
    assert (await IngestCache(tmp_path, worker, 30).index()).files == first.files
    assert asked == ["file_version", "ingest"]
    os.link(data / "a.csv", tmp_path / "backup")
    assert (await cache.index()).files == first.files
    assert worker.ingested == ["a.csv"]


async def test_small_files_are_read_side_by_side_and_large_ones_alone(
    data: Path, tmp_path: Path, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfo_kernel.data.file_readings.AT_ONCE", 3)
    monkeypatch.setattr("cfo_kernel.data.file_readings._WORTH_A_PROCESS", 2)
    cache = IngestCache(tmp_path, worker, 30)
    for number in range(6):
        (data / f"small{number}.csv").write_text(f"a,b\n1,{number}\n")
    for name in ("large1.csv", "large2.csv"):
        (data / name).write_text("a,b\n" + "1,2\n" * 300_000)
    reading: set[str] = set()
    three = asyncio.Barrier(3)

    async def recorded(op: str, _: float, **arguments: Any) -> dict[str, Any]:
        name = Path(arguments["path"]).name
        if op == "file_version":
            return ingest_worker.file_version(arguments["path"])
        reading.add(name)
        if name.startswith("small"):
            async with asyncio.timeout(30):
                await three.wait()  # passes only if three are read at the same time
        else:
            assert {other for other in reading if other.startswith("large")} == {name}
        reading.discard(name)
        Path(arguments["folder"]).mkdir(parents=True, exist_ok=True)
        return {"tables": []}

    monkeypatch.setattr(worker, "ask", recorded)
    assert [d.problem for d in (await cache.index()).datasets] == [None] * 8


async def test_a_data_folder_that_is_a_link_is_refused(data: Path, tmp_path: Path, cache: IngestCache) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.csv").write_text("a,b\n1,2\n")
    data.rmdir()
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match="data/ is a link"):
        await cache.index()


async def test_a_deleted_file_is_no_longer_a_dataset(data: Path, cache: IngestCache) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    await cache.index()
    (data / "a.csv").unlink()
    assert (await cache.index()).datasets == ()


async def test_a_file_deleted_during_the_ingest_affects_no_other(
    data: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        (data / name).write_text("a,b\n1,2\n")
    scan = cache._scan

    def scan_and_delete() -> Any:
        seen = scan()
        (data / "a.csv").unlink(missing_ok=True)
        return seen

    monkeypatch.setattr(cache, "_scan", scan_and_delete)
    problems = [d.problem for d in (await cache.index()).datasets]
    assert problems == [None]


async def test_a_bad_file_is_a_dataset_with_a_problem_and_affects_no_other(data: Path, cache: IngestCache) -> None:
    (data / "a.csv").write_bytes(b"")
    (data / "b.csv").write_text("a,b\n1,2\n")
    (data / "c.docx").write_text("x")
    index = await cache.index()
    assert [bool(d.problem) for d in index.datasets] == [True, False, True]
    assert "empty" in (index.datasets[0].problem or "")
    assert list(index.files) == ["b"]


async def test_a_file_is_read_once_its_format_is_supported(
    data: Path, tmp_path: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "a.unknown").write_text("a,b\n1,2\n")
    [dataset] = (await cache.index()).datasets
    assert "a.unknown is not a table" in (dataset.problem or "")

    monkeypatch.setitem(FORMATS, ".unknown", FORMATS[".csv"])
    await IngestCache(tmp_path, worker, 30).index()
    assert worker.ingested == ["a.unknown"]


@pytest.mark.parametrize(
    "error",
    [
        QueryFailed("It failed."),
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
    ],
)
async def test_a_failure_that_may_pass_is_retried(
    data: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    (data / "a.csv").write_text("a,b\n1,2\n")
    worker.fails = error
    [dataset] = (await cache.index()).datasets
    assert dataset.problem
    assert {QueryFailed: "at the moment"}.get(type(error), str(error.args[-1])) in dataset.problem
    worker.fails = None
    now = 0.1
    assert [d.problem for d in (await cache.index()).datasets] == [None]
    await cache.index()
    assert worker.ingested == ["a.csv", "a.csv"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (QueryTimeout("It took longer."), "took longer than 30 s to read. Split the file, or raise CFO_INGEST_TIMEOUT"),
        (WorkerLost("It died."), "crashed the process that was reading it"),
        (QueryOutOfMemory("It needs more."), "needs more memory to read than the 4 GB"),
        (UnreadableFile("a.csv is damaged."), "a.csv is damaged."),
    ],
)
async def test_a_file_that_cannot_be_read_is_not_read_again_before_it_changes(
    data: Path,
    tmp_path: Path,
    cache: IngestCache,
    worker: LocalWorker,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    says: str,
) -> None:
    """It is not read again later, when another file changes, or by another process."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    (data / "a.csv").write_text("a,b\n1,2\n")
    worker.fails = error
    for turn, files in enumerate((cache, cache, IngestCache(tmp_path, worker, 30))):
        now += 1_000_000
        (data / f"{turn}.docx").touch()
        problem = next(d.problem for d in (await files.index()).datasets if d.file == "a.csv")
        assert problem is not None
        assert problem.startswith("a.csv")
        assert says in problem
        with pytest.raises(FileProblem, match=r"^a\.csv"):
            await files.check(data / "a.csv")
    assert worker.ingested == ["a.csv"]
    worker.fails = None
    os.utime(data / "a.csv", (1, 1))
    assert "a" in (await cache.index()).tables
    assert worker.ingested == ["a.csv", "a.csv"]


async def test_a_longer_time_limit_gives_a_slow_file_another_chance(
    data: Path, tmp_path: Path, worker: LocalWorker
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    worker.fails = QueryTimeout("It took longer.")
    await IngestCache(tmp_path, worker, 30).index()
    worker.fails = None
    assert (await IngestCache(tmp_path, worker, 30).index()).files == {}
    assert list((await IngestCache(tmp_path, worker, 31).index()).files) == ["a"]


@pytest.mark.parametrize(
    "answer",
    [
        {"file": "../../../etc/passwd"},
        {"file": "0.parquet/../../x.parquet"},
        {"row_count": "many"},
        {"columns": [{"name": "a", "type": "BIGINT", "values": "all"}]},
    ],
)
async def test_an_answer_of_a_worker_that_was_taken_over_is_refused(
    data: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    ask = worker.ask

    async def forged(op: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        value = await ask(op, seconds, **arguments)
        return value if op != "ingest" else {"tables": [{**value["tables"][0], **answer}], "notes": []}

    monkeypatch.setattr(worker, "ask", forged)
    index = await cache.index()
    assert index.files == {}
    assert "crashed the process that was reading it" in (index.datasets[0].problem or "")


async def test_a_hash_that_leads_out_of_the_cache_is_refused(
    data: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")

    async def forged(*_: Any, **__: Any) -> dict[str, Any]:
        return {"version": "../../" + "0" * 58}

    monkeypatch.setattr(worker, "ask", forged)
    assert (await cache.index()).files == {}


async def test_a_slow_failure_is_not_retried_immediately(
    data: Path, cache: IngestCache, worker: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    (data / "a.csv").write_text("a,b\n1,2\n")
    ask = worker.ask

    async def slow(*arguments: Any, **options: Any) -> dict[str, Any]:
        nonlocal now
        now += 20
        return await ask(*arguments, **options)

    monkeypatch.setattr(worker, "ask", slow)
    worker.fails = QueryFailed("It failed.")
    for wait, tried in ((0, 1), (300, 1), (200, 2)):
        now += wait
        await cache.index()
        assert len(worker.ingested) == tried


async def test_a_problem_in_the_content_is_not_retried(data: Path, cache: IngestCache, worker: LocalWorker) -> None:
    (data / "a.csv").write_text("\n\n")
    for _ in range(3):
        assert (await cache.index()).datasets[0].problem
    assert worker.ingested == ["a.csv"]


@pytest.mark.parametrize("lost", ["0.parquet", "tables.json", "*"])
async def test_a_lost_cache_entry_is_made_again(
    data: Path, tmp_path: Path, cache: IngestCache, worker: LocalWorker, lost: str
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    before = await cache.index()
    if lost == "*":
        shutil.rmtree(tmp_path / ".cache")
    else:
        next((tmp_path / ".cache").glob(f"*/{lost}")).unlink()
    cache = cache if lost != "tables.json" else IngestCache(tmp_path, worker, 30)
    after = await cache.index()
    assert after.files == before.files
    assert after.files["a"].is_file()
    assert worker.ingested == ["a.csv", "a.csv"]


async def test_a_damaged_cache_entry_is_made_again(
    data: Path, tmp_path: Path, worker: LocalWorker, cache: IngestCache
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    await cache.index()
    for damaged in (*(tmp_path / ".cache").glob("*.version"), *(tmp_path / ".cache").glob("*/tables.json")):
        damaged.write_text("x")
    assert [d.problem for d in (await IngestCache(tmp_path, worker, 30).index()).datasets] == [None]


async def test_file_names_of_maximum_length(data: Path, cache: IngestCache) -> None:
    (data / ("x" * 251 + ".csv")).write_text("a,b\n1,2\n")
    (data / ("y." + "z" * 250)).write_text("a,b\n1,2\n")
    (data / "a.csv").write_text("a,b\n1,2\n")
    index = await cache.index()
    assert [(len(d.file), bool(d.problem)) for d in index.datasets] == [(5, False), (255, False), (252, True)]


async def test_a_full_disk_is_a_problem_of_the_file(
    data: Path, cache: IngestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "a.csv").write_text("a,b\n1,2\n")
    with monkeypatch.context() as patch:

        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Path, "write_text", full)
        [dataset] = (await cache.index()).datasets
    problem = "The file cannot be read (No space left on device). Check the file and the disk, then try again."
    assert dataset.problem == problem


async def test_a_file_that_cannot_be_opened_affects_no_other(
    data: Path, cache: IngestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        (data / name).write_text("a,b\n1,2\n")
    opened = Path.open

    def refused(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    problems = [d.problem for d in (await cache.index()).datasets]
    problem = "a.csv cannot be opened (Permission denied). Check the file and its permissions, then try again."
    assert problems == [problem, None]


async def test_a_symbolic_link_is_refused(data: Path, tmp_path: Path, cache: IngestCache) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    (data / "link.csv").symlink_to(tmp_path / "secret.csv")
    (data / "dangling.csv").symlink_to(tmp_path / "nothing.csv")
    (data / "loop").symlink_to(data)
    index = await cache.index()
    assert [(d.file, d.problem) for d in index.datasets] == [
        ("link.csv", "link.csv is a symbolic link. Copy the file itself into data/.")
    ]
    assert index.files == {}
    with pytest.raises(CfoError, match="is a symbolic link"):
        await cache.check(data / "link.csv")


async def test_a_file_name_that_is_not_utf8_can_be_shown(data: Path, cache: IngestCache) -> None:
    Path(os.fsdecode(os.fsencode(data) + b"/b\xfcro.csv")).write_text("a,b\n1,2\n")
    [dataset] = (await cache.index()).datasets
    assert dataset.file == "b\ufffdro.csv"
    assert [t.name for t in dataset.tables] == ["b_ro"] or [t.name for t in dataset.tables] == ["bro"]
    json.dumps(dataset.model_dump(mode="json")).encode()


async def test_a_file_is_checked_before_it_is_stored(data: Path, tmp_path: Path, cache: IngestCache) -> None:
    (tmp_path / "good.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.csv").write_bytes(b"\x89PNG")
    await cache.check(tmp_path / "good.csv")
    with pytest.raises(UnreadableFile, match="a picture"):
        await cache.check(tmp_path / "bad.csv")
    assert (await cache.index()).datasets == ()


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            QueryTimeout("Ask for less."),
            FileTooLarge,
            "a.csv took longer than 30 s to read. Split the file, or raise CFO_INGEST",
        ),
        (QueryOutOfMemory("Ask for less."), FileTooLarge, "a.csv needs more memory"),
        (WorkerLost("Ask for less at once."), UnreadableFile, "a.csv crashed the process that was reading it"),
        (
            QueryFailed("The worker failed: KeyError: 1"),
            StorageFailed,
            r"a.csv cannot be read at the moment. Check that the disk has free space[^:]*$",
        ),
    ],
)
async def test_an_error_of_the_worker_is_worded_for_a_file(
    tmp_path: Path, cache: IngestCache, worker: LocalWorker, error: Exception, kind: type[CfoError], says: str
) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    worker.fails = error
    with pytest.raises(kind, match=says):
        await cache.check(tmp_path / "a.csv")


async def test_unused_cache_entries_are_removed_after_a_day(data: Path, tmp_path: Path, cache: IngestCache) -> None:
    folder = tmp_path / ".cache"
    versions: list[set[str]] = []
    for content in ("a,b\n1,2\n", "a,b\n1,2\n3,4\n", "a,b\n5,6\n"):
        (data / "a.csv").write_text(content)
        await cache.index()
        versions.append({path.name for path in folder.iterdir()})
    (data / "gone.csv").write_text("a,b\n7,8\n")
    await cache.index()
    (folder / "of-somebody-else").mkdir()
    (folder / ".ingest-died").mkdir()
    young = versions[1] - versions[0]
    for path in folder.iterdir():
        if path.name not in young:
            os.utime(path, (0, 0))
    (data / "gone.csv").unlink()
    await cache.index()
    [now] = (await cache.index()).files.values()
    memos = {path.name for path in folder.glob("*.version")}
    assert {path.name for path in folder.iterdir()} == {now.parent.name, "of-somebody-else"} | young | memos
    assert len(memos) == 1
    assert now.is_file()


async def test_a_workspace_without_a_data_folder_has_no_datasets(tmp_path: Path, cache: IngestCache) -> None:
    assert (await cache.index()).datasets == ()


async def test_two_processes_ingest_the_same_files_at_once(data: Path, tmp_path: Path) -> None:
    for i in range(3):
        (data / f"t{i}.csv").write_text("a,b\n" + "1,2.5\n" * 1000)
    script = """
import asyncio, json, sys
from pathlib import Path
from cfo_kernel.data.workspace_data import WorkspaceData
async def main():
    workspace_data = WorkspaceData(Path(sys.argv[1]), query_timeout=30, ingest_timeout=60)
    answer = await workspace_data.query("SELECT (SELECT sum(b) FROM t0) + (SELECT sum(b) FROM t2)", cap=5)
    print(json.dumps(answer.rows))
    await workspace_data.close()
asyncio.run(main())
"""
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path), stdout=-1, stderr=-1)
        for _ in range(2)
    ]
    for process in started:
        out, err = await process.communicate()
        assert json.loads(out) == [[5000.0]], err.decode()
    leftovers = [p.name for p in (tmp_path / ".cache").rglob("*") if p.name.startswith(".")]
    assert leftovers == []


@pytest.fixture
async def workspace_data(data: Path, tmp_path: Path) -> AsyncIterator[WorkspaceData]:
    workspace_data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    yield workspace_data
    await workspace_data.close()


async def test_a_new_file_can_be_queried_at_once(workspace_data: WorkspaceData, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownTable, match="Upload a CSV"):
        await workspace_data.query("SELECT 1", cap=5)
    (data / "a.csv").write_text("k,v\nx,1.25\ny,2.5\n")
    result = await workspace_data.query("FROM a", cap=1, file=tmp_path / "results.parquet")
    assert list(result.rows) == [("x", 1.25)]
    assert (result.row_count, result.truncated) == (2, True)
    assert result.file == f"{tmp_path.name}/results.parquet"
    (data / "a.csv").write_text("k,v\nx,7.5\n")
    (data / "b.csv").write_text("k\nz\nw\n")
    assert (await workspace_data.query("SELECT v FROM a, b", cap=5)).rows == ((7.5,), (7.5,))
    await workspace_data.check("SELECT k FROM b")


async def test_queries_go_on_after_the_cache_was_deleted(
    workspace_data: WorkspaceData, data: Path, tmp_path: Path
) -> None:
    (data / "a.csv").write_text("k,v\nx,1.25\n")
    for _ in range(2):
        assert (await workspace_data.query("FROM a", cap=5)).rows == (("x", 1.25),)
        shutil.rmtree(tmp_path / ".cache")


async def test_an_invalid_glossary_is_named_with_its_line(workspace_data: WorkspaceData, data: Path) -> None:
    (data / "a.csv").write_text("k,v\nx,1.25\n")
    (data / "datasets.yaml").write_text("tables:\n  b: {}\n")
    (problem,) = (await workspace_data.schema()).glossary_problems
    assert "line 2: there is no table b" in problem
    assert [d.id for d in (await workspace_data.index()).datasets] == ["a"]


async def test_a_glossary_is_read_again_only_when_it_has_changed(
    workspace_data: WorkspaceData, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "a.csv").write_text("k,v\nx,1.25\n")
    written = data / "datasets.yaml"
    written.write_text("company: [\n")
    reads: list[Path] = []

    def read(folder: Path) -> glossary_reader.Written:
        reads.append(folder)
        return real(folder)

    real = glossary_reader.read
    monkeypatch.setattr(glossary_reader, "read", read)
    schemas = await asyncio.gather(*(workspace_data.schema() for _ in range(5)))
    assert [len(schema.glossary_problems) for schema in schemas] == [1] * 5
    assert len(reads) == 1
    written.write_text("company: Acme\n")
    assert (await workspace_data.schema()).glossary.company == "Acme"
    written.unlink()
    assert (await workspace_data.schema()).glossary.company is None
    assert len(reads) == 3


async def test_a_wrong_line_of_the_glossary_stops_no_query(workspace_data: WorkspaceData, data: Path) -> None:
    (data / "a.csv").write_text("k,v\nx,1.25\n")
    (data / "datasets.yaml").write_text("tables:\n  a:\n    name: [A\n    synonyms: [letters]\n")
    plan = {"table": "a", "select": [{"name": "v", "expression": {"fn": "sum", "column": "v"}}]}
    result = await workspace_data.plan(QueryPlan.model_validate(plan), cap=5)
    assert (result.rows, len(result.notes)) == (((1.25,),), 1)
    assert result.notes[0].startswith("datasets.yaml, line 3: ")
    assert (await workspace_data.schema()).glossary.table("a").synonyms == ("letters",)


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{a: " * 60_000, "- " * 120_000, "'" + "x\n\n" * 80_000, "&a " * 80_000]
)
async def test_a_hostile_glossary_holds_up_nothing_else(workspace_data: WorkspaceData, data: Path, text: str) -> None:
    (data / "a.csv").write_text("k,v\nx,1.25\n")
    await workspace_data.schema()
    (data / "datasets.yaml").write_text(text)
    reading = asyncio.create_task(workspace_data.schema())
    turns = 0
    while not reading.done():  # the loop goes on while a thread reads the file
        await asyncio.sleep(0.001)
        turns += 1
    assert reading.result().glossary_problems
    assert turns > 1


async def test_documents_are_kept_and_listed_but_not_read(data: Path, cache: IngestCache, worker: LocalWorker) -> None:
    (data / "report.pdf").write_bytes(b"%PDF-1.7\n" + bytes(200))
    (data / "receipt.JPG").write_bytes(b"\xff\xd8\xff" + bytes(200_000))
    (data / "false.png").write_bytes(b"a,b\n1,2\n")
    (data / "order.eml").write_text("From: a@example.org\n\nHello")
    found = {d.file: (d.document, d.about_document(), d.tables) for d in (await cache.index()).datasets}
    assert found == {
        "report.pdf": ("PDF", "PDF, 209 bytes: kept, but not read.", ()),
        "receipt.JPG": ("picture", "picture, 0.2 MB: kept, but not read.", ()),
        "order.eml": ("e-mail", "e-mail, 26 bytes: kept, but not read.", ()),
        "false.png": (None, None, ()),
    }
    assert worker.ingested == []
    [problem] = [d.problem for d in (await cache.index()).datasets if d.problem]
    assert problem.startswith("false.png is damaged, or not in the format that its name indicates.")
