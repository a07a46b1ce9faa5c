"""A run as its sender holds it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from cfo_kernel.errors import InternalError, restored
from cfo_kernel.events import Done, Error, FinishedRun, Numbered, Result, Status
from cfo_kernel.replies import Loader, Reply
from cfo_kernel.workbench.engine import Engine


class Run:
    """One pass of the agent over a thread. Its reply is read back from its events.

    Its methods raise `WorkbenchClosed` or `OtherLoop` where its workbench is closed, or in use in another event loop.
    """

    def __init__(self, engine: Engine, run_id: str, thread_id: str, load: Loader) -> None:
        self._engine = engine
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
        outcome = FinishedRun(thread_id=self.thread_id, run_id=self.id, status="running")
        async for numbered in self.events():
            match numbered.event:
                case Result(reply=reply):
                    reply.bind(self._load)
                    outcome = outcome.model_copy(update={"reply": reply})
                case Error() as error:
                    outcome = outcome.model_copy(update={"error": error})
                case Done(status=status, usage=usage):
                    outcome = outcome.model_copy(update={"status": status, "usage": usage})
                case _:
                    pass
        return outcome

    async def reply(self) -> Reply:
        """Waits for the reply. A run without one raises its error (`RunError` and others, by their code)."""
        outcome = await self.finished()
        if outcome.reply is not None:
            return outcome.reply
        error = outcome.error or Error(code=InternalError.code, message="The run ended without a reply.")
        raise restored(error.code, error.message)

    async def cancel(self) -> None:
        """Stops the run; it ends as cancelled. A run that has ended stays as it is."""
        await self._engine.use().dispatch.cancel(self.id)
