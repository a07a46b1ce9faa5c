"""Ends a run as failed if its outcome cannot be stored, leaving out anything that may have prevented storing it.

Otherwise the run would stay open forever, and the thread's next messages would wait for it, as would requests to cancel
the run or to delete the thread.
"""

import logging

from cfo_kernel.errors import CfoError, StorageFailed
from cfo_kernel.runs.execution import failed, publish
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.thread_context import ThreadContext
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.store.history import History, MessageEntry, RunEntry, run_to_completion

MOST_ATTEMPTS = 5
"""How often this process tries to store the outcome of a run. The queue waits about a second between attempts."""
_log = logging.getLogger(__name__)


async def end_as_failed(
    run: RunRow, error: BaseException, context: ThreadContext | None, journal: Journal, usage_recorder: UsageRecorder
) -> None:
    """Ends the run with an error that says why its outcome is missing.

    The outcome is also stored in the history and the ledger. A failure to write them is only logged. Raises
    `StorageFailed` if the journal cannot be used; the run then stays open. `context` is None if the thread is gone.
    """
    _log.error("run %s ends as failed, because its outcome cannot be stored", run.id, exc_info=error)
    if isinstance(error, CfoError):
        reason = error.message
    else:
        reason = f"An internal error occurred ({type(error).__name__}). Try again, and report it if it happens again."
    message = f"The outcome of this message could not be stored. {reason}"
    entry = failed(run.id, StorageFailed(message))
    if context is not None and run.parent_run_id is None:  # a child has no entry in the history
        try:
            async with context.history.locked():
                now = await journal.run(run.id)
                if now.ended or now.attempt != run.attempt:
                    return
                entry = await run_to_completion(_replace, context.history, run, entry)
        except Exception:  # noqa: BLE001 - the run has to end whatever is wrong with the history
            _log.exception("the history has no outcome of run %s", run.id)
    try:
        await usage_recorder.seal(run, entry)
    except Exception:  # noqa: BLE001 - as above, for the ledger
        _log.exception("the ledger has no usage of run %s", run.id)
    await publish(run, entry, journal)


def _replace(history: History, run: RunRow, entry: RunEntry) -> RunEntry:
    """Stores the outcome in place of one from an earlier attempt, whose usage and model messages it keeps."""
    earlier = next((e for e in history.entries() if isinstance(e, RunEntry) and e.run_id == run.id), None)
    if earlier is not None:
        entry = entry.model_copy(update={"usage": earlier.usage, "model_messages": earlier.model_messages})
    history.replace_outcome(MessageEntry(run_id=run.id, text=run.message, in_reply_to=run.in_reply_to), entry)
    return entry
