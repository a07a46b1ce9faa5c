"""Time from a file's arrival in `data/` to the answer of its first query, compared with plain readers of the file."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import python_calamine
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

from cfo_kernel import Settings, Workbench, connect
from cfo_kernel.workbench.workspace import EmbeddedWorkspace
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
    ours, theirs = [], []
    for _ in range(_REPEATS):  # alternating, so that both see the same load
        start = time.perf_counter()
        plain(file)
        theirs.append(time.perf_counter() - start)
        ours.append(await _first_query(workbench, file))
    a, b = statistics.median(ours), statistics.median(theirs)
    return Figure(what, f"{a / b:.1f}x  ({a:.1f} s, plain {b:.1f} s)", f"<= {goal}x", a <= goal * b)


async def _first_query(workbench: Workbench, file: Path) -> float:
    """The seconds from placing the file to the answer of a query, in a new workspace with running workers."""
    workspace = await workbench.create_workspace(f"Bench {time.monotonic_ns()}")
    assert isinstance(workspace, EmbeddedWorkspace)
    (workspace.workspace_dir / "data" / "tiny.csv").write_text("a,b\n1,2\n")
    await workspace.sql("FROM tiny")
    target = workspace.workspace_dir / "data" / file.name
    os.link(file, target)
    start = time.perf_counter()
    assert (await workspace.sql(f"SELECT count(*) FROM {file.stem if file.suffix == '.csv' else 'sheet1'}")).rows[0][0]
    seconds = time.perf_counter() - start
    target.unlink()
    return seconds


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
    seconds = await _first_query(workbench, file)
    return Figure("A CSV of 5 rows x 5,000 columns", f"{seconds:.1f} s", "< 10 s", seconds < 10)
