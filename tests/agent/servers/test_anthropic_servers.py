"""Whatever a server with Anthropic's protocol sends, the run ends in a reply or in an error that says what to do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from cfo_kernel.agent.message_events import read_events
from cfo_kernel.errors import CfoError
from tests.agent.servers.test_server_limits import SSE, sending
from tests.conftest import KEY, Opened

USAGE = {"input_tokens": 7, "output_tokens": 1}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE}
HI = {"message": "Hi."}


def event(kind: str, /, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(**fields: Any) -> bytes:
    return event("message_start", message={**MESSAGE, **fields})


def call(arguments: Any, *, index: Any = 0, **fields: Any) -> bytes:
    block = {"type": "tool_use", "id": "c", "name": "user_interaction", "input": {}, **fields}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    begin = event("content_block_start", index=index, content_block=block)
    return begin + event("content_block_delta", index=index, delta=delta) + event("content_block_stop", index=index)


def end(reason: Any = "tool_use", **fields: Any) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, **{"usage": {"output_tokens": 5}, **fields}) + event("message_stop")


def text(written: str) -> bytes:
    begin = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    return begin + event("content_block_delta", index=0, delta={"type": "text_delta", "text": written})


WHOLE = start() + call(HI) + end()
REPAIRED = {
    "no names of events": WHOLE.replace(b"event: ", b"x: "),
    "other events": start()
    + event("ping")
    + b"data: 5\n\ndata: null\n\ndata: []\n\n"
    + event("zebra")
    + call(HI)
    + end(),
    "no usage": start(usage=None) + call(HI) + end(usage=None),
    "odd counts": start(usage={"input_tokens": 10**40, "x": [1]}) + call(HI) + end(usage={"output_tokens": "many"}),
    "two beginnings": event("message_start") + WHOLE,
    "half a character": start(id="\ud800", model="\0") + call(HI, id="\udfff") + end(),
    "a byte order mark": b"\xef\xbb\xbf" + WHOLE,
}
REFUSED = {
    "no beginning": call(HI) + end(),
    "not JSON": start() + b"event: content_block_start\ndata: {\n\n",
    "deep": start() + b"event: content_block_start\ndata: " + b"[" * 100_000 + b"\n\n",
    "no end": start() + call(HI),
    "nothing": b"",
    "a long text": start() + 3 * text("x" * 400_000),
    "many calls": start() + 101 * call(HI),
}


async def events_in(sent: bytes, media_type: str = "text/event-stream") -> list[Any]:
    """The events that the client gets for these bytes."""

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(sent), 16_384):
            yield sent[at : at + 16_384]

    request = httpx2.Request("POST", "http://x")
    response = httpx2.Response(200, headers={"content-type": media_type}, content=parts(), request=request)
    await read_events(response)
    read = b"".join([part async for part in response.stream])  # pyright: ignore[reportGeneralTypeIssues]
    return [json.loads(line[6:]) for line in read.splitlines() if line.startswith(b"data: ")]


@pytest.mark.parametrize("name", REPAIRED)
async def test_an_answer_that_can_be_repaired(name: str) -> None:
    events = await events_in(REPAIRED[name].removeprefix(b"\xef\xbb\xbf"))
    assert [each["type"] for each in events] == [each["type"] for each in await events_in(WHOLE)]
    counts = [*events[0]["message"]["usage"].values(), *events[-2]["usage"].values()]
    assert all(0 <= count < 2**53 for count in counts)
    json.dumps(events, ensure_ascii=False).encode()


@pytest.mark.parametrize("name", REFUSED)
async def test_an_answer_that_cannot_be_read(name: str) -> None:
    with pytest.raises((CfoError, ValueError, RecursionError, httpx2.TransportError)):
        await events_in(REFUSED[name])


@pytest.mark.parametrize(("sent", "media_type"), [(b"<html>", "text/html"), (b'{"type":"message"}', "text/plain")])
async def test_a_page_is_no_answer(sent: bytes, media_type: str) -> None:
    with pytest.raises(ValueError, match="not a stream"):
        await events_in(sent, media_type)


RUNS = {
    "a text with half a character": (
        start() + text("\ud800\0") + end("end_turn"),
        "model_misbehaved",
        "no usable reply",
    ),
    "an odd reason": (start() + call(HI) + end(["x"]), "model_unavailable", "could not be read"),
    "no end": (REFUSED["no end"], "model_unavailable", "the connection broke"),
    "a cut event": (start() + call(HI)[:-30], "model_unavailable", "the connection broke"),
    "a broken event": (start() + b'data: {"type" 5}\n\n' + call(HI), "model_unavailable", "could not be read"),
}


@pytest.mark.parametrize("name", [*RUNS, "half a character", "no usage"])
async def test_a_run(opened: Opened, name: str) -> None:
    sent, code, says = RUNS.get(name) or (REPAIRED[name], None, "")
    async with sending(lambda: [SSE + b"\r\n" + sent]) as (base_url, _), asyncio.timeout(30):
        workspace = await opened(base_url, model="anthropic:m", anthropic_api_key=KEY, model_retries=0)
        finished = await (await (await workspace.thread()).send("What is the total?")).finished()
    if code:
        assert finished.error
        assert finished.error.code == code
        assert says in finished.error.message
    else:
        assert finished.reply
        assert finished.reply.message == "Hi."
