"""Anthropic's client, adapted through its public API to servers that support only part of JSON Schema.

A request's tools are converted to the format of OpenAI's API and back, because refused keywords are found and removed
in that format.
"""

from collections.abc import Mapping
from typing import Any, cast

from anthropic import APIStatusError, AsyncAnthropic

from cfo_kernel.agent.accepted_requests import AcceptedRequests
from cfo_kernel.agent.refused_parameters import Body

_CHAT_NAMES = {"name": "name", "description": "description", "input_schema": "parameters"}
"""The keys of a tool that are part of its function in OpenAI's API, and their names there."""
_REQUIRED = "any"


class MessagesClient(AsyncAnthropic):
    """A client for messages with tools. The rest of a request is never changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accepted = AcceptedRequests()

    async def post(self, path: str, *, body: Any = None, **more: Any) -> Any:
        post, given = super().post, cast("Body", body or {})
        if not isinstance(given.get("tools"), list):
            return await post(path, body=body, **more)

        async def send(chat: Body) -> Any:
            return await post(path, body={**given, **_as_messages(chat, given)}, **more)

        return await self._accepted.send(_as_chat(given), send, APIStatusError, _refusal)


def _refusal(error: APIStatusError) -> tuple[int, object]:
    return error.status_code, error.body


def _as_chat(request: Body) -> Body:
    return {
        "model": request["model"],
        "tools": [_as_chat_tool(tool) for tool in request["tools"]],
        **({"tool_choice": "required"} if _requires_a_call(request) else {}),
    }


def _as_chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {name: tool[key] for key, name in _CHAT_NAMES.items() if key in tool}
    return {**{key: value for key, value in tool.items() if key not in _CHAT_NAMES}, "function": function}


def _as_messages(chat: Body, request: Body) -> Body:
    is_weakened = _requires_a_call(request) and chat.get("tool_choice") != "required"
    return {
        "tools": [_as_messages_tool(tool) for tool in chat["tools"]],
        **({"tool_choice": {**request["tool_choice"], "type": "auto"}} if is_weakened else {}),
    }


def _as_messages_tool(tool: dict[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in tool.items() if key != "function"}
    made |= {key: tool["function"][name] for key, name in _CHAT_NAMES.items() if name in tool["function"]}
    return {"input_schema": {"type": "object"}, **made}


def _requires_a_call(request: Body) -> bool:
    choice = request.get("tool_choice")
    return isinstance(choice, Mapping) and cast("Body", choice).get("type") == _REQUIRED
