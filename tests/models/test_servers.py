"""Tests the two model servers that other tests rely on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from openai import APIConnectionError, APITimeoutError, AsyncOpenAI, AuthenticationError, NotFoundError

from tests.models.local_model import MODEL_NAME, LocalModel
from tests.models.scripted_server import CutStream, ScriptedServer, Stall, Status, Text, ToolCall
from tests.replies import Serve

Client = Callable[..., AsyncOpenAI]
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
LOOK = ToolCall("look_up", {"city": "Rome"})


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Creates clients, and closes them at the end of the test.

    Otherwise `__del__` would close an open client in the event loop of a later test, which would then fail.
    """
    async with AsyncExitStack() as stack:

        def make(server: ScriptedServer | str, key: str = "any", **options: Any) -> AsyncOpenAI:
            url = server if isinstance(server, str) else server.base_url
            made = AsyncOpenAI(base_url=url, api_key=key, **{"max_retries": 0, "timeout": 10, **options})
            stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture(scope="module")
def local() -> Iterator[LocalModel]:
    with LocalModel() as model:
        yield model


async def read(stream: AsyncIterator[Any]) -> list[Any]:
    return [chunk async for chunk in stream]


async def test_it_streams_text_and_calls_in_pieces_and_usage_last(serve: Serve, client: Client) -> None:
    server = serve([Text("a text of some length"), LOOK, ToolCall("other", "raw")])
    create = client(server).chat.completions.create
    chunks = await read(await create(**ASK, stream=True, stream_options={"include_usage": True}))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert [delta.content for delta in deltas if delta.content] == ["a text of ", "some lengt", "h"]
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    assert [(c.index, c.id, c.function.name) for c in calls if c.id] == [
        (0, "call_0_0", "look_up"),
        (1, "call_0_1", "other"),
    ]
    arguments = ["".join(c.function.arguments or "" for c in calls if c.index == i) for i in (0, 1)]
    assert arguments == ['{"city": "Rome"}', "raw"]
    assert (chunks[-2].choices[0].finish_reason, chunks[-1].usage.total_tokens) == ("tool_calls", 25)


async def test_it_answers_without_a_stream_and_records_requests(serve: Serve, client: Client) -> None:
    server = serve(LOOK, Text("hello"))
    completions = client(server, "my-key").chat.completions
    first, second = await completions.create(**ASK), await completions.create(**ASK)
    assert first.choices[0].message.tool_calls
    assert second.choices[0].message.content == "hello"
    assert [request.body["messages"] for request in server.requests] == [ASK["messages"]] * 2
    assert server.requests[0].headers["authorization"] == "Bearer my-key"


async def test_it_checks_keys_and_models(serve: Serve, client: Client) -> None:
    server = serve(Text("hello"), models=["m", "n"])
    assert [model.id async for model in client(server).models.list()] == ["m", "n"]
    with pytest.raises(AuthenticationError):
        await client(server, "wrong").chat.completions.create(**ASK)
    with pytest.raises(NotFoundError):
        await client(server).chat.completions.create(**{**ASK, "model": "o"})
    assert server.turns_taken == 0


async def test_a_cut_stream_drops_the_connection_and_a_clean_one_ends_early(serve: Serve, client: Client) -> None:
    server = serve(CutStream(3, Text("x" * 100)), CutStream(3, Text("x" * 100), clean=True))
    create = client(server, max_retries=2).chat.completions.create
    with pytest.raises(APIConnectionError, match="Connection error"):
        await read(await create(**ASK, stream=True))
    assert len(await read(await create(**ASK, stream=True))) == 3


async def test_a_stall_runs_into_the_timeout_and_the_server_still_ends(client: Client) -> None:
    with ScriptedServer([Stall(2, Text("x" * 100)), Stall(headers=False)]) as server:
        create = client(server, timeout=0.2).chat.completions.create
        with pytest.raises(APITimeoutError):
            await read(await create(**ASK, stream=True))
        with pytest.raises(APITimeoutError):
            await create(**ASK, stream=True)
        server_thread = server._thread
    server_thread.join(20)
    assert not server_thread.is_alive()


async def test_a_status_is_retried_by_the_client(serve: Serve, client: Client) -> None:
    server = serve(Status(429, {"retry-after-ms": "1"}), Text("hello"))
    answer = await client(server, max_retries=1).chat.completions.create(**ASK)
    assert (answer.choices[0].message.content, server.turns_taken) == ("hello", 2)


async def test_a_real_model_streams_text(local: LocalModel, client: Client) -> None:
    create = client(local.base_url, timeout=60).chat.completions.create
    ask: dict[str, Any] = {"model": MODEL_NAME, "messages": [{"role": "user", "content": "Say hello."}]}
    chunks = await read(await create(**ask, stream=True, max_tokens=8))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_the_local_model_ends_with_its_owner() -> None:
    code = "from tests.models.local_model import LocalModel as M; m = M().__enter__(); print(m._process.pid); input()"
    root = Path(__file__).parents[2]
    owner = subprocess.Popen([sys.executable, "-uc", code], cwd=root, stdin=-1, stdout=-1, text=True)
    assert owner.stdout
    pid = int(owner.stdout.readline())
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid: int) -> bool:
    """Whether a process is running. A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
