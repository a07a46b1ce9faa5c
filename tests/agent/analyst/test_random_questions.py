"""Every question, whatever its words, ends in a reply."""

# ruff: noqa: E501 - one statement per line is easier to read
from itertools import islice
from pathlib import Path

import duckdb
import pytest
import yaml

from cfo_kernel.agent.analyst import model
from cfo_kernel.agent.analyst.analysis import Analyst
from cfo_kernel.data.glossary import GlossaryFile

from .conftest import Company, company
from .random_questions import RandomQuestions
from .test_model import Thread

_ANSWERABLE = Path(__file__).parents[2] / "questions" / "answerable.yaml"


@pytest.fixture(scope="module")
def umlauts() -> Company:
    """Four small files that share a few names, with non-ASCII letters."""
    c = duckdb.connect()
    c.execute("CREATE TABLE umsatz(Datum DATE, Größe VARCHAR, Szenario VARCHAR, Filiale VARCHAR, Betrag DECIMAL(9,2))")
    c.execute(
        "INSERT INTO umsatz VALUES ('2023-01-31','Groß','Actual','Köln',100.1), ('2023-02-28','Klein','Budget','Zürich',50)"
    )
    c.execute(
        "INSERT INTO umsatz VALUES ('2024-01-31','Mittelgroß','Actual','Malmö',70.5), ('2024-02-29','Groß','Actual','Köln',9)"
    )
    c.execute("CREATE TABLE filialen(Filiale VARCHAR, Land VARCHAR, Fläche DECIMAL(9,1))")
    c.execute(
        "INSERT INTO filialen VALUES ('Köln','Deutschland',100), ('Zürich','Schweiz',80.5), ('Malmö','Sverige',6)"
    )
    c.execute("CREATE TABLE größen(Größe VARCHAR, Beschreibung VARCHAR)")
    c.execute("INSERT INTO größen VALUES ('Groß','Sehr groß'), ('Klein','Eher klein'), ('Mittelgroß','Dazwischen')")
    c.execute('CREATE TABLE "plan"(Monat DATE, Szenario VARCHAR, "Plan" DECIMAL(9,2))')
    c.execute("INSERT INTO \"plan\" VALUES ('2023-01-31','Actual',10), ('2023-02-28','Forecast',20)")
    return company(c, GlossaryFile())


@pytest.mark.parametrize(
    "question", ["Royal in 2012", "key 3", "Kwaiti in 1", "total Actual for Größe", "Grosse in 2023"]
)
def test_a_question_that_once_failed_ends_in_a_reply(sample: Company, umlauts: Company, question: str) -> None:
    for asked in (sample, umlauts):
        assert asked.ask(question)[0].args["message"]


def test_random_questions_end_in_a_reply(sample: Company, raw: Company, umlauts: Company) -> None:
    known = [entry["question"] for entry in yaml.safe_load(_ANSWERABLE.read_text())]
    for asked, count, similar in ((sample, 200, known), (raw, 150, ()), (umlauts, 150, ())):
        for question in islice(RandomQuestions(asked.tables, 1, similar), count):
            try:
                reply, _ = asked.ask(question)
            except Exception as error:
                raise AssertionError(question) from error
            assert reply.args.get("message") or reply.args.get("purpose"), question


def test_a_fault_of_the_analyst_is_a_question_back(
    shop: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("min() arg is an empty sequence")

    monkeypatch.setattr(Analyst, "answer", fails)
    reply = Thread(shop).send("revenue in 2023")
    assert (reply["tool"], reply["message"]) == ("user_interaction", model.LOST)
    assert "empty sequence" in caplog.text
