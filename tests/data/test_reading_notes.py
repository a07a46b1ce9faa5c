"""An answer repeats what must be checked about the tables and columns that it uses."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.reading_notes import notes_on_code
from cfo_kernel.data.tables import Table
from cfo_kernel.data.workspace_data import WorkspaceData
from tests.data.conftest import Ingest

FILE = "region,amount\nNorth,10.25\nSouth,20.50\nTotal,99.00\n"
SAID = "sales: 1 row looks like a total (Total), but the figures do not prove it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sales.csv").write_text(FILE)
    return tmp_path


async def test_a_sum_over_a_suspected_total_says_so(folder: Path) -> None:
    data = WorkspaceData(folder, query_timeout=30, ingest_timeout=60)
    select: list[dict[str, Any]] = [{"name": "x", "expression": {"fn": "sum", "column": "amount"}}]
    try:
        found = await data.plan(QueryPlan.model_validate({"table": "sales", "select": select}), cap=5)
        assert found.notes[-1].startswith(SAID)
        assert (await data.query("SELECT sum(amount) FROM sales", cap=5)).notes[-1].startswith(SAID)
        assert (await data.query("SELECT amount FROM sales", cap=5)).notes == ()
    finally:
        await data.close()


ODD = "region,booked,amount,cost\nNorth,02/03/2024,10.25,1\nSouth,04/05/2024,TBD,2\nWest,06/07/2024,99.50,3\n"


async def test_an_answer_repeats_the_doubts_about_its_columns_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sales.csv").write_text(ODD)
    data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    odd, order = (
        "sales: amount: 1 cell that is neither a figure",
        "sales: booked: dates such as 02/03/2024 were read day first",
    )
    try:
        for sql, said in {
            "SELECT sum(cost) FROM sales": [],
            "SELECT sum(amount) FROM sales": [odd],
            "SELECT cost AS AMOUNTS FROM sales": [],
            "SELECT region FROM sales WHERE Booked > DATE '2024-03-01'": [order],
            "SELECT * FROM sales": [order, odd],
        }.items():
            notes = (await data.query(sql, cap=5)).notes
            assert len(notes) == len(said), sql
            assert all(map(str.startswith, sorted(notes), sorted(said))), sql
        select: list[dict[str, Any]] = [{"name": "x", "expression": {"fn": "sum", "column": "amount"}}]
        plan = QueryPlan.model_validate({"table": "sales", "select": select})
        assert (await data.plan(plan, cap=5)).notes[-1].startswith(odd)
    finally:
        await data.close()


def test_an_answer_has_few_notes_on_one_table() -> None:
    doubts = tuple(Decision(kind=DecisionKind.TOTALS, text=f"doubt {i}", needs_check=True) for i in range(9))
    table = Table(name="t", dataset="t", columns=(), row_count=1, decisions=doubts)
    *notes, last = notes_on_code("SELECT count(*) FROM t", [table])
    assert notes == [f"t: doubt {i}" for i in range(5)]
    assert last == "t: 4 more decisions need a check. The list of datasets shows all of them."


def test_a_proven_total_is_not_mentioned_in_answers(ingest: Ingest, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(FILE.replace("99.00", "30.75"))
    assert notes_on_code("SELECT sum(amount) FROM sales", [found.table for found in ingest(path)]) == ()
