"""The threads that a page had open: what it sends names the opening that it showed, also after another was opened."""

import uuid
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from cfo_kernel import Thread
from cfo_kernel.errors import InvalidInput

_MOST = 32
"""Openings that are kept: a page speaks of the one it shows, or of one that it showed a moment ago."""


class Openings:
    """Threads by the ids of their openings: those used last, and all for which something is being done."""

    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}  # the one used last is the last
        self._in_use: Counter[str] = Counter()
        self._shown = ""

    def __getitem__(self, opened: str) -> Thread:
        return self._threads[opened]

    def __len__(self) -> int:
        return len(self._threads)

    def add(self, thread: Thread) -> str:
        """A new opening of the thread, which is shown from now on; the oldest one that nobody uses may go for it."""
        self._shown = opened = uuid.uuid4().hex
        self._threads[opened] = thread
        self._forget()
        return opened

    def renew(self, opened: str, thread: Thread) -> None:
        """Has the opening give the same thread, read anew."""
        self._threads[opened] = thread

    @contextmanager
    def use(self, opened: str) -> Generator[Thread]:
        """The thread of an opening, which stays while something is done for it. Raises `InvalidInput`."""
        if opened not in self._threads:
            raise InvalidInput("This page shows a conversation that is no longer open here. Reload it.")
        self._threads[opened] = self._threads.pop(opened)
        self._in_use[opened] += 1
        try:
            yield self._threads[opened]
        finally:
            self._in_use[opened] -= 1
            self._in_use += Counter()  # drops what is at zero
            self._forget()

    def _forget(self) -> None:
        idle = [opened for opened in self._threads if opened not in self._in_use and opened != self._shown]
        for opened in idle[: max(0, len(self._threads) - _MOST)]:
            del self._threads[opened]
