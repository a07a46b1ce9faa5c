"""An answer that adds up a table with a suspected total says so."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.kept_totals import notes_on_code
from cfo_kernel.data.plan import QueryPlan
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


def test_a_proven_total_is_not_mentioned_in_answers(ingest: Ingest, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(FILE.replace("99.00", "30.75"))
    assert notes_on_code("SELECT sum(amount) FROM sales", [found.table for found in ingest(path)]) == ()
