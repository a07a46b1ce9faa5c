"""A query that a person asked for without a model, as the model reads it when it goes on in the thread."""

from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

_REPLY = "task_result"


def as_turn(message: str, call_id: str, tool: str, arguments: dict[str, Any], output: Any, said: str) -> list[Any]:
    """The turn as it would be if a model had called the tool and ended with `said`, as JSON values.

    `call_id` must be another one in every turn: some servers take a history with an id twice for broken.
    """
    end = f"{call_id}_end"
    messages: list[ModelMessage] = [
        ModelRequest([UserPromptPart(message)]),
        ModelResponse([ToolCallPart(tool, arguments, call_id)]),
        ModelRequest([ToolReturnPart(tool, output, call_id)]),
        ModelResponse([ToolCallPart(_REPLY, {"message": said}, end)]),
        ModelRequest([ToolReturnPart(_REPLY, "Shown to the person. They ran this query themselves.", end)]),
    ]
    return ModelMessagesTypeAdapter.dump_python(messages, mode="json")
