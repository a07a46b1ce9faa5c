"""Follows runs for a page: keeps their events and passes them on in batches."""

import asyncio
from collections.abc import Callable

from cfo_kernel import Numbered, Run

_BATCH_SECONDS = 0.03
"""How long events are collected for a batch, since Jupyter silently drops messages above a thousand per second."""

OnEvents = Callable[[str, list[Numbered]], None]


class RunFollower:
    """Follows the open runs of one thread and keeps the events received so far."""

    def __init__(self, on_events: OnEvents) -> None:
        self._on_events = on_events
        self.events: dict[str, list[Numbered]] = {}

    async def follow(self, run: Run) -> None:
        """Passes on the run's events until it ends. If called again after an error, continues where it stopped."""
        stored = self.events.setdefault(run.id, [])
        batch = _Batch(lambda events: self._on_events(run.id, events))
        try:
            async for numbered in run.events(stored[-1].number if stored else None):
                stored.append(numbered)
                batch.add(numbered)
        finally:
            batch.end()

    def forget(self, run_id: str) -> None:
        self.events.pop(run_id, None)


class _Batch:
    """Passes on the first event at once, and the events of the next `_BATCH_SECONDS` together."""

    def __init__(self, on_events: Callable[[list[Numbered]], None]) -> None:
        self._on_events = on_events
        self._pending: list[Numbered] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, numbered: Numbered) -> None:
        self._pending.append(numbered)
        if self._timer is None:
            self._flush()

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._pending:
            self._on_events(self._pending)

    def _flush(self) -> None:
        self._timer = None
        if self._pending:
            events, self._pending = self._pending, []
            self._timer = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._flush)
            self._on_events(events)
