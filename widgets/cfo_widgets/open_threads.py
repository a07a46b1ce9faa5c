"""The threads that a page has opened.

Each time a thread is opened, that *opening* gets an id. Commands include the opening that they belong to, because the
page may show another thread when they arrive.
"""

import uuid
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from cfo_kernel import Thread
from cfo_kernel.errors import InvalidInput

_MAX_OPENINGS = 32
"""How many threads are kept. A page sends commands only for the thread it shows or one that it showed recently."""


class OpenThreads:
    """The threads by their openings: the most recently used threads, and all threads that a command is using."""

    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}  # the most recently used is last
        self._in_use: Counter[str] = Counter()
        self._shown = ""

    def __getitem__(self, opened: str) -> Thread:
        return self._threads[opened]

    def __len__(self) -> int:
        return len(self._threads)

    def add(self, thread: Thread) -> str:
        """Adds a thread, which the page will now show, and returns its opening. Drops the oldest unused thread."""
        self._shown = opened = uuid.uuid4().hex
        self._threads[opened] = thread
        self._drop_oldest()
        return opened

    def replace(self, opened: str, thread: Thread) -> None:
        """Replaces the thread of an opening with a newly loaded copy."""
        self._threads[opened] = thread

    @contextmanager
    def use(self, opened: str) -> Generator[Thread]:
        """Yields the thread of an opening, which is not dropped inside the block.

        Raises `InvalidInput` if it is no longer open.
        """
        if opened not in self._threads:
            raise InvalidInput("This conversation is no longer open on this page. Reload the page.")
        self._threads[opened] = self._threads.pop(opened)
        self._in_use[opened] += 1
        try:
            yield self._threads[opened]
        finally:
            self._in_use[opened] -= 1
            self._in_use += Counter()  # removes the counts of zero
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        idle = [opened for opened in self._threads if opened not in self._in_use and opened != self._shown]
        for opened in idle[: max(0, len(self._threads) - _MAX_OPENINGS)]:
            del self._threads[opened]
