"""The pieces of an answer, as its server streams them; those that came together are handed on as one.

A server that is quick, or has many to serve, sends several in one packet. Each goes through a dozen layers until it is
a word on a screen, so one does the work of many. None waits for another: what came alone is handed on alone.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from openai._streaming import ServerSentEvent, SSEDecoder


class Pieces(SSEDecoder):
    """Reads the events of one answer."""

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncGenerator[ServerSentEvent]:
        rest = b""
        async for read in iterator:
            whole, newline, rest = (rest + read).rpartition(b"\n")
            for event in _joined(self._events(whole + newline)):
                yield event
        for event in self._events(rest):
            yield event

    def _events(self, lines: bytes) -> "Iterator[_Event]":
        for line in lines.splitlines():
            if event := self.decode(line.decode()):
                yield _Event(event)


class _Event(ServerSentEvent):
    """An event whose JSON is read once."""

    def __init__(self, event: ServerSentEvent) -> None:
        super().__init__(event=event.event, data=event.data, id=event.id, retry=event.retry)
        self._read: Any = None

    def json(self) -> Any:
        if self._read is None:
            self._read = super().json()
        return self._read


@dataclass(frozen=True)
class _Text:
    """A text that goes on with an event, at `holder[key]`; `place` is which text of which answer it is."""

    place: list[Any]
    holder: dict[str, Any]
    key: str


def _joined(events: Iterable[_Event]) -> Iterator[_Event]:
    """The same events, each with the text of those after it that only go on with the same text."""
    last: _Event | None = None
    text: _Text | None = None
    for event in events:
        more = _text(event)
        if text is not None and more is not None and text.place == more.place:
            text.holder[text.key] += more.holder[more.key]
            continue
        if last is not None:
            yield last
        last, text = event, more
    if last is not None:
        yield last


def _text(event: _Event) -> _Text | None:
    """What text goes on with the event; None where it tells anything else, or cannot be read."""
    try:
        data = event.json()
    except ValueError:
        return None
    match data:
        case {"choices": [{"delta": {"content": str()} as delta, **choice}], **chunk}:
            holder, key, call = delta, "content", {}
        case {
            "choices": [
                {"delta": {"tool_calls": [{"function": {"arguments": str()} as holder, **call}], **delta}, **choice}
            ],
            **chunk,
        }:
            key = "arguments"
        case _:
            return None
    chunk.pop("obfuscation", None)  # padding, another in each event
    told: list[dict[str, Any]] = [{**holder, key: None}, {**delta, key: None}, choice, call]
    if chunk.get("usage") or any(part[name] for part in told for name in part.keys() - {"role", "type", "index"}):
        return None
    return _Text([chunk, delta.get("role"), choice.get("index"), call.get("index")], holder, key)
