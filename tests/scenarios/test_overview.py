"""The requests that a side panel makes for a workspace: the open runs, and the glossary's notes on the tables."""

from pathlib import Path

import pytest

from cfo_kernel.errors import FileNotFound, InvalidInput, InvalidName
from cfo_kernel.interface import GlossaryColumn
from tests.models.scripted_server import Stall
from tests.replies import ANSWER, wait_for_event
from tests.scenarios.conftest import Opened, one_database

WRITTEN = """
company: Tiny Ltd
tables:
  LEDGER:
    name: General ledger
    description: One row for each posting.
    synonyms: [gl]
    questions: [total amount by department]
    date: posted_on
    columns:
      amount: {name: value, synonyms: [money], note: In euro.}
"""


async def test_open_runs_are_those_that_have_not_ended(front: Opened) -> None:
    at = await front(ANSWER, Stall(), Stall())
    place = await at.workspace()
    ended = await (await place.thread()).send("done")
    await ended.finished()
    assert list(await place.open_runs()) == []
    thread = await place.thread()
    first = await thread.send("answered now")
    await wait_for_event(first, "run_started")
    second = await thread.send("waits for it")
    assert [(run.run_id, run.thread_id, run.status) for run in await place.open_runs()] == [
        (first.id, thread.id, "running"),
        (second.id, thread.id, "queued"),
    ]
    other = await at.wb.create_workspace("Other")
    assert list(await other.open_runs()) == []
    for run in (second, first):
        await run.cancel()
        await run.finished()
    assert list(await place.open_runs()) == []


@one_database
async def test_the_glossary_is_what_people_wrote(front: Opened, root: Path) -> None:
    (root / "tiny" / "data" / "datasets.yaml").write_text(WRITTEN)
    glossary = await (await (await front(ANSWER)).workspace()).glossary()
    assert (glossary.company, glossary.questions) == ("Tiny Ltd", ("total amount by department",))
    [table] = glossary.tables
    assert (table.table, table.name, table.synonyms) == ("ledger", "General ledger", ("gl",))
    assert table.columns == (GlossaryColumn(column="amount", name="value", synonyms=("money",), note="In euro."),)


@one_database
async def test_a_wrong_glossary_names_its_line(front: Opened, root: Path) -> None:
    (root / "tiny" / "data" / "datasets.yaml").write_text("company: Tiny\ntables:\n  budget: {}\n")
    glossary = await (await (await front(ANSWER)).workspace()).glossary()
    assert glossary.company == "Tiny"
    [problem] = glossary.problems
    assert "line 3: there is no table budget" in problem


@one_database
async def test_without_a_glossary_the_offline_analyst_answers_the_example_questions(front: Opened, root: Path) -> None:
    sales = "customer_id,Region Name,units sold,Invoice Date\n1,EMEA,4,2024-01-05\n2,AMER,6,2024-02-05\n"
    (root / "tiny" / "data" / "Net Sales (USD).csv").write_text(sales)
    (root / "tiny" / "data" / "only words.csv").write_text("who,color\na,red\nb,blue\n")
    place = await (await front(ANSWER, model="offline")).workspace()
    assert (await place.glossary(wait=60)).questions == (
        "total amount in ledger by account",
        "total amount in ledger by month",
        "how many rows are in ledger",
    )
    await place.delete_file("ledger.csv")
    questions = (await place.glossary()).questions
    assert questions[0] == "total units sold in net_sales_usd by Region Name"
    for question in questions:
        reply = await (await place.thread()).ask(question)
        assert (question, reply.kind) == (question, "task_result")


@one_database
async def test_files_are_put_together_and_kept_apart(front: Opened, root: Path) -> None:
    place = await (await front(ANSWER)).workspace()
    for name in ("east.csv", "west.csv"):
        (root / "tiny" / "data" / name).write_text(f"region,amount\n{name[:4]},2.5\n")
    await place.unite("Both regions", ["east.csv", "west.csv"])
    assert (await place.sql("SELECT count(*), sum(amount) FROM both_regions")).rows == ((2, 5.0),)
    assert (await place.schema("west.csv")).tables[0].files == ("east.csv", "west.csv")
    await place.unite("both_regions", [])
    assert {table.name for dataset in await place.datasets(wait=60) for table in dataset.tables} == {
        "east",
        "ledger",
        "west",
    }
    for files in (["east.csv"], ["east.csv", "EAST.csv"]):
        with pytest.raises(InvalidInput, match="Name 2 to 200 different files"):
            await place.unite("x", files)
    with pytest.raises(FileNotFound, match=r"north\.csv"):
        await place.unite("x", ["east.csv", "north.csv"])
    with pytest.raises(InvalidName):
        await place.unite("../", ["east.csv", "west.csv"])
    assert len([*(root / "tiny" / ".glossary").glob("*.yaml")]) == 3  # the glossary as it was, and after each change
