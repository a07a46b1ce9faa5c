"""Dispatch: accepts messages and executes their runs, in order and one at a time per thread."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from cfo_kernel import events
from cfo_kernel.agent.models import Models
from cfo_kernel.cancellation import CANCEL_AGAIN, cancel_and_wait
from cfo_kernel.errors import (
    CfoError,
    ContinueLimitReached,
    IdempotencyMismatch,
    NotFound,
    RunInterrupted,
    RunNotFound,
    StorageFailed,
    ThreadBusy,
    WorkbenchClosed,
)
from cfo_kernel.runs.execution import await_outcome, execute_run, failed, finish, publish_outcome
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.message_checks import check_continue, check_message, continues_left
from cfo_kernel.runs.queue import MAX_CRASHES, RunQueue
from cfo_kernel.runs.recorder import OwnershipLost, Recorder
from cfo_kernel.runs.thread_context import ThreadContext
from cfo_kernel.runs.unstored_outcomes import MOST_ATTEMPTS, end_as_failed
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.settings import Settings
from cfo_kernel.store.folders import new_id
from cfo_kernel.store.history import MessageEntry, RunEntry, run_to_completion

T = TypeVar("T")
_POLL_CANCELS = 0.25  # seconds between checks for cancel requests from other processes
_log = logging.getLogger(__name__)


class Dispatch:
    """Accepts and executes the runs of this process.

    `context_of` returns the context of a run, and raises `NotFound` if the run's thread is gone.
    """

    def __init__(
        self,
        journal: Journal,
        queue: RunQueue,
        settings: Settings,
        usage_recorder: UsageRecorder,
        models: Models,
        context_of: Callable[[RunRow], ThreadContext],
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._settings = settings
        self._usage_recorder = usage_recorder
        self._models = models
        self._context_of = context_of
        self._closed = False
        self._contexts: dict[str, ThreadContext] = {}
        self._working: dict[str, asyncio.Task[RunEntry]] = {}
        self._stopped: dict[str, float] = {}  # when each run was last cancelled
        self._refused: set[str] = set()
        self._failures: dict[str, int] = {}  # how often storing each run's outcome has failed
        self._background: set[asyncio.Task[Any]] = set()
        self._suspects = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts executing runs: those accepted by this process, and those left by processes that stopped or died."""
        await self._queue.open(self.perform)
        self._polling = asyncio.create_task(self._poll_cancels(), name="poll for cancel requests")

    async def accept(
        self, context: ThreadContext, text: str, in_reply_to: str | None, key: str | None, *, untouched: bool = False
    ) -> RunRow:
        """Accepts a message: stores it in the journal and the history, and queues its run.

        `untouched` marks a message that continues after a countdown rather than after a click. Raises `EmptyMessage`,
        `MessageTooLong`, `NothingToContinue`, `ContinueLimitReached`, `IdempotencyMismatch`, `ThreadReadOnly` or
        `StorageFailed`, and in that case changes nothing. Cancelling the caller never leaves a message half accepted.
        """
        check_message(text, in_reply_to, key)
        accepted = self._accept(context, text, in_reply_to, key, untouched=untouched and not text)
        return await asyncio.shield(self._run_to_completion(accepted, "accept"))

    async def accept_child(self, parent: RunRow, text: str, name: str) -> RunRow:
        """Accepts part of a run's work as a child run, which has its own events and outcome.

        A child is not in the history, does not wait for its turn in the thread (its parent already has it), and is
        cancelled together with its parent. In a later attempt of the parent, the same `name` returns the same child.
        """
        return await asyncio.shield(self._run_to_completion(self._accept_child(parent, text, name), "accept a child"))

    async def _accept_child(self, parent: RunRow, text: str, name: str) -> RunRow:
        row = self._new_row(parent.workspace_id, parent.thread_id, text, parent_run_id=parent.id)
        stored = await self._journal.add_run(row, f"{parent.id}/{name}")
        if stored.id == row.id:
            await self._queue.offer(stored)
        return stored

    async def perform(self, run: RunRow) -> None:
        """Executes a run that this process owns, and stores its outcome.

        Returns without storing an outcome if another process has taken over the run, or if this process is stopping.
        Raises the error that prevents storing it. After `MOST_ATTEMPTS` such errors, the run ends as failed.
        """
        try:
            await self._perform(run)
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            self._failures[run.id] = self._failures.get(run.id, 0) + 1
            if self._failures[run.id] < MOST_ATTEMPTS:
                raise
            await end_as_failed(run, error, self._context_or_none(run), self._journal, self._usage_recorder)
        self._failures.pop(run.id, None)

    def _context_or_none(self, run: RunRow) -> ThreadContext | None:
        try:
            return self._context_of(run)
        except CfoError:
            return None

    async def _perform(self, run: RunRow) -> None:
        if self._closed:
            return
        try:
            context = self._contexts.pop(run.id, None) or self._context_of(run)
        except (NotFound, StorageFailed) as error:  # the thread is gone or cannot be read
            await publish_outcome(run, failed(run.id, error), self._journal, self._usage_recorder)
            return
        if run.deaths >= MAX_CRASHES:
            message = "The process answering this message crashed repeatedly. Reword the message and send it again."
            await finish(run, failed(run.id, RunInterrupted(message)), context, self._journal, self._usage_recorder)
            return
        recorder = await Recorder.of(self._journal, run)
        if self._closed:
            return
        working = asyncio.create_task(self._execute_in_turn(run, context, recorder), name=f"work on {run.id}")
        recorder.on_loss = working.cancel
        self._working[run.id] = working
        try:
            entry = await await_outcome(run.id, working, recorder, lambda: run.id in self._stopped)
        except OwnershipLost:
            return
        finally:
            del self._working[run.id]  # from here on, it is too late to cancel the run
            self._stopped.pop(run.id, None)
        await finish(run, entry, context, self._journal, self._usage_recorder)

    async def cancel(self, run_id: str) -> None:
        """Cancels a run and its children, whichever process executes them. A run that has ended is not changed."""
        await asyncio.shield(self._run_to_completion(self._cancel(run_id), f"cancel {run_id}"))

    async def _cancel(self, run_id: str) -> None:
        run = await self._journal.run(run_id)
        if run.ended:
            return
        await self._journal.request_cancel(
            run_id
        )  # first, so that if this process dies here, the next owner cancels the run
        for child in await self._journal.open_runs(run.workspace_id, run.thread_id):
            if child.parent_run_id == run_id:
                await self._cancel(child.id)
        if run_id in self._working:
            self._stop(run_id)
        elif not self._queue.is_alive(run.owner):
            claimed = await self._journal.claim(run, self._queue.me, died=bool(run.owner))
            if claimed is not None:
                self._queue.take(claimed)

    async def stop_runs(self, workspace_id: str, thread_id: str | None = None) -> None:
        """Cancels the runs of a thread, or of all threads in a workspace, and returns when they have ended.

        If another process is executing one of them, raises `ThreadBusy` and cancels nothing.
        """
        runs = await self._journal.open_runs(workspace_id, thread_id)
        if any(run.owner != self._queue.me and self._queue.is_alive(run.owner) for run in runs):
            raise ThreadBusy(
                "Another process is executing a run in this thread. Stop that run or wait for it, then try again."
            )
        for run in runs:
            await self.cancel(run.id)
        for run in runs:
            with contextlib.suppress(RunNotFound):  # its acceptance failed and was retracted
                async for _ in self._journal.subscribe(run.id):
                    pass

    async def close(self) -> None:
        """Stops executing runs, and returns when everything has stopped. The next process continues the open runs."""
        self._closed = True
        self._queue.pause()
        await cancel_and_wait(self._polling, *self._working.values())
        while self._background:
            await asyncio.wait(self._background)
        await self._queue.close()

    async def _accept(
        self, context: ThreadContext, text: str, in_reply_to: str | None, key: str | None, *, untouched: bool
    ) -> RunRow:
        async with context.history.locked():
            if earlier := await self._journal.by_key(context.workspace_id, context.thread_id, key):
                if (earlier.message, earlier.in_reply_to) != (text, in_reply_to):
                    message = "This idempotency key was used for another message in this thread. Use a new key."
                    raise IdempotencyMismatch(message)
                await self._append_to_history(context)
                return earlier
            # A message with text may follow any history, so the history need not be read here. If it is unreadable, it
            # cannot be written either, and the message is refused below.
            entries = () if text and not untouched else await asyncio.to_thread(context.history.entries)
            if not text:
                check_continue(entries, in_reply_to)
            if untouched and not continues_left(entries, self._settings.continue_limit):
                message = (
                    "The limit on automatic continues has been reached. Review the thread, then continue it yourself "
                    "or send a message."
                )
                raise ContinueLimitReached(message)
            if self._closed:
                raise WorkbenchClosed("The workbench was closed. Call connect() again.")
            row = self._new_row(context.workspace_id, context.thread_id, text, in_reply_to=in_reply_to)
            try:
                stored = await self._journal.add_run(row, key)
                if stored.id != row.id:  # another process used this key first
                    return stored
                row = stored
                message = MessageEntry(run_id=row.id, text=text, in_reply_to=in_reply_to, untouched=untouched)
                await self._append_to_history(context, message)
            except Exception:  # not BaseException: if the loop ends here, the next process answers the message
                await self._retract(row.id)
                raise
        if row.owner == self._queue.me:  # it will be executed here, so keep its context
            self._contexts[row.id] = context
        await self._queue.offer(row)
        return row

    async def _append_to_history(self, context: ThreadContext, *added: MessageEntry) -> None:
        """Appends messages to the history, after those that a process accepted but could not append before it died."""
        waiting = await self._journal.open_runs(context.workspace_id, context.thread_id)
        missing = [
            MessageEntry(run_id=run.id, text=run.message, in_reply_to=run.in_reply_to)
            for run in waiting
            if run.parent_run_id is None and run.id not in self._refused and run.id not in {m.run_id for m in added}
        ]
        await run_to_completion(context.history.append, *missing, *added)

    async def _retract(self, run_id: str) -> None:
        """Retracts a run whose message was refused. If the journal cannot be written, this is retried later."""
        try:
            await self._journal.retract(run_id)
        except CfoError:
            self._refused.add(run_id)

    def _new_row(self, workspace_id: str, thread_id: str, text: str, **more: Any) -> RunRow:
        owner = self._queue.accepts_as
        return RunRow(
            n=0, id=new_id(), workspace_id=workspace_id, thread_id=thread_id, message=text, owner=owner, **more
        )

    async def _execute_in_turn(self, run: RunRow, context: ThreadContext, recorder: Recorder) -> RunEntry:
        if run.id in await self._journal.cancels():
            self._stop(run.id)
        async with self._queue.turn(run), self._isolate_suspect(run):
            if run.attempt > 1 and (earlier_outcome := await self._resume(run, context)):
                return earlier_outcome
            await self._journal.start(run)
            recorder.put(events.RunStarted(run_id=run.id, thread_id=run.thread_id))
            return await execute_run(run, context, recorder, self._settings, self._usage_recorder, self._models)

    def _isolate_suspect(self, run: RunRow) -> AbstractAsyncContextManager[object]:
        """Returns a lock for a run whose processes have crashed repeatedly.

        Such runs are executed one at a time, so that another crash interrupts as few of them as possible.
        """
        is_suspect = run.deaths >= MAX_CRASHES // 2 and run.parent_run_id is None
        return self._suspects if is_suspect else contextlib.nullcontext()

    async def _resume(self, run: RunRow, context: ThreadContext) -> RunEntry | None:
        """Ensures that the message is in the history. Returns the outcome if an earlier attempt has stored one."""
        if run.parent_run_id is not None:
            return None
        async with context.history.locked():
            message = MessageEntry(run_id=run.id, text=run.message, in_reply_to=run.in_reply_to)
            await run_to_completion(context.history.append, message)
            entries = await asyncio.to_thread(context.history.entries)
        return next((e for e in entries if isinstance(e, RunEntry) and e.run_id == run.id), None)

    async def _poll_cancels(self) -> None:
        """Cancels runs when other processes request it, and retracts refused runs that are still in the journal."""
        while not self._closed:
            await asyncio.sleep(_POLL_CANCELS)
            for run_id in self._refused.copy():
                self._refused.discard(run_id)
                await self._retract(run_id)
            if self._working:
                with contextlib.suppress(CfoError):
                    for run_id in await self._journal.cancels():
                        self._stop(run_id)

    def _stop(self, run_id: str) -> None:
        working, now = self._working.get(run_id), time.monotonic()
        # Cancelled again after a while, because a library may have swallowed the first cancellation.
        if working is not None and now - self._stopped.get(run_id, -math.inf) > CANCEL_AGAIN:
            self._stopped[run_id] = now
            working.cancel()

    def _run_to_completion(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Runs a coroutine in a task that continues if its caller is cancelled."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._log_failure)
        return task

    def _log_failure(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CfoError):
            _log.error("%s failed", task.get_name(), exc_info=error)
