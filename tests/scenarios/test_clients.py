"""Concurrent clients and clients that retry: message order, a reused idempotency key, and a resumed stream."""

import asyncio

import pytest

from cfo_kernel import Numbered, Run
from cfo_kernel.errors import IdempotencyMismatch, NothingToContinue
from tests.models.scripted_server import Stall, ToolCall
from tests.replies import ANSWER, QUERY, TABLE, events_of, wait_for_event
from tests.scenarios.conftest import Opened
from tests.scenarios.golden_files import Golden, story

ASK = ToolCall("user_interaction", {"message": "Go on."})


async def test_two_clients_send_at_once(front: Opened) -> None:
    at = await front(*[ASK] * 7)
    here = await at.thread()
    await here.ask("first")
    there = await at.elsewhere(here)
    sending = [(here if n % 2 else there).send(f"message {n}") for n in range(6)]
    runs = {run.id for run in await asyncio.gather(*sending)}
    for run_id in runs:
        assert (await (await there.run(run_id)).finished()).status == "succeeded"
    shown = await here.messages()
    assert [m.model_dump() for m in shown] == [m.model_dump() for m in await there.messages()]
    people, agents = ([m for m in shown if m.who == who] for who in ("person", "agent"))
    assert [m.run_id for m in people] == [m.run_id for m in agents]  # answered in the order of acceptance
    assert {m.run_id for m in people[1:]} == runs
    asked = [[m["content"] for m in r.body["messages"] if m["role"] == "user"][-1] for r in at.model.requests]
    assert asked == [m.text for m in people]


async def test_one_client_sends_in_order(front: Opened, golden: Golden) -> None:
    at = await front(*[ASK] * 3)
    thread = await at.thread()
    runs = [await thread.send(text) for text in ("one", "two", "three")]
    for run in runs:
        await run.finished()
    golden((await story(thread, *runs))["runs"])
    shown = await thread.messages()
    for who in ("person", "agent"):
        assert [m.run_id for m in shown if m.who == who] == [run.id for run in runs]


async def test_two_clients_continue_at_once(front: Opened) -> None:
    at = await front(TABLE, ANSWER, ANSWER)
    here = await at.thread()
    run = await here.send("Totals")
    await run.finished()
    there = await at.elsewhere(here)
    both = await asyncio.gather(*(t.send(in_reply_to=run.id) for t in (here, there)), return_exceptions=True)
    [won] = [run for run in both if not isinstance(run, BaseException)]
    [lost] = [error for error in both if isinstance(error, BaseException)]
    assert isinstance(lost, NothingToContinue)
    assert (await won.finished()).status == "succeeded"
    assert [(m.who, m.run_id) for m in await there.messages()][2:] == [("person", won.id), ("agent", won.id)]
    assert at.model.turns_taken == 2


async def test_a_message_and_a_continue_arrive_at_once(front: Opened) -> None:
    """Both arrive at once: the message is always accepted, and the continue only if it comes first."""
    at = await front(TABLE, ANSWER, ANSWER)
    here = await at.thread()
    run = await here.send("Totals")
    await run.finished()
    there = await at.elsewhere(here)
    written, empty = await asyncio.gather(
        here.send("Only Sales"), there.send(in_reply_to=run.id), return_exceptions=True
    )
    assert not isinstance(written, BaseException)
    assert (await written.finished()).status == "succeeded"
    texts = [m.text for m in await here.messages() if m.who == "person"]
    if isinstance(empty, BaseException):
        assert isinstance(empty, NothingToContinue)
        assert texts == ["Totals", "Only Sales"]
    else:
        await empty.finished()
        assert texts == ["Totals", "", "Only Sales"]


async def test_the_same_key_twice(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, ANSWER, ANSWER)
    tiny = await at.workspace()
    thread = await tiny.thread(key="a thread")
    first = await thread.send("Totals")
    again = await (await (await (await at.another()).workspace("tiny")).thread(key="a thread")).send("Totals")
    assert (again.id, again.thread_id) == (first.id, first.thread_id)
    await first.finished()
    there = await at.elsewhere(thread)
    keyed = [t.send(in_reply_to=first.id, idempotency_key="k") for t in (thread, there, thread)]
    assert len({run.id for run in await asyncio.gather(*keyed)}) == 1
    second = await thread.send(in_reply_to=first.id, idempotency_key="k")
    await second.finished()
    assert (await there.send(in_reply_to=first.id, idempotency_key="k")).id == second.id
    for text, in_reply_to in (("Another", None), ("", second.id)):
        with pytest.raises(IdempotencyMismatch):
            await there.send(text, in_reply_to=in_reply_to, idempotency_key="k")
    assert at.model.turns_taken == 2
    golden(await story(thread, first, second))


async def test_a_stream_is_taken_up_at_every_number(front: Opened) -> None:
    at = await front(QUERY, ANSWER, chunk_delay=0.02)
    thread = await at.thread()
    run = await thread.send("Totals")
    whole = asyncio.create_task(events_of(run))
    early = [asyncio.create_task(told_after(run, number)) for number in range(8)]  # some of these are yet to come
    every = await whole
    assert every[-1].event.type == "done"
    for number, task in enumerate(early):
        assert await task == every[number + 1 :]
    there = await (await at.another()).run(run.id)
    for number in range(-1, len(every) + 2):
        assert await told_after(there, number) == every[number + 1 :]


async def told_after(run: Run, number: int) -> list[Numbered]:
    return [numbered async for numbered in run.events(after=number)]


async def test_someone_who_joins_later_reads_all_and_then_live(front: Opened) -> None:
    at = await front(Stall(6, ANSWER), ANSWER)
    thread = await at.thread()
    run = await thread.send("Totals")
    await wait_for_event(run, "token")
    there = await (await at.another()).run(run.id)
    following = asyncio.create_task(events_of(there))
    await wait_for_event(there, "token")
    assert await there.status() == "running"
    await run.cancel()
    assert await following == await events_of(run)
