"""Collects the outcome of a run from its events, for embedded and remote runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from cfo_kernel.errors import CfoError, InternalError, restored
from cfo_kernel.events import Done, Error, FinishedRun, Numbered, Result
from cfo_kernel.replies import Loader, Reply

if TYPE_CHECKING:
    from cfo_kernel.interface import Run

T = TypeVar("T")


async def send_and_wait(send: "Coroutine[Any, Any, Run]") -> Reply:
    """Sends a message, waits for its reply and returns it. Cancelling this call cancels the run."""
    return await send_and_follow(send, lambda run: run.reply())


async def send_and_follow(send: "Coroutine[Any, Any, Run]", follow: "Callable[[Run], Awaitable[T]]") -> T:
    """Sends a message and returns the result of `follow`. Cancelling this call cancels the run and waits for its end.

    Sending is shielded from cancellation, because otherwise a run could be accepted without the caller having its id.
    """
    sending = asyncio.ensure_future(send)
    try:
        return await follow(await asyncio.shield(sending))
    except asyncio.CancelledError:
        with contextlib.suppress(CfoError):
            run = await sending
            await run.cancel()
            await run.finished()
        raise


async def collect_outcome(thread_id: str, run_id: str, events: AsyncIterator[Numbered], load: Loader) -> FinishedRun:
    """Returns the outcome of a run from all its events. The reply will use `load` to load its result file."""
    outcome = FinishedRun(thread_id=thread_id, run_id=run_id, status="running")
    async for numbered in events:
        match numbered.event:
            case Result(reply=reply):
                reply.bind(load)
                outcome = outcome.model_copy(update={"reply": reply})
            case Error() as error:
                outcome = outcome.model_copy(update={"error": error})
            case Done(status=status, usage=usage):
                outcome = outcome.model_copy(update={"status": status, "usage": usage})
            case _:
                pass
    return outcome


def reply_of(outcome: FinishedRun) -> Reply:
    """Returns the reply of a finished run. If there is none, raises the run's error (`RunError` or another)."""
    if outcome.reply is not None:
        return outcome.reply
    error = outcome.error or Error(code=InternalError.code, message="The run ended without a reply.")
    raise restored(error.code, error.message, **error.details)
