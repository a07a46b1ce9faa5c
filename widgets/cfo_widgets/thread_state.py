"""Loads the state of a conversation, as values for the chat's traits."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from cfo_kernel import ShownMessage, Thread
from cfo_kernel.errors import ThreadReadOnly
from cfo_widgets.result_commands import chart_of


class ChatMessage(ShownMessage):
    """A message, with a chart for its reply's result: a Vega-Lite specification without data."""

    chart: dict[str, Any] | None = None
    waits_for_review: bool = False
    """Whether an empty message may continue its reply."""


@dataclass(frozen=True)
class ThreadState:
    """The state of a conversation. The default is the state of a thread without messages."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    notice: str = ""
    continues_left: int = 0
    usage: dict[str, Any] = field(default_factory=dict)

    def open_runs(self) -> list[str]:
        """The runs that have not ended, in the order in which the engine executes them."""
        ended = {m["run_id"] for m in self.messages if m["who"] == "agent"}
        return [m["run_id"] for m in self.messages if m["who"] == "person" and m["run_id"] not in ended]


async def load_thread_state(thread: Thread) -> ThreadState:
    """Loads the state. If the history cannot be read, the notice says why; other errors of `Thread` are raised."""
    if thread.created_at is None:
        return ThreadState()
    parts = (thread.messages(), thread.notice(), thread.continues_left(), thread.usage())
    try:
        messages, notice, left, usage = await asyncio.gather(*parts)
    except ThreadReadOnly as error:
        return ThreadState(notice=error.message)
    return ThreadState([_message(m) for m in messages], notice or "", left, usage.model_dump(mode="json"))


def _message(message: ShownMessage) -> dict[str, Any]:
    chart = message.reply and chart_of(message.reply)
    waits = message.reply is not None and message.reply.waits_for_review
    return ChatMessage(**dict(message), chart=chart, waits_for_review=waits).model_dump(mode="json", by_alias=True)
