"""What goes on in a workspace: its threads and open runs, asked for again and again, as other people use it too."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from cfo_kernel import CfoError, Thread, Workspace
from cfo_kernel.errors import OtherLoop, WorkbenchClosed
from cfo_kernel.interface import OpenRun
from cfo_widgets.wire import message_for_person

OFTEN, SELDOM = 2.0, 15.0
"""Seconds between two questions: while a page is looked at, and while none is."""
_LOOKS_LAST = 15.0
_PATIENCE = 10.0
_SILENT = "The server does not answer, and nothing is lost."
_BROKEN = "The threads cannot be listed, for a reason of our own."
_logger = logging.getLogger(__name__)


class ThreadRow(TypedDict):
    """A thread as the page lists it."""

    id: str
    title: str
    updated_at: str
    running: bool


@dataclass(frozen=True)
class Glance:
    """The threads as they are now, the last used first, and which of them were others at the last glance."""

    threads: list[ThreadRow]
    changed: list[str]


class Watch:
    """Asks until it is cancelled; `saw` hears every answer, `trouble` the words of a problem, or "" when it is over."""

    def __init__(self, workspace: Workspace, saw: Callable[[Glance], None], trouble: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._saw = saw
        self._trouble = trouble
        self._known: dict[str, Any] | None = None
        self._looked_at = time.monotonic()  # somebody opened the workspace
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()  # an answer never comes after that to a later question

    def look(self) -> None:
        """A page is looked at; it says so again and again, as a page that is closed says nothing."""
        was_looked_at, self._looked_at = self._is_looked_at, time.monotonic()
        if not was_looked_at:
            self.wake()

    def wake(self) -> None:
        """Has it ask at once."""
        self._wake.set()

    async def go_on(self) -> None:
        """Asks for as long as the workbench is open."""
        goes_on = True
        while goes_on:
            await self._pause()
            goes_on = await self.now()

    async def now(self) -> bool:
        """Asks once; False where asking again is of no use."""
        async with self._lock:
            try:
                async with asyncio.timeout(_PATIENCE):
                    runs = await self._workspace.open_runs()
                    threads = await self._workspace.threads()
            except (OtherLoop, WorkbenchClosed) as error:
                self._trouble(error.message)
                return False
            except TimeoutError:
                self._trouble(_SILENT)
            except CfoError as error:
                self._trouble(message_for_person(error))
            except Exception:
                _logger.exception("the threads cannot be listed")
                self._trouble(_BROKEN)
            else:
                self._trouble("")
                self._saw(self._glance(threads, runs))
            return True

    @property
    def _is_looked_at(self) -> bool:
        return time.monotonic() - self._looked_at < _LOOKS_LAST

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), OFTEN if self._is_looked_at else SELDOM)
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    def _glance(self, threads: Any, runs: Any) -> Glance:
        open_runs: dict[str, list[OpenRun]] = {}
        for run in runs:
            open_runs.setdefault(run.thread_id, []).append(run)
        rows = [_row(thread, thread.id in open_runs) for thread in threads]
        found = {row["id"]: (row, open_runs.get(row["id"])) for row in rows}
        known, self._known = self._known, found
        if known is None:
            return Glance(rows, [])
        return Glance(rows, [id for id in {**known, **found} if known.get(id) != found.get(id)])


def _row(thread: Thread, running: bool) -> ThreadRow:
    at = thread.updated_at
    return {
        "id": thread.id,
        "title": thread.title or "",
        "updated_at": at.isoformat() if at else "",
        "running": running,
    }
