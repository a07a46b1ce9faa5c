"""The latency of the HTTP API: until a message is accepted, and until the first word of its reply."""

import time
from statistics import median

from openai import AsyncOpenAI

from tests.bench.company import NAME
from tests.bench.model_server import FIRST_WORD, QUESTION
from tests.bench.report import Figure, percentile
from tests.bench.serving import Server, serving

POSTS = 100
WORDS = 40


async def measure() -> list[Figure]:
    async with serving() as server:
        await _first_token(server)  # the first run loads the agent
        return [await _post_figure(server), await _first_token_figure(server)]


async def _post_figure(server: Server) -> Figure:
    """Posts messages one after another, each in a new thread."""
    milliseconds: list[float] = []
    for _ in range(POSTS):
        started = time.perf_counter()
        answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
        milliseconds.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 202, answer.text
        await server.status_of(answer.json()["run"]["run_id"])
    return Figure(
        "POST to 202", f"p50 {percentile(milliseconds, 50):.1f} ms, p99 {percentile(milliseconds, 99):.1f} ms"
    )


async def _first_token_figure(server: Server) -> Figure:
    """Measures the first token, alternating with the same request sent directly to the model server."""
    ours: list[float] = []
    theirs: list[float] = []
    async with AsyncOpenAI(base_url=server.model_url, api_key="any") as client:
        await _model_first_token(client)
        for _ in range(WORDS):
            theirs.append(await _model_first_token(client))
            ours.append(await _first_token(server))
    more = (median(ours) - median(theirs)) * 1000
    result = f"+{more:.1f} ms  ({median(ours) * 1000:.1f}, the model {median(theirs) * 1000:.1f})"
    return Figure("first token over HTTP / the model's own", result, "< 20 ms more", more < 20)


async def _first_token(server: Server) -> float:
    started, seconds = time.perf_counter(), 0.0
    body = {"workspace_id": NAME, "message": FIRST_WORD}
    async with server.client.stream("POST", "/chat/stream", json=body) as stream:
        async for line in stream.aiter_lines():
            if line == "event: token" and not seconds:
                seconds = time.perf_counter() - started
    assert seconds
    return seconds


async def _model_first_token(client: AsyncOpenAI) -> float:
    started, seconds = time.perf_counter(), 0.0
    asked = [{"role": "user", "content": FIRST_WORD}]
    async for chunk in await client.chat.completions.create(model="scripted", messages=asked, stream=True):
        if not seconds and chunk.choices and chunk.choices[0].delta.content:
            seconds = time.perf_counter() - started
    return seconds
