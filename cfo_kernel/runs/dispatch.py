"""Accepts messages and has their runs executed: one at a time in a thread, in the order of acceptance."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from cfo_kernel import events
from cfo_kernel.errors import (
    CfoError,
    EmptyMessage,
    IdempotencyMismatch,
    InvalidInput,
    MessageTooLong,
    NothingToContinue,
    RunInterrupted,
    ThreadBusy,
    WorkbenchClosed,
)
from cfo_kernel.runs.books import Books
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.owners import Owners
from cfo_kernel.runs.places import Place
from cfo_kernel.runs.recorder import Recorder
from cfo_kernel.runs.turn import failed, finish, outcome_of, tell, work
from cfo_kernel.settings import Settings
from cfo_kernel.store.folders import is_id, new_id
from cfo_kernel.store.history import Entry, MessageEntry, RunEntry, to_its_end

T = TypeVar("T")
MAX_MESSAGE = 100_000
"""Bytes of UTF-8 in a message; a table belongs into a file."""
_MAX_KEY = 200
_LOOK_AGAIN = 0.02
_LISTEN = 0.25  # seconds between two looks whether another process wants a run stopped
_log = logging.getLogger(__name__)


class Dispatch:
    """The runs of this process; runs of others are waited for, and closed if their process died."""

    def __init__(self, journal: Journal, owners: Owners, settings: Settings, books: Books) -> None:
        self._journal = journal
        self._owners = owners
        self._settings = settings
        self._books = books
        self._closed = False
        self._mine: dict[str, asyncio.Task[None] | None] = {}  # None while one is being accepted
        self._working: dict[str, asyncio.Task[RunEntry]] = {}
        self._kept: set[asyncio.Task[Any]] = set()

    async def accept(self, place: Place, text: str, in_reply_to: str | None, key: str | None) -> RunRow:
        """Takes a message: when this returns it is in the journal and in the history, and its run is under way.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue`, `IdempotencyMismatch`, `ThreadReadOnly` or
        `StorageFailed`, and then nothing has changed. A caller that is cancelled leaves no message half taken.
        """
        check_message(text, in_reply_to, key)
        return await asyncio.shield(self._keep(self._accepted(place, text, in_reply_to, key), "accept"))

    def cancel(self, run_id: str) -> None:
        """Stops a run, or asks the process that works on it to; one that has ended stays as it is."""
        if working := self._working.get(run_id):
            working.cancel()
        elif not self._journal.run(run_id).ended:
            self._journal.request_cancel(run_id)

    async def close_orphans(self, place: Place) -> None:
        """Ends the thread's runs whose process died before it could."""
        for run in self._journal.open_runs(place.workspace_id, place.thread_id):
            if not self._is_alive(run):
                await self._interrupted(run, place)

    async def close_lost(self, run: RunRow) -> None:
        """Ends a run whose process died and whose thread is gone."""
        if not self._is_alive(run):
            await tell(run, _interruption(run.id), self._journal, self._books)

    async def quiet(self, workspace_id: str, thread_id: str | None = None) -> None:
        """Stops the runs of the thread, or of all threads of the workspace, and returns when they have ended.

        Raises `ThreadBusy` where others have runs in it, and then none is stopped.
        """
        runs = [run for run in self._journal.open_runs() if run.workspace_id == workspace_id]
        runs = [run for run in runs if thread_id in (None, run.thread_id)]
        if any(run.owner != self._owners.me and self._is_alive(run) for run in runs):
            raise ThreadBusy("Another program is answering here. Stop it there, or wait, then try again.")
        ends = [end for run in runs if (end := self._mine.get(run.id))]
        for run in runs:
            if working := self._working.get(run.id):
                working.cancel()
        await asyncio.gather(*map(asyncio.shield, ends))

    async def close(self) -> None:
        """Stops what still runs, and waits until the history and the journal have heard of it."""
        self._closed = True
        while self._kept:
            for working in self._working.values():
                working.cancel()
            await asyncio.wait(self._kept)

    async def _accepted(self, place: Place, text: str, in_reply_to: str | None, key: str | None) -> RunRow:
        async with place.history.locked():
            if earlier := self._journal.by_key(place.workspace_id, place.thread_id, key):
                if (earlier.message, earlier.in_reply_to) != (text, in_reply_to):
                    message = "This idempotency key belongs to another message of the thread. Take a new one."
                    raise IdempotencyMismatch(message)
                return earlier
            entries = await asyncio.to_thread(place.history.entries)
            if not text:
                check_continue(entries, in_reply_to)
            if self._closed:
                raise WorkbenchClosed("The workbench was closed. Call connect() again.")
            row = RunRow(
                n=0, id=new_id(), workspace_id=place.workspace_id, thread_id=place.thread_id, message=text,
                in_reply_to=in_reply_to, owner=self._owners.me, status="queued",
            )  # fmt: skip
            self._mine[row.id] = None
            try:
                recorder = Recorder(self._journal, row.id)
                row = await self._journal.add_run(row, key)
                await to_its_end(place.history.append, MessageEntry(run_id=row.id, text=text, in_reply_to=in_reply_to))
            except BaseException as error:
                try:
                    if isinstance(error, Exception):  # else the loop ends, and the run is closed as interrupted later
                        with contextlib.suppress(CfoError):
                            await self._journal.retract(row.id)
                finally:
                    del self._mine[row.id]  # only now, or others would close it as one whose process died
                raise
        working = asyncio.create_task(self._in_turn(row, place, recorder), name=f"work on {row.id}")
        recorder.on_loss = working.cancel
        self._working[row.id] = working
        self._mine[row.id] = self._keep(self._brought_to_its_end(row, place, recorder), f"run {row.id}")
        self._listen(row.id)
        return row

    async def _in_turn(self, run: RunRow, place: Place, recorder: Recorder) -> RunEntry:
        while before := self._journal.open_before(run):
            if self._is_alive(before[0]):
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                await self._interrupted(before[0], place)
        await self._journal.start(run.id)
        recorder.put(events.RunStarted(run_id=run.id, thread_id=run.thread_id))
        return await work(run, place, recorder, self._settings, self._books)

    async def _brought_to_its_end(self, run: RunRow, place: Place, recorder: Recorder) -> None:
        """Waits for the work, which may be stopped at any time, and then for its outcome to be told."""
        try:
            entry = await outcome_of(run.id, self._working[run.id], recorder)
            del self._working[run.id]  # from here on a stop comes too late
            await finish(run, entry, place, self._journal, self._books)
        finally:
            del self._mine[run.id]

    def _listen(self, run_id: str) -> None:
        """Stops a run of ours that another process, or another workbench, wants stopped; looks again while it works."""
        if working := self._working.get(run_id):
            with contextlib.suppress(CfoError):
                if self._journal.cancel_requested(run_id):
                    working.cancel()
                    return
            asyncio.get_running_loop().call_later(_LISTEN, self._listen, run_id)

    async def _interrupted(self, run: RunRow, place: Place) -> None:
        """Closes a run that lost its process. Who asked for it may be stopped; what was begun goes to its end."""
        await asyncio.shield(self._keep(self._closed_as_its_history_says(run, place), f"closing {run.id}"))

    async def _closed_as_its_history_says(self, run: RunRow, place: Place) -> None:
        try:
            entries = await asyncio.to_thread(place.history.entries)
        except CfoError:
            entries = ()
        kept = [e for e in entries if isinstance(e, RunEntry) and e.run_id == run.id]
        entry = kept[0] if kept else _interruption(run.id)
        await finish(run, entry, place, self._journal, self._books)

    def _is_alive(self, run: RunRow) -> bool:
        return run.id in self._mine if run.owner == self._owners.me else self._owners.is_alive(run.owner)

    def _keep(self, what: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Has something done to its end, whoever asked for it."""
        task = asyncio.create_task(what, name=name)
        self._kept.add(task)
        task.add_done_callback(self._let_go)
        return task

    def _let_go(self, task: "asyncio.Task[Any]") -> None:
        self._kept.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CfoError):
            _log.error("%s failed", task.get_name(), exc_info=error)


def check_message(text: str, in_reply_to: str | None, key: str | None = None) -> None:
    """Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue` or `InvalidInput` for what cannot be a message."""
    if in_reply_to is not None and not is_id(in_reply_to):
        raise NothingToContinue("`in_reply_to` is the id of a run. Take it from the reply that is to be continued.")
    if key is not None and not (0 < len(key) <= _MAX_KEY and key.isprintable()):
        raise InvalidInput(f"The idempotency key must have 1 to {_MAX_KEY} printable characters. Take a UUID.")
    if not text and in_reply_to is None:
        raise EmptyMessage("The message is empty. Write a question.")
    if text and not text.strip():
        raise EmptyMessage("The message holds only spaces. Write a question.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("The message holds characters that are no text. Send it as UTF-8.") from error
    if size > MAX_MESSAGE:
        limit = f"{MAX_MESSAGE:,}"
        raise MessageTooLong(f"The message has {size:,} bytes, {limit} are taken. Upload long tables as a file.")


def check_continue(entries: Sequence[Entry], in_reply_to: str | None) -> None:
    """Raises `NothingToContinue` unless that reply asks for review, and no message came after it."""
    messages = [e for e in entries if isinstance(e, MessageEntry)]
    replies = {e.run_id: e.reply for e in entries if isinstance(e, RunEntry)}
    reply = replies.get(in_reply_to or "")
    if reply is None or not reply.waits_for_review or not messages or messages[-1].run_id != in_reply_to:
        message = "There is no such reply to continue: it was answered already, or asks for no review. Write a message."
        raise NothingToContinue(message)


def _interruption(run_id: str) -> RunEntry:
    return failed(run_id, RunInterrupted("The program that worked on this message stopped. Send it again."))
