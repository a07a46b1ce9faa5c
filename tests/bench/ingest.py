"""Time from a file's arrival in `data/` to the answer of its first query, compared with plain readers of the file.

On a busy machine, times depend on what else runs. The processor time of the reading processes does so far less. It is
counted until the query is answered.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import python_calamine
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

from cfo_kernel import Settings, Workbench, connect
from cfo_kernel.workbench.workspace import EmbeddedWorkspace
from tests import processes
from tests.bench.report import Figure

_ROWS, _SHEET_ROWS = 1_000_000, 200_000
_WIDE = 5_000
_REPEATS = 3
_CLEAN = """SELECT i AS id, DATE '2020-01-01' + CAST(random() * 2000 AS INT) AS posted_on, 'A' || i % 400 AS account,
    ['Sales', 'Rent', 'Travel', 'IT', 'HR'][1 + i % 5] AS department,
    CAST(random() * 100000 - 50000 AS DECIMAL(18, 2)) AS amount, CAST(random() * 1000 AS INT) AS quantity,
    CAST(random() * 100 AS DECIMAL(18, 4)) AS rate, ['EUR', 'USD', 'GBP'][1 + i % 3] AS currency,
    'Invoice ' || i AS text, i % 2 = 0 AS posted, TIMESTAMP '2020-01-01' + to_seconds(i) AS created_at,
    CAST(random() * 100000 AS DECIMAL(18, 2)) AS budget"""
_MESSY = """SELECT id, strftime(posted_on, '%d.%m.%Y') AS posted_on, lpad(account, 6, '0') AS account, department,
    replace(replace(replace(format('{:,.2f}', CAST(amount AS DOUBLE)), ',', '_'), '.', ','), '_', '.') AS amount,
    CASE WHEN id % 1000 = 0 THEN '-' ELSE CAST(quantity AS VARCHAR) END AS quantity,
    replace(CAST(rate AS VARCHAR), '.', ',') || '%' AS rate, currency, text, posted,
    strftime(created_at, '%d.%m.%Y %H:%M:%S') AS created_at,
    replace(CAST(budget AS VARCHAR), '.', ',') || ' €' AS budget"""


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder)
        async with connect(settings=Settings(root=folder / "root", model="offline")) as workbench:
            return [
                await _compared(workbench, folder / "clean.csv", "A clean CSV of 1M x 12", 1.5, _plain_csv),
                await _compared(workbench, folder / "messy.csv", "A messy CSV of 1M x 12", 3.0, _plain_csv),
                await _compared(workbench, folder / "sheet.xlsx", "A workbook of 200k x 12", 2.0, _plain_sheet),
                await _wide(workbench, folder / "wide.csv"),
            ]


def _make(folder: Path) -> None:
    rows = f"({_CLEAN} FROM range({_ROWS}) t(i))"
    duckdb.sql(f"CREATE TABLE rows AS FROM {rows}")
    duckdb.sql(f"COPY rows TO '{folder / 'clean.csv'}' (HEADER)")
    duckdb.sql(f"COPY ({_MESSY} FROM rows) TO '{folder / 'messy.csv'}' (HEADER, DELIMITER ';')")
    _write_sheet(folder / "sheet.xlsx")


def _write_sheet(path: Path) -> None:
    first = duckdb.sql(f"FROM rows LIMIT {_SHEET_ROWS}")
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, first.columns)
        for i, row in enumerate(first.fetchall(), start=1):
            figures = [float(v) if isinstance(v, Decimal) else v for v in row]
            sheet.write_row(i, 0, [v if isinstance(v, int | float) else str(v) for v in figures])


async def _compared(
    workbench: Workbench, file: Path, what: str, goal: float, plain: Callable[[Path], object]
) -> Figure:
    ours: list[_Cost] = []
    theirs: list[_Cost] = []
    for _ in range(_REPEATS):  # by turns, so that both see the same load
        start, used = time.perf_counter(), time.process_time()
        plain(file)
        theirs.append(_Cost(time.perf_counter() - start, time.process_time() - used))
        ours.append(await _first_query(workbench, file))
    pairs = list(zip(ours, theirs, strict=True))
    ratio = statistics.median(a.seconds / b.seconds for a, b in pairs)
    of_processor = statistics.median(a.processor / b.processor for a, b in pairs)
    result = f"{ratio:.1f}x ({_medians(ours)}, plain {_medians(theirs)}; processor time {of_processor:.1f}x)"
    return Figure(what, result, f"<= {goal}x", ratio <= goal)


@dataclass(frozen=True)
class _Cost:
    """How long something took, and how much processor time it used, in seconds."""

    seconds: float
    processor: float


def _medians(costs: list[_Cost]) -> str:
    seconds, processor = (
        statistics.median(some) for some in ([c.seconds for c in costs], [c.processor for c in costs])
    )
    return f"{seconds:.1f} s with {processor:.1f} s of processor time"


async def _first_query(workbench: Workbench, file: Path) -> _Cost:
    """The cost from the file in place to the answer of a query, in a new workspace with running workers."""
    workspace = await workbench.create_workspace(f"Bench {time.monotonic_ns()}")
    assert isinstance(workspace, EmbeddedWorkspace)
    (workspace.workspace_dir / "data" / "tiny.csv").write_text("a,b\n1,2\n")
    await workspace.sql("FROM tiny")
    target = workspace.workspace_dir / "data" / file.name
    os.link(file, target)
    start, used = time.perf_counter(), processes.processor_time()
    assert (await workspace.sql(f"SELECT count(*) FROM {file.stem if file.suffix == '.csv' else 'sheet1'}")).rows[0][0]
    cost = _Cost(time.perf_counter() - start, processes.processor_time() - used)
    target.unlink()
    return cost


def _plain_csv(file: Path) -> None:
    target = file.with_suffix(".parquet")
    with duckdb.connect(config={"threads": "2"}) as plain:
        plain.execute(f"COPY (FROM read_csv('{file}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        plain.execute(f"SELECT count(*) FROM '{target}'").fetchall()
    target.unlink()


def _plain_sheet(file: Path) -> None:
    python_calamine.CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()


async def _wide(workbench: Workbench, file: Path) -> Figure:
    lines = [",".join(f"c{i}" for i in range(_WIDE)), *(",".join(str(i * n) for i in range(_WIDE)) for n in range(5))]
    file.write_text("\n".join(lines))
    costs = [await _first_query(workbench, file) for _ in range(_REPEATS)]
    seconds = statistics.median(cost.seconds for cost in costs)
    return Figure("A CSV of 5 rows x 5,000 columns", _medians(costs), "< 10 s", seconds < 10)
