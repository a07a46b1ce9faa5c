"""Files with the same layout become one table, if their names and columns suggest it or a person says so."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from openpyxl import Workbook

from cfo_kernel.data.ingest_cache import IngestCache
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import StorageFailed
from tests.data.test_ingest_cache import LocalWorker

HEADER = "order_id,posted,region,amount\n"
Y2023 = f"{HEADER}1,2023-01-31,North,10.55\n2,2023-02-28,South,20\n"
Y2024 = f"{HEADER}1,2024-01-31,North,11\n2,2024-02-29,South,21\n3,2024-03-31,West,5\n"


class Workspace:
    """A folder with files, and what its index says about them."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.worker = LocalWorker()
        self.cache = IngestCache(folder, self.worker, 30)

    def write(self, **files: str) -> None:
        """Writes text files. The last _ in a name stands for the dot before its suffix."""
        for name, content in files.items():
            (self.data / ".".join(name.rsplit("_", 1))).write_text(content)

    async def tables(self) -> dict[str, int]:
        return {table.name: table.row_count for table in (await self.cache.index()).tables.values()}

    async def notes(self, table: str) -> tuple[str, ...]:
        return (await self.cache.index()).tables[table].notes

    async def proposal(self) -> str:
        return " ".join(note for dataset in (await self.cache.index()).datasets for note in dataset.notes)

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        index = await self.cache.index()
        with duckdb.connect() as connection:
            for name, file in index.files.items():
                connection.execute(f"CREATE VIEW {name} AS FROM '{file}'")
            return connection.execute(sql).fetchall()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


async def test_one_file_for_each_year(workspace: Workspace) -> None:
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=Y2024, other_csv="a,b\n1,2\n")
    assert await workspace.tables() == {"other": 1, "sales": 5}
    rows = await workspace.rows("SELECT source_file, sum(amount) FROM sales GROUP BY ALL ORDER BY 1")
    assert rows == [("sales_2023.csv", Decimal("30.55")), ("sales_2024.csv", Decimal(37))]
    [note] = await workspace.notes("sales")
    assert "sales_2023.csv (2 rows) and sales_2024.csv (3 rows)" in note
    index = await workspace.cache.index()
    assert [[table.name for table in dataset.tables] for dataset in index.datasets] == [["other"], ["sales"], ["sales"]]
    assert index.tables["sales"].files == ("sales_2023.csv", "sales_2024.csv")


async def test_a_column_that_later_files_have_too(workspace: Workspace) -> None:
    wider = "\n".join(f"{line},{'note' if line.startswith('order_id') else 'x'}" for line in Y2024.split())
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=wider)
    assert await workspace.tables() == {"sales": 5}
    assert await workspace.rows("SELECT note, count(*) FROM sales GROUP BY 1 ORDER BY 2") == [(None, 2), ("x", 3)]
    assert any("note: only sales_2024.csv" in note for note in await workspace.notes("sales"))


async def test_a_column_that_later_files_lack_keeps_them_apart(workspace: Workspace) -> None:
    wider = "\n".join(f"{line},{'note' if line.startswith('order_id') else 'x'}" for line in Y2023.split())
    workspace.write(sales_2023_csv=wider, sales_2024_csv=Y2024)
    assert await workspace.tables() == {"sales_2023": 2, "sales_2024": 3}


async def test_workbooks_of_months_with_the_period_from_their_names(workspace: Workspace) -> None:
    for month, amount in (("Feb 2024", 2.5), ("Jan 2024", 1)):
        book = Workbook()
        book.worksheets[0].append(["account", "amount"])
        book.worksheets[0].append(["00400", amount])
        book.save(workspace.data / f"GL {month}.xlsx")
    assert await workspace.tables() == {"gl": 2}
    assert await workspace.rows("FROM gl") == [
        ("00400", Decimal(1), "GL Jan 2024.xlsx", date(2024, 1, 1)),
        ("00400", Decimal("2.5"), "GL Feb 2024.xlsx", date(2024, 2, 1)),
    ]


async def test_a_new_file_joins_and_a_deleted_one_leaves(workspace: Workspace) -> None:
    workspace.write(sales_2023_csv=Y2023)
    assert await workspace.tables() == {"sales_2023": 2}
    workspace.write(sales_2024_csv=Y2024)
    assert await workspace.tables() == {"sales": 5}
    (workspace.data / "sales_2023.csv").unlink()
    assert await workspace.tables() == {"sales_2024": 3}
    assert workspace.worker.ingested == ["sales_2023.csv", "sales_2024.csv"]


async def test_a_part_without_values_and_other_digits_do_not_change_a_type(workspace: Workspace) -> None:
    workspace.write(rates_2023_csv="day,rate\n2023-01-01,1.25\n", rates_2024_csv="day,rate\n2024-01-01,1.12345\n")
    workspace.write(rates_2025_csv="rate,day\n,2025-01-01\n")
    table = (await workspace.cache.index()).tables["rates"]
    assert [(column.name, column.type) for column in table.columns][:2] == [("day", "DATE"), ("rate", "DECIMAL(21,5)")]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"sales_2023_csv": Y2023, "sales_2024_csv": Y2023}, "two of them are the same"),
        ({"sales_2023_csv": Y2023, "sales_2024_csv": Y2024.replace("region", "area")}, "region: only sales_2023.csv"),
        ({"sales_2023_csv": Y2023, "sales_2024_csv": Y2024.replace("11\n", "x\n")}, "text in sales_2024.csv"),
        ({"sales_1_csv": Y2023, "sales_2_csv": Y2024}, "parts or versions"),
        ({"2023_csv": Y2023, "2024_csv": Y2024}, "only the period"),
        ({"sales_2023_csv": Y2023, "sales_2024_csv": f"{Y2023}4,2024-01-01,North,1\n"}, "many rows are in more than"),
        ({"sales_2023_csv": Y2023, "sales_2024_csv": Y2024, "lines_csv": "order_id,x\n1,2\n"}, "their key order_id"),
    ],
)
async def test_what_speaks_against_it_becomes_a_proposal(
    workspace: Workspace, files: dict[str, str], says: str
) -> None:
    workspace.write(**files)
    assert len(await workspace.tables()) == len(files)
    assert says in await workspace.proposal()
    assert "add this to datasets.yaml: union: {" in await workspace.proposal()


@pytest.mark.parametrize(
    "files",
    [
        {"sales_2023_csv": Y2023, "sales_2024_csv": "account,balance\n1,2\n"},
        {"sales_2023_csv": Y2023, "sales_2024-01_csv": Y2024},
        {"sales_v1_csv": Y2023, "sales_v2_csv": Y2024},
        {"sales_csv": Y2023, "sales (1)_csv": Y2024},
    ],
)
async def test_other_tables_are_not_even_proposed(workspace: Workspace, files: dict[str, str]) -> None:
    workspace.write(**files)
    assert len(await workspace.tables()) == 2
    assert await workspace.proposal() == ""


async def test_people_put_tables_together_and_keep_them_apart(workspace: Workspace) -> None:
    workspace.write(north_csv=Y2023, south_csv=Y2024.replace("amount", "amount,discount").replace("11\n", "11,0.5\n"))
    workspace.write(datasets_yaml="union: {Both regions: [north.csv, South.csv]}")
    assert await workspace.tables() == {"both_regions": 5}
    assert "discount: only south.csv has this column." in await workspace.notes("both_regions")
    assert await workspace.rows("SELECT count(discount) FROM both_regions") == [(1,)]
    workspace.write(datasets_yaml="union: {sales: false}", sales_2023_csv=Y2023, sales_2024_csv=Y2024)
    assert [*await workspace.tables()] == ["north", "sales_2023", "sales_2024", "south"]


async def test_tables_that_the_glossary_describes_stay_apart(workspace: Workspace) -> None:
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=Y2024, datasets_yaml="tables: {sales_2023: {name: Sales}}")
    assert [*await workspace.tables()] == ["sales_2023", "sales_2024"]
    assert "describes them" in await workspace.proposal()


async def test_a_union_does_not_take_the_name_of_another_table(workspace: Workspace) -> None:
    workspace.write(sales_csv="a,b\n1,2\n", sales_2023_csv=Y2023, sales_2024_csv=Y2024)
    assert await workspace.tables() == {"sales": 1, "sales_2": 5}


async def test_decisions_about_a_part_name_its_file(workspace: Workspace) -> None:
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=Y2024.replace("11\n", "n/a\n"))
    assert any(note.startswith("sales_2024.csv: amount: 1 cell") for note in await workspace.notes("sales"))


async def test_confined_workers_unite_files_and_wrong_names_are_faults(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, content in (("a.csv", "a,b\n1,2\n"), ("sales 2023.csv", Y2023), ("sales 2024.csv", Y2024)):
        (tmp_path / "data" / name).write_text(content)
    (tmp_path / "data" / "datasets.yaml").write_text("union:\n  x: [a.csv, b.csv]\n  y: 5\n")
    workspace_data = WorkspaceData(tmp_path, query_timeout=20, ingest_timeout=20)
    try:
        problems = (await workspace_data.schema()).glossary_problems
        assert (await workspace_data.query("SELECT sum(amount) FROM sales", cap=1)).rows == ((67.55,),)
    finally:
        await workspace_data.close()
    assert [problem.split(". ")[0] for problem in problems] == [
        "datasets.yaml, line 3: union.y must be a list",
        "datasets.yaml, line 2: there is no file b.csv",
    ]


async def test_a_union_that_fails_leaves_its_parts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=Y2024)

    async def fail(*_: object) -> None:
        raise StorageFailed("The disk is full. Free some space.")

    monkeypatch.setattr(workspace.cache._unions, "_unite", fail)
    assert [*await workspace.tables()] == ["sales_2023", "sales_2024"]
    assert "The disk is full" in await workspace.proposal()


async def test_stored_parts_and_unions_stay_and_old_unions_go(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write(sales_2023_csv=Y2023, sales_2024_csv=Y2024)
    await workspace.tables()
    folders = {path for path in (tmp_path / ".cache").iterdir() if path.is_dir()}
    for path in folders:
        os.utime(path, (0, 0))
    workspace.write(sales_2023_csv=f"{Y2023}9,2023-03-01,East,1\n")
    await workspace.tables()
    left = {path.suffix for path in folders if path.exists()}
    assert left == {".csv"}
    assert sum(path.suffix == ".union" for path in (tmp_path / ".cache").iterdir()) == 1


def book(path: Path, sheets: dict[str, list[tuple[object, ...]]]) -> None:
    """Writes a workbook with these sheets."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)


def months(*names: str, factor: float = 1) -> dict[str, list[tuple[object, ...]]]:
    head = ("Cost centre", "Account", "Amount")
    return {
        name: [head, ("CC100", "Rent", (10.25 + i) * factor), ("CC200", "Pay", (20.5 + i) * factor)]
        for i, name in enumerate(names)
    }


async def test_a_sheet_for_each_month(workspace: Workspace) -> None:
    summary = {"Summary": [("Item", "Value"), ("Headcount", 12), ("Sites", 2)]}
    book(workspace.data / "Budget 2024.xlsx", months("Jan", "Feb", "März") | summary)
    assert await workspace.tables() == {"budget_2024": 6, "summary": 2}
    assert await workspace.rows(
        "SELECT source_sheet, source_period, sum(amount) FROM budget_2024 GROUP BY ALL ORDER BY 2"
    ) == [
        ("Jan", date(2024, 1, 1), Decimal("30.75")),
        ("Feb", date(2024, 2, 1), Decimal("32.75")),
        ("März", date(2024, 3, 1), Decimal("34.75")),
    ]
    said = "The rows of 3 sheets were combined: Jan (2 rows), Feb (2 rows), März (2 rows). "
    assert f"{said}The column source_sheet names the sheet of each row." in await workspace.notes("budget_2024")
    [dataset] = (await workspace.cache.index()).datasets
    assert [table.name for table in dataset.tables] == ["budget_2024", "summary"]
    assert dataset.tables[0].files == ("Budget 2024.xlsx",)


async def test_the_sheets_of_a_workbook_for_each_year_are_one_table(workspace: Workspace) -> None:
    for year, factor in ((2024, 2), (2023, 1)):
        book(workspace.data / f"Budget {year}.xlsx", months("01 Jan", "02 Feb", factor=factor))
    assert await workspace.tables() == {"budget": 8}
    wanted = "SELECT DISTINCT source_file, source_sheet, source_period FROM budget ORDER BY 3"
    assert await workspace.rows(wanted) == [
        (f"Budget {year}.xlsx", sheet, date(year, month, 1))
        for year in (2023, 2024)
        for month, sheet in ((1, "01 Jan"), (2, "02 Feb"))
    ]


async def test_the_sheets_of_each_workbook_are_a_table_if_those_of_all_cannot_be(workspace: Workspace) -> None:
    book(workspace.data / "Budget 2023.xlsx", months("Jan", "Feb"))
    changed = {name: [tuple(f"{c}2" for c in head), *rows] for name, (head, *rows) in months("Jan", "Feb").items()}
    book(workspace.data / "Budget 2024.xlsx", changed)
    assert await workspace.tables() == {"budget_2023": 4, "budget_2024": 4}


@pytest.mark.parametrize(
    ("sheets", "says"),
    [
        (
            {**months("Jan"), "Feb": [("Cost centre", "Account", "Budget"), ("CC100", "Rent", 1)]},
            "Amount: only Jan has",
        ),
        ({**months("Jan"), "Feb": [("Cost centre", "Account", "Amount"), ("CC100", "Rent", "x")]}, "text in Feb"),
        (months("Sheet1", "Sheet2"), "parts or versions"),
    ],
)
async def test_what_speaks_against_combining_sheets_becomes_a_proposal(
    workspace: Workspace, sheets: dict[str, list[tuple[object, ...]]], says: str
) -> None:
    book(workspace.data / "GL.xlsx", sheets)
    first, second = await workspace.tables()
    assert says in await workspace.proposal()
    assert f"union: {{gl{'_sheet' * (first == 'sheet1')}: [{first}, {second}]}}" in await workspace.proposal()


async def test_sheets_stay_apart_if_people_say_so(workspace: Workspace) -> None:
    book(workspace.data / "GL.xlsx", months("Jan", "Feb"))
    assert [*await workspace.tables()] == ["gl"]
    workspace.write(datasets_yaml="union:\n  gl: false\n")
    assert [*await workspace.tables()] == ["jan", "feb"]


@pytest.mark.parametrize(("later", "role"), [("2024-02", "month"), ("2024-02-15", None)])
async def test_a_column_of_months_stays_one_if_all_parts_have_months(
    workspace: Workspace, later: str, role: str | None
) -> None:
    workspace.write(plan_2023_csv="due,amount\n2023-01,1.5\n2023-02,2\n")
    workspace.write(plan_2024_csv=f"due,amount\n2024-01,1.5\n{later},2\n")
    column = (await workspace.cache.index()).tables["plan"].column("due")
    assert column
    assert (column.type, column.format and column.format.role) == ("DATE", role)
