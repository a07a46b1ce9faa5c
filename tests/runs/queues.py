"""Workers on both queues that do a trivial job instead of running an agent, in this process or in a separate one.

    python -m tests.runs.queues KIND PLACE LOG

The work of a run is its message: the seconds that it takes, or one of the words below. Every step is a line in the log.
"""

import asyncio
import os
import sys
from pathlib import Path

from cfo_kernel.events import Done
from cfo_kernel.runs.journal import Journal, RunRow
from cfo_kernel.runs.journal_sqlite import SqliteJournal
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.runs.queue import RunQueue
from cfo_kernel.runs.queue_table import TableQueue

FIRST_HANGS = "the first attempt hangs"
HELD = "wait until released"


class Worker:
    """A worker process, as far as the journal and the queue are concerned."""

    def __init__(self, kind: str, context: str, log: Path) -> None:
        self._log = log
        self._closed = False
        self.released = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self.journal: Journal
        self.queue: RunQueue
        if kind == "procrastinate":
            from cfo_kernel.runs.journal_postgres import PostgresJournal
            from cfo_kernel.runs.postgres import Database
            from cfo_kernel.runs.queue_procrastinate import ProcrastinateQueue
            from cfo_kernel.store.database_postgres import Target

            database = Database(Target(context))
            self.journal = PostgresJournal(database)
            self.queue = ProcrastinateQueue(self.journal, database)
        else:
            self.journal = SqliteJournal(Path(context) / "journal.db")
            self.queue = TableQueue(self.journal, OwnerLocks(Path(context) / "owners"))

    async def open(self) -> "Worker":
        await self.journal.open()
        await self.queue.open(self.perform)
        return self

    async def accept(self, run_id: str, thread: str = "t", work: str = "0", parent: str | None = None) -> RunRow:
        row = RunRow(
            n=0,
            id=run_id,
            workspace_id="w",
            thread_id=thread,
            message=work,
            owner=self.queue.accepts_as,
            parent_run_id=parent,
        )
        return await self.journal.add_run(row, None)

    async def send(self, run_id: str, thread: str = "t", work: str = "0", parent: str | None = None) -> RunRow:
        row = await self.accept(run_id, thread, work, parent)
        await self.queue.offer(row)
        return row

    async def perform(self, run: RunRow) -> None:
        if self._closed:
            return
        task = asyncio.create_task(self._work(run))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait([task])

    async def _work(self, run: RunRow) -> None:
        async with self.queue.turn(run):
            await self.journal.start(run)
            self.write("begin", run)
            if run.message.startswith("child"):
                await self.send(f"{run.id}-child", run.thread_id, "0", run.id)
                await self.end(f"{run.id}-child")
            elif run.message == HELD:
                await self.released.wait()
            elif run.message == FIRST_HANGS:
                if f"\n{self._log.read_text()}".count(f"\nbegin {run.id} ") == 1:
                    await asyncio.Event().wait()
            else:
                await asyncio.sleep(float(run.message))
            number = len(await self.journal.events(run.id))
            self.write("end", run)
            await asyncio.gather(
                self.journal.put(run, number, Done(run_id=run.id, status="succeeded")),
                self.journal.end(run, "succeeded"),
            )

    def write(self, what: str, run: RunRow) -> None:
        with self._log.open("a") as log:
            log.write(f"{what} {run.id} {os.getpid()}\n")

    async def end(self, run_id: str) -> RunRow:
        """Waits until a run has ended, and returns it."""
        async for _ in self.journal.subscribe(run_id):
            pass
        return await self.journal.run(run_id)

    async def close(self) -> None:
        """Closes like the dispatch: assigns no more runs, and leaves those in progress."""
        self._closed = True
        self.queue.pause()
        for task in self._running:
            task.cancel()
        await self.queue.close()
        await self.journal.close()
        self.queue.close_sync()


async def main(kind: str, context: str, log: str) -> None:
    await Worker(kind, context, Path(log)).open()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
