"""Writes a run's events into the journal in order, and keeps their numbers."""

import asyncio
import time
from typing import Any

from cfo_kernel import events
from cfo_kernel.errors import RunInterrupted
from cfo_kernel.runs.journal import Journal

_TOKENS_EVERY = 0.03  # seconds; a front end cannot paint more often, and Jupyter drops messages above 1000/s


class Recorder:
    """The listener of an agent's turn, and the owner of its event numbers."""

    def __init__(self, journal: Journal, run_id: str, number: int = 0) -> None:
        self._journal = journal
        self._run_id = run_id
        self._number = number
        self._text = ""
        self._flushed = 0.0
        self._first_token: int | None = None
        self._stored: asyncio.Future[int] | None = None

    def put(self, event: events.Event) -> None:
        """The next event; it is on its way to the journal when this returns."""
        self._flush()
        self._write(event)

    async def settled(self) -> None:
        """Returns once all events so far are committed; raises `RunInterrupted` if another process took the run."""
        self._flush()
        if self._stored is not None and not await self._stored:
            raise RunInterrupted("Another process took this run over. Read its events for the reply.")

    def token(self, text: str) -> None:
        self._text += text
        if time.monotonic() - self._flushed >= _TOKENS_EVERY:
            self._flush()

    def void_tokens(self) -> None:
        self._flush()
        if self._first_token is not None:
            self._write(events.Restarted.model_validate({"from": self._first_token}))
            self._first_token = None

    def tool_call(self, name: str, arguments: Any) -> None:
        self._first_token = None
        self.put(events.ToolCall(name=name, input=arguments))

    def tool_result(self, name: str, output: Any, elapsed_ms: float) -> None:
        self.put(events.ToolResult(name=name, output=output, elapsed_ms=elapsed_ms))

    def _flush(self) -> None:
        if self._text:
            text, self._text = self._text, ""
            self._flushed = time.monotonic()
            if self._first_token is None:
                self._first_token = self._number
            self._write(events.Token(text=text))

    def _write(self, event: events.Event) -> None:
        self._stored = self._journal.put(self._run_id, self._number, event)
        self._number += 1
