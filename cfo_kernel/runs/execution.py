"""Executes one run: the agent's turn and the engine's action. Stores the outcome in history, ledger and journal."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from cfo_kernel import events
from cfo_kernel.agent.models import Models
from cfo_kernel.data.dataset_index import all_read, at_once
from cfo_kernel.data.direct_query import is_direct, sql_in
from cfo_kernel.errors import CfoError, InternalError, RunCancelled, RunTimeout
from cfo_kernel.replies import Problem
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.reading_progress import reading_reported
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
    """Answers the run's message, and returns the entry for the history. Raises the error that prevented an answer.

    At the time limit, cancels the model request, query or program that the run is waiting for, and raises `RunTimeout`.
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
    # The imports and the history are loaded in a thread, to keep the loop responsive while the SQL worker starts.
    history = None if is_direct(run.message) else context.history
    sql = sql_in(run.message)
    until = at_once if sql else all_read  # SQL names its tables, and waits only for them
    with reading_reported(context.data, recorder.progress):
        schema, entries = await asyncio.gather(context.data.schema(until), asyncio.to_thread(_load, models, history))
    from cfo_kernel.agent.run_deps import RunDeps
    from cfo_kernel.agent.turn import RunLimits, run_turn
    from cfo_kernel.agent.window import window
    from cfo_kernel.runs.actions import act, outcome
    from cfo_kernel.runs.direct_run import answer_direct

    deps = RunDeps(context.data, schema, context.thread_dir, recorder)
    if sql:
        with reading_reported(context.data, recorder.progress):
            await context.data.wait_for_tables(sql, thread_tables=deps.thread_tables)
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
    """Imports the modules that a turn needs, and returns the history's entries, if a history is given.

    The imports take most of a second. They happen this late so that commands that run no agent, such as listing
    threads, stay fast.
    """
    from cfo_kernel.agent import turn as _  # noqa: F401 - loads it into sys.modules

    models.load()
    return () if history is None else history.entries()


async def await_outcome(
    run_id: str, working: "asyncio.Task[RunEntry]", recorder: Recorder, stopped: Callable[[], bool]
) -> RunEntry:
    """Waits for an execution and returns its entry once all its events are stored.

    Raises `OwnershipLost` if another process now owns the run, or if the execution was cancelled because this process
    is stopping, not because the run was cancelled (`stopped`).
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
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - the boundary of a run: an unexpected error must end it, not hang it
        _log.exception("run %s failed", run_id)
        message = f"An internal error occurred ({type(error).__name__}). Try again, and report it if it happens again."
        return failed(run_id, InternalError(message))


async def finish(
    run: RunRow, entry: RunEntry, context: ThreadContext, journal: Journal, usage_recorder: UsageRecorder
) -> None:
    """Stores the outcome in the history, then publishes it: when the last event arrives, the history is complete.

    If an earlier attempt has already stored an outcome in the history, publishes that outcome. If the history cannot be
    written, that error becomes the outcome. A run that has ended, or that another process owns, is not changed. Raises
    `StorageFailed` if the outcome cannot be published. The run is then still open, and the next attempt finds the
    outcome in the history.
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
    """Adds the run to the ledger, then publishes its outcome in the journal."""
    await usage_recorder.seal(run, entry)
    await publish(run, entry, journal)


async def publish(run: RunRow, entry: RunEntry, journal: Journal) -> None:
    """Writes the run's last events to the journal and marks it as ended, in one commit. Raises `StorageFailed`."""
    recorder = await Recorder.at_the_end(journal, run)
    if entry.reply is not None:
        recorder.put(events.Result(reply=entry.reply))
    elif entry.error is not None:
        recorder.put(events.Error(**entry.error.model_dump()))
    recorder.put(events.Done(run_id=run.id, status=entry.status, usage=entry.usage))
    ended = journal.end(run, entry.status)
    if isinstance(lost := await recorder.written(), CfoError):
        raise lost
    await ended


def _not_stored(entry: RunEntry, error: CfoError) -> RunEntry:
    """Returns the outcome for a run whose actual outcome could not be stored, keeping the usage."""
    return failed(entry.run_id, error).model_copy(update={"usage": entry.usage})


def failed(run_id: str, error: CfoError) -> RunEntry:
    """Returns the outcome of a run that failed with this error."""
    problem = Problem(code=error.code, message=error.message, details=error.details)
    return RunEntry(run_id=run_id, status="failed", error=problem)
