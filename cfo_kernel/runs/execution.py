"""One run from its start to its outcome: the agent thinks, the engine acts, the history and the journal hear of it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from cfo_kernel import events
from cfo_kernel.agent.models import Models
from cfo_kernel.data.direct_query import is_direct
from cfo_kernel.errors import CfoError, InternalError, RunCancelled, RunTimeout
from cfo_kernel.replies import Problem
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.recorder import OwnershipLost, Recorder
from cfo_kernel.runs.thread_context import ThreadContext
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.settings import Settings
from cfo_kernel.store.history import Entry, History, MessageEntry, RunEntry, to_its_end

_log = logging.getLogger(__name__)


async def execute_run(
    run: RunRow,
    context: ThreadContext,
    recorder: Recorder,
    settings: Settings,
    usage_recorder: UsageRecorder,
    models: Models,
) -> RunEntry:
    """Answers the message of a run whose turn has come; raises what kept it from an answer.

    When its time is up, whatever it waits for is stopped as if it were cancelled: a model, a query, a program.
    """
    clock = asyncio.timeout(settings.run_timeout)
    try:
        async with clock:
            return await _answer(run, context, recorder, settings, usage_recorder, models)
    except TimeoutError:
        if not clock.expired():
            raise
        message = (
            f"The run took longer than {settings.run_timeout:g} seconds (CFO_RUN_TIMEOUT) and was stopped. Ask a "
            "narrower question, or set it higher."
        )
        raise RunTimeout(message) from None


async def _answer(
    run: RunRow,
    context: ThreadContext,
    recorder: Recorder,
    settings: Settings,
    usage_recorder: UsageRecorder,
    models: Models,
) -> RunEntry:
    # In a thread: the loop serves others meanwhile, and the SQL worker starts beside it.
    history = None if is_direct(run.message) else context.history
    schema, entries = await asyncio.gather(context.data.schema(), asyncio.to_thread(_load, models, history))
    from cfo_kernel.agent.run_deps import RunDeps
    from cfo_kernel.agent.turn import RunLimits, run_turn
    from cfo_kernel.agent.window import window
    from cfo_kernel.runs.actions import act, outcome
    from cfo_kernel.runs.direct_run import answer_direct

    deps = RunDeps(context.data, schema, context.thread_dir, recorder)
    if history is None:
        recorder.used(events.Usage(model="direct", cost=0))
        result, turn = await answer_direct(run.message, run.id, deps, recorder)
        return RunEntry(run_id=run.id, status="succeeded", reply=result, model_messages=turn)
    limits = RunLimits(settings.request_limit, settings.tool_call_limit, settings.token_limit)
    opened = models.opened(schema)
    seen = window(entries, settings.history_turns)
    answer = await run_turn(opened, run.message, seen, deps, recorder, limits, usage_recorder.prices)
    reply = await act(answer.reply, deps, recorder)
    messages: list[Any] = answer.as_json(outcome(reply))
    return RunEntry(run_id=run.id, status="succeeded", reply=reply, usage=recorder.usage, model_messages=messages)


def _load(models: Models, history: History | None) -> tuple[Entry, ...]:
    """Imports what a turn needs, which takes most of a second, and reads the history, if it is wanted.

    Who only lists threads does not pay for the import.
    """
    from cfo_kernel.agent import turn as _  # noqa: F401 - it is in sys.modules from now on

    models.load()
    return () if history is None else history.entries()


async def await_outcome(
    run_id: str, working: "asyncio.Task[RunEntry]", recorder: Recorder, stopped: Callable[[], bool]
) -> RunEntry:
    """What became of the work on a run, whatever it was, once all its events are stored.

    Raises `OwnershipLost` where another process holds the run by now, or the work ended though nobody `stopped` the run: then
    it is this process that stops.
    """
    entry = await _entry_of(run_id, working)
    lost = await recorder.written()
    if isinstance(lost, CfoError):
        entry = failed(run_id, lost)
    elif lost is not None or (entry.status == "cancelled" and not stopped()):
        raise lost or OwnershipLost(run_id)
    return entry.model_copy(update={"usage": recorder.usage})


async def _entry_of(run_id: str, working: "asyncio.Task[RunEntry]") -> RunEntry:
    try:
        return await working
    except CfoError as error:
        return failed(run_id, error)
    except asyncio.CancelledError:
        problem = Problem(code=RunCancelled.code, message="The run was stopped. Send a message to go on.")
        return RunEntry(run_id=run_id, status="cancelled", error=problem)
    except OwnershipLost:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary of a run: a bug of ours must end it too, not hang it
        _log.exception("run %s failed", run_id)
        message = f"cfo_kernel itself failed ({type(error).__name__}). Send the message again; if it stays, report it."
        return failed(run_id, InternalError(message))


async def finish(
    run: RunRow, entry: RunEntry, context: ThreadContext, journal: Journal, usage_recorder: UsageRecorder
) -> None:
    """Puts the outcome into the history, then tells it: who reads the last event finds the history complete.

    Where the history has an outcome of the run already, an earlier attempt came that far, and it is told. Where it
    cannot take the outcome, that is the outcome. A run that another process holds, or has ended, stays as it is.
    Raises `StorageFailed` where it cannot be told; the run then is still open, and whoever ends it finds the outcome in
    the history.
    """
    if run.parent_run_id is not None:  # its parent's history tells of it
        return await publish_outcome(run, entry, journal, usage_recorder)
    message = MessageEntry(run_id=run.id, text=run.message, in_reply_to=run.in_reply_to)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(context.history.locked())
        except CfoError as error:
            return await publish_outcome(run, _not_stored(entry, error), journal, usage_recorder)
        now = await journal.run(run.id)
        if now.ended or now.attempt != run.attempt:
            return None
        try:
            entry = await to_its_end(context.history.settle, message, entry)
        except CfoError as error:
            entry = _not_stored(entry, error)
        return await publish_outcome(run, entry, journal, usage_recorder)


async def publish_outcome(run: RunRow, entry: RunEntry, journal: Journal, usage_recorder: UsageRecorder) -> None:
    """The last events of a run and its mark in the journal, in one commit, once the run is in the ledger."""
    await usage_recorder.seal(run, entry)
    recorder = await Recorder.at_the_end(journal, run)
    if entry.reply is not None:
        recorder.put(events.Result(reply=entry.reply))
    elif entry.error is not None:
        recorder.put(events.Error(code=entry.error.code, message=entry.error.message))
    recorder.put(events.Done(run_id=run.id, status=entry.status, usage=entry.usage))
    ended = journal.end(run, entry.status)
    if isinstance(lost := await recorder.written(), CfoError):
        raise lost
    await ended


def _not_stored(entry: RunEntry, error: CfoError) -> RunEntry:
    """The outcome of a run whose own could not be kept; what it used, it used."""
    return failed(entry.run_id, error).model_copy(update={"usage": entry.usage})


def failed(run_id: str, error: CfoError) -> RunEntry:
    """The outcome of a run that this error ended."""
    return RunEntry(run_id=run_id, status="failed", error=Problem(code=error.code, message=error.message))
