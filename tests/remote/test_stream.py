"""A run's events arrive over unreliable connections without gaps or duplicates."""

from contextlib import aclosing
from typing import Any

import pytest

from cfo_kernel.errors import RunNotFound, ServerIncompatible, ServerUnavailable, TooManyStreams
from cfo_kernel.remote import RemoteRun, RemoteWorkbench
from cfo_kernel.remote.api_client import Timeouts
from tests.remote.conftest import Scripted
from tests.remote.scripted_http import HOLD, STREAM, answer, done, frame, frames, problem


async def numbers(run: Any, after: int | None = None) -> list[int]:
    return [numbered.number async for numbered in run.events(after)]


async def opened(workbench: RemoteWorkbench) -> RemoteRun:
    return await workbench.run("r1")


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([STREAM, frames(0, 1)], id="between two events"),
        pytest.param([STREAM, frames(0, 1), frames(2)[:-20]], id="in the middle of an event"),
        pytest.param([STREAM, frames(0, 1), frames(2)[:-1]], id="before the line that ends an event"),
        pytest.param([STREAM, frames(0, 1), HOLD], id="silence"),
        pytest.param([STREAM, frames(0, 1), frames(3)], id="an event was lost on the way"),
    ],
)
async def test_a_stream_that_is_cut_resumes_where_it_stopped(scripted: Scripted, first: list[bytes | None]) -> None:
    rest = STREAM + frames(1, 2, 3) + b": heartbeat\n\n" + done(4)
    server, workbench = await scripted(first, rest)
    assert await numbers(await opened(workbench)) == [0, 1, 2, 3, 4]
    assert [asked.headers.get("last-event-id") for asked in server.asked] == [None, "1"]


async def test_a_stream_resumes_after_a_connection_reset_within_a_chunk(scripted: Scripted) -> None:
    head = STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    piece = frames(0)
    cut = [head, f"{len(piece):x}\r\n".encode() + piece + b"\r\n", b"ff\r\nid: 1"]
    _, workbench = await scripted(cut, STREAM + frames(1) + done(2))
    assert await numbers(await opened(workbench)) == [0, 1, 2]


async def test_events_after_a_number(scripted: Scripted) -> None:
    server, workbench = await scripted(STREAM + frames(6) + done(7))
    assert await numbers(await opened(workbench), after=5) == [6, 7]
    assert server.asked[-1].headers["last-event-id"] == "5"


@pytest.mark.parametrize("end", [[STREAM, STREAM], [answer(b"", 204)]])
async def test_nothing_comes_after_the_last_event(scripted: Scripted, end: list[bytes]) -> None:
    server, workbench = await scripted(*end)
    server.run_status = "succeeded"
    assert await numbers(await opened(workbench), after=7) == []


async def test_a_server_that_is_away_for_a_moment_is_waited_for(scripted: Scripted) -> None:
    away = [b"", answer(b"<html>", 502, "text/html"), b""]
    server, workbench = await scripted(STREAM + frames(0), *away, STREAM + frames(1) + done(2))
    run = await opened(workbench)
    seen: list[int] = []
    async with aclosing(run.events()) as events:
        async for numbered in events:
            seen.append(numbered.number)
            if numbered.number == 0:
                await server.stop()
                await server.start()
    assert seen == [0, 1, 2]


async def test_patience_ends(scripted: Scripted) -> None:
    server, workbench = await scripted(STREAM + frames(0), timeouts=Timeouts(total=0.1, silence=1, pause=0.01))
    run = await opened(workbench)
    await server.stop()
    with pytest.raises(ServerUnavailable, match="Check CFO_URL, and that `cfo serve` is running there"):
        await numbers(run)


async def test_who_stops_listening_hangs_up(scripted: Scripted) -> None:
    server, workbench = await scripted([STREAM, frames(0), HOLD], timeouts=Timeouts(silence=30))
    run = await opened(workbench)
    async with aclosing(run.events()) as events:
        assert (await anext(events)).number == 0
    await server.asked[-1].gone.wait()


async def test_an_error_of_the_server_ends_the_stream(scripted: Scripted) -> None:
    _, workbench = await scripted(problem(404, "run_not_found", "There is no such run."))
    with pytest.raises(RunNotFound, match="no such run"):
        await numbers(await opened(workbench))


@pytest.mark.parametrize(
    "stream",
    [
        answer({"hello": "world"}),
        STREAM + b"data: {}\n\n",
        STREAM + frame(0, {"type": "of_a_newer_version"}),
        STREAM + b"id: 0\ndata: {\n\n",
    ],
)
async def test_a_response_that_is_not_an_event_stream_is_reported(scripted: Scripted, stream: bytes) -> None:
    _, workbench = await scripted(stream)
    with pytest.raises(ServerIncompatible, match="same version of cfo-kernel"):
        await numbers(await opened(workbench))


async def test_a_field_of_a_newer_version_is_ignored(scripted: Scripted) -> None:
    event = {"type": "done", "run_id": "r1", "status": "failed", "newer": 1, "usage": {"requests": 3, "newer": 2}}
    _, workbench = await scripted(STREAM + frame(0, event))
    (only,) = [numbered async for numbered in (await opened(workbench)).events()]
    assert only.event.model_dump(exclude_unset=True)["usage"] == {"requests": 3}


async def test_the_outcome_is_put_together_from_the_events(scripted: Scripted) -> None:
    result = frame(0, {"type": "result", "reply": {"kind": "task_result", "message": "Hello."}})
    _, workbench = await scripted(STREAM + result + done(1))
    finished = await (await opened(workbench)).finished()
    assert (finished.thread_id, finished.run_id, finished.status) == ("t1", "r1", "succeeded")
    assert finished.reply is not None


FULL = problem(429, "too_many_streams", "Too many streams are open: 200.")


async def test_a_server_without_room_is_asked_again(scripted: Scripted) -> None:
    server, workbench = await scripted(FULL, FULL, STREAM + frames(0) + done(1))
    assert await numbers(await opened(workbench)) == [0, 1]
    assert len(server.asked) == 3


async def test_a_server_that_stays_full_says_so_and_the_reply_comes_all_the_same(scripted: Scripted) -> None:
    finished = {
        "thread_id": "t1",
        "run_id": "r1",
        "status": "succeeded",
        "reply": {"kind": "task_result", "message": "5"},
    }
    server, workbench = await scripted(timeouts=Timeouts(full=0, pause=0.01))
    run = await opened(workbench)
    server.turns = [FULL]
    with pytest.raises(TooManyStreams, match="Too many streams are open: 200"):
        await numbers(run)
    server.turns, server.run_status = [FULL, answer(finished)], "succeeded"
    assert (await run.reply()).message == "5"
    server.turns = [answer(b"<html>", 429, "text/html", Retry_After="1")]
    with pytest.raises(TooManyStreams, match="has reached its limit on open requests") as caught:
        await numbers(run)
    assert caught.value.details == {"retry_after": 1}
