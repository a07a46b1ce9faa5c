"""Executing one run from start to outcome: the agent's turn, the engine's action, then history, ledger and journal."""

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
from cfo_kernel.store.history import Entry, History, MessageEntry, RunEntry, run_to_completion

_log = logging.getLogger(__name__)


async def execute_run(
    run: RunRow,
    context: ThreadContext,
    recorder: Recorder,
    settings: Settings,
    usage_recorder: UsageRecorder,
    models: Models,
) -> RunEntry:
    """Answers the run's message: the entry for the history. Raises the error that prevented an answer.

    At the time limit, whatever the run is waiting for (a model, a query, a program) is cancelled, and `RunTimeout` is
    raised.
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
            "narrower question, or raise the limit."
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
    # Importing and reading happen in a thread, so that the loop stays responsive and the SQL worker starts in parallel.
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
    """Imports what a turn needs, which takes most of a second, and reads the history if there is one.

    The import is late so that commands which run no agent, such as listing threads, stay fast.
    """
    from cfo_kernel.agent import turn as _  # noqa: F401 - it is in sys.modules from now on

    models.load()
    return () if history is None else history.entries()


async def await_outcome(
    run_id: str, working: "asyncio.Task[RunEntry]", recorder: Recorder, stopped: Callable[[], bool]
) -> RunEntry:
    """The entry that an execution ended with, once all its events are stored.

    Raises `OwnershipLost` if another process owns the run by now, or if the execution was cancelled although the run
    was not (`stopped`): then this process is stopping.
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
        problem = Problem(code=RunCancelled.code, message="The run was stopped. Send a message to continue.")
        return RunEntry(run_id=run_id, status="cancelled", error=problem)
    except OwnershipLost:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary of a run: an unexpected error must end it, not hang it
        _log.exception("run %s failed", run_id)
        message = f"An internal error occurred ({type(error).__name__}). Send it again; report it if it recurs."
        return failed(run_id, InternalError(message))


async def finish(
    run: RunRow, entry: RunEntry, context: ThreadContext, journal: Journal, usage_recorder: UsageRecorder
) -> None:
    """Stores the outcome in the history, then publishes it: a reader of the last event finds the history complete.

    If the history has an outcome of this run already, an earlier attempt got that far, and that outcome is published.
    If the history cannot be written, that error becomes the outcome. A run that has ended, or that another process
    owns, stays as it is. Raises `StorageFailed` if the outcome cannot be published: the run is still open then, and the
    next attempt finds the outcome in the history.
    """
    if run.parent_run_id is not None:  # a child has no entry in the history
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
            entry = await run_to_completion(context.history.record_outcome, message, entry)
        except CfoError as error:
            entry = _not_stored(entry, error)
        return await publish_outcome(run, entry, journal, usage_recorder)


async def publish_outcome(run: RunRow, entry: RunEntry, journal: Journal, usage_recorder: UsageRecorder) -> None:
    """Seals the run in the ledger, then writes its last events and its end to the journal in one commit."""
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
    """The outcome of a run whose real outcome could not be stored. Its usage still counts."""
    return failed(entry.run_id, error).model_copy(update={"usage": entry.usage})


def failed(run_id: str, error: CfoError) -> RunEntry:
    """The outcome of a run that ended with this error."""
    return RunEntry(run_id=run_id, status="failed", error=Problem(code=error.code, message=error.message))
