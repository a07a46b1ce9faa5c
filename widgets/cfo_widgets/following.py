"""Following a run: its events are kept, and told in batches, from the first to the last."""

import asyncio
from collections.abc import Callable

from cfo_kernel import Numbered, Run

_BATCH = 0.03
"""Seconds; Jupyter's server drops messages without a word above a thousand in a second."""

Tell = Callable[[str, list[Numbered]], None]


class Following:
    """The events of the runs that are open in one thread, as far as they are known here."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.events: dict[str, list[Numbered]] = {}

    async def through(self, run: Run) -> None:
        """Tells the run's events until it has ended. Begun anew after an error, it goes on where it was."""
        kept = self.events.setdefault(run.id, [])
        batch = _Batch(lambda told: self._tell(run.id, told))
        try:
            async for numbered in run.events(kept[-1].number if kept else None):
                kept.append(numbered)
                batch.add(numbered)
        finally:
            batch.end()

    def forget(self, run_id: str) -> None:
        self.events.pop(run_id, None)


class _Batch:
    """Passes on the first event at once, and those that follow it within a moment together."""

    def __init__(self, tell: Callable[[list[Numbered]], None]) -> None:
        self._tell = tell
        self._waiting: list[Numbered] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, numbered: Numbered) -> None:
        self._waiting.append(numbered)
        if self._timer is None:
            self._flush()

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._waiting:
            self._tell(self._waiting)

    def _flush(self) -> None:
        self._timer = None
        if self._waiting:
            told, self._waiting = self._waiting, []
            self._timer = asyncio.get_running_loop().call_later(_BATCH, self._flush)
            self._tell(told)
