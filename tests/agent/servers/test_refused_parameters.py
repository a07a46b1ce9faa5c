"""Checks which parameters are removed if a server refuses them, which never are, and which are remembered."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from openai import APIStatusError

from cfo_kernel.agent.chat_client import ChatClient

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up a strict default.",
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"strict": {"type": "string", "default": "x"}, "stream": {"type": "boolean"}},
            "required": ["strict"],
        },
        "strict": True,
    },
}
REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [TOOL],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "seed": 1,
}
Answer = tuple[int, Any]
Answering = Callable[[dict[str, Any]], Answer]
DONE = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\ndata: [DONE]\n\n'


class Server:
    """Answers a request with a stream, unless `refusal` returns an error for it."""

    def __init__(self, refusal: Callable[[dict[str, Any]], Answer | None]) -> None:
        self.requests: list[dict[str, Any]] = []
        self._refusal = refusal
        transport = httpx2.MockTransport(self._answer)
        http_client = httpx2.AsyncClient(transport=transport)
        self.client = ChatClient(api_key="key", base_url="http://model/v1", max_retries=0, http_client=http_client)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.requests.append(body)
        if answer := self._refusal(body):
            status, refusal = answer
            content = refusal if isinstance(refusal, bytes) else json.dumps(refusal).encode()
            kind = "text/event-stream" if content.startswith(b"data:") else "application/json"
            return httpx2.Response(status, content=content, headers={"content-type": kind})
        return httpx2.Response(200, content=DONE, headers={"content-type": "text/event-stream"})

    async def ask(self, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
        """Sends the request, and returns what the server accepted."""
        await (await self.client.chat.completions.create(**request, stream=True)).close()
        return self.requests[-1]


def has(body: dict[str, Any], name: str) -> bool:
    """Whether the request has the parameter, or a form of `tool_choice` that not every server supports."""
    if name == "strict":
        return "strict" in body["tools"][0]["function"]
    if name == "additionalProperties":
        return name in body["tools"][0]["function"]["parameters"]
    return body.get(name) == "required" if name == "tool_choice" else name in body


def openai(message: str, **keys: Any) -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **keys}}


WORDINGS: dict[str, tuple[int, Callable[[str], Any]]] = {
    # evalstate/fast-agent#279
    "openai": (400, lambda name: openai(f"Unsupported parameter: '{name}' is not supported with this model.")),
    "param field": (400, lambda name: openai("Unsupported value.", param=name, code="unsupported_value")),
    # deepseek-ai/DeepSeek-V3, in thinking mode
    "mid-sentence": (400, lambda name: openai(f"Thinking mode does not support this {name}")),
    # openai/openai-agents-python#442
    "mistral": (422, lambda name: {"object": "error", "message": {"detail": [
        {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": REQUEST}
    ]}}),
    # router-for-me/CLIProxyAPI#102, bigduu/Bodhi-AI#52: a list around the error
    "gemini": (400, lambda name: [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
        f"Invalid JSON payload received. Unknown name \"{name}\" at 'tools[0]': Cannot find field."}}]),
    # arbs-io/github-copilot-llm-gateway#79
    "litellm": (400, lambda name: openai(
        f"litellm.UnsupportedParamsError: ollama does not support parameters: ['{name}'], for model=phi4-mini:3.8b. "
        "To drop these, set litellm.drop_params=True")),
    # cubist38/mlx-openai-server#49
    "words and a 500": (500, lambda name: openai(f"{name.replace('_', ' ').capitalize()} must not be set.")),
    # ggml-org/llama.cpp#10920
    "llama.cpp": (500, lambda name: {"error": {"code": 500, "message": f"Unsupported param: {name}"}}),
    "openrouter": (404, lambda name: {"error": {"code": 404, "message":
        f"No endpoints found that support the provided '{name}' value."}}),
    # musistudio/claude-code-router#187: the error of the provider as a string
    "quoted by a gateway": (400, lambda name: openai("Provider returned error", metadata={
        "raw": json.dumps({"error": {"message": f"unknown field `{name}`"}})})),
    "another language": (400, lambda name: openai(f"参数 {name} 不支持")),
    "plain text": (400, lambda name: f"unknown field \"{name}\"".encode()),
    "camel case": (400, lambda name: openai(f"Unrecognized key: {name[0]}{name.title().replace('_', '')[1:]}")),
    "status 200": (200, lambda name: openai(f"{name} is not supported")),
    "in the stream": (200, lambda name: b"data: " + json.dumps(openai(f"{name} is unsupported")).encode() + b"\n\n"),
}  # fmt: skip
NAMES = ["tool_choice", "strict", "stream_options", "parallel_tool_calls", "temperature"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wording", WORDINGS)
async def test_a_parameter_that_a_server_refuses_is_left_out_from_then_on(wording: str, name: str) -> None:
    status, says = WORDINGS[wording]
    server = Server(lambda body: (status, says(name)) if has(body, name) else None)
    accepted = await server.ask()
    assert len(server.requests) == 2
    left_out = {"strict": "tools"}.get(name, name)
    assert {key for key in REQUEST if accepted.get(key) != REQUEST[key]} == {left_out}
    await server.ask()
    assert len(server.requests) == 3
    assert server.requests[2] == accepted


async def test_a_tool_choice_becomes_auto_and_is_then_omitted() -> None:
    def refusal(body: dict[str, Any]) -> Answer | None:
        return (400, openai("tool_choice is unknown")) if "tool_choice" in body else None

    server = Server(refusal)
    await server.ask()
    assert [body.get("tool_choice") for body in server.requests] == ["required", "auto", None]


@pytest.mark.parametrize(
    "text",
    [
        # a server that names only the value, as Rust's serde does
        "unknown variant `required`, expected `auto` or `none`",
        "'required' is not one of ['auto', 'none']",
        # vllm-project/vllm#53626
        "Only 'auto' or 'none' tool_choice is supported",
    ],
)
async def test_a_value_names_its_parameter(text: str) -> None:
    server = Server(lambda body: (422, openai(text)) if has(body, "tool_choice") else None)
    assert (await server.ask())["tool_choice"] == "auto"


async def test_all_parameters_that_one_error_names_are_dropped_at_once() -> None:
    text = "Unrecognized request arguments supplied: parallel_tool_calls, stream_options"
    server = Server(lambda body: (400, openai(text)) if has(body, "stream_options") else None)
    accepted = await server.ask()
    assert len(server.requests) == 2
    assert REQUEST.keys() - accepted.keys() == {"parallel_tool_calls", "stream_options"}


async def test_several_refusals_in_a_row() -> None:
    order = ["tool_choice", "stream_options", "strict", "additionalProperties"]

    def refusal(body: dict[str, Any]) -> Answer | None:
        return next(((400, openai(f'Unknown name "{name}"')) for name in order if has(body, name)), None)

    server = Server(refusal)
    await server.ask()
    assert len(server.requests) == 5


async def test_an_argument_of_a_tool_keeps_its_name() -> None:
    server = Server(lambda body: (400, openai('strict and "default" are unknown')) if has(body, "strict") else None)
    function = (await server.ask())["tools"][0]["function"]
    assert "strict" not in function
    assert function["parameters"]["properties"] == {"strict": {"type": "string"}, "stream": {"type": "boolean"}}


async def test_a_server_that_cannot_stream_with_tools_is_asked_for_the_whole_answer() -> None:
    # ggml-org/llama.cpp#12379, containers/ramalama#1431
    answer = {"id": "1", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}

    def refusal(body: dict[str, Any]) -> Answer:
        return (500, {"error": {"message": "Cannot use tools with stream"}}) if body["stream"] else (200, answer)

    server = Server(refusal)
    assert "stream_options" not in await server.ask()
    stream = await server.client.chat.completions.create(**REQUEST, stream=True)
    assert [chunk.choices[0].delta.content async for chunk in stream] == ["Hi"]
    assert [body["stream"] for body in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai("registry.ollama.ai/library/gemma:2b does not support tools")),
        (400, openai("This model's maximum context length is 8192 tokens")),
        (401, openai("tool_choice is not allowed for this key")),
        (429, openai("Rate limit for requests with tool_choice")),
        (400, b"<html>Bad request</html>"),
        (400, b""),
        (400, [[[[[["tool_choice"]]]]]]),
    ],
)
async def test_other_errors_are_raised_at_once(status: int, error: Any) -> None:
    server = Server(lambda _: (status, error))
    with pytest.raises(APIStatusError):
        await server.ask()
    assert len(server.requests) == 1


async def test_what_did_not_help_is_not_remembered() -> None:
    refuse = True
    server = Server(lambda _: (400, openai("Bad request: tool_choice=required, temperature=0")) if refuse else None)
    with pytest.raises(APIStatusError):
        await server.ask()
    refuse = False
    assert (await server.ask()).items() >= {"tool_choice": "required", "temperature": 0}.items()
    assert all(body["tools"] == [TOOL] for body in server.requests)
