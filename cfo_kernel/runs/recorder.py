"""Writes a run's events into the journal in order, and keeps their numbers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cfo_kernel import events
from cfo_kernel.errors import CfoError, StorageFailed
from cfo_kernel.runs.journal import Journal

_TOKENS_EVERY = 0.03  # seconds; a front end cannot paint more often, and Jupyter drops messages above 1000/s


class Recorder:
    """The listener of an agent's turn, and the owner of its event numbers."""

    def __init__(self, journal: Journal, run_id: str) -> None:
        self._journal = journal
        self._run_id = run_id
        recorded = journal.recorded(run_id)
        self._number = recorded[-1].number + 1 if recorded else 0
        self._text = ""
        self._flushed = 0.0
        self._later: asyncio.TimerHandle | None = None
        self._first_token: int | None = None
        self._last: asyncio.Future[int] | None = None
        self._lost: CfoError | None = None
        self.usage = events.NOTHING_USED
        self.on_loss: Callable[[], object] = lambda: None
        """Called when an event could not be stored: the run must not go on unseen."""

    def put(self, event: events.Event) -> "asyncio.Future[int]":
        """The next event; it is on its way to the journal when this returns. The future gives 0 if it was refused."""
        self._flush()
        return self._write(event)

    def token(self, text: str) -> None:
        self._text += text
        if self._later is None:  # also the last words before a pause are told in time
            due = self._flushed + _TOKENS_EVERY - time.monotonic()
            self._later = asyncio.get_running_loop().call_later(max(0, due), self._flush)

    def void_tokens(self) -> None:
        self._flush()
        if self._first_token is not None:
            self._write(events.Restarted.model_validate({"from": self._first_token}))
            self._first_token = None

    def tool_call(self, call_id: str, name: str, arguments: Any) -> None:
        self.put(events.ToolCall(id=call_id, name=name, input=arguments))

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float) -> None:
        self.put(events.ToolResult(id=call_id, name=name, output=output, elapsed_ms=elapsed_ms))

    def used(self, usage: events.Usage) -> None:
        self.usage = usage

    def progress(self, done: float, total: float, label: str) -> None:
        self.put(events.Progress(done=round(done, 1), total=total, label=label))

    async def written(self) -> CfoError | None:
        """Waits until all is stored; what kept an event from it, if anything did."""
        self._flush()
        if self._last is not None:
            await asyncio.wait([self._last])
        return self._lost

    def _flush(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._text:
            text, self._text = self._text, ""
            self._flushed = time.monotonic()
            if self._first_token is None:
                self._first_token = self._number
            self._write(events.Token(text=text))

    def _write(self, event: events.Event) -> "asyncio.Future[int]":
        stored = self._journal.put(self._run_id, self._number, event)
        self._number += 1
        self._last = stored
        stored.add_done_callback(self._look)
        return stored

    def _look(self, stored: "asyncio.Future[int]") -> None:
        if self._lost is not None or stored.cancelled():
            return
        error = stored.exception()
        if error is None and stored.result():
            return
        taken = StorageFailed("Another program writes the events of this run. Send the message again.")
        self._lost = error if isinstance(error, CfoError) else taken
        self.on_loss()
