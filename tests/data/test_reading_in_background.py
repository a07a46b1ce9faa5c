"""While a file is being read, whatever does not need it is answered. A person can stop the reading."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.data.dataset_index import at_once
from cfo_kernel.data.ingest_cache import IngestCache
from cfo_kernel.data.reading_stages import Reading, ReportedStages, Stage, reported
from cfo_kernel.data.result_pages import PageRequest
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import FileProblem, UnknownTable, WorkbenchClosed
from tests.data.test_ingest_cache import LocalWorker


class GatedWorker(LocalWorker):
    """Reads the files in `held` only once they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, asyncio.Event] = {}
        self.begun = asyncio.Event()

    async def ask(self, op: str, _: float, *, on_stage: Any = None, **arguments: Any) -> dict[str, Any]:
        gate = self.held.get(Path(arguments.get("path", "")).name)
        if gate is not None:
            self.begun.set()
            await gate.wait()
        return await super().ask(op, _, on_stage=on_stage, **arguments)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def worker() -> GatedWorker:
    return GatedWorker()


@pytest.fixture
async def cache(tmp_path: Path, worker: GatedWorker) -> AsyncIterator[IngestCache]:
    cache = IngestCache(tmp_path, worker, 30)
    yield cache
    await cache.close()


@pytest.fixture
async def workspace_data(data: Path, tmp_path: Path) -> AsyncIterator[WorkspaceData]:
    workspace_data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    yield workspace_data
    await workspace_data.close()


def children() -> list[int]:
    """The processes of this one that read files."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [pid for pid in found if b"file_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def paused_worker() -> Iterator[list[int]]:
    """The process that reads files does nothing inside the block."""
    pids = children()
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield pids
    finally:
        for pid in pids:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGCONT)


async def test_a_file_being_read_holds_up_nothing_else(
    workspace_data: WorkspaceData, data: Path, tmp_path: Path
) -> None:
    (data / "ready.csv").write_text("k,v\nx,1.25\ny,2.5\n")
    await workspace_data.query("FROM ready", cap=9, file=tmp_path / "query_001.parquet")
    with paused_worker():
        (data / "late.csv").write_text("k,v\nx,7\n")
        async with asyncio.timeout(60):
            shown = {d.file: d for d in await workspace_data.datasets()}
            assert shown["late.csv"].about_reading()
            assert [t.name for t in shown["ready.csv"].tables] == ["ready"]
            assert (await workspace_data.query("SELECT sum(v) FROM ready", cap=1)).rows == ((3.75,),)
            page = await workspace_data.page(tmp_path / "query_001.parquet", PageRequest(limit=1))
            assert page.total == 2
            await workspace_data.export(tmp_path / "query_001.parquet", "csv", tmp_path / "out.csv")
            (tmp_path / "empty.csv").write_text("")
            with pytest.raises(FileProblem):
                await workspace_data.check_file(tmp_path / "empty.csv")
            assert (await workspace_data.schema(at_once)).tables.keys() == {"ready"}
        waiting = [
            asyncio.create_task(work)
            for work in (
                workspace_data.query("SELECT sum(v) FROM late", cap=1),
                workspace_data.query("SELECT 1 FROM nowhere", cap=1),
                workspace_data.schema(),
            )
        ]
        await asyncio.wait(waiting, timeout=0.5)
        assert not any(task.done() for task in waiting)
        assert workspace_data.file_being_read
        assert workspace_data.file_being_read.name == "late.csv"
    assert (await waiting[0]).rows == ((7,),)
    with pytest.raises(UnknownTable, match="nowhere"):
        await waiting[1]
    assert (await waiting[2]).tables.keys() == {"ready", "late"}
    assert [d.reading for d in await workspace_data.datasets()] == [None, None]


async def test_a_stopped_file_is_listed_and_can_be_read_again(
    workspace_data: WorkspaceData, data: Path, tmp_path: Path
) -> None:
    (data / "ready.csv").write_text("k,v\nx,1.25\n")
    await workspace_data.index()
    with paused_worker() as pids:
        (data / "late.csv").write_text("k,v\nx,7\n")
        waiting = asyncio.create_task(workspace_data.schema())
        while not list((tmp_path / ".files").glob("*/in/*/path/late.csv")):  # noqa: ASYNC110 - only files show it
            await asyncio.sleep(0.01)
        await workspace_data.stop_reading("late.csv")
        assert not set(pids) <= set(children())
        assert (await waiting).tables.keys() == {"ready"}
    [late, _] = await workspace_data.datasets()
    assert late.is_stopped
    assert (late.problem or "").startswith("late.csv was not read, because the reading was stopped.")
    assert (data / "late.csv").read_text() == "k,v\nx,7\n"

    another = IngestCache(tmp_path, worker := LocalWorker(), 30)  # as after a restart
    assert (await another.index()).datasets[0].is_stopped
    assert worker.ingested == []

    await workspace_data.stop_reading("ready.csv")  # which is read, and therefore not changed
    await workspace_data.read_again("late.csv")
    assert (await workspace_data.query("SELECT sum(v) FROM late", cap=1)).rows == ((7,),)
    assert not any(d.is_stopped for d in await workspace_data.datasets())


async def test_a_changed_file_that_was_stopped_is_read(data: Path, cache: IngestCache, worker: GatedWorker) -> None:
    worker.held["late.csv"] = asyncio.Event()
    (data / "late.csv").write_text("k,v\nx,7\n")
    await cache.index(at_once)
    await cache.stop("late.csv")
    assert (await cache.index()).datasets[0].is_stopped
    worker.held["late.csv"].set()
    (data / "late.csv").write_text("k,v\nx,7\ny,8\n")
    assert list((await cache.index()).files) == ["late"]


async def test_a_sum_of_a_union_waits_for_all_of_its_files(data: Path, cache: IngestCache, worker: GatedWorker) -> None:
    for year in (2022, 2023):
        (data / f"sales_{year}.csv").write_text(f"region,amount\nNorth,{year}\nSouth,1\n")
    (data / "ready.csv").write_text("k,v\nx,1.25\n")
    assert set((await cache.index()).files) == {"sales", "ready"}
    worker.held["sales_2024.csv"] = asyncio.Event()
    (data / "sales_2024.csv").write_text("region,amount\nNorth,2024\nSouth,2\n")
    index = await cache.index(at_once)
    assert set(index.files) == {"ready"}
    assert {d.file: d.reading.stage for d in index.datasets if d.reading} == {
        "sales_2022.csv": Stage.COMBINING,
        "sales_2023.csv": Stage.COMBINING,
        "sales_2024.csv": Stage.WAITING,
    }
    worker.held["sales_2024.csv"].set()
    index = await cache.index()
    assert set(index.files) == {"sales", "ready"}
    assert index.tables["sales"].row_count == 6


async def test_a_table_never_takes_the_name_of_one_that_is_being_read(
    data: Path, cache: IngestCache, worker: GatedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfo_kernel.data.file_readings._LONG", 0.01)
    worker.held["Sales.csv"] = asyncio.Event()
    (data / "Sales.csv").write_text("k,v\nx,1\n")
    (data / "sales.csv").write_text("k,v\nx,2\n")
    (data / "sales.json").write_text('[{"k": "x", "v": 3}]')
    before = await cache.index(lambda index: len(index.files) == 2)
    assert "sales" not in before.files
    worker.held["Sales.csv"].set()
    after = await cache.index()
    assert set(after.files) - set(before.files) == {"sales"}
    assert {name: after.files[name] for name in before.files} == before.files


async def test_an_upload_does_not_wait_behind_other_files(
    data: Path, tmp_path: Path, cache: IngestCache, worker: GatedWorker
) -> None:
    (tmp_path / "new.csv").write_text("k,v\nx,1\n")
    await cache.check(tmp_path / "new.csv")
    for name in ("late.csv", "new.csv"):
        worker.held[name] = asyncio.Event()
    (data / "late.csv").write_text("k,v\nx,2\n")
    (tmp_path / "new.csv").replace(data / "new.csv")
    await cache.moved("new.csv")
    assert list((await cache.index(at_once)).files) == ["new"]


async def test_a_deleted_file_is_not_waited_for(data: Path, cache: IngestCache, worker: GatedWorker) -> None:
    worker.held["late.csv"] = asyncio.Event()
    (data / "late.csv").write_text("k,v\nx,1\n")
    waiting = asyncio.create_task(cache.index())
    await worker.begun.wait()
    (data / "late.csv").unlink()
    assert (await cache.index(at_once)).datasets == ()
    assert (await waiting).datasets == ()


async def test_a_caller_that_waits_when_the_workbench_is_closed_gets_an_error(
    data: Path, cache: IngestCache, worker: GatedWorker
) -> None:
    worker.held["late.csv"] = asyncio.Event()
    (data / "late.csv").write_text("k,v\nx,1\n")
    waiting = asyncio.create_task(cache.index())
    await worker.begun.wait()
    await cache.close()
    with pytest.raises(WorkbenchClosed):
        await waiting


async def test_an_unexpected_failure_is_a_problem_of_the_file(
    data: Path, cache: IngestCache, worker: GatedWorker
) -> None:
    worker.fails = KeyError("x")
    (data / "a.csv").write_text("k,v\nx,1\n")
    assert "cannot be read" in ((await cache.index()).datasets[0].problem or "")


@given(st.lists(st.sampled_from([Stage.ROWS, Stage.TOTALS, Stage.STORING]), max_size=20))
def test_reported_stages_only_go_forward(entered: list[Stage]) -> None:
    reached = [Reading()]
    stages = ReportedStages()
    stages.listen(lambda value: reached.append(reported(value, reached[-1])))
    stages.begin(Stage.CHECKING)
    for stage in entered:
        stages.enter(stage)
    assert all(before.is_behind(after) for before, after in pairwise(reached))


@pytest.mark.parametrize(
    "value", [None, 1, {}, {"stage": "x"}, {"stage": "rows", "table": 10**9}, {"stage": "waiting"}]
)
def test_a_stage_from_a_hostile_file_is_ignored(value: Any) -> None:
    before = Reading(stage=Stage.TOTALS, table=2)
    assert reported(value, before) == before
