"""Questions about parents of trees, asked of the whole product: what a balance holds, what is left out."""

import asyncio
import shutil
from pathlib import Path

import pytest

from cfo_kernel import Reply, Settings, connect
from cfo_kernel.agent.analyst.analysis import Analyst
from cfo_kernel.replies import ResultTable

from .conftest import SAMPLE, Company

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
QUESTIONS = [*BALANCES, *CONTRADICTED, "Partner Capital at the end of 2012", "Partner Capital by quarter in 2012"]


async def _ask_all(root: Path) -> dict[str, Reply]:
    async with connect(settings=Settings(root=root, model="offline")) as wb:
        ws = await wb.workspace("adventure_works")
        return {q: await (await ws.thread()).ask(q) for q in QUESTIONS}


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(SAMPLE, root / "adventure_works" / "data")
    return asyncio.run(_ask_all(root))


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
def test_an_account_that_closed_earlier_is_told_and_not_its_owners(replies: dict[str, Reply], question: str) -> None:
    told = message(replies[question])
    assert "without Partner Capital of France and Germany: last posted on 2012-12-27" in told
    assert "950,000.00" in told
    assert "All that they posted then comes to 0.00" in told
    assert "does not hold France" not in told


def test_who_is_not_in_the_balance_at_all_is_named(replies: dict[str, Reply]) -> None:
    """Where one figure rests on it the question comes back; in a series it is told."""
    alone = replies["Partner Capital at the end of 2012"]
    assert alone.kind == "user_interaction"
    assert "does not hold France and Germany" in message(alone)
    assert "does not hold France and Germany" in message(replies["Partner Capital by quarter in 2012"])


@pytest.mark.parametrize("question", CONTRADICTED)
def test_what_is_asked_for_and_left_out_has_no_rows(replies: dict[str, Reply], question: str) -> None:
    assert replies[question].kind == "user_interaction"
    told = message(replies[question])
    assert f"There are no rows: {CONTRADICTED[question]} is both asked for and left out." in told


def test_choices_are_counted_a_few_at_a_time(sample: Company) -> None:
    """DuckDB takes room for all columns of a query with each figure that has a filter."""
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
