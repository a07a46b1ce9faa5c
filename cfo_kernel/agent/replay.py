"""Continues a turn whose process died, with the answers and tool results in its replay log.

The turn starts again from its message and follows the same path: as long as the log has the next step, no model is
called and no tool runs. Continuing from a message history instead would fail if the process died in the middle of an
answer, or before all of several parallel tool calls had returned.
"""

from typing import Any, cast

from pydantic_ai import ModelRetry, RunContext, ToolReturn
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import ToolDefinition

from cfo_kernel.agent.long_texts import aside, length_of
from cfo_kernel.agent.run_deps import RunDeps, call_key
from cfo_kernel.agent.shown_text import without_keys
from cfo_kernel.replies import ResultTable


class Replay(AbstractCapability[RunDeps]):
    """Wraps every model request and tool call: returns the outcome in the replay log, or records a new one.

    Nothing that contains a key of a model's server is recorded or executed.
    """

    async def wrap_model_request(
        self, ctx: RunContext[RunDeps], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        recorded = ctx.deps.replay_log.response()
        if recorded is not None:
            return _read(recorded)
        answer: ModelResponse = await handler(request_context)
        response, record = await aside(length_of(answer), _without_keys, answer, ctx.deps.secrets)
        ctx.deps.replay_log.keep_response(record)
        return response

    async def wrap_tool_execute(
        self,
        ctx: RunContext[RunDeps],
        *,
        call: ToolCallPart,  # noqa: ARG002
        tool_def: ToolDefinition,  # noqa: ARG002
        args: Any,
        handler: Any,
    ) -> Any:
        deps, key = ctx.deps, call_key(ctx)
        returned = deps.replay_log.tool(key)
        if returned is not None:
            # The run's reply may show this table, so it must not be lost when the tool is skipped.
            if returned.get("result"):
                deps.restore_result(key, ResultTable.model_validate(returned["result"]))
        else:
            returned = await _run(handler, args)
            if result := deps.result_of(key):
                returned["result"] = result.model_dump(mode="json")
            deps.replay_log.keep_tool(key, returned)
        # A retry is recorded as well: the model's next answer, which may be in the log, corrects exactly this error.
        if "retry" in returned:
            raise ModelRetry(returned["retry"])
        if metadata := returned.get("metadata"):
            return ToolReturn(returned["value"], metadata=metadata)
        return returned["value"]


def _without_keys(response: ModelResponse, secrets: tuple[str, ...]) -> tuple[ModelResponse, Any]:
    """The answer without the keys of the model servers, both as an object and as JSON."""
    [written] = ModelMessagesTypeAdapter.dump_python([response], mode="json")
    record = _masked(written, secrets)
    return (response if record == written else _read(record)), record


def _masked(value: Any, secrets: tuple[str, ...]) -> Any:
    match value:
        case str():
            return without_keys(value, secrets)
        case list():
            return [_masked(inner, secrets) for inner in cast("list[Any]", value)]
        case dict():
            fields = cast("dict[str, Any]", value)
            return {without_keys(key, secrets): _masked(inner, secrets) for key, inner in fields.items()}
        case _:
            return value


def _read(record: Any) -> ModelResponse:
    # Read as a list of messages, like the history, because building a schema for single answers would cost every
    # process another 10 ms at its start.
    [message] = ModelMessagesTypeAdapter.validate_python([record])
    return cast("ModelResponse", message)


async def _run(handler: Any, args: Any) -> dict[str, Any]:
    # Other exceptions end the run; they are not recorded.
    try:
        value = await handler(args)
        if isinstance(value, ToolReturn):
            return {"value": value.return_value, "metadata": value.metadata}
        return {"value": value}
    except ModelRetry as error:
        return {"retry": error.message}
