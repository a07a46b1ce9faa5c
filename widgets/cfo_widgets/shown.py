"""What a thread's conversation looks like at one moment, as its page draws it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from cfo_kernel import ShownMessage, Thread
from cfo_kernel.errors import ThreadReadOnly
from cfo_widgets.result_commands import chart_of


class ChatMessage(ShownMessage):
    """A message with the chart of its reply's result: a Vega-Lite specification without data."""

    chart: dict[str, Any] | None = None


@dataclass(frozen=True)
class Shown:
    """The values of the traits that tell a thread; a thread without a message has nothing to tell."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    notice: str = ""
    continues_left: int = 0
    usage: dict[str, Any] = field(default_factory=dict)

    def open_runs(self) -> list[str]:
        """The runs that have not ended, in the order in which the engine performs them."""
        ended = {m["run_id"] for m in self.messages if m["who"] == "agent"}
        return [m["run_id"] for m in self.messages if m["who"] == "person" and m["run_id"] not in ended]


async def shown(thread: Thread) -> Shown:
    """Asks the thread. Raises what its methods raise; a history that cannot be read becomes the notice."""
    if thread.created_at is None:
        return Shown()
    asked = (thread.messages(), thread.notice(), thread.continues_left(), thread.usage())
    try:
        messages, notice, left, usage = await asyncio.gather(*asked)
    except ThreadReadOnly as error:
        return Shown(notice=error.message)
    return Shown([_message(m) for m in messages], notice or "", left, usage.model_dump(mode="json"))


def _message(message: ShownMessage) -> dict[str, Any]:
    chart = message.reply and chart_of(message.reply)
    return ChatMessage(**dict(message), chart=chart).model_dump(mode="json", by_alias=True)
