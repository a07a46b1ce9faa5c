"""A run of the embedded workbench."""

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
    """One pass of the agent over a thread. Its reply is read from its events.

    Its methods raise `WorkbenchClosed` or `OtherLoop` if its workbench was closed, or opened in another event loop.
    """

    def __init__(self, engine: Engine, run_id: str, thread_id: str, load: Loader, owner: object) -> None:
        self._engine = engine
        self._owner = owner  # keeps the workbench open, as in a workspace
        self._load = load
        self.id = run_id
        self.thread_id = thread_id

    async def status(self) -> Status:
        """`queued`, `running`, or the outcome."""
        return (await self._engine.use().journal.run(self.id)).status

    async def events(self, after: int | None = None) -> AsyncGenerator[Numbered]:
        """All events after the number `after` (from the first, if None), live until the run ends.

        Raises `EventsPruned` if the run ended longer ago than the journal keeps events.
        """
        first = -1 if after is None else after
        journal = self._engine.use().journal
        async with aclosing(journal.subscribe(self.id, first)) as journal_events:
            async for numbered in journal_events:
                yield numbered

    async def finished(self) -> FinishedRun:
        """Waits for the end: the outcome with its reply or its error."""
        try:
            return await collect_outcome(self.thread_id, self.id, self.events(), self._load)
        except EventsPruned:
            if stored := await self._from_history():
                return stored
            raise

    async def reply(self) -> Reply:
        """Waits for the reply. A run without one raises its error (`RunError` and others, by their code)."""
        return reply_of(await self.finished())

    async def cancel(self) -> None:
        """Stops the run; it ends as cancelled. A run that has already ended does not change."""
        await self._engine.use().dispatch.cancel(self.id)

    async def _from_history(self) -> FinishedRun | None:
        """The outcome from the history of the thread; None if the thread was deleted."""
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
        error = Error(code=entry.error.code, message=entry.error.message) if entry.error else None
        return FinishedRun(
            thread_id=self.thread_id,
            run_id=self.id,
            status=entry.status,
            reply=entry.reply,
            error=error,
            usage=entry.usage,
        )
