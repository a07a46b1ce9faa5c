"""The offline analyst answers nearly all questions in a set, and none wrongly, as hand-written SQL shows.

`answerable.yaml` has each question, the SQL that answers it over the CSV files, and the columns that an answer must
show. `refuse.yaml` has questions that must be answered with a question. `make test` asks a sample of both, `make
questions` all.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cfo_kernel import Reply, Settings, connect
from tests.conftest import COMPANY
from tests.questions.judge import is_right
from tests.seeds import commit_seed

HERE = Path(__file__).parent
ANSWERABLE: list[dict[str, Any]] = yaml.safe_load((HERE / "answerable.yaml").read_text())
REFUSE: list[dict[str, Any]] = yaml.safe_load((HERE / "refuse.yaml").read_text())


@dataclass(frozen=True)
class Asked:
    """A question from the set, with its reply."""

    question: dict[str, Any]
    reply: Reply

    def __str__(self) -> str:
        table = getattr(self.reply, "result", None)
        rows = [] if table is None else table.rows[:3]
        return f"{self.question['id']}: {self.question['question']} -> {getattr(self.reply, 'message', '')} {rows}"


async def ask_all(root: Path, questions: list[dict[str, Any]]) -> list[Asked]:
    async with connect(settings=Settings(root=root, model="offline")) as wb:
        ws = await wb.workspace("adventure_works")
        return [Asked(q, await (await ws.thread()).ask(q["question"])) for q in questions]


def a_sample(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A third of the questions, the same for the same commit, and at least one of each kind."""
    chosen = random.Random(commit_seed()).sample(questions, k=len(questions))
    first = {q.get("kind"): q for q in reversed(chosen)}
    return [q for i, q in enumerate(chosen) if q is first[q.get("kind")] or i < len(questions) // 3]


@pytest.fixture(scope="module", params=["sample", pytest.param("all", marks=pytest.mark.slow)])
def asked(request: pytest.FixtureRequest, company_root: Path) -> list[Asked]:
    chosen = a_sample if request.param == "sample" else list[dict[str, Any]]
    return asyncio.run(ask_all(company_root, chosen(ANSWERABLE) + chosen(REFUSE)))


@pytest.fixture(scope="module")
def gold() -> Iterator[duckdb.DuckDBPyConnection]:
    """The source's CSV files as tables, read by DuckDB itself, without cfo_kernel."""
    with duckdb.connect() as connection:
        for folder in ("data", "source"):
            for file in (COMPANY / folder).glob("*.csv"):
                connection.execute(f"CREATE TABLE {file.stem} AS FROM read_csv('{file}')")
        yield connection


def gold_rows(connection: duckdb.DuckDBPyConnection, question: dict[str, Any]) -> list[list[Any]]:
    result = connection.execute(question["sql"])
    names = [column[0] for column in result.description]
    places = [names.index(name) for name in question["match"]]
    return [[row[i] for i in places] for row in result.fetchall()]


@pytest.fixture(scope="module")
def judged(asked: list[Asked], gold: duckdb.DuckDBPyConnection) -> dict[str, list[Asked]]:
    """The answers to the answerable questions, by how they compare with the hand-written SQL."""
    found: dict[str, list[Asked]] = {"right": [], "wrong": [], "asked back": []}
    for one in asked:
        if "sql" not in one.question:
            continue
        if one.reply.kind == "user_interaction":
            found["asked back"].append(one)
        else:
            right = is_right(one.reply, gold_rows(gold, one.question), one.question["kind"])
            found["right" if right else "wrong"].append(one)
    return found


def test_the_set_is_large_and_of_all_kinds() -> None:
    assert len(ANSWERABLE) >= 80
    assert len(REFUSE) >= 40
    assert len({q["kind"] for q in ANSWERABLE}) >= 17


def test_no_question_is_answered_wrongly(judged: dict[str, list[Asked]]) -> None:
    assert [str(one) for one in judged["wrong"]] == []


def test_nine_in_ten_are_answered(judged: dict[str, list[Asked]]) -> None:
    assert len(judged["right"]) >= 0.9 * sum(map(len, judged.values())), [str(one) for one in judged["asked back"]]


def test_what_must_be_refused_is(asked: list[Asked]) -> None:
    answered = [str(one) for one in asked if "sql" not in one.question and one.reply.kind != "user_interaction"]
    assert answered == []


def test_every_answer_shows_its_sql(asked: list[Asked]) -> None:
    for one in asked:
        if (table := getattr(one.reply, "result", None)) is not None:
            assert table.query.sql.lstrip().upper().startswith(("SELECT", "WITH")), str(one)


def test_every_answer_about_the_ledger_names_its_scenario(asked: list[Asked]) -> None:
    for one in asked:
        table = getattr(one.reply, "result", None)
        if table is not None and 'sum("general_ledger"' in table.query.sql:
            assert any(name in str(one).lower() for name in ("actual", "budget", "scenario")), str(one)
