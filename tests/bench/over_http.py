"""What HTTP adds: until a message is accepted, and until the first word of its reply."""

import time
from statistics import median

from openai import AsyncOpenAI

from tests.bench.company import NAME
from tests.bench.model_server import FIRST_WORD, QUESTION
from tests.bench.serving import Server, serving
from tests.bench.told import Line, percentile

POSTS = 100
WORDS = 40


async def measure() -> list[Line]:
    async with serving() as server:
        await _first_word(server)  # the first run loads the agent
        return [await _accepted(server), await _first_words(server)]


async def _accepted(server: Server) -> Line:
    """Messages one after the other, each in a new thread, while the runs of those before go on."""
    taken: list[float] = []
    for _ in range(POSTS):
        begun = time.perf_counter()
        answer = await server.client.post(f"/workspaces/{NAME}/threads", json={"message": QUESTION})
        taken.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 202, answer.text
        await server.status_of(answer.json()["run"]["run_id"])
    return Line("POST to 202", f"p50 {percentile(taken, 50):.1f} ms, p99 {percentile(taken, 99):.1f} ms")


async def _first_words(server: Server) -> Line:
    """In turn with the same request to the model server."""
    ours: list[float] = []
    theirs: list[float] = []
    async with AsyncOpenAI(base_url=server.model_url, api_key="any") as client:
        await _model_word(client)
        for _ in range(WORDS):
            theirs.append(await _model_word(client))
            ours.append(await _first_word(server))
    more = (median(ours) - median(theirs)) * 1000
    seen = f"+{more:.1f} ms  ({median(ours) * 1000:.1f}, the model {median(theirs) * 1000:.1f})"
    return Line("first token over HTTP / the model's own", seen, "< 20 ms more", more < 20)


async def _first_word(server: Server) -> float:
    begun, came = time.perf_counter(), 0.0
    body = {"workspace_id": NAME, "message": FIRST_WORD}
    async with server.client.stream("POST", "/chat/stream", json=body) as stream:
        async for line in stream.aiter_lines():
            if line == "event: token" and not came:
                came = time.perf_counter() - begun
    assert came
    return came


async def _model_word(client: AsyncOpenAI) -> float:
    begun, came = time.perf_counter(), 0.0
    asked = [{"role": "user", "content": FIRST_WORD}]
    async for chunk in await client.chat.completions.create(model="scripted", messages=asked, stream=True):
        if not came and chunk.choices and chunk.choices[0].delta.content:
            came = time.perf_counter() - begun
    return came
