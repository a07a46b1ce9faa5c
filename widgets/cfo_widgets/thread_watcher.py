"""Polls the threads and open runs of a workspace for changes, because other people may use it at the same time."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from typing_extensions import TypedDict

from cfo_kernel import CfoError, Thread, Workspace
from cfo_kernel.errors import OtherLoop, WorkbenchClosed
from cfo_kernel.interface import OpenRun
from cfo_widgets.second_look import with_second_look
from cfo_widgets.wire import message_for_person

VISIBLE_INTERVAL, HIDDEN_INTERVAL = 2.0, 15.0
"""Seconds between polls, while a page is visible and while none is."""
_VISIBLE_FOR = 15.0
"""How many seconds a page counts as visible after it reports this, since it does not report when it is closed."""
_POLL_TIMEOUT = 10.0
_NO_RESPONSE = "The server is not responding. Nothing is lost, and this list updates as soon as the server is back."
_INTERNAL = "The threads cannot be listed because of an internal error."
_logger = logging.getLogger(__name__)


class ThreadRow(TypedDict):
    """A thread in the page's list."""

    id: str
    title: str
    updated_at: str
    running: bool


@dataclass(frozen=True)
class ThreadListUpdate:
    """The threads, most recently used first, and the ids of those that have changed since the last poll."""

    threads: list[ThreadRow]
    changed: list[str]


class ThreadWatcher:
    """Polls until it is cancelled.

    Calls `on_problem` with a message when a problem occurs, and with "" when it is over.
    """

    def __init__(
        self,
        workspace: Workspace,
        on_update: Callable[[ThreadListUpdate], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._on_update = on_update
        self._on_problem = on_problem
        self._known: dict[str, tuple[ThreadRow, list[OpenRun] | None]] | None = None
        self._visible_at = time.monotonic()  # someone has just opened the workspace
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()  # keeps an earlier poll from reporting after a later one

    def page_is_visible(self) -> None:
        """Records that a page is visible. A visible page reports this repeatedly."""
        was_visible, self._visible_at = self._is_visible, time.monotonic()
        if not was_visible:
            self.poll_soon()

    def poll_soon(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Polls for as long as the workbench is open."""
        is_open = True
        while is_open:
            await self._pause()
            is_open = await self.poll()

    async def poll(self) -> bool:
        """Polls once. Returns False if no later poll can succeed."""
        async with self._lock:
            try:
                runs, threads = await with_second_look(self._look)
            except (OtherLoop, WorkbenchClosed) as error:
                self._on_problem(error.message)
                return False
            except TimeoutError:
                self._on_problem(_NO_RESPONSE)
            except CfoError as error:
                self._on_problem(message_for_person(error))
            except Exception:
                _logger.exception("the threads cannot be listed")
                self._on_problem(_INTERNAL)
            else:
                self._on_problem("")
                self._on_update(self._update(threads, runs))
            return True

    async def _look(self) -> tuple[Sequence[OpenRun], Sequence[Thread]]:
        async with asyncio.timeout(_POLL_TIMEOUT):
            return await self._workspace.open_runs(), await self._workspace.threads()

    @property
    def _is_visible(self) -> bool:
        return time.monotonic() - self._visible_at < _VISIBLE_FOR

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), VISIBLE_INTERVAL if self._is_visible else HIDDEN_INTERVAL)
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    def _update(self, threads: Sequence[Thread], runs: Sequence[OpenRun]) -> ThreadListUpdate:
        open_runs: dict[str, list[OpenRun]] = {}
        for run in runs:
            open_runs.setdefault(run.thread_id, []).append(run)
        rows = [_row(thread, thread.id in open_runs) for thread in threads]
        found = {row["id"]: (row, open_runs.get(row["id"])) for row in rows}
        known, self._known = self._known, found
        if known is None:
            return ThreadListUpdate(rows, [])
        return ThreadListUpdate(rows, [id for id in {**known, **found} if known.get(id) != found.get(id)])


def _row(thread: Thread, running: bool) -> ThreadRow:
    at = thread.updated_at
    return ThreadRow(id=thread.id, title=thread.title or "", updated_at=at.isoformat() if at else "", running=running)
