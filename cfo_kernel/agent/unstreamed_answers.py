"""Reads responses that are not the requested stream: a complete answer, an error with status 200, or a web page."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
from openai import APIError

from cfo_kernel.agent.event_limits import Pace, event_value
from cfo_kernel.agent.server_messages import with_plain_code

_LONGEST = 4_000_000


class NotACompletion(APIError):
    """The server sent status 200 without a completion, so it may be a different kind of server."""

    def __init__(self, response: httpx2.Response, body: object) -> None:
        super().__init__("The answer is not a completion.", response.request, body=with_plain_code(body))


async def chunks_of(response: httpx2.Response) -> list[object]:
    """The chunks of an answer that arrived as a whole. Raises `NotACompletion` if the response is not an answer."""
    text = (await _body(response)).decode(errors="replace").strip()
    if text.startswith(("data:", "event:", ":")):  # it is a stream after all, but with the wrong media type
        return [event_value(event) async for event in _events(text) if event != "[DONE]"]
    try:
        answer = event_value(text)
    except (ValueError, RecursionError):
        raise NotACompletion(response, text) from None
    fields = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    choices: object = fields.get("choices")
    if fields.get("error") or not isinstance(choices, list) or not choices:
        raise NotACompletion(response, fields.get("error") or cast("object", answer))
    return [{**fields, "choices": [_streamed(choice) for choice in cast("list[object]", choices)]}]


async def _events(text: str) -> AsyncIterator[str]:
    pace = Pace()
    for line in text.splitlines():
        await pace.turn()
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


async def _body(response: httpx2.Response) -> bytes:
    read = bytearray()
    async for part in response.aiter_bytes():
        read += part
        if len(read) > _LONGEST:
            raise NotACompletion(response, bytes(read[:1000]).decode(errors="replace"))
    return bytes(read)


def _streamed(choice: object) -> object:
    """A choice in the form used in a stream. The index of each call is its position in the list."""
    if not isinstance(choice, dict):
        return choice
    whole = dict(cast("dict[str, Any]", choice))
    message = whole.pop("message", None)
    if isinstance(message, dict):
        delta = dict(cast("dict[str, Any]", message))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            delta["tool_calls"] = [
                {**cast("dict[str, Any]", call), "index": index} if isinstance(call, dict) else call
                for index, call in enumerate(cast("list[object]", calls))
            ]
        whole["delta"] = delta
    return whole
