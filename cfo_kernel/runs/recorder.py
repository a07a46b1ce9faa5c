"""The recorder of a run: numbers its events and writes them and its records to the journal in order.

It is both the listener and the replay log of a turn. A later attempt goes through the same steps as the previous one,
and the recorder does not rewrite events that are already in the journal.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Literal

from cfo_kernel import events
from cfo_kernel.errors import CfoError
from cfo_kernel.events import Numbered
from cfo_kernel.runs.journal import Journal, Record, RunRow

_TOKENS_EVERY = 0.03  # seconds; front ends cannot paint more often, and Jupyter drops messages above 1000/s


class OwnershipLost(Exception):
    """Another process now owns the run, so this one must stop and write nothing more about it."""


class Recorder:
    """Writes the events and records of one attempt. Nothing else assigns the run's event numbers."""

    def __init__(
        self, journal: Journal, run: RunRow, earlier_events: Sequence[Numbered], records: Sequence[Record]
    ) -> None:
        self._journal = journal
        self._run = run
        self.run_id = run.id
        self._number = earlier_events[-1].number + 1 if earlier_events else 0
        self._tokens = _valid_tokens(earlier_events)
        self._records = {(r.kind, r.key): r for r in records}
        answers = sorted(r.event for r in records if r.kind == "response")
        self._recorded = {_identity(n.event, bisect_right(answers, n.number)) for n in earlier_events}
        self._answers = 0
        self._replaying = False
        self._text = ""
        self._flushed = 0.0
        self._scheduled_flush: asyncio.TimerHandle | None = None
        self._first_token: int | None = None
        self._last: asyncio.Future[int] | None = None
        self._lost: CfoError | OwnershipLost | None = None
        self.usage = events.NOTHING_USED
        self.on_loss: Callable[[], object] = lambda: None
        """Called when an event could not be stored, because a run must not continue without recording its events."""

    @classmethod
    async def of(cls, journal: Journal, run: RunRow) -> "Recorder":
        """Returns the recorder for an attempt, with the events and records of the earlier attempts."""
        if run.attempt == 1:  # the first attempt has no predecessors
            return cls(journal, run, (), ())
        return cls(journal, run, await journal.events(run.id), await journal.records(run.id))

    @classmethod
    async def at_the_end(cls, journal: Journal, run: RunRow) -> "Recorder":
        """Returns a recorder for a run's last events, numbered after the last stored event."""
        recorder = cls(journal, run, (), ())
        recorder._number = await journal.next_number(run.id)
        return recorder

    # Events

    def put(self, event: events.Event) -> None:
        """Queues an event for the journal, unless an earlier attempt has already recorded it."""
        self._flush()
        identity = _identity(event, self._answers)
        if identity is None or identity not in self._recorded:
            self._write(event)

    def token(self, text: str) -> None:
        if self._replaying:
            return
        self._text += text
        if self._scheduled_flush is None:  # also flushes the last tokens before a pause
            due = self._flushed + _TOKENS_EVERY - time.monotonic()
            self._scheduled_flush = asyncio.get_running_loop().call_later(max(0, due), self._flush)

    def void_tokens(self) -> None:
        self._flush()
        if self._first_token is not None:
            self.put(events.Restarted.model_validate({"from": self._first_token}))
            self._first_token = None

    def tool_call(self, call_id: str, name: str, arguments: Any) -> None:
        self.put(events.ToolCall(id=call_id, name=name, input=arguments))

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float, *, failed: bool) -> None:
        self.put(events.ToolResult(id=call_id, name=name, output=output, elapsed_ms=elapsed_ms, failed=failed))

    def used(self, usage: events.Usage) -> None:
        self.usage = usage

    def progress(self, done: float, total: float, label: str) -> None:
        self.put(events.Progress(done=round(done, 1), total=total, label=label))

    # The replay log

    def response(self) -> Any | None:
        """Returns the recorded response to the next model request. If there is none, discards any partial response."""
        self._flush()
        begin, known = self._since(self._answers), self._records.get(("response", str(self._answers + 1)))
        end = known.event if known else self._number
        self._replaying = known is not None
        self._first_token = next((n for n in self._tokens if begin <= n < end), None)
        if known is None:
            self.void_tokens()
            self._tokens = []
            return None
        self._answers += 1
        return known.data

    def keep_response(self, response: Any) -> None:
        self._answers += 1
        self._keep("response", str(self._answers), response)

    def tool(self, call_key: str) -> Any | None:
        return self._known("tool", call_key)

    def keep_tool(self, call_key: str, returned: Any) -> None:
        self._keep("tool", call_key, returned)

    def file(self, call_key: str) -> str | None:
        return self._known("file", call_key)

    def keep_file(self, call_key: str, name: str) -> None:
        self._keep("file", call_key, name)

    def action(self, kind: Literal["sheet", "outcome"]) -> Any | None:
        """Returns the data that an earlier attempt recorded about this step of the reply's action, or None."""
        return self._known(kind, "")

    async def keep_action(self, kind: Literal["sheet", "outcome"], data: Any) -> None:
        """Records a step of the action, and returns once it is stored. Raises the error that `written` returns."""
        self._keep(kind, "", data)
        if lost := await self.written():
            raise lost

    # The journal

    async def written(self) -> CfoError | OwnershipLost | None:
        """Waits until everything is stored. Returns the error that prevented this, or None."""
        self._flush()
        if self._last is not None:
            await asyncio.wait([self._last])
        return self._lost

    def _since(self, answers: int) -> int:
        """Returns the number of the first event after this many model responses."""
        record = self._records.get(("response", str(answers)))
        return record.event if record else 0

    def _known(self, kind: str, key: str) -> Any | None:
        record = self._records.get((kind, key))
        return record.data if record else None

    def _keep(self, kind: Any, key: str, data: Any) -> None:
        self._flush()
        record = Record(kind=kind, key=key, data=data, event=self._number)
        self._records[kind, key] = record
        self._track(self._journal.keep(self._run, record))

    def _flush(self) -> None:
        if self._scheduled_flush is not None:
            self._scheduled_flush.cancel()
            self._scheduled_flush = None
        if self._text:
            text, self._text = self._text, ""
            self._flushed = time.monotonic()
            if self._first_token is None:
                self._first_token = self._number
            self._write(events.Token(text=text))

    def _write(self, event: events.Event) -> None:
        self._track(self._journal.put(self._run, self._number, event))
        self._number += 1

    def _track(self, stored: "asyncio.Future[int]") -> None:
        self._last = stored
        stored.add_done_callback(self._check_stored)

    def _check_stored(self, stored: "asyncio.Future[int]") -> None:
        if self._lost is not None or stored.cancelled():
            return
        error = stored.exception()
        if error is None and stored.result():
            return
        self._lost = error if isinstance(error, CfoError) else OwnershipLost(self._run.id)
        self.on_loss()


def _identity(event: events.Event, answers: int) -> tuple[object, ...] | None:
    """Returns the identity by which a repeated event is recognized, or None for events that may repeat.

    It includes the number of model responses so far, because some servers reuse tool call ids in each response.
    """
    match event:
        case events.ToolCall(id=call_id) | events.ToolResult(id=call_id):
            return (event.type, call_id, answers)
        case events.RunStarted() | events.ActionStarted() | events.Result() | events.Error() | events.Done():
            return (event.type,)
        case _:
            return None


def _valid_tokens(earlier_events: Sequence[Numbered]) -> list[int]:
    """Returns the numbers of the token events that no later `restarted` event has invalidated."""
    tokens: list[int] = []
    for numbered in earlier_events:
        if isinstance(numbered.event, events.Token):
            tokens.append(numbered.number)
        elif isinstance(numbered.event, events.Restarted):
            tokens = [n for n in tokens if n < numbered.event.from_]
    return tokens
