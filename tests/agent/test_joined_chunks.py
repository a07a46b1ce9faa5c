"""Chunks that arrive together are joined without changing the answer."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from copy import deepcopy
from typing import Any

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.agent.chat_client import ChatClient
from cfo_kernel.agent.joined_chunks import joined
from tests.agent.test_chat_client import ASK, chunk, events

TEXTS = st.sampled_from(["", "a", "b", "{"])


def call(index: int, name: str | None, arguments: str | None, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}, **more}]}


DELTAS = st.one_of(
    st.fixed_dictionaries({"content": TEXTS}, optional={"role": st.just("assistant"), "reasoning": TEXTS}),
    st.fixed_dictionaries({"reasoning_content": TEXTS}),
    st.builds(call, st.integers(0, 1), st.sampled_from([None, "f"]), st.one_of(st.none(), TEXTS), id=st.just("c")),
    st.just({}),
)
CHUNKS = st.builds(
    lambda delta, finish, more: {**chunk(delta), **more, "choices": [{**chunk(delta)["choices"][0], **finish}]},
    DELTAS,
    st.sampled_from([{}, {}, {}, {"finish_reason": "stop"}, {"logprobs": {"content": [1]}}]),
    st.sampled_from([{}, {}, {}, {"usage": {"total_tokens": 1}}, {"obfuscation": "x"}, {"created": 2}]),
)


def steps(chunks: Iterable[Any]) -> list[Any]:
    """Everything that the chunks add to an answer, in order, with each text as one step."""
    found: list[Any] = []
    for each in chunks:
        [choice] = each["choices"]
        delta, about = choice["delta"], each["created"]
        added = [
            (about, name, delta[name]) for name in ("reasoning_content", "reasoning", "content") if delta.get(name)
        ]
        for piece in delta.get("tool_calls", ()):
            function = piece["function"]
            added += [(about, piece["index"], "name", function["name"])] if function["name"] else []
            added += [(about, piece["index"], "arguments", function["arguments"])] if function["arguments"] else []
        added += [(about, name, str(choice[name])) for name in ("finish_reason", "logprobs") if choice.get(name)]
        added += [(about, "usage", str(each["usage"]))] if each.get("usage") else []
        for *place, text in added:
            if (
                found
                and found[-1][0] == place
                and place[-1] in ("content", "reasoning", "reasoning_content", "arguments")
            ):
                found[-1] = (place, found[-1][1] + text)
            else:
                found.append((place, text))
    return found


@given(st.lists(CHUNKS, max_size=8))
def test_joining_does_not_change_the_answer(chunks: list[dict[str, Any]]) -> None:
    together = list(joined(deepcopy(chunks)))
    assert steps(together) == steps(chunks)
    assert len(together) <= len(chunks)


def test_each_text_becomes_one_chunk() -> None:
    deltas = [
        {"role": "assistant", "content": None},
        {"reasoning": "Let me "},
        {"reasoning": "think."},
        call(0, "execute_sql", "", id="c0", type="function"),
        call(0, None, '{"sql":'),
        call(0, None, '"SELECT 1"}', id="c0"),
        call(1, "task_result", '{"mess', id="c1"),
        call(1, None, 'age":"Hi'),
        call(0, None, " "),
        call(1, None, '"}'),
    ]
    together: list[Any] = [each["choices"][0]["delta"] for each in joined(map(chunk, deltas))]  # type: ignore[index]
    assert together == [
        {"role": "assistant", "content": None},
        {"reasoning": "Let me think."},
        call(0, "execute_sql", '{"sql":"SELECT 1"}', id="c0", type="function"),
        call(1, "task_result", '{"message":"Hi', id="c1"),
        call(0, None, " "),
        call(1, None, '"}'),
    ]


class Body(httpx2.AsyncByteStream):
    """Sends each event once the one before it has been received."""

    def __init__(self, *deltas: dict[str, Any]) -> None:
        self.received = asyncio.Semaphore(1)
        self.closed = False
        self._parts = [events(chunk(delta)).partition(b"data: [DONE]")[0] for delta in deltas]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            await self.received.acquire()
            yield part
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_a_chunk_that_arrives_alone_is_passed_on_at_once_and_reading_ends_with_the_stream() -> None:
    body = Body(*({"content": text} for text in "abc"))
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=body)
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer))
    async with asyncio.timeout(30), ChatClient(api_key="k", base_url="http://m/v1", http_client=http_client) as client:
        stream: Any = await client.chat.completions.create(**ASK, stream=True)
        received: list[str] = []
        async for each in stream:
            received.append(each.choices[0].delta.content)
            body.received.release()
            if len(received) == 3:
                break
        await stream.close()
    assert received == ["a", "b", "c"]
    assert body.closed
    assert not any("AnswerStream" in repr(task) for task in asyncio.all_tasks())


async def test_chunks_that_arrived_together_are_few() -> None:
    body = events(*(chunk({"content": "x"}) for _ in range(400)))
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer))
    async with ChatClient(api_key="k", base_url="http://m/v1", http_client=http_client) as client:
        stream: Any = await client.chat.completions.create(**ASK, stream=True)
        texts = [each.choices[0].delta.content async for each in stream if each.choices]
    assert "".join(filter(None, texts)) == "x" * 400
    assert len(texts) < 40
