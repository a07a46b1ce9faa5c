"""Goes through a turn again whose process died: what the desk's memory has is handed back, what is new is kept.

The turn begins anew from its message, so the model is asked nothing and no tool is run until the memory ends: in the
middle of an answer, or among several tools that were called at once.
"""

from typing import Any, cast

from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import ToolDefinition

from cfo_kernel.agent.run_deps import RunDeps, call_of
from cfo_kernel.replies import ResultTable


class Replay(AbstractCapability[RunDeps]):
    """Stands between the agent and its model and tools.

    An answer is kept as the history keeps it: a schema of its own would cost each start a hundredth of a second.
    """

    async def wrap_model_request(
        self, ctx: RunContext[RunDeps], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        known = ctx.deps.replay_log.response()
        if known is not None:
            [kept] = ModelMessagesTypeAdapter.validate_python([known])
            return cast("ModelResponse", kept)
        response: ModelResponse = await handler(request_context)
        ctx.deps.replay_log.keep_response(ModelMessagesTypeAdapter.dump_python([response], mode="json")[0])
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
        deps, called = ctx.deps, call_of(ctx)
        returned = deps.replay_log.tool(called)
        if returned is not None:
            if returned.get("result"):
                deps.put_back(called, ResultTable.model_validate(returned["result"]))
        else:
            returned = await _returned(handler, args)
            if result := deps.kept_by(called):
                returned["result"] = result.model_dump(mode="json")
            deps.replay_log.keep_tool(called, returned)
        if "retry" in returned:
            raise ModelRetry(returned["retry"])
        return returned["value"]


async def _returned(handler: Any, args: Any) -> dict[str, Any]:
    try:
        return {"value": await handler(args)}
    except ModelRetry as error:
        return {"retry": error.message}
