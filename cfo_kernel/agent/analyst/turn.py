"""Extracts from a thread's messages the newest question, the tool results since then, and the earlier questions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from cfo_kernel.replies import KINDS


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal by a tool or by the validation of a reply; the text gives the reason."""

    text: str


Result = dict[str, Any] | list[Any] | str | Failure


@dataclass(frozen=True, slots=True)
class Turn:
    """One run: the newest question, the results of each round of tool calls, and the outcome it continues from.

    `offered` holds the choices in the previous reply, or None if that was not a clarifying question.
    """

    question: str
    rounds: tuple[tuple[Result, ...], ...]
    outcome: Result | None
    earlier: tuple[str, ...]
    file: str | None
    refused: Failure | None
    calls: int
    offered: tuple[str, ...] | None = None


def read(messages: list[ModelMessage]) -> Turn:
    """Reads the last turn in the messages."""
    start = max((i for i, m in enumerate(messages) if _prompt(m)), default=0)
    tail = messages[start + 1 :]
    outcome, refused = _outcome(tail)
    prompts = [p for m in messages[:start] if (p := _prompt(m))]
    calls = sum(isinstance(p, ToolCallPart) for m in messages for p in m.parts)
    question = _prompt(messages[start]) or "" if messages else ""
    return Turn(
        question, tuple(_rounds(tail)), outcome, tuple(prompts), _file(messages[: start + 1]), refused, calls,
        _offered(messages[:start]),
    )  # fmt: skip


def _offered(before: list[ModelMessage]) -> tuple[str, ...] | None:
    """The choices in the last reply before the question, or None if it was not a clarifying question."""
    for message in reversed(before):
        for part in message.parts if isinstance(message, ModelResponse) else ():
            if isinstance(part, ToolCallPart) and part.tool_name in KINDS:
                if part.tool_name != "user_interaction":
                    return None
                return tuple(map(str, part.args_as_dict().get("choices") or ()))
    return None


def _prompt(message: ModelMessage) -> str:
    """The user's text in a message; empty if there is none."""
    if not isinstance(message, ModelRequest):
        return ""
    texts: list[str] = []
    for part in message.parts:
        if isinstance(part, UserPromptPart):
            content = part.content
            texts += [content] if isinstance(content, str) else [c for c in content if isinstance(c, str)]
    return "\n".join(texts)


def _returns(message: ModelMessage) -> Iterator[tuple[str, str, Result]]:
    """The tool, call id and result of each tool return in a message."""
    for part in message.parts if isinstance(message, ModelRequest) else ():
        if isinstance(part, ToolReturnPart):
            failed = part.outcome != "success"
            result = Failure(_text(part.content)) if failed else _with_metadata(part)
            yield part.tool_name, part.tool_call_id, result


def content(value: Any) -> Result:
    """The value that a tool returned, parsed if it is JSON text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _with_metadata(part: ToolReturnPart) -> Result:
    """A tool's result, including the parts that only people see, such as the SQL of a plan."""
    value = content(part.content)
    return {**value, **part.metadata} if isinstance(value, dict) and part.metadata else value


def _text(value: Any) -> str:
    """The reason given for a refusal by a tool or by the validation of its arguments."""
    if not isinstance(value, list):
        return str(value)
    return "; ".join(str(error.get("msg", error)) for error in cast("list[dict[str, Any]]", value))


def _rounds(tail: list[ModelMessage]) -> Iterator[tuple[Result, ...]]:
    """The results of each response with tool calls, in the order of the calls."""
    results = {call: result for m in tail for _, call, result in _returns(m)}
    for message in tail:
        if isinstance(message, ModelResponse):
            calls = [p for p in message.parts if isinstance(p, ToolCallPart) and p.tool_name not in KINDS]
            if calls:
                yield tuple(results.get(c.tool_call_id, Failure("the tool returned no result")) for c in calls)


def _outcome(tail: list[ModelMessage]) -> tuple[Result | None, Failure | None]:
    """The outcome of the last accepted reply in this turn, and the refusal if a later reply was rejected."""
    outcome: Result | None = None
    refused: Failure | None = None
    for message in tail:
        for tool, _, result in _returns(message):
            if tool in KINDS and isinstance(result, Failure):
                refused = result
            elif tool in KINDS:
                outcome, refused = result, None
    return outcome, refused


def _file(messages: list[ModelMessage]) -> str | None:
    """The file with the newest result that answered a question."""
    file: str | None = None
    candidate: str | None = None
    for message in messages:
        for tool, _, result in _returns(message):
            if isinstance(result, dict) and isinstance(name := result.get("file"), str):
                candidate = name
                file = name if tool in KINDS else file
        if isinstance(message, ModelResponse) and any(
            isinstance(p, ToolCallPart) and p.tool_name == "task_result" for p in message.parts
        ):
            file = candidate or file
    return file
