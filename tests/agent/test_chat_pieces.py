"""An answer's events, read together where they came together: nothing is lost, and nothing else is joined."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from cfo_kernel.agent.chat_pieces import Pieces


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}


def said(text: str, **more: Any) -> dict[str, Any]:
    return chunk({"content": text}, **more)


def call(arguments: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments, **more}}]})


def streamed(*chunks: dict[str, Any], end: str = "\n\n") -> bytes:
    texts = [json.dumps(each, ensure_ascii=False) for each in chunks]
    return "".join(f"data: {text}{end}" for text in [*texts, "[DONE]"]).encode()


async def read(*packets: bytes) -> list[Any]:
    async def came() -> AsyncGenerator[bytes]:
        for packet in packets:
            yield packet

    events = [event async for event in Pieces().aiter_bytes(came())]
    assert events[-1].data == "[DONE]"
    return [event.json() for event in events[:-1]]


async def test_text_that_came_together_is_one() -> None:
    opening = chunk({"role": "assistant", "content": ""})
    packet = streamed(opening, said("a", obfuscation="xyz"), said("b", obfuscation="x"), said("c"), chunk({}, "stop"))
    assert await read(packet) == [opening, said("abc", obfuscation="xyz"), chunk({}, "stop")]


async def test_what_came_alone_is_told_alone() -> None:
    first, second = said("a"), said("b")
    packets = (streamed(first).removesuffix(b"data: [DONE]\n\n"), streamed(second))
    assert await read(*packets) == [first, second]


async def test_arguments_of_one_call_are_joined_and_those_of_two_are_not() -> None:
    opening = call("", name="execute_sql")
    packet = streamed(opening, call('{"sql": '), call('"x"}'), call("{", index=1), call("}", index=1))
    assert await read(packet) == [opening, call('{"sql": "x"}'), call("{}", index=1)]


@pytest.mark.parametrize(
    "other",
    [
        said("b", usage={"total_tokens": 1}),
        chunk({"content": "b"}, "stop"),
        chunk({"content": "b", "reasoning_content": "hm"}),
        chunk({"content": "b", "refusal": "no"}),
        said("b", id="2"),
        said("b", model="another"),
        {"id": "1", "choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]},
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "b"}, "logprobs": {"content": []}}]},
        {"id": "1", "choices": []},
        {"error": {"message": "overloaded"}},
        call("b"),
    ],
)
async def test_what_tells_more_than_text_is_left_as_it_is(other: dict[str, Any]) -> None:
    assert await read(streamed(said("a"), other, said("c"))) == [said("a"), other, said("c")]


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
async def test_it_does_not_matter_where_a_packet_ends(end: str) -> None:
    data = streamed(said("Büro "), said("€ 4"), chunk({}, "stop"), end=end)
    for cut in range(1, len(data)):
        read_so = await read(data[:cut], data[cut:])
        texts = [each["choices"][0]["delta"].get("content", "") for each in read_so]
        assert "".join(texts) == "Büro € 4"
        assert read_so[-1] == chunk({}, "stop")


async def test_an_event_that_cannot_be_read_is_told_in_its_place() -> None:
    async def came() -> AsyncGenerator[bytes]:
        yield b'data: {"id": \n\n'

    [event] = [event async for event in Pieces().aiter_bytes(came())]
    with pytest.raises(ValueError, match="Expecting value"):
        event.json()
