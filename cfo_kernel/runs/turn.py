"""One run from its start to its outcome: the agent thinks, the engine acts, the history and the journal hear of it."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from cfo_kernel import events
from cfo_kernel.errors import CfoError, InternalError
from cfo_kernel.replies import Problem, Reply, RunSQL, WriteSheetFromFile
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.places import Place
from cfo_kernel.runs.recorder import Recorder
from cfo_kernel.settings import Settings
from cfo_kernel.store.history import MessageEntry, RunEntry

_log = logging.getLogger(__name__)


async def work(run: RunRow, place: Place, journal: Journal, settings: Settings) -> None:
    """Executes a run whose turn has come; whatever happens, it ends in exactly one outcome."""
    recorder = Recorder(journal, run.id)
    await journal.start(run.id)
    recorder.put(events.RunStarted(run_id=run.id, thread_id=run.thread_id))
    try:
        entry = await _answered(run, place, recorder, settings)
    except CfoError as error:
        entry = _failed(run.id, error)
    except asyncio.CancelledError:
        error = Problem(code="cancelled", message="The run was stopped. Send a message to go on.")
        entry = RunEntry(run_id=run.id, status="cancelled", error=error)
    except Exception as error:  # noqa: BLE001 - the boundary of a run: a bug of ours must end it too, not hang it
        _log.exception("run %s failed", run.id)
        message = f"cfo_kernel itself failed ({type(error).__name__}). Send the message again; if it stays, report it."
        entry = _failed(run.id, InternalError(message))
    await _to_its_end(finish(run, entry, place, journal, recorder))


async def _to_its_end(finishing: Coroutine[Any, Any, None]) -> None:
    """Awaits the last step of a run; a stop that comes now is too late."""
    task = asyncio.create_task(finishing)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


async def finish(run: RunRow, entry: RunEntry, place: Place, journal: Journal, recorder: Recorder) -> None:
    """Puts the outcome into the history, then tells it: who reads the last event finds the history complete."""
    async with place.history.locked():
        place.history.append(MessageEntry(run_id=run.id, text=run.message, in_reply_to=run.in_reply_to))
        place.history.append(entry)
    if entry.reply is not None:
        recorder.put(events.Result(reply=entry.reply))
    elif entry.error is not None:
        recorder.put(events.Error(code=entry.error.code, message=entry.error.message))
    recorder.put(events.Done(run_id=run.id, status=entry.status, usage=entry.usage))
    ended = journal.end(run.id, entry.status)
    await recorder.settled()
    await ended


async def _answered(run: RunRow, place: Place, recorder: Recorder, settings: Settings) -> RunEntry:
    # pydantic-ai takes most of a second to import; who only lists threads does not pay for it.
    from cfo_kernel.agent.desk import Desk
    from cfo_kernel.agent.models import model_name, opened_model
    from cfo_kernel.agent.turn import think
    from cfo_kernel.agent.window import window
    from cfo_kernel.runs.actions import act, outcome

    facts = await place.room.facts()
    desk = Desk(place.room, facts, place.thread_dir)
    history = window(place.history.entries(), settings.history_turns)
    async with opened_model(settings, facts) as model:
        name, limit = model_name(settings), settings.request_limit
        answer = await think(model, name, run.message, history, desk, recorder, limit)
    reply: Reply = answer.reply
    if isinstance(reply, RunSQL | WriteSheetFromFile):
        recorder.put(events.ActionStarted(kind=reply.kind))
        reply = await act(reply, desk)
    messages: list[Any] = answer.as_json(outcome(reply))
    return RunEntry(run_id=run.id, status="succeeded", reply=reply, usage=answer.usage, model_messages=messages)


def _failed(run_id: str, error: CfoError) -> RunEntry:
    return RunEntry(run_id=run_id, status="failed", error=Problem(code=error.code, message=error.message))
