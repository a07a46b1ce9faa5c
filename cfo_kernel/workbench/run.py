"""A run in the embedded workbench."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cfo_kernel.errors import EventsPruned, NotFound
from cfo_kernel.events import Error, FinishedRun, Numbered, Status
from cfo_kernel.replies import Loader, Reply
from cfo_kernel.run_outcome import collect_outcome, reply_of
from cfo_kernel.store.history import RunEntry
from cfo_kernel.workbench.engine import Engine


class EmbeddedRun:
    """One pass of the agent over a thread, started by one message.

    Methods raise `WorkbenchClosed` if the workbench was closed, or `OtherLoop` if it was opened in another event loop.
    """

    def __init__(self, engine: Engine, run_id: str, thread_id: str, load: Loader, owner: object) -> None:
        self._engine = engine
        self._owner = owner  # keeps the workbench open while this object is in use
        self._load = load
        self.id = run_id
        self.thread_id = thread_id

    async def status(self) -> Status:
        """Returns the status: `queued`, `running`, or the outcome."""
        return (await self._engine.use().journal.run(self.id)).status

    async def events(self, after: int | None = None) -> AsyncGenerator[Numbered]:
        """Yields the run's events live until it ends: all of them, or those numbered above `after`.

        Raises `EventsPruned` if the run ended so long ago that its events were deleted from the journal.
        """
        first = -1 if after is None else after
        journal = self._engine.use().journal
        async with aclosing(journal.subscribe(self.id, first)) as journal_events:
            async for numbered in journal_events:
                yield numbered

    async def finished(self) -> FinishedRun:
        """Waits for the run to end and returns the outcome with the reply or the error."""
        try:
            return await collect_outcome(self.thread_id, self.id, self.events(), self._load)
        except EventsPruned:
            if stored := await self._from_history():
                return stored
            raise

    async def reply(self) -> Reply:
        """Waits for the reply and returns it. If the run ends without one, raises its error (`RunError` or another)."""
        return reply_of(await self.finished())

    async def cancel(self) -> None:
        """Stops the run, which ends as cancelled. A run that has already ended is not changed."""
        await self._engine.use().dispatch.cancel(self.id)

    async def _from_history(self) -> FinishedRun | None:
        """Returns the outcome from the thread's history, or None if the thread was deleted."""
        run = await self._engine.use().journal.run(self.id)
        try:
            entries = await asyncio.to_thread(self._engine.context_of(run).history.entries)
        except NotFound:
            return None
        entry = next((e for e in entries if isinstance(e, RunEntry) and e.run_id == self.id), None)
        if entry is None:
            return None
        if entry.reply is not None:
            entry.reply.bind(self._load)
        error = Error(**entry.error.model_dump()) if entry.error else None
        return FinishedRun(
            thread_id=self.thread_id,
            run_id=self.id,
            status=entry.status,
            reply=entry.reply,
            error=error,
            usage=entry.usage,
        )
