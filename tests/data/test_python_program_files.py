"""The files of programs in a thread's folder, with real processes: all of them are stored, or none."""

import asyncio
import errno
import json
import shutil
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from cfo_kernel.data.python_programs import ProgramResult
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import PythonFailed, PythonTimeout, StorageFailed
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.python_executor import PythonLimits
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool

pytestmark = pytest.mark.asyncio(loop_scope="module")
WRITES = "open('out.csv', 'w').write('1')"
PRELUDE = """
import os, json, pyarrow as pa, pyarrow.parquet as pq
def leave(table, answer=None):
    open('out.csv', 'w').write('1')
    if table is not None:
        pq.write_table(table, '.answer/result.parquet')
    given = {'stdout': '', 'table': {'as_text': [], 'nan_as_null': []}} if answer is None else answer
    open('.answer/answer.json', 'w').write(given if isinstance(given, str) else json.dumps(given))
    os._exit(0)
one = pa.table({'a': [1]})
"""
"""Code for a program that exits before the engine's own code runs, and so can leave any table and any answer."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkspaceData]:
    executor = ConfinedExecutor()
    made = WorkspaceData(tmp_path_factory.mktemp("workspace"), query_timeout=30, ingest_timeout=30, python=executor)
    yield made
    await made.close()
    await executor.close()


def run(data: WorkspaceData, code: str, folder: Path) -> "asyncio.Task[ProgramResult]":
    return asyncio.ensure_future(data.python(code, cap=5, folder=folder, stem="python_001"))


async def test_every_file_gets_an_unused_name(data: WorkspaceData, tmp_path: Path) -> None:
    code = "import os\nos.mkdir('a')\nopen('a/b.csv', 'w').write('1')\nopen('a_b.csv', 'w').write('2')"
    place = tmp_path.name
    first = await run(data, code, tmp_path)
    assert first.files == (f"{place}/python_001_a_b.csv", f"{place}/python_001_a_b_2.csv")
    again = await run(data, code, tmp_path)  # without a table, the next program gets the stem as well
    assert again.files == (f"{place}/python_001_a_b_3.csv", f"{place}/python_001_a_b_4.csv")
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == ["1", "1", "2", "2"]


FORGED_ANSWERS = {
    "rows and columns of its own": '{"stdout": "", "table": {"columns": [{"name": "a", "type": "DECIMAL(9,2)"}],'
    ' "rows": [["1000.00"]], "row_count": 1000000, "truncated": true, "notes": ["Checked by the auditor."]}}',
    "900,000 rows": '{"stdout": "", "table": {"rows": [' + "[1]," * 900_000 + "[1]]}}",
    "a million brackets": "[" * 10**6,
    "brackets in the limit": "[" * 250_000,
    "objects in the limit": '{"a":' * 50_000,
    "NaN": '{"stdout": "", "table": {"as_text": [NaN], "nan_as_null": []}}',
    "infinity": '{"stdout": "", "table": {"as_text": [1e999], "nan_as_null": []}}',
    "a number of 250,000 digits": '{"stdout": "", "error": {"message": "", "line": ' + "9" * 250_000 + "}}",
    "a large line": '{"stdout": "", "error": {"message": "", "line": ' + "9" * 4000 + "}}",
    "half a surrogate pair": '{"stdout": "\\ud800"}',
    "a message with half of one": '{"stdout": "", "error": {"message": "\\udfff"}}',
    "a long output": '{"stdout": "' + "x" * 9000 + '"}',
    "no object": "[1]",
    "text": "x",
    "nothing": "",
    "an output that is none": '{"stdout": {"a": 1}}',
    "columns that are not there": '{"stdout": "", "table": {"as_text": [1000], "nan_as_null": []}}',
    "a negative column": '{"stdout": "", "table": {"as_text": [-1], "nan_as_null": []}}',
    "the first of two keys": '{"stdout": "", "table": null, "table": {"rows": [[1]]}}',
}
"""Answers from programs. None is trusted, and none takes long enough to parse to block the engine."""


@pytest.mark.parametrize("name", FORGED_ANSWERS)
async def test_a_forged_answer_is_refused_and_the_engine_keeps_working(
    name: str, data: WorkspaceData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    loads = json.loads
    monkeypatch.setattr("json.loads", lambda body, **options: parsed.append(len(body)) or loads(body, **options))
    # A long answer is made by the program from its short expression, as an attacker's would be.
    with pytest.raises(PythonFailed) as caught:
        await run(data, f"{PRELUDE}leave(one, {FORGED_ANSWERS[name]!r})", tmp_path)
    assert len(str(caught.value)) < 1000
    assert max(parsed, default=0) <= PythonLimits().answer_bytes
    assert list(tmp_path.iterdir()) == []


async def test_the_loop_keeps_running_while_a_large_answer_is_refused(data: WorkspaceData, tmp_path: Path) -> None:
    """No single step of the event loop takes as long as parsing the answer would."""
    task = run(data, f"{PRELUDE}leave(one, '[' + '[1],' * 1_500_000 + '1]')", tmp_path)
    longest, before = 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, time.thread_time() - before), time.thread_time()
    with pytest.raises(PythonFailed):
        await task
    parsing = time.thread_time()
    json.loads("[" + "[1]," * 1_500_000 + "1]")
    assert longest < time.thread_time() - parsing


FORGED_TABLES = {
    "1,001 columns": "leave(pa.table({f'c{i}': [1] for i in range(1001)}))",
    "no table": "leave(None)",
    "no columns": "leave(pa.table({}))",
    "no Parquet": "open('.answer/result.parquet', 'wb').write(b'PAR1' + b'\xff' * 99 + b'PAR1')\nleave(None)",
    "structs in structs": """
kind, cell = pa.int32(), 1
for i in range(400): kind, cell = pa.struct([('a', kind)]), {'a': cell}
leave(pa.table({'a': pa.array([cell], kind)}))""",
    "a name that is no text": """
pq.write_table(pa.table({'zzzz': [1]}), '.answer/result.parquet')
forged = open('.answer/result.parquet', 'rb').read().replace(b'zzzz', b'z\xff\xfez')
open('.answer/result.parquet', 'wb').write(forged)
leave(None)""",
}


@pytest.mark.parametrize("name", FORGED_TABLES)
async def test_a_forged_table_is_refused_and_leaves_no_files(name: str, data: WorkspaceData, tmp_path: Path) -> None:
    with pytest.raises((PythonFailed, PythonTimeout)) as caught:
        await run(data, PRELUDE + FORGED_TABLES[name], tmp_path)
    assert len(str(caught.value)) < 1000
    assert list(tmp_path.iterdir()) == []


async def test_everything_known_about_a_table_comes_from_its_file(data: WorkspaceData, tmp_path: Path) -> None:
    names = "{'x' * 1000: list(range(9)), 'x' * 999: ['b'] * 9, 'red\\x1b[31m': [True] * 9}"
    answer = "{'stdout': '', 'table': {'as_text': [1, 1, 999], 'nan_as_null': [0]}}"
    table = (await run(data, f"{PRELUDE}leave(pa.table({names}), {answer})", tmp_path)).table
    assert table
    assert [(len(c.name), c.type) for c in table.columns] == [(200, "BIGINT"), (202, "VARCHAR"), (8, "BOOLEAN")]
    assert table.columns[2].name == "red\N{REPLACEMENT CHARACTER}[31m"
    assert table.rows == tuple((i, "b", True) for i in range(5))
    assert (table.row_count, table.truncated) == (9, True)
    first, second, _ = (column.name for column in table.columns)
    assert table.notes == (
        f"{second}: values of mixed or unusual types are shown as text.",
        f"{first}: NaN is shown as empty.",
    )
    assert pq.read_metadata(tmp_path / "python_001.parquet").num_rows == 9


async def test_sparse_files_weigh_what_a_copy_of_them_would_take(data: WorkspaceData, tmp_path: Path) -> None:
    code = "for i in range(49):\n    open(str(i), 'w').truncate(100 << 20)"
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(PythonFailed, match="wrote more than 100 MB"):
        await run(data, code, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert free - shutil.disk_usage(tmp_path).free < 1 << 30


async def test_a_full_disk_is_an_error_that_leaves_no_files(
    data: WorkspaceData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(scratch: Path, name: str, target: Path, spend: object) -> None:
        target.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(scratch_folder, "copy_file", full)
    with pytest.raises(StorageFailed, match="No space left"):
        await run(data, WRITES, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageFailed, match="No such file"):
        await run(data, WRITES, tmp_path / "gone")


async def test_cancelling_while_files_are_copied_leaves_no_files(
    data: WorkspaceData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, take = threading.Event(), threading.Event(), scratch_folder.copy_file

    def slow(*arguments: object) -> None:
        begun.set()
        assert go_on.wait(60)
        take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(scratch_folder, "copy_file", slow)
    task = run(data, WRITES, tmp_path)
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_small_file_of_many_rows_does_not_fill_the_disk(tmp_path: Path) -> None:
    duckdb.sql("SELECT hash(x) AS a FROM range(200000) t(x)").write_parquet(str(tmp_path / "large"))
    pool = SqlWorkerPool(tmp_path / "cache", tmp_path / "sql", timeout=30)

    async def adopt(target: Path, max_bytes: int) -> dict[str, Any]:
        limits = {"cap": 1, "max_columns": 1, "max_bytes": max_bytes}
        return await pool.ask("adopt", {}, {"large": tmp_path / "large"}, '"large"', file=target, **limits)

    with pytest.raises(PythonFailed, match="too large to keep"):
        await adopt(tmp_path / "small", 100_000)
    assert not (tmp_path / "small").exists()
    assert [*(tmp_path / "sql").glob("*/out/*")] == []
    assert (await adopt(tmp_path / "whole", 10_000_000))["row_count"] == 200_000
    await pool.close()
