"""Servers with Anthropic's API that support only part of JSON Schema get the tools in a simpler form as well."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from anthropic import APIStatusError

from cfo_kernel import UserInteraction
from cfo_kernel.agent.messages_client import MessagesClient
from cfo_kernel.agent.plain_schemas import removable
from tests.agent.offered_tools import TOOLS
from tests.agent.servers.case import MESSAGE
from tests.agent.servers.wire import RawServer, Whole
from tests.conftest import KEY, Opened

OFFERED = [{"name": name, "description": "Does it.", "input_schema": schema} for name, schema in TOOLS.items()]
REQUEST: dict[str, Any] = {
    "model": "m",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": OFFERED,
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
}
Refusal = Callable[[dict[str, Any]], tuple[int, Any] | None]


def error(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def keywords(body: dict[str, Any]) -> set[str]:
    return {each for tool in body["tools"] for each in removable(tool["input_schema"])}


def refusing(unknown: set[str], message: str, status: int = 400) -> Refusal:
    return lambda body: (status, error(message)) if keywords(body) & unknown else None


class Server:
    """Accepts a request, unless `refusal` returns an error for it."""

    def __init__(self, refusal: Refusal) -> None:
        self.requests: list[dict[str, Any]] = []
        self._refusal = refusal
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self._client = MessagesClient(api_key="key", base_url="http://model", max_retries=0, http_client=http_client)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.requests.append(body)
        if refused := self._refusal(body):
            return httpx2.Response(refused[0], json=refused[1])
        return httpx2.Response(200, content=b"", headers={"content-type": "text/event-stream"})

    async def ask(self, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
        """Sends the request, and returns what the server accepted."""
        await (await self._client.beta.messages.create(**request, stream=True)).close()
        return self.requests[-1]


SERVERS: dict[str, tuple[Refusal, set[str]]] = {
    # anthropics/claude-code#5319
    "unions": (
        refusing({"anyOf"}, "tools.3.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf"),
        {"default", "minimum"},
    ),
    "references": (refusing({"$ref", "$defs"}, "Invalid tool schema, $ref is not supported"), {"anyOf", "default"}),
    "unnamed": (refusing({"minimum"}, "tools.3.custom.input_schema: JSON schema is invalid."), set()),
    "gateway": (
        refusing({"default"}, 'Provider error: Unknown name "default" at tools[0].input_schema', 502),
        {"anyOf"},
    ),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_gets_schemas_that_it_can_read(name: str) -> None:
    refusal, kept = SERVERS[name]
    server = Server(refusal)
    accepted = await server.ask()
    assert len(server.requests) == 2
    assert kept <= keywords(accepted)
    assert {key for key in REQUEST if accepted[key] != REQUEST[key]} == {"tools"}
    assert [(tool["name"], tool["description"]) for tool in accepted["tools"]] == [(n, "Does it.") for n in TOOLS]
    assert all(tool["input_schema"]["type"] == "object" for tool in accepted["tools"])
    await server.ask()
    assert server.requests[2:] == [accepted]  # it is remembered


async def test_a_refused_choice_of_a_tool_is_left_to_the_model() -> None:
    # Anthropic itself, while a model is thinking
    text = "Thinking may not be enabled when tool_choice forces tool use."
    server = Server(lambda body: (400, error(text)) if body["tool_choice"]["type"] == "any" else None)
    accepted = await server.ask()
    assert accepted == {**server.requests[0], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "max_tokens: 100 > 64, which is the maximum allowed number of output tokens"),
        (400, "messages.0: user messages must have non-empty content"),
        (429, "Too many requests with a JSON schema"),
        (529, "Overloaded"),
    ],
)
async def test_other_errors_leave_the_request_as_it_is(status: int, message: str) -> None:
    server = Server(lambda _: (status, error(message)))
    with pytest.raises(APIStatusError):
        await server.ask()
    assert len(server.requests) == 1


async def test_a_request_without_tools_is_sent_unchanged() -> None:
    request = {key: value for key, value in REQUEST.items() if not key.startswith("tool")}
    assert await Server(lambda _: None).ask(request) == {**request, "stream": True}


def streamed(tool: str, arguments: dict[str, Any]) -> list[bytes]:
    """An answer that calls a tool."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t1", "name": tool, "input": {}},
        },
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [*(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events), b""]


async def test_a_question_is_answered_by_a_server_that_reads_plain_schemas(opened: Opened) -> None:
    def answer(body: dict[str, Any]) -> list[bytes] | Whole:
        if refused := refusing({"anyOf", "$ref"}, "tools.0.custom.input_schema: JSON schema is invalid.")(body):
            return Whole(*refused)
        return streamed("user_interaction", {"message": MESSAGE})

    async with RawServer([answer]) as server:
        workspace = await opened(server.base_url, model="anthropic:m", anthropic_api_key=KEY, model_retries=0)
        reply = await (await workspace.thread()).ask("What is the total?")
    assert isinstance(reply, UserInteraction)
    assert reply.message == MESSAGE
    assert len(server.requests) == 2
