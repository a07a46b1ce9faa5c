"""Tests what programs can rely on, with every executor on this machine: tables, exact values, output, files."""

# ruff: noqa: E501 - short programs are easier to read on one line

import asyncio
import contextlib
import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from cfo_kernel.errors import PythonFailed, PythonTimeout
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.docker_executor import DockerExecutor
from cfo_kernel.executors.python_executor import PythonCall, PythonExecutor, PythonLimits, PythonResult
from cfo_kernel.executors.scratch_folder import copy_file, new_scratch_folder
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool
from tests.executors import docker_engine, fake_docker, sandbox_targets

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["confined", pytest.param("docker", marks=pytest.mark.slow)]
)
async def executor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PythonExecutor]:
    """The Docker executor uses a real engine if one is running or can be started, otherwise a fake command."""
    with contextlib.ExitStack() as stack:
        made: PythonExecutor = ConfinedExecutor()
        if request.param == "docker":
            folder = tmp_path_factory.mktemp("docker")
            try:
                docker = stack.enter_context(docker_engine.docker_engine(folder / "engine"))
                made = DockerExecutor(docker_engine.IMAGE, docker=docker)
            except docker_engine.NoEngineError as error:
                warnings.warn(f"No Docker engine for the tests: {error}", stacklevel=1)
                made = DockerExecutor(docker=fake_docker.install(folder))
        yield made
        await made.close()
        if isinstance(made, DockerExecutor):
            assert docker_engine.containers(made._docker) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqlWorkerPool]:
    folder = tmp_path_factory.mktemp("workers")
    made = SqlWorkerPool(folder / "cache", folder / "sql", timeout=30)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    targets = sandbox_targets.make(tmp_path_factory.mktemp("targets"))
    sandbox_targets.close(targets)
    return targets.tables()


Run = Callable[..., Awaitable[PythonResult]]


@pytest.fixture
def run(executor: PythonExecutor, tables: dict[str, Path], tmp_path: Path) -> Run:
    async def run_(code: str, **limits: Any) -> PythonResult:
        scratch = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        return await executor.run(PythonCall(code=code, tables=tables, scratch=scratch, limits=PythonLimits(**limits)))

    return run_


@dataclass
class Adopted:
    """A table as a SQL worker finds it in the file of a program, and the positions that the program's process noted."""

    columns: list[dict[str, str]]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    notes: list[str]
    file: Path
    as_text: tuple[int, ...]
    nan_as_null: tuple[int, ...]


Table = Callable[..., Awaitable[Adopted]]


@pytest.fixture
def table(pool: SqlWorkerPool, tmp_path: Path) -> Table:
    async def table_(work: Awaitable[PythonResult], cap: int = 100) -> Adopted:
        found = (await work).table
        assert found
        file = tmp_path / "adopted.parquet"
        limits = {"cap": cap, "max_columns": 1000, "max_bytes": 1 << 27}
        value = await pool.ask("adopt", {}, {"result_df": found.file}, '"result_df"', file=file, **limits)
        return Adopted(**value, file=file, as_text=found.as_text, nan_as_null=found.nan_as_null)

    return table_


PROGRAMS = {
    "result_df = ledger[['id', 'amount']].head(2)": [[0, 0], [1, 1.25]],
    "result_df = ledger.groupby('account')['amount'].sum()": [[1, 7.5], [2, 11.25]],
    "result_df = ledger.merge(accounts, on='account').groupby('name', as_index=False)['amount'].sum()": [
        ["Rent", 11.25],
        ["Salaries", 7.5],
    ],
    "result_df = ledger.set_index('posted')['id'].resample('QE').sum().head(2)": [["2024-03-31", 3], ["2024-06-30", 12]],
    "result_df = ledger.pivot_table(index='account', columns=ledger.posted.dt.year, values='id', aggfunc='sum')": [
        [1, 6],
        [2, 9],
    ],
    "result_df = pd.DataFrame({'n': [len(ledger), ledger.gap.isna().sum(), int(ledger.gap.sum())]})": [[6], [3], [6]],
    "result_df = ledger.loc[ledger.posted >= '2024-06-01', 'posted']": [["2024-06-30"]],
    "def f():\n    return [g(x) for x in ledger.id]\ng = lambda x: x * len(accounts)\nresult_df = pd.Series(f())": [
        [0], [3], [6], [9], [12], [15],
    ],
    "class A:\n    rows = len(ledger)\nresult_df = pd.Series([A.rows, eval('len(accounts)'), len(globals()['ledger'])])": [
        [6], [3], [6],
    ],
    "ledger = ledger[ledger.id > 4]\nresult_df = ledger[['id']]": [[5]],
    "result_df = ledger[ledger.id > 100][['id']]": [],
    "result_df = pd.DataFrame({'a': [1, 2], 'A': [3, 4]})": [[1, 3], [2, 4]],
    "from datetime import date\nresult_df = pd.DataFrame({'d': [date(2024, 2, 29), None]})": [["2024-02-29"], [None]],
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nresult_df = pd.DataFrame([P(1)])": [[1]],
    "import concurrent.futures as c\nresult_df = pd.Series(list(c.ThreadPoolExecutor(2).map(abs, [-1, -2])))": [[1], [2]],
    "import json, re, math, statistics, collections, itertools, zoneinfo\n"
    "t = pd.Timestamp('2024-01-31 10:00', tz=zoneinfo.ZoneInfo('Europe/Berlin'))\nresult_df = pd.Series([t])": [
        ["2024-01-31T09:00:00+00:00"],  # the instant; a file does not keep the name of a zone for each column
    ],
    "import shutil, tempfile, zipfile, sqlite3\nopen('a', 'w').close()\nshutil.copy2('a', 'b')\nwith tempfile.TemporaryFile() as f: f.write(b'x')\n"
    "sqlite3.connect('x.db').execute('create table t(a)')\nresult_df = pd.Series([1])": [[1]],
    "import numpy.linalg as l\nresult_df = pd.Series(l.solve([[2.0, 0], [0, 4]], [1, 1]))": [[0.5], [0.25]],
    "raise SystemExit": None,
    "print(1)": None,
}  # fmt: skip


@pytest.mark.parametrize("code", PROGRAMS)
async def test_a_program_returns_its_rows(code: str, run: Run, table: Table) -> None:
    expected = PROGRAMS[code]
    if expected is None:
        assert (await run(code)).table is None
        return
    found = await table(run(code))
    assert found.rows == expected
    assert found.row_count == len(expected) == pq.read_table(found.file).num_rows


VALUES: dict[str, tuple[object, str, int]] = {  # the value, its type, and how many notes and noted changes
    "Decimal('0.10') + Decimal('0.20')": (0.3, "DECIMAL(18,2)", 0),
    "Decimal('12345678901234567890123456.1234567891')": ("12345678901234567890123456.1234567891", "DECIMAL(36,10)", 1),
    "Decimal('1' + '0' * 50)": (str(10**50), "VARCHAR", 1),
    "9007199254740993": ("9007199254740993", "BIGINT", 1),
    "2 ** 100": (str(2**100), "DECIMAL(31,0)", 1),
    "np.uint64(2 ** 64 - 1)": (str(2**64 - 1), "UBIGINT", 1),
    "float('nan')": (None, "DOUBLE", 1),
    "float('inf')": (None, "DOUBLE", 1),
    "0.1": (0.1, "DOUBLE", 0),
    "np.float16(0.5)": (0.5, "FLOAT", 0),
    "None": (None, "VARCHAR", 0),
    "True": (True, "BOOLEAN", 0),
    "pd.NaT": (None, "TIMESTAMP", 0),
    "pd.Timestamp('2024-01-31')": ("2024-01-31", "DATE", 0),
    "pd.Timestamp('2024-01-31 10:00:00.5')": ("2024-01-31T10:00:00.500000", "TIMESTAMP", 0),
    "pd.Timestamp('2024-01-31 10:00', tz='UTC')": ("2024-01-31T10:00:00+00:00", "TIMESTAMP WITH TIME ZONE", 0),
    "datetime.date(2024, 1, 31)": ("2024-01-31", "DATE", 0),
    "datetime.time(10, 30)": ("10:30:00", "TIME", 0),
    "pd.Timedelta(days=1, hours=2)": ("1 days 02:00:00", "VARCHAR", 1),
    "pd.Period('2024-01')": ("2024-01", "VARCHAR", 1),
    "complex(1, 2)": ("(1+2j)", "VARCHAR", 1),
    "{'a': 1}": ({"a": 1}, "STRUCT(a BIGINT)", 0),
    "[1, 2]": ([1, 2], "BIGINT[]", 0),
    "b'\\xff'": ("ff", "BLOB", 0),
    "'a\\n\\u00e9'": ("a\né", "VARCHAR", 0),
}


@pytest.mark.parametrize("expression", VALUES)
async def test_a_value_is_exact_or_noted(expression: str, run: Run, table: Table) -> None:
    value, kind, notes = VALUES[expression]
    code = f"import datetime\nfrom decimal import Decimal\nresult_df = pd.DataFrame({{'v': [{expression}]}})"
    found = await table(run(code))
    assert found.rows == [[value]]
    assert (found.columns[0]["type"], len(found.notes) + len(found.as_text + found.nan_as_null)) == (kind, notes)
    assert pq.read_table(found.file).num_rows == 1


async def test_a_value_in_a_list_is_exact_or_noted(run: Run, table: Table) -> None:
    found = await table(run("result_df = pd.DataFrame({'f': [[1.0, float('nan')]], 'i': [[2 ** 60 + 1]]})"))
    assert found.rows == [[[1, None], [str(2**60 + 1)]]]
    assert found.nan_as_null == (0,)
    assert found.notes == ["i: numbers too long for a double are shown as text, to keep every digit."]


async def test_a_decimal_nan_is_null(run: Run, table: Table) -> None:
    code = "from decimal import Decimal as D\nresult_df = pd.DataFrame({'v': [D('1.5'), D('NaN'), D('sNaN')]})"
    assert [row[0] for row in (await table(run(code))).rows][1:] == [None, None]


async def test_files_without_names_count_for_the_disk_limit_on_a_tmpfs(executor: PythonExecutor) -> None:
    """A tmpfs does not count bytes that are written through a memory mapping."""
    if not isinstance(executor, ConfinedExecutor) or not os.access("/dev/shm", os.W_OK):
        pytest.skip("no tmpfs here")
    code = """
import mmap, os, time
held = []
for i in range(10):
    f = open('x', 'w+b'); f.truncate(10 ** 7); m = mmap.mmap(f.fileno(), 0); m[:] = b'x' * 10 ** 7
    m.close(); os.unlink('x'); held.append(f)
time.sleep(3600)"""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        limits = PythonLimits(disk_bytes=20 << 20, seconds=60)
        with pytest.raises(PythonFailed, match="more than 20 MB"):
            await executor.run(PythonCall(code=code, tables={}, scratch=Path(folder), limits=limits))


async def test_mixed_and_categorical_columns(run: Run, table: Table) -> None:
    code = "result_df = pd.DataFrame({'m': [1, 'a'], 'c': pd.Categorical(['x', 'y'])})"
    found = await table(run(code))
    assert found.rows == [["1", "x"], ["a", "y"]]
    assert found.as_text == (0,)


async def test_money_is_summed_exactly(run: Run) -> None:
    result = await run(
        "total = ledger.amount.sum()\nprint(type(total).__name__, total)\nresult_df = ledger[['amount']].sum()"
    )
    assert result.stdout == "Decimal 18.75\n"
    assert result.table
    assert pq.read_table(result.table.file).column("value").to_pylist() == [Decimal("18.75")]


async def test_types_of_a_table(run: Run) -> None:
    kinds = (await run("print(ledger.dtypes.astype(str).to_dict())")).stdout
    assert "'gap': 'Int64'" in kinds
    assert "'posted': 'datetime64" in kinds
    assert "'amount': 'object'" in kinds


async def test_a_meaningful_index_becomes_columns(run: Run, table: Table) -> None:
    two = await table(run("result_df = ledger.groupby(['account', ledger.posted.dt.month])['id'].agg(['sum', 'max'])"))
    assert [c["name"] for c in two.columns] == ["account", "posted", "sum", "max"]
    none = await table(run("result_df = ledger[ledger.id > 3][['id']]"))
    assert [c["name"] for c in none.columns] == ["id"]
    levels = await table(run("result_df = ledger.groupby('account').agg({'id': ['min', 'max']})"))
    assert [c["name"] for c in levels.columns] == ["account", "id min", "id max"]
    dates = await table(run("result_df = ledger.pivot_table(index='account', columns='posted', values='id')"))
    assert [c["name"] for c in dates.columns][:2] == ["account", "2024-01-31"]


async def test_the_rows_are_capped_and_counted(run: Run, table: Table) -> None:
    found = await table(run("result_df = pd.DataFrame({'n': range(1000)})"), cap=3)
    assert (found.rows, found.row_count, found.truncated) == ([[0], [1], [2]], 1000, True)
    assert pq.read_metadata(found.file).num_rows == 1000


async def test_the_output_is_capped(run: Run) -> None:
    result = await run("import sys\nprint('x' * 60)\nprint('y' * 60, file=sys.stderr)", stdout_chars=100)
    assert result.stdout == "x" * 60 + "\n" + "y" * 39 + "\n... 22 more characters were printed"


async def test_files_are_listed_and_can_be_copied(run: Run, tmp_path: Path) -> None:
    code = "import os\nos.mkdir('out')\nledger.to_csv('out/rows.csv', index=False)\naccounts.to_excel('Accounts 2024.xlsx')"
    result = await run(code)
    assert [f.name for f in result.files] == ["Accounts 2024.xlsx", "out/rows.csv"]
    copy_file(tmp_path / "scratch0", result.files[0].name, tmp_path / "copy.xlsx")
    assert openpyxl.load_workbook(tmp_path / "copy.xlsx").active["C2"].value == "Salaries"
    copy_file(tmp_path / "scratch0", result.files[1].name, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text().startswith("id,account,posted,amount")


ERRORS = {
    "x = 1\nresult_df = ledger['amont']": ("KeyError: 'amont' (line 2: result_df = ledger['amont'])", 2),
    "def f():\n    1 / 0\nf()": ("ZeroDivisionError: division by zero (line 2: 1 / 0)", 2),
    "x = = 1": ("SyntaxError: invalid syntax (<program>, line 1) (line 1: x = = 1)", 1),
    "result_df = pd.DataFrame(index=range(5))": ("ValueError: result_df has no columns. Name them", None),
    "nope": ("NameError: name 'nope' is not defined (line 1: nope)", 1),
    "import matplotlib.pyplot as plt": ("There is no matplotlib here. Put the figures in result_df", 1),
    "import duckdb": ("Use pandas, or the SQL tool", 1),
    "result_df = 5": ("TypeError: result_df is of type int. Make it a DataFrame or a Series", None),
    "x = np.ones(10 ** 10)": ("It needs more memory than its limit of 2048 MB", 1),
    "raise SystemExit('no')": ("sys.exit('no')", None),
}


@pytest.mark.parametrize("code", ERRORS)
async def test_an_error_names_the_line_and_says_what_to_do(code: str, run: Run) -> None:
    says, line = ERRORS[code]
    with pytest.raises(PythonFailed) as caught:
        await run(f"print('before')\n{code}" if line is None else code)
    assert says in caught.value.message
    assert caught.value.details["line"] == line
    assert caught.value.details["stdout"] == ("before\n" if line is None else "")


async def test_a_late_program_is_stopped_and_the_next_one_answered(run: Run) -> None:
    with pytest.raises(PythonTimeout, match=r"longer than 0.3 s"):
        await run("while True: pass", seconds=0.3)
    assert (await run("print(1)")).stdout == "1\n"


async def test_several_programs_run_at_the_same_time(run: Run) -> None:
    results = await asyncio.gather(*(run(f"print({i}, len(ledger))") for i in range(6)))
    assert [r.stdout for r in results] == [f"{i} 6\n" for i in range(6)]


async def test_a_program_finds_nothing_of_the_one_before(run: Run) -> None:
    await run("import builtins\nbuiltins.left = pd.left = 1\nopen('left.txt', 'w').close()")
    result = await run("import builtins, os\nprint(hasattr(builtins, 'left'), hasattr(pd, 'left'), os.listdir())")
    assert result.stdout == "False False ['.answer']\n"


async def test_the_scratch_folder_is_removed_after_its_program(executor: PythonExecutor, tmp_path: Path) -> None:
    with new_scratch_folder(tmp_path) as scratch:
        await executor.run(PythonCall(code="open('x', 'w').write('x')", tables={}, scratch=scratch))
        assert (scratch / "x").exists()
    assert list(tmp_path.iterdir()) == []
