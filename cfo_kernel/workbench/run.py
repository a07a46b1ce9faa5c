"""A run as its sender holds it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from cfo_kernel.events import FinishedRun, Numbered, Status
from cfo_kernel.outcome import gathered, reply_of
from cfo_kernel.replies import Loader, Reply
from cfo_kernel.workbench.engine import Engine


class Run:
    """One pass of the agent over a thread. Its reply is read back from its events.

    Its methods raise `WorkbenchClosed` or `OtherLoop` where its workbench is closed, or in use in another event loop.
    """

    def __init__(self, engine: Engine, run_id: str, thread_id: str, load: Loader, giver: object) -> None:
        self._engine = engine
        self._giver = giver  # keeps the workbench, as for a workspace
        self._load = load
        self.id = run_id
        self.thread_id = thread_id

    async def status(self) -> Status:
        """`queued`, `running`, or the outcome."""
        return (await self._engine.use().journal.run(self.id)).status

    async def events(self, after: int | None = None) -> AsyncGenerator[Numbered]:
        """All events after the number `after` (from the first, if None), live until the run ends."""
        first = -1 if after is None else after
        journal = self._engine.use().journal
        async with aclosing(journal.subscribe(self.id, first)) as journal_events:
            async for numbered in journal_events:
                yield numbered

    async def finished(self) -> FinishedRun:
        """Waits for the end: the outcome with its reply or its error."""
        return await gathered(self.thread_id, self.id, self.events(), self._load)

    async def reply(self) -> Reply:
        """Waits for the reply. A run without one raises its error (`RunError` and others, by their code)."""
        return reply_of(await self.finished())

    async def cancel(self) -> None:
        """Stops the run; it ends as cancelled. A run that has ended stays as it is."""
        await self._engine.use().dispatch.cancel(self.id)
