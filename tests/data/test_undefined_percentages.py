"""A note says how many rows a threshold on a percentage excludes because their percentage is undefined."""

from collections.abc import Iterator
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from tests.data.conftest import Company, opened

Json = dict[str, Any]
BOOKS = """unit,kind,posted,amount
A,cost,2024-01-31,10.00
A,income,2024-01-31,100.00
B,cost,2024-01-31,10.00
B,income,2024-02-29,-50.00
C,cost,2024-01-31,5.00
D,cost,2024-01-31,60.00
D,income,2024-02-29,100.00
"""


def total(kind: str) -> Json:
    return {"fn": "sum", "column": "amount", "where": [{"column": "kind", "value": kind}]}


def note(count: str, them: str) -> list[str]:
    why = "(a figure is missing, or its base is not positive)"
    return [f"{count} no x {why}: the threshold excludes {them}."]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("unmeasured"), {"books": BOOKS})
    yield company
    company.worker.connection.close()


@pytest.mark.parametrize(
    ("expression", "units", "notes"),
    [
        ({"ratio": total("cost"), "base": total("income")}, ["D"], note("2 rows have", "them")),
        ({"percent_change": total("cost"), "base": total("income")}, [], note("2 rows have", "them")),
        ({"op": "/", "left": total("cost"), "right": total("income")}, ["D"], note("1 row has", "it")),
        ({"over": "share_of_total", "of": total("income")}, ["A", "D"], note("1 row has", "it")),
        (total("income"), ["A", "D"], []),
        ({"op": "/", "left": total("income"), "right": {"constant": 2}}, ["A", "D"], []),
        (
            {"op": "+", "left": {"ratio": total("cost"), "base": total("income")}, "right": {"constant": 1}},
            ["A", "D"],
            note("2 rows have", "them"),
        ),
    ],
)
def test_rows_without_a_percentage_are_counted(
    expression: Json, units: list[str], notes: list[str], books: Company
) -> None:
    fields = {
        "table": "books",
        "group_by": [{"column": "unit"}],
        "select": [{"name": "x", "expression": expression}],
        "having": [{"measure": "X", "op": ">", "value": 0.5}],
    }
    ready = prepare(QueryPlan.model_validate(fields), books.tables, GlossaryFile(), {})
    rows = books.worker.query(ready.sql, 10, None)["rows"]
    found = ready.evaluate(books.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    assert [row[0] for row in rows] == units
    assert found == notes
