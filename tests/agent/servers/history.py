"""Checks the messages that a model's server receives."""

from collections.abc import Sequence
from typing import Any


def assert_history_is_whole(requests: Sequence[dict[str, Any]]) -> None:
    """Asserts that a return follows every call in a request, and that no id belongs to two calls in an answer."""
    for request in requests:
        messages = request["messages"]
        for position, message in enumerate(messages):
            made = [call["id"] for call in message.get("tool_calls") or ()]
            returned = [each["tool_call_id"] for each in messages[position + 1 : position + 1 + len(made)]]
            assert sorted(made) == sorted(returned)
            assert len(set(made)) == len(made)
