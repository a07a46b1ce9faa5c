"""Questions that were once silently misread are now answered correctly, or answered with a question."""

from typing import Any

import pytest

from cfo_kernel.agent.analyst import offline_model
from cfo_kernel.agent.analyst.phrases import FILLERS
from cfo_kernel.agent.analyst.words import words_in
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.tables import Tables

from .conftest import Company
from .test_model import Thread


def figures(company: Company, question: str) -> list[list[Any]]:
    reply, result = company.ask(question)
    assert reply.tool == "task_result", reply
    assert result is not None
    return result["rows"]


def message(company: Company, question: str) -> str:
    reply, _ = company.ask(question)
    return str(reply.args.get("message") or reply.args.get("purpose"))


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("share of R&D in salaries by quarter in 2012", ["2012-Q1", 862871.29, 2514516.40]),
        ("share of Germany in trade sales by quarter 2012", ["2012-Q1", 19649.46, None]),
        ("percentage of Salaries in expenditures by quarter 2012", ["2012-Q1", 2514516.40, None]),
        ("share of commissions in expenditures 2012 by organization", ["Australia", 4960.99, 319666.29]),
        ("share of Corporate in salaries by organization 2012", ["Australia", 19305.12, 120125.30]),
        ("share of Corporate in salaries 2012", [4812380.96, 10220786.23]),
    ],
)
def test_a_share_of_one_in_the_other(sample: Company, question: str, first: list[Any]) -> None:
    row = figures(sample, question)[0]
    said = [(w, f) for w, f in zip(first, row, strict=False) if w is not None]
    assert all(f == pytest.approx(w) for w, f in said)
    *_, part, whole, ratio = row
    assert ratio == pytest.approx(part / whole)


def test_a_share_in_the_measure_itself(raw: Company) -> None:
    assert figures(raw, "share of Oslo in visitors") == [[6, 26, pytest.approx(6 / 26)]]


@pytest.mark.parametrize(
    "question",
    [
        "what percentage of salaries is R&D by quarter 2012",
        "Germany trade sales share by quarter 2012",
        "Partner Capital at the end of 2012",
        "Partner Capital in December 2012 by organization",
        "commissions per trade sales 2012 vs 2011",
        "commissions as % of trade sales 2012 vs 2011",
        "salaries actual vs budget 2011 vs 2012",
        "salaries paid to 2012",
        "salaries by March 2012",
        "how did salaries develop from 2011 to 2012",
        "what did we pay to employees in March 2012",
        "what did we pay employees in March 2012",
        "distinct accounts with postings to Corporate in 2012",
        "average of trade sales per organization 2012",
        "average trade sales for each organization 2012",
        "salaries over budget in 2011",
        "salaries actual vs budget",
        "only salaries in 2012",
        "salaries less rent 2012",
        "net salaries in 2012",
        "gross salaries 2012",
        "Rent and Salaries in 2011 and 2012 respectively",
        "what should salaries be in 2012",
        "salaries to Meals 2012",
    ],
)
def test_asked_back(sample: Company, question: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.tool == "user_interaction", reply
    for choice in reply.args["choices"] or ():
        answered, _ = sample.ask(choice)
        assert answered.tool != "user_interaction", (choice, answered)


def test_who_closes_earlier_is_named(sample: Company) -> None:
    told = message(sample, "Partner Capital at the end of 2012")
    assert "France and Germany" in told
    assert "950,000.00" in told
    assert "France and Germany" in message(sample, "Partner Capital by month in 2012")
    assert "does not hold" not in message(sample, "cash at the end of 2012")


def test_a_kind_that_equals_its_parent_is_read(sample: Company) -> None:
    assert figures(sample, "Assets at the end of 2012") == [[19140885.80]]
    reply, _ = sample.ask("total liabilities end of 2012")
    assert reply.tool == "user_interaction"
    assert "account type" in reply.args["message"]


def test_posted_to_in_a_year(sample: Company) -> None:
    question = "how many different accounts were posted to in 2012 by department"
    assert figures(sample, question) == figures(sample, "how many accounts by department in 2012")
    assert "number of accounts with postings in 2012" in message(sample, question).lower()


def test_the_order_of_a_subtraction(sample: Company) -> None:
    when = "January to November 2011"
    (row,) = figures(sample, f"commissions budget minus actual {when}")
    (turned,) = figures(sample, f"commissions actual minus budget {when}")
    assert row[2] == pytest.approx(-turned[2])
    assert row[:2] == turned[1::-1]


def test_currencies_are_mentioned(sample: Company) -> None:
    alone = message(sample, "trade sales by currency code 2012")
    assert "35,958,587.59" not in alone
    shares = message(sample, "share of trade sales by currency code 2012")
    assert "none are converted" in shares


def test_unequal_months_are_mentioned_first(sample: Company) -> None:
    told = message(sample, "salaries actual against budget by quarter in 2011")
    assert told.index("The comparison for Q4 2011 therefore covers unequal") < told.index("Amounts in")
    reply, _ = sample.ask("salaries over budget in 2011")
    assert reply.args["choices"] == ["salaries over budget from January 2011 to November 2011"]


def test_a_period_without_rows_is_mentioned(sample: Company) -> None:
    assert "124,015.84 in 2012, with no rows in 2011" in message(sample, "Trade Sales 2012 vs 2011 by currency code")


def test_rows_without_a_partner_stay(raw: Company) -> None:
    assert figures(raw, "visitors by store") == [["Bergen", 9], ["Lund", 9], ["Oslo", 6], [None, 2]]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("visitors without Oslo", "1 row without a store (2) is excluded"),
        ("visitors without Inner", "2 rows without a zone (11) are excluded"),
        ("which store had the highest visitors", "the same figure as Lund"),
        ("turnover", "Actual, Budget"),
        ("turnover for version Actual", "EUR, USD"),
        ("total amount", "amount_2"),
        ("total zip", "not a figure"),
        ("average till no", "not a figure"),
    ],
)
def test_without_a_glossary(raw: Company, question: str, told: str) -> None:
    assert told in message(raw, question)


def test_no_tie_no_word(raw: Company) -> None:
    assert "tie" not in message(raw, "top 2 stores by visitors")


@pytest.mark.parametrize(
    ("first", "reply", "whole"),
    [
        ("Travel 2012", "Travel Lodging", "Travel Lodging"),
        ("salaries in Q1", "2012", "Q1 2012"),
        ("cash balance", "2012", "Cash at the end of 2012"),
        ("Salaries 2012", "top 3", None),
        ("Salaries 2012", "2013", None),
        ("salaries of Narnia in 2012", "Germany", "Germany"),
        ("salaries develop improve in 2012", "Germany", None),
    ],
)
def test_a_short_reply_keeps_the_question(sample: Company, first: str, reply: str, whole: str | None) -> None:
    thread = Thread(sample)
    thread.send(first)
    answer = thread.send(reply)
    if whole is None:
        assert answer["tool"] == "user_interaction", answer
    else:
        assert answer["tool"] == "task_result", answer
        assert whole in answer["message"]
        assert "2012" in answer["message"]


def test_a_choice_is_a_complete_question(sample: Company) -> None:
    thread = Thread(sample)
    choice = (thread.send("Travel 2012")["choices"] or [""])[0]
    assert thread.send(choice)["tool"] == "task_result"


def test_no_data_yet() -> None:
    empty = Thread(Company(Tables(()), GlossaryFile(), lambda _: {}, None))  # type: ignore[arg-type]
    assert offline_model(Tables(()), GlossaryFile())
    assert "no data yet" in empty.send("salaries 2012")["message"]


def test_a_default_that_the_data_lack(sample: Company) -> None:
    notes = sample.glossary.tables["general_ledger"]
    wrong = notes.model_copy(update={"defaults": {"scenarios.scenario_name": "Real"}})
    glossary = sample.glossary.model_copy(update={"tables": {**sample.glossary.tables, "general_ledger": wrong}})
    told = Thread(Company(sample.tables, glossary, sample.run, sample.reader)).send("Salaries 2012")["message"]
    assert "scenarios.scenario_name" in told
    assert "Real" in told


IGNORED = words_in(
    "belong belongs belonging a an the this that these those i we you they he she it our my your their its me us "
    "company's is are was were be been being am do does did done have has had having can could would will please "
    "kindly thanks thank hi hello hey ok okay well also there both here give show tell display find get compute "
    "calculate report present provide return see need want like know let lets look looking pull fetch run at on with "
    "about regarding concerning during via how who where much made make come comes came go goes went amount amounted "
    "amounts book booked post posted record recorded reported register registered occur occurred happen happened use "
    "using exist exists contain contains figure figures value values number numbers data breakdown split grouped group "
    "shall"
)
"""The words that may be skipped: articles, pronouns, forms of "to be", politeness, and verbs for showing and posting.
"""


def test_no_word_with_a_meaning_is_ignored() -> None:
    assert FILLERS <= IGNORED, FILLERS - IGNORED
    meant = "develop developed change minus plus less to by vs per paid net gross average only just except without not "
    meant += "than then if should until since before after respectively available worth full half double never no"
    assert not IGNORED & words_in(meant)
