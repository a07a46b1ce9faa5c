"""Records a query that a user ran without a model as a turn, so that a model can continue the thread."""

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


def as_turn(
    message: str, call_id: str, tool: str, arguments: dict[str, Any], output: Any, metadata: Any, answer: str
) -> list[Any]:
    """The messages, as JSON values, of a turn in which a model calls the tool and then replies with `answer`.

    `metadata` is the part of the tool's result that only people see. `call_id` must differ from turn to turn, because
    some servers reject a history in which an id occurs twice.
    """
    reply_id = f"{call_id}_end"
    messages: list[ModelMessage] = [
        ModelRequest([UserPromptPart(message)]),
        ModelResponse([ToolCallPart(tool, arguments, call_id)]),
        ModelRequest([ToolReturnPart(tool, output, call_id, metadata=metadata)]),
        ModelResponse([ToolCallPart(_REPLY, {"message": answer}, reply_id)]),
        ModelRequest([ToolReturnPart(_REPLY, "Shown to the person. They ran this query themselves.", reply_id)]),
    ]
    return ModelMessagesTypeAdapter.dump_python(messages, mode="json")
