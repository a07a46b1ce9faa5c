"""Work ends even if a library swallows its first cancellation."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cfo_kernel.agent import turn
from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.errors import InternalError
from cfo_kernel.runs import dispatch
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from tests.conftest import Opened
from tests.models.scripted_server import Stall
from tests.replies import ANSWER, Serve, events_of, wait_for_event
from tests.runs.test_runs import new_thread


def deaf(first: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A version of the coroutine function that swallows its first cancellation and continues."""
    swallowed = False

    async def call(*arguments: Any, **named: Any) -> Any:
        nonlocal swallowed
        try:
            return await first(*arguments, **named)
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed = True
            return await first(*arguments, **named)

    return call


async def test_a_task_is_cancelled_until_it_ends() -> None:
    task = asyncio.ensure_future(deaf(asyncio.sleep)(3600))
    await asyncio.sleep(0)
    await cancel_and_wait(None, task, again=0.01)
    assert task.cancelled()


async def test_the_failure_of_a_cancelled_task_is_ignored() -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert isinstance(task.exception(), ValueError)


async def test_a_workbench_closes_although_its_loops_lose_a_cancellation(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal swallows one cancellation of each loop that reads it, so the loop must stop by checking its own
    flag.
    """
    monkeypatch.setattr(dispatch, "_POLL_CANCELS", 0.01)
    for name in ("cancels", "open_runs"):
        asked = asyncio.Event()
        original = getattr(SqliteJournal, name)

        async def slow(
            *arguments: Any, asked: asyncio.Event = asked, original: Callable[..., Any] = original, **named: Any
        ) -> Any:
            asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)
            return await original(*arguments, **named)

        monkeypatch.setattr(SqliteJournal, name, slow)
    thread = await new_thread(opened, serve(Stall(6, ANSWER), repeat_last=True))
    run = await thread.send("Hello")
    await wait_for_event(run, "token")
    async with asyncio.timeout(60):
        await thread._engine.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


async def test_a_run_stops_although_its_cancellation_was_swallowed(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_POLL_CANCELS", 0.01)
    monkeypatch.setattr(dispatch, "CANCEL_AGAIN", 0.05)

    async def run_turn(*_: object, **__: object) -> None:
        await deaf(asyncio.sleep)(3600)

    monkeypatch.setattr(turn, "run_turn", run_turn)
    thread = await new_thread(opened, serve(ANSWER))
    run = await thread.send("Hello")
    await wait_for_event(run, "run_started")
    await run.cancel()
    async with asyncio.timeout(60):
        assert (await run.finished()).status == "cancelled"


async def test_a_run_ends_whatever_is_raised_in_it(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit of a test, for example, is not an `Exception`. Nothing else would end the run for its readers."""

    class Unusual(BaseException):
        pass

    async def run_turn(*_: object, **__: object) -> None:
        raise Unusual

    monkeypatch.setattr(turn, "run_turn", run_turn)
    thread = await new_thread(opened, serve(ANSWER))
    run = await thread.send("Hello")
    async with asyncio.timeout(60):
        with pytest.raises(InternalError, match="Unusual"):
            await run.reply()
    assert (await events_of(run))[-1].event.type == "done"
