"""Tests the meaning that is inferred from files without a glossary."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cfo_kernel.data.semantics.meaning import Role, TableKind
from cfo_kernel.data.workspace_data import WorkspaceData
from tests.data import made_companies
from tests.data.made_companies import ROLES, Made


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> AsyncIterator[WorkspaceData]:
    (tmp_path / "data").mkdir()
    data = WorkspaceData(tmp_path, query_timeout=60, ingest_timeout=60)
    yield data
    await data.close()


def write(data: WorkspaceData, name: str, lines: list[str]) -> None:
    (data.scratch.parent / "data" / name).write_text("\n".join(lines) + "\n")


@pytest.mark.asyncio
async def test_balances_flows_and_references_are_told_from_each_other(data: WorkspaceData) -> None:
    ends = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    write(data, "sites.csv", ["Site No,Site,Region", *(f"S{i:03},Site {i % 3},R{i % 2}" for i in range(1, 7))])
    write(
        data,
        "staffing.csv",
        ["Month End,Site No,Headcount,Hires", *(f"{d},S{i:03},{20 + i},{i % 2}" for d in ends for i in range(1, 7))],
    )
    meaning = await data.meaning()
    staffing = meaning.table("staffing")
    assert staffing is not None
    sites = meaning.table("sites")
    assert sites is not None
    assert sites.evidence == ("each Site No is one row",)
    assert staffing.kind is TableKind.SNAPSHOT
    assert (staffing.grain, staffing.time_axis) == (("Month End", "Site No"), "Month End")
    roles = {column.column: column.role for column in staffing.columns}
    assert roles == {
        "Month End": Role.DATE,
        "Site No": Role.REFERENCE,
        "Headcount": Role.STOCK,
        "Hires": Role.FLOW,
    }
    assert [(j.table, j.to_table, j.equal) for j in meaning.joins] == [("staffing", "sites", (("Site No", "Site No"),))]
    assert await data.meaning() is meaning


@pytest.mark.asyncio
@pytest.mark.parametrize("make", [made_companies.manufacturer, made_companies.trader])
async def test_a_company_is_understood_without_a_glossary(
    data: WorkspaceData, make: Callable[[Path], list[Made]]
) -> None:
    expected = make(data.scratch.parent / "data")
    meaning = await data.meaning()
    wrong: list[str] = []
    joins = {f"{join.table}: {(join.column or join.equal[0][0])} -> {join.to_table}".lower() for join in meaning.joins}
    for made in expected:
        found = meaning.table(made.table)
        assert found is not None
        assert found.time_axis == made.axis
        for column in found.columns:
            if all(column.role not in ROLES[letter] for letter in made.columns[column.column]):
                wrong.append(f"{made.table}.{column.column} is a {column.role}: {column.evidence}")
        wrong += [f"{made.table}: {join}" for join in made.joins if f"{made.table}: {join}".lower() not in joins]
    assert wrong == []
    assert len(meaning.questions) < 5


@pytest.mark.asyncio
async def test_figures_of_periods_and_their_totals_identify_no_row(data: WorkspaceData) -> None:
    rows = [f"{100 + n // 4},{'ABCD'[n % 4]},{n % 7},{n % 5},{1000 + n}" for n in range(12)]
    write(data, "budget.csv", ["Cost Ctr,Category,Jan 2025,Feb 2025,FY25 Total", *rows])
    budget = (await data.meaning()).table("budget")
    assert budget is not None
    assert budget.grain == ("Cost Ctr", "Category")
