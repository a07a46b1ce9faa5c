"""Distinguishes messages that are queries to run without a model from those that are not."""

import pytest

from cfo_kernel.data.direct_query import Direct, is_direct, read_direct
from cfo_kernel.data.plan import Group, QueryPlan
from cfo_kernel.errors import InvalidInput, PlanInvalid

PLAN = QueryPlan(table="ledger", group_by=(Group(column="department"),), limit=5)


@pytest.mark.parametrize(
    "direct",
    [
        Direct(sql="SELECT 1\n  AS one"),
        Direct(sql=""),
        Direct(plan=PLAN),
        Direct(python="x = 1\nif x:\n    print(x)\n"),
        Direct(python="\n\nprint(1)"),
        Direct(python="  indented"),
        Direct(python=""),
    ],
)
def test_a_query_is_read_back_from_its_message(direct: Direct) -> None:
    assert is_direct(direct.message)
    assert read_direct(direct.message) == direct


@pytest.mark.parametrize(
    ("message", "direct"),
    [
        ("sql: FROM ledger", Direct(sql="FROM ledger")),
        ("\n Sql:\tFROM ledger", Direct(sql="FROM ledger")),
        ("Python:\r\nprint(1)", Direct(python="print(1)")),
        ('plan:\n{"table": "ledger", "group_by": [{"column": "department"}], "limit": 5}', Direct(plan=PLAN)),
    ],
)
def test_case_and_white_space_of_the_prefix_do_not_matter(message: str, direct: Direct) -> None:
    assert is_direct(message)
    assert read_direct(message) == direct


@pytest.mark.parametrize(
    "message", ["", "SQL", "What is SQL: a language?", "PLAN: what did we want to spend?", "Plan:", "MySQL: FROM x"]
)
def test_a_question_is_not_taken_for_a_query(message: str) -> None:
    assert not is_direct(message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("PLAN: {", "EOF"),
        ('PLAN: {"limit": 5}', "table is missing"),
        ('PLAN: {"table": "x", "limit": 0}', "limit"),
    ],
)
def test_an_invalid_plan_is_refused_with_the_reason(message: str, reason: str) -> None:
    with pytest.raises(PlanInvalid, match=reason):
        read_direct(message)


def test_a_query_is_exactly_one_of_sql_plan_and_python() -> None:
    for direct in (Direct(), Direct(sql="FROM a", python="1")):
        with pytest.raises(InvalidInput, match="Exactly one"):
            _ = direct.message
