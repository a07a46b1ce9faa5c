"""A note that both the plan and the analyst could add appears once, and an answer says what a change compares."""

import asyncio
from pathlib import Path

import pytest

from cfo_kernel import Reply, Settings, connect

BOOKS = """unit_key,account,posted,amount
2,Cash,2024-01-31,200.00
3,Cash,2024-01-31,300.00
4,Cash,2024-01-30,400.00
2,Cash,2024-02-29,210.00
3,Cash,2024-02-29,310.00
4,Cash,2024-02-29,410.00
2,Cash,2024-03-31,7.00
2,Sales,2024-01-15,20.00
3,Sales,2024-01-15,30.00
2,Sales,2024-02-15,22.00
3,Sales,2024-02-15,32.00
2,Sales,2024-05-15,25.00
3,Sales,2024-05-15,35.00
2,Sales,2024-07-15,27.00
3,Sales,2024-07-15,37.00
"""
UNITS = "unit_key,parent_key,unit\n1,,Group\n2,1,North\n3,1,South\n4,1,West\n"
GLOSSARY = """tables:
  books: {date: posted, balances: {books.account: [Cash]}}
  units: {hierarchy: {key: unit_key, parent: parent_key, label: unit}}
"""
MONTHS = "Cash by month in 2024"
DAY = "Cash on 2024-03-31"
END = "Cash in March 2024"
CHANGE = "change of Sales by month in 2024"
UNITS_CHANGE = "change of Sales by month and unit in 2024"
WEEKS = "change of Sales by week and unit in 2024"
GROWTH = "months with growth of Sales over 1% in 2024"
QUESTIONS = [MONTHS, DAY, END, CHANGE, UNITS_CHANGE, WEEKS, GROWTH]


async def _ask_all(root: Path) -> dict[str, Reply]:
    async with connect(settings=Settings(root=root, model="offline")) as wb:
        ws = await wb.workspace("company")
        return {q: await (await ws.thread()).ask(q) for q in QUESTIONS}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("root")
    data = root / "company" / "data"
    data.mkdir(parents=True)
    for name, text in (("books.csv", BOOKS), ("units.csv", UNITS), ("datasets.yaml", GLOSSARY)):
        (data / name).write_text(text)
    replies = asyncio.run(_ask_all(root))
    return {q: str(getattr(reply, "message", reply)) for q, reply in replies.items()}


def test_an_entity_that_closes_on_another_day_is_mentioned_once(messages: dict[str, str]) -> None:
    told = messages[MONTHS]
    assert "does not include West: their last rows are dated 2024-01-30, with 400.00." in told
    assert told.count("West") == 1
    assert "not included" not in told


@pytest.mark.parametrize("question", [MONTHS, DAY])
def test_a_thin_date_is_mentioned_once(question: str, messages: dict[str, str]) -> None:
    assert messages[question].count("may contain only adjustments") == 1
    assert "2024-03-31 has 1 unit, while the previous date (2024-02-29) has 3" in messages[question]


def test_one_figure_at_a_thin_date_is_asked_back(messages: dict[str, str]) -> None:
    thin = "2024-03-31 has 1 row, while the date before it (2024-02-29) has 3. It may contain only adjustments"
    assert thin in messages[END]


def test_a_change_does_not_claim_that_all_rows_are_compared(messages: dict[str, str]) -> None:
    assert "May 2024 with 60 and July 2024 with 64." in messages[CHANGE]
    assert "Each month is compared with the month before it, if that has rows;" in messages[CHANGE]
    assert "so there is no month directly before to compare them with" in messages[CHANGE]
    assert "where 2 of 8 rows can be compared, ranges from" in messages[UNITS_CHANGE]
    assert "of 8 rows, none has a predecessor to compare with." in messages[WEEKS]


def test_months_without_a_growth_are_mentioned(messages: dict[str, str]) -> None:
    assert "3 rows have no change_percent" in messages[GROWTH]
