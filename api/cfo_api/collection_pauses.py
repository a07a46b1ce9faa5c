"""Keeps the pauses of Python's garbage collector short, because a collection blocks the event loop.

A full collection visits every object. That takes 60 ms in a server that has just started, and 300 ms with 1,500
listeners. Objects that survive a collection are therefore set aside (`gc.freeze`), and the next collection visits only
the objects created since. Reference counting still frees objects that were set aside, but cycles among them are not
found. All objects are visited again when no client is waiting, if their number has grown.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Generator

_INTERVAL = 60.0
_GROWTH = 1.2
_MOST_GROWTH = 3.0
_THRESHOLDS = (700, 10, 2)
"""Python's defaults, but with a full collection after every third collection of the second generation, not every
eleventh.
"""


class CollectionPauses:
    """Controls garbage collection in this process. `is_idle` says whether clients would not notice a long pause."""

    def __init__(self, is_idle: Callable[[], bool]) -> None:
        self._is_idle = is_idle
        self._at_last_visit = 0

    @contextlib.contextmanager
    def kept_short(self) -> Generator[None]:
        """Keeps pauses short during the block, which runs in an event loop."""
        before = gc.get_threshold()
        gc.set_threshold(*_THRESHOLDS)
        gc.freeze()
        self._at_last_visit = gc.get_freeze_count()
        gc.callbacks.append(self._set_aside)
        visiting = asyncio.create_task(self._visit_regularly())
        try:
            yield
        finally:
            visiting.cancel()
            gc.callbacks.remove(self._set_aside)
            gc.unfreeze()
            gc.set_threshold(*before)

    def visit(self) -> None:
        """Collects cycles among all objects if there are many more of them than at the last visit."""
        if gc.get_freeze_count() > (_GROWTH if self._is_idle() else _MOST_GROWTH) * self._at_last_visit:
            gc.unfreeze()
            gc.collect()
            self._at_last_visit = gc.get_freeze_count()

    async def _visit_regularly(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self.visit()

    def _set_aside(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
