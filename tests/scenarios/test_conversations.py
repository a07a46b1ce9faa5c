"""Whole conversations: messages, replies, reviews, a message instead of a continue, and errors."""

import pytest

from cfo_kernel import Direct, QueryPlan, Run, RunSQL, TaskResult, Thread
from cfo_kernel.errors import ContinueLimitReached, NothingToContinue
from cfo_kernel.replies import Reply
from tests.models.scripted_server import MalformedArguments, Status, Text, ToolCall
from tests.replies import ANSWER, LOOK, QUERY, TABLE, TOTALS, sheet
from tests.scenarios.conftest import Opened
from tests.scenarios.golden_files import Golden, story

ASK = ToolCall("user_interaction", {"message": "Which year?", "choices": ["2012", "2013"]})
SECOND = ToolCall("run_sql", {"sql": "SELECT count(*) AS n FROM ledger", "purpose": "How many."})
FAILS = ToolCall("run_sql", {"sql": "SELECT error('the rate is missing') FROM ledger", "purpose": "Convert."})
BAD_TABLE = MalformedArguments("run_sql", '{"purpose": "This one cannot run.", "sql": 1}')
PLAN = QueryPlan.model_validate(
    {
        "table": "ledger",
        "group_by": [{"column": "department"}],
        "select": [{"name": "total", "expression": {"fn": "sum", "column": "amount"}}],
    }
)


async def sent(thread: Thread, text: str = "", *, after: Run | None = None) -> Run:
    """Sends a message, or continues a run's reply, and returns the run once it has ended."""
    run = await thread.send(text, in_reply_to=after.id if after else None)
    await run.finished()
    return run


async def conversation(thread: Thread, *texts: str) -> list[Run]:
    return [await sent(thread, text) for text in texts]


async def continued(thread: Thread, text: str) -> list[Run]:
    """Does what an untouched countdown does: continues until a reply needs no review."""
    runs = [await sent(thread, text)]
    while (reply := (await runs[-1].finished()).reply) and reply.waits_for_review:
        runs.append(await sent(thread, after=runs[-1]))
    return runs


async def rows(reply: Reply) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in (await reply.df()).itertuples(index=False)]


async def test_a_new_thread(front: Opened, golden: Golden) -> None:
    at = await front(LOOK, QUERY, ANSWER)
    thread = await at.thread()
    runs = await conversation(thread, "What did each department\nspend?")
    golden(await story(thread, *runs))
    assert await rows(await runs[0].reply()) == [["Finance", "4400.55"], ["Sales", "2300.30"]]
    assert [t.id for t in await (await at.workspace()).threads()] == [thread.id]


async def test_a_second_message(front: Opened, golden: Golden) -> None:
    at = await front(ASK, QUERY, ANSWER, Text("Nothing but words."), ANSWER)
    thread = await at.thread()
    runs = await conversation(thread, "Totals", "2012", "And then?")
    golden({**await story(thread, *runs), "seen": [r.body["messages"][1:] for r in at.model.requests]})


async def test_a_table_and_a_sheet_that_continue_by_themselves(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, sheet("results/result_001.parquet"), SECOND, ANSWER)
    thread = await at.thread()
    runs = await continued(thread, "Totals, in Excel")
    assert len(runs) == 4
    golden(await story(thread, *runs))
    assert await rows(await runs[0].reply()) == [["Finance", "4400.55"], ["Sales", "2300.30"]]
    book = await thread.download("results/report.xlsx")
    assert b"".join([chunk async for chunk in book.chunks])[:2] == b"PK"


async def test_a_countdown_that_is_stopped(front: Opened, golden: Golden) -> None:
    """Stop sends nothing: the thread stays unchanged for all clients, and the reply can be continued later."""
    at = await front(TABLE, ANSWER)
    thread = await at.thread()
    run = await sent(thread, "Totals")
    golden(await story(thread, run))
    there = await at.elsewhere(thread)
    assert [m.who for m in await there.messages()] == ["person", "agent"]
    assert at.model.turns_taken == 1
    assert isinstance(await (await sent(there, after=run)).reply(), TaskResult)


async def test_a_written_reply_instead_of_continue(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, TABLE, ANSWER)
    thread = await at.thread()
    first = await sent(thread, "Totals")
    second = await thread.send("Only Sales, please", in_reply_to=first.id)
    assert isinstance(await second.reply(), RunSQL)
    third = await sent(thread, after=second)
    with pytest.raises(NothingToContinue):
        await thread.send(in_reply_to=first.id)
    golden({**await story(thread, first, second, third), "seen": at.model.requests[-1].body["messages"][1:]})


async def test_a_late_second_continue(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, ANSWER)
    thread = await at.thread()
    first = await sent(thread, "Totals")
    there = await at.elsewhere(thread)
    second = await thread.send(in_reply_to=first.id)
    with pytest.raises(NothingToContinue):  # it may still run
        await there.send(in_reply_to=first.id)
    await second.finished()
    with pytest.raises(NothingToContinue):  # and by now it has ended
        await there.send(in_reply_to=first.id)
    golden(await story(thread, first, second))
    assert at.model.turns_taken == 2


async def test_an_error_of_the_model(front: Opened, golden: Golden) -> None:
    at = await front(Status(400), ANSWER)
    thread = await at.thread()
    runs = await conversation(thread, "Totals", "Once more")
    golden({**await story(thread, *runs), "seen": at.model.requests[-1].body["messages"][1:]})


async def test_an_error_of_the_query_that_is_reviewed(front: Opened, golden: Golden) -> None:
    at = await front(FAILS, ANSWER)
    thread = await at.thread()
    runs = await continued(thread, "Convert all")
    golden({**await story(thread, *runs), "seen": at.model.requests[-1].body["messages"][1:]})


async def test_a_reply_that_is_repaired(front: Opened, golden: Golden) -> None:
    at = await front(QUERY, BAD_TABLE, TABLE)
    thread = await at.thread()
    golden(await story(thread, await sent(thread, "Totals")))


async def test_direct_queries(front: Opened, golden: Golden) -> None:
    """No model is called. A model that continues the thread reads the queries as its own."""
    at = await front(ANSWER)
    thread = await at.thread()
    program = "print('summing')\nresult_df = ledger.groupby('department', as_index=False).amount.sum()"
    runs = await conversation(
        thread,
        Direct(sql=TOTALS).message,
        Direct(python=program).message,
        Direct(plan=PLAN).message,
        "python: open('note.txt', 'w').write('x')",
        "sql: SELECT * FROM nothing",
        "SQL: DROP TABLE ledger",
        "python: 1 / 0",
        'plan: {"table": "nothing"}',
        "plan: {",
        "And in words?",
    )
    assert at.model.turns_taken == 1
    seen = [(m["role"], m.get("content")) for m in at.model.requests[-1].body["messages"][1:]]
    golden({**await story(thread, *runs), "seen": seen})
    assert await rows(await runs[2].reply()) == [["Finance", "4400.55"], ["Sales", "2300.30"]]


async def test_countdowns_stand_still_until_a_person_clicks(front: Opened) -> None:
    at = await front(*[TABLE] * 6, ANSWER, continue_limit=2)
    thread = await at.thread()
    assert await thread.continues_left() == 0  # there is nothing to continue
    run = await sent(thread, "Totals")
    there = await at.elsewhere(thread)
    for left in (2, 1):
        assert await there.continues_left() == left
        run = await thread.send(in_reply_to=run.id, untouched=True)
        await run.finished()
    for one in (thread, there):
        assert await one.continues_left() == 0
        with pytest.raises(ContinueLimitReached, match="continue it yourself or send"):
            await one.send(in_reply_to=run.id, untouched=True)
    run = await sent(there, after=run)  # a click
    assert await thread.continues_left() == 2
    run = await thread.send(in_reply_to=run.id, untouched=True)
    await run.finished()
    run = await thread.send("Only Sales", untouched=True)  # text is always written by a person
    await run.finished()
    assert await thread.continues_left() == 2
    shown = [(m.text, m.untouched) for m in await there.messages() if m.who == "person"]
    assert shown == [("Totals", False), ("", True), ("", True), ("", False), ("", True), ("Only Sales", False)]
