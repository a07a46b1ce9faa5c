"""Notifies this process's subscribers of new events. One connection listens (LISTEN) for other processes' events."""

import asyncio
import contextlib
from collections.abc import Callable, Generator

from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.runs.postgres import CONNECTION_LOST, Database
from cfo_kernel.store.schemas import JOURNAL

_RECONNECT = 1.0  # seconds


class Notifications:
    """Wakes the subscribers of a run when it has new events.

    `own_backend` returns the id of the PostgreSQL process that handles this process's writes. These writes notify the
    subscribers directly, so their NOTIFY is ignored.
    """

    def __init__(self, database: Database, own_backend: Callable[[], int | None]) -> None:
        self._database = database
        self._own_backend = own_backend
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._is_closed = False

    @contextlib.contextmanager
    def of(self, run_id: str) -> Generator[asyncio.Event]:
        """Yields an `asyncio.Event` that is set when the run may have new events. Spurious wake-ups are possible."""
        changed = asyncio.Event()
        self._waiting.setdefault(run_id, set()).add(changed)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name="listen to the journal")
        try:
            yield changed
        finally:
            self._waiting[run_id].discard(changed)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    def notify(self, runs: set[str] | None = None) -> None:
        """Wakes the subscribers of these runs, or of all runs."""
        for run_id in self._waiting if runs is None else runs & self._waiting.keys():
            for changed in self._waiting[run_id]:
                changed.set()

    async def close(self) -> None:
        self._is_closed = True
        await cancel_and_wait(self._listening)
        self.notify()

    async def _listen(self) -> None:
        while not self._is_closed:
            with contextlib.suppress(*CONNECTION_LOST):
                async with await self._database.connect() as connection:
                    await connection.execute(f"LISTEN {JOURNAL.postgres_schema}")
                    self.notify()  # events written before LISTEN took effect sent no notification
                    async for notice in connection.notifies():
                        if notice.pid != self._own_backend():
                            self.notify({notice.payload})
            await asyncio.sleep(_RECONNECT)
