"""Accepts messages and has their runs executed: one at a time in a thread, in the order of acceptance."""

import asyncio

from cfo_kernel.errors import EmptyMessage, InputError, MessageTooLong, NothingToContinue
from cfo_kernel.replies import Problem, RunSQL, WriteSheetFromFile
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.owners import Owners
from cfo_kernel.runs.places import Place
from cfo_kernel.runs.recorder import Recorder
from cfo_kernel.runs.turn import finish, work
from cfo_kernel.settings import Settings
from cfo_kernel.store.folders import new_id
from cfo_kernel.store.history import MessageEntry, RunEntry

MAX_MESSAGE = 100_000
"""Bytes of UTF-8 in a message; a table belongs into a file."""
_LOOK_AGAIN = 0.02


class Dispatch:
    """The runs of this process; runs of others are waited for, and closed if their process died."""

    def __init__(self, journal: Journal, owners: Owners, settings: Settings) -> None:
        self._journal = journal
        self._owners = owners
        self._settings = settings
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def accept(self, place: Place, text: str, in_reply_to: str | None, key: str | None) -> RunRow:
        """Takes a message: when this returns it is in the journal and in the history, and its run is under way.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue` or `ThreadReadOnly`, and then nothing has changed.
        """
        check_message(text, in_reply_to)
        async with place.history.locked():
            if earlier := self._journal.by_key(place.thread_id, key):
                return earlier
            entries = place.history.entries()
            if not text:
                self._check_continue(
                    place.thread_id, in_reply_to, {e.run_id: e for e in entries if isinstance(e, RunEntry)}
                )
            row = RunRow(
                n=0, id=new_id(), workspace_id=place.workspace_id, thread_id=place.thread_id, message=text,
                in_reply_to=in_reply_to, owner=self._owners.me, status="queued",
            )  # fmt: skip
            row = await self._journal.add_run(row, key)
            place.history.append(MessageEntry(run_id=row.id, text=text, in_reply_to=in_reply_to))
        task = asyncio.create_task(self._in_turn(row, place), name=f"run {row.id}")
        self._tasks[row.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(row.id, None))
        return row

    def cancel(self, run_id: str) -> None:
        """Stops a run of this process; one that has ended stays as it is."""
        if task := self._tasks.get(run_id):
            task.cancel()

    async def close_orphans(self, place: Place) -> None:
        """Ends the thread's runs whose process died before it could."""
        for run in self._journal.open_before(place.thread_id, 1 << 62):
            if not self._owners.is_alive(run.owner):
                await self._interrupted(run, place)

    async def close(self) -> None:
        """Stops what still runs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check_continue(self, thread_id: str, in_reply_to: str | None, ended: dict[str, RunEntry]) -> None:
        last = self._journal.last(thread_id)
        entry = ended.get(in_reply_to or "")
        waits = entry is not None and isinstance(entry.reply, RunSQL | WriteSheetFromFile)
        if last is not None and last.id != in_reply_to:
            waits = False
        if not waits:
            message = (
                "There is nothing to continue: the reply was answered already, or asks for no review. Write a message."
            )
            raise NothingToContinue(message)

    async def _in_turn(self, run: RunRow, place: Place) -> None:
        try:
            while before := self._journal.open_before(run.thread_id, run.n):
                if not self._owners.is_alive(before[0].owner):
                    await self._interrupted(before[0], place)
                else:
                    await asyncio.sleep(_LOOK_AGAIN)
        except asyncio.CancelledError:
            error = Problem(code="cancelled", message="The run was stopped before its turn came.")
            entry = RunEntry(run_id=run.id, status="cancelled", error=error)
            await finish(run, entry, place, self._journal, Recorder(self._journal, run.id))
            return
        await work(run, place, self._journal, self._settings)

    async def _interrupted(self, run: RunRow, place: Place) -> None:
        """Closes a run that lost its process: as its history says, or else as failed."""
        recorded = self._journal.recorded(run.id)
        number = recorded[-1].number + 1 if recorded else 0
        kept = [e for e in place.history.entries() if isinstance(e, RunEntry) and e.run_id == run.id]
        problem = Problem(
            code="run_interrupted", message="The program that worked on this message stopped. Send it again."
        )
        entry = kept[0] if kept else RunEntry(run_id=run.id, status="failed", error=problem)
        await finish(run, entry, place, self._journal, Recorder(self._journal, run.id, number))


def check_message(text: str, in_reply_to: str | None) -> None:
    """Raises `EmptyMessage`, `MessageTooLong` or `InputError` for what cannot be a message."""
    if not text and in_reply_to is None:
        raise EmptyMessage("The message is empty. Write a question.")
    if text and not text.strip():
        raise EmptyMessage("The message holds only spaces. Write a question.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InputError("The message holds characters that are no text. Send it as UTF-8.") from error
    if size > MAX_MESSAGE:
        limit = f"{MAX_MESSAGE:,}"
        raise MessageTooLong(f"The message has {size:,} bytes, {limit} are taken. Upload long tables as a file.")
