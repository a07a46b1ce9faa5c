"""Repairs and limits the events of an answer in Anthropic's protocol before its client reads them.

The client trusts the server's types, sizes and order. Events that it could not read raise `ValueError` here, and an
answer without an end counts as a broken connection.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2

from cfo_kernel.agent.chunk_text import storable, text_length
from cfo_kernel.agent.event_limits import (
    LONGEST_ANSWER,
    LONGEST_EVENT,
    MOST_CALLS,
    Pace,
    endless,
    event_value,
)
from cfo_kernel.agent.usage import token_count
from cfo_kernel.errors import ModelMisbehaved

_Json = dict[str, Any]
_KINDS = frozenset(
    (
        *("message_start", "message_delta", "message_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop", "error"),
    )
)
"""The events that matter. Others, such as `ping`, are left out."""


async def read_events(response: httpx2.Response) -> None:
    """Replaces the stream of a successful response. Used as a hook in `server_responses.client_options`."""
    if response.status_code == 200:
        stream = cast("httpx2.AsyncByteStream", response.stream)
        response.stream = _Events(stream, response.request, response.headers.get("content-type", ""))


class _Events(httpx2.AsyncByteStream):
    """The events of one answer."""

    def __init__(self, body: httpx2.AsyncByteStream, request: httpx2.Request, media_type: str) -> None:
        self._body = body
        self._request = request
        self._media_type = media_type
        self._started = self._ended = False
        self._length = self._blocks = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if "json" in self._media_type or "html" in self._media_type:
            raise ValueError("The answer is not a stream.")
        # The format has a single media type and encoding, but some servers send others.
        headers = {"content-type": "text/event-stream"}
        source = httpx2.Response(200, headers=headers, stream=self._body, request=self._request)
        pace = Pace()
        try:
            async for event in httpx2.EventSource(source, LONGEST_EVENT):
                await pace.turn()
                if event.data:
                    data = storable(event_value(event.data))
                    for kind, each in self._repaired(event.event, data):
                        yield f"event: {kind}\ndata: {json.dumps(each)}\n\n".encode()
        except httpx2.SSEError:
            raise endless() from None
        if not self._started and not self._ended and "event-stream" not in self._media_type:
            raise ValueError("The answer is not a stream.")
        if not self._ended:
            raise httpx2.RemoteProtocolError("The answer has no end.", request=self._request)

    async def aclose(self) -> None:
        await self._body.aclose()

    def _repaired(self, name: str, data: object) -> list[tuple[str, object]]:
        """The event with its kind, or nothing if it can be ignored. A proxy may leave out an event's name."""
        fields = cast("_Json", data) if isinstance(data, dict) else {}
        kind = name if name in _KINDS else str(fields.get("type"))
        if kind == "error":
            self._ended = True
            return [(kind, data)]
        if kind not in _KINDS or not fields:
            return []
        if kind == "message_start":
            fields = {**fields, "message": _message(fields.get("message"))}
            if self._started:
                return []
            self._started = True
        elif not self._started:
            raise ValueError("The answer has no beginning.")
        self._count(fields)
        if kind == "message_delta":
            fields = {**fields, "usage": _usage(fields.get("usage"), "output_tokens")}
        self._ended = self._ended or kind in ("message_delta", "message_stop")
        return [(kind, {**fields, "type": kind})]

    def _count(self, fields: _Json) -> None:
        self._length += text_length(fields.get("delta")) + text_length(fields.get("content_block"))
        if self._length > LONGEST_ANSWER:
            raise endless()
        self._blocks += "content_block" in fields
        if self._blocks > MOST_CALLS:
            raise ModelMisbehaved(f"The model's answer has more than {MOST_CALLS} parts. Ask a narrower question.")


def _message(sent: object) -> _Json:
    message = cast("_Json", sent) if isinstance(sent, dict) else {}
    return {**message, "usage": _usage(message.get("usage"), "input_tokens", "output_tokens")}


def _usage(sent: object, *required: str) -> dict[str, int]:
    """The counts in the usage as whole numbers, with zero for those that are required and missing."""
    counts = cast("_Json", sent) if isinstance(sent, dict) else {}
    known = {name: number for name, each in counts.items() if (number := token_count(each)) is not None}
    return {**dict.fromkeys(required, 0), **known}
