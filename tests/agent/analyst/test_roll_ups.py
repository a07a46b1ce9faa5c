"""Questions about parents in trees, asked end to end: what a balance includes and what it leaves out."""

import asyncio
from pathlib import Path

import pytest

from cfo_kernel import Reply, RunSQL, Settings, connect
from cfo_kernel.agent.analyst.analysis import Analyst
from cfo_kernel.replies import ResultTable

from .conftest import Company

BALANCES = {
    "Owners Equity at the end of 2012": [(11811893.55,)],
    "Owners Equity by quarter in 2012": [
        ("2012-Q1", 11081223.08),
        ("2012-Q2", 8072910.14),
        ("2012-Q3", 8430932.87),
        ("2012-Q4", 11811893.55),
    ],
    "Assets at the end of 2012": [(19140885.80,)],
    "Liabilities and Owners Equity at the end of 2012": [(19140885.80,)],
    "Balance Sheet at the end of 2012": [(0,)],
}
CONTRADICTED = {
    "share of Manufacturing in Operating Expenses excluding Manufacturing in 2012": "Manufacturing",
    "share of Southwest Division in net income excluding USA Operations in 2012": "Southwest Division",
}
NOT_MEANINGFUL = {
    "share of Operating Expenses in Net Income by organization in 2012": (
        "ranges from 103.2 % for Southwest Division to 1,253.8 % for France. Not meaningful (n.m.) for Australia and "
        "Southeast Division, where Net Income is zero or negative."
    ),
    "share of Operating Expenses in Net Income by organization in December 2010": (
        "by organization: Not meaningful (n.m.) for Canadian Division, Central Division,"
    ),
    "Taxes as % of Net Income in December 2010": (
        "is not meaningful (n.m.), as the base is zero or negative: 39,649.14 of -247,985.57."
    ),
    "share of Net Income by organization in December 2010": (
        "are not meaningful (n.m.): the total is zero or negative."
    ),
}
NO_ROWS = "Square Footage as % of Headcount by department at the end of 2012"
LEFT_OUT = "salaries by department excluding Corporate"
ONE_ROW = "salaries by department excluding department group key 1"
LEFT_OUT_TOO = "Rent in 2012 excluding department group key 1 and Manufacturing"
LONG = "Operating Expenses by organization and month in 2012"
QUESTIONS = [
    *BALANCES, *CONTRADICTED, *NOT_MEANINGFUL, NO_ROWS, LEFT_OUT, ONE_ROW, LEFT_OUT_TOO,
    "Partner Capital at the end of 2012", "Partner Capital by quarter in 2012",
    LONG,
    "salaries by department excluding the whole Corporate", "Salaries in 2012 for department group key 99",
]  # fmt: skip


async def _ask_all(root: Path) -> dict[str, Reply]:
    async with connect(settings=Settings(root=root, model="offline")) as wb:
        ws = await wb.workspace("adventure_works")
        return {q: await (await ws.thread()).ask(q) for q in QUESTIONS}


@pytest.fixture(scope="module")
def replies(company_root: Path) -> dict[str, Reply]:
    return asyncio.run(_ask_all(company_root))


def message(reply: Reply) -> str:
    return str(getattr(reply, "message", None) or getattr(reply, "purpose", ""))


def table(reply: Reply) -> ResultTable:
    found = getattr(reply, "result", None)
    assert isinstance(found, ResultTable), reply
    return found


@pytest.mark.parametrize("question", BALANCES)
def test_a_balance_is_read_at_one_date(replies: dict[str, Reply], question: str) -> None:
    assert list(table(replies[question]).rows) == BALANCES[question]


@pytest.mark.parametrize("question", [q for q in BALANCES if not q.startswith("Assets")])
def test_a_note_names_an_account_that_closed_earlier_but_not_its_owners(
    replies: dict[str, Reply], question: str
) -> None:
    told = message(replies[question])
    assert "does not include Partner Capital of France and Germany: last posted on 2012-12-27" in told
    assert "950,000.00" in told
    assert "The amounts posted on those dates add up to 0.00" in told
    assert "does not hold France" not in told


def test_who_is_not_in_the_balance_at_all_is_named(replies: dict[str, Reply]) -> None:
    """If a single figure is based on it, the analyst asks for clarification; in a series it adds a note."""
    alone = replies["Partner Capital at the end of 2012"]
    assert alone.kind == "user_interaction"
    assert "does not include France and Germany" in message(alone)
    assert "does not include France and Germany" in message(replies["Partner Capital by quarter in 2012"])


@pytest.mark.parametrize("question", CONTRADICTED)
def test_what_is_asked_for_and_left_out_has_no_rows(replies: dict[str, Reply], question: str) -> None:
    assert replies[question].kind == "user_interaction"
    told = message(replies[question])
    assert f"There are no rows: {CONTRADICTED[question]} is both requested and excluded." in told


@pytest.mark.parametrize("question", NOT_MEANINGFUL)
def test_a_part_of_nothing_or_less_is_not_meaningful(replies: dict[str, Reply], question: str) -> None:
    assert NOT_MEANINGFUL[question] in message(replies[question])
    assert None in [row[-1] for row in table(replies[question]).rows]


def test_what_has_no_rows_is_not_called_not_meaningful(replies: dict[str, Reply]) -> None:
    told = message(replies[NO_ROWS])
    assert "n.m." not in told
    assert "Research and Development with 447,619.0 %. No rows of Square Footage for Corporate," in told


def test_a_parent_with_its_own_rows_can_be_excluded_in_two_ways(replies: dict[str, Reply]) -> None:
    asked = replies[LEFT_OUT]
    assert asked.kind == "user_interaction"
    assert "whole of Corporate" in message(asked)
    assert "only its own rows (department group key 1)" in message(asked)
    assert asked.choices == ("Salaries without department group key 1 by department",)
    assert "There are no rows for Salaries without Corporate" in message(
        replies["salaries by department excluding the whole Corporate"]
    )


def test_a_key_names_one_row_of_a_tree(replies: dict[str, Reply]) -> None:
    assert len(table(replies[ONE_ROW]).rows) == 6
    assert "Department group key 1 is Corporate by itself." in message(replies[ONE_ROW])
    assert list(table(replies[LEFT_OUT_TOO]).rows) == [(75900.24,)]
    unknown = replies["Salaries in 2012 for department group key 99"]
    assert unknown.kind == "user_interaction"


def test_a_table_that_is_delivered_whole_keeps_the_notes_of_its_plan(replies: dict[str, Reply]) -> None:
    delivered = replies[LONG]
    assert isinstance(delivered, RunSQL)
    result = table(delivered)
    assert "Operating Expenses is the roll-up of 23 accounts." in result.notes
    assert (result.query.mode, result.query.sql) == ("plan", delivered.sql)
    assert result.query.plan
    assert result.query.plan["table"] == "general_ledger"


def test_choices_are_counted_a_few_at_a_time(sample: Company) -> None:
    """DuckDB allocates memory for all columns of a query for each figure that has a filter."""
    course = Analyst(sample.reader).answer("Net Income by department in 2012")  # without trees it has no rows
    sizes: list[int] = []
    plans = next(course)
    while True:
        sizes += [len(plan.select) for plan in plans]
        try:
            plans = course.send([sample.run(plan) for plan in plans])
        except StopIteration:
            break
    assert len([size for size in sizes if size > 10]) > 1
    assert max(sizes) <= 100
