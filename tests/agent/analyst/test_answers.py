"""Answers questions end to end, and checks the figures in the last result and the text of the message."""

from typing import Any

import pytest

from .conftest import Company


def rows(result: dict[str, Any] | None) -> list[list[Any]]:
    assert result is not None
    return result["rows"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("revenue in 2023", [[3000.0]]),
        ("revenue by region", [["North", 3750.0], ["West", 1600.0]]),
        ("revenue by year", [[2023, 3000.0], [2024, 2350.0]]),
        ("average monthly revenue in 2023", [[1000.0, 3000.0, 3]]),
        ("how many sales in oslo", [[4]]),
        ("how many products are there", [[4]]),
        ("how many products were used in 2023", [[3]]),
        ("top 1 products by revenue in 2024", [["Road Bike", 1800.0]]),
        ("which store had the lowest revenue in 2023", [["Bergen", 1100.0]]),
        ("products with revenue over 3000", [["Road Bike", 3600.0]]),
        ("how many sales over 800", None),
        ("what percentage of revenue came from oslo in 2023", [[1900.0, 3000.0, 1900 / 3000]]),
        ("growth of revenue from 2023 to 2024", [[2350.0, 3000.0, -650.0, -650 / 3000]]),
        ("revenue of bikes not in oslo", [[1400.0]]),
        ("revenue or quantity", None),
        ("revenue between 2023-02-01 and 2023-02-28", [[1200.0]]),
        ("revenue of road bike and helmet together", [[3850.0]]),
        ("cumulative revenue by month in 2024", [["2024-01", 50.0, 50.0], ["2024-03", 2300.0, 2350.0]]),
        ("first sale", [["2023-01-10"]]),
    ],
)
def test_figures(shop: Company, question: str, expected: list[list[Any]] | None) -> None:
    reply, result = shop.ask(question)
    assert (reply.tool == "task_result") == (expected is not None), reply
    if expected is not None:
        assert [[pytest.approx(v) if isinstance(v, float) else v for v in r] for r in expected] == rows(result)


def test_a_name_of_two_things_is_the_one_with_rows(shop: Company) -> None:
    reply, result = shop.ask("revenue in North")
    assert rows(result) == [[3750.0]]
    assert "Only this reading has rows" in reply.args["message"]


def test_a_period_without_rows_is_asked_back(shop: Company) -> None:
    reply, _ = shop.ask("revenue in 2025")
    assert reply.tool == "user_interaction"
    assert reply.args["choices"] == ["revenue in 2023", "revenue in 2024"]


@pytest.mark.parametrize(
    ("question", "figure"),
    [
        ("total actual amount of Salaries in 2012", "10,220,786.23"),
        ("salaries 2012 in R&D", "3,442,338.77"),
        ("Headcount in November 2013", "274"),
        ("cash at the end of 2012", "5,210,083.79"),
        ("Assets at the end of 2012", "19,140,885.80"),
        ("Discounts as % of Trade Sales in 2012", "2.5 %"),
        ("Trade Sales in fiscal year 2012", "fiscal year 2012"),
    ],
)
def test_the_message_quotes_the_figure(sample: Company, question: str, figure: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.tool == "task_result", reply
    assert figure in reply.args["message"]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("Salaries 2012", "Salaries in 2012 (Actual) were 10,220,786.23."),
        (
            "Salaries in 2012 by department",
            "Salaries in 2012 (Actual) by department come to 10,220,786.23; the highest is Corporate with "
            "4,812,380.96, the lowest Sales and Marketing with 186,870.00.",
        ),
        ("average Salaries in 2012", "The average Salaries posting in 2012 (Actual) was 32,040.08."),
        (
            "Trade Sales in an average month of 2011",
            "Trade Sales in 2011 (Actual) averaged 2,726,175.62 per month: "
            "24,535,580.58 over the 9 months with postings.",
        ),
        ("how many Rent postings in 2012", "There were 319 Rent postings in 2012 (Actual)."),
        (
            "highest monthly Trade Sales figure of Germany in 2013",
            "January 2013 had the highest Trade Sales for Germany in 2013 (Actual): 345,956.14.",
        ),
        ("Discounts as % of Trade Sales in 2012", "Discounts came to 2.5 % of Trade Sales in 2012 (Actual): "),
        (
            "growth of Trade Sales from 2011 to 2012",
            "Trade Sales (Actual) rose from 24,535,580.58 in 2011 to 35,958,587.59 in 2012, by "
            "11,423,007.01 or 46.6 %.",
        ),
        (
            "Was Rent over or under budget in Q3 2011?",
            "Rent in Q3 2011: Actual 39,549.05 against Budget 34,540.00, 5,009.05 over Budget (14.5 %).",
        ),
        ("number of distinct posting dates in 2011", "There were 13 dates with postings in 2011 (Actual)."),
        ("what was the average rate of the Euro in 2012", "The average rate of EURO in 2012 was 0.89537."),
        ("Headcount in November 2013", "Headcount in November 2013 (Actual) was 274."),
        ("how many accounts of type Revenue are there", "There are 12 accounts for account type Revenue."),
        ("first posting in Germany", "The first posting for Germany (Actual) is dated 2011-12-29."),
    ],
)
def test_the_first_sentence_is_the_answer(sample: Company, question: str, sentence: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.args["message"].startswith(sentence)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Salaries 2012", "Amounts in AUD, CAD, EUR and USD are added as they are; none are converted."),
        ("Salaries in Germany 2012", "All amounts are in EUR."),
        ("Headcount in November 2013", "numbers, not money"),
        ("budget for Rent in 2011", "The rows in 2011 end on 2011-11-29."),
        ("Salaries in 2010", "begin only on 2010-12-29"),
        ("Salaries by department", "The rows cover 2010-12-29 to 2013-11-29."),
        ("Rent in March 2012", "Postings are dated around month ends"),
        ("Rent by month 2012", "Postings are dated around month ends"),
        ("Trade Sales in fiscal year 2012", "it is inconsistent"),
        ("Trade Sales in an average month of 2011", "counted are January 2011, March 2011, May 2011 and July 2011 to"),
    ],
)
def test_the_message_tells_what_must_be_known(sample: Company, question: str, told: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.tool == "task_result", reply
    assert reply.args["message"].count(told) == 1


@pytest.mark.parametrize("question", ["Salaries 2012", "Salaries in 2012 by department", "Rent in 2012 by year"])
def test_a_note_is_left_out_where_it_does_not_matter(sample: Company, question: str) -> None:
    reply, _ = sample.ask(question)
    assert "month ends" not in reply.args["message"]
    assert "Understood" not in reply.args["message"]


@pytest.mark.parametrize(
    "question",
    [
        "Forecast of Salaries for 2012",
        "Salaries budget in 2012",
        "salaries budget 2011 and 2012",
        "budgeted Rent in December 2011",
        "Trade Sales of France in 2010",
        "Operating Expenses in 2012",
        "sum of cash over 2012",
        "cash in 2012",
        "average headcount in 2012",
        "cumulative Accounts Payable by month in 2012",
        "cash at the end of 2013",
        "Other Assets in 2012",
        "sales by month 2012",
        "average rate of the dollar in 2012",
        "average rate in 2012",
        "total amount in 2012 by department",
        "Salaries per Headcount in November 2013",
        "Salaries in USD in 2012",
        "units and headcount in march 2013",
        "EBITDA 2012",
        "the department salaries 2012",
    ],
)
def test_what_must_be_asked_back(sample: Company, question: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.tool == "user_interaction", reply
    for choice in reply.args["choices"] or ():
        answered, _ = sample.ask(choice)
        assert answered.tool != "user_interaction", choice


def test_a_parent_offers_its_children(sample: Company) -> None:
    reply, _ = sample.ask("Inventory in November 2013")
    assert reply.args["choices"] == [
        f"{n} in November 2013" for n in ("Raw Materials", "Work in Process", "Finished Goods")
    ]


def test_balances_of_several_dates_are_not_totalled(sample: Company) -> None:
    reply, _ = sample.ask("headcount by quarter in 2012")
    assert "Together" not in reply.args["message"]


def test_a_long_table_is_delivered_as_sql(sample: Company) -> None:
    reply, result = sample.ask("average rate of the Euro in 2012 by day")
    assert reply.tool == "run_sql"
    assert result is not None
    assert reply.args["sql"] == result["sql"]
