"""Repairs a model's answer before it is used: names and arguments of calls, and calls or replies written as text.

The history holds the repaired answer, so that the next request to the server is valid. The replay log holds the
original answer, which is repaired in the same way when it is read from the log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2s
from typing import Any, cast

from pydantic import ValidationError
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.output import OutputContext
from pydantic_ai.tools import ToolDefinition

from cfo_kernel.agent.argument_errors import explained
from cfo_kernel.agent.json_texts import as_json, object_in
from cfo_kernel.agent.long_texts import aside, length_of
from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.tool_arguments import arguments_in, surplus
from cfo_kernel.agent.tool_names import offered_name
from cfo_kernel.agent.tool_schemas import with_short_schema
from cfo_kernel.agent.written_calls import Tools, Written, calls_in, is_for_a_person, without_thinking, written_calls
from cfo_kernel.clean_text import clean_text

_ANSWER = "task_result"


class AnswerRepair(AbstractCapability[RunDeps]):
    """Repairs each answer if, given the schemas that the model received, it can be read in only one way."""

    async def prepare_output_tools(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        tool_defs: list[ToolDefinition],
    ) -> list[ToolDefinition]:
        """Shortens the schemas that pydantic-ai generates for the replies, like those of the tools."""
        return [with_short_schema(each) for each in tool_defs]

    async def wrap_model_request(
        self, ctx: RunContext[RunDeps], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        response: ModelResponse = await handler(request_context)
        parameters = request_context.model_request_parameters
        tools = {
            each.name: each.parameters_json_schema for each in (*parameters.function_tools, *parameters.output_tools)
        }
        answers = [m for m in ctx.messages if isinstance(m, ModelResponse) and m.run_id == ctx.run_id]
        queried = ctx.deps.last_result is not None
        return await aside(length_of(response), repaired, response, tools, answers, queried=queried)

    async def before_tool_validate(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        *,
        call: ToolCallPart,  # noqa: ARG002
        tool_def: ToolDefinition,
        args: Any,
    ) -> Any:
        return _without_surplus(args, tool_def)

    async def on_tool_validate_error(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        *,
        call: ToolCallPart,  # noqa: ARG002
        tool_def: ToolDefinition,
        args: Any,  # noqa: ARG002
        error: ValidationError | ModelRetry,
    ) -> dict[str, Any]:
        raise _as_retry(error, tool_def) from error

    async def after_tool_execute(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: Any,  # noqa: ARG002
        result: Any,
    ) -> Any:
        ignored = surplus(object_in(call.args) or {}, tool_def.parameters_json_schema)
        if not ignored or not isinstance(result, dict):
            return result
        note = f"{tool_def.name} has no argument {', '.join(ignored)}: its value was ignored."
        told = cast("dict[str, Any]", result)
        return {**told, "notes": [*told.get("notes", ()), note]}

    async def before_output_validate(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        *,
        output_context: OutputContext,
        output: Any,
    ) -> Any:
        return _without_surplus(output, output_context.tool_def) if output_context.tool_def else output

    async def on_output_validate_error(
        self,
        ctx: RunContext[RunDeps],  # noqa: ARG002
        *,
        output_context: OutputContext,
        output: Any,  # noqa: ARG002
        error: ValidationError | ModelRetry,
    ) -> Any:
        raise (_as_retry(error, output_context.tool_def) if output_context.tool_def else error) from error


def repaired(response: ModelResponse, tools: Tools, answers: Sequence[ModelMessage], *, queried: bool) -> ModelResponse:
    """The repaired answer.

    `answers` are the earlier answers in this run, and `queried` is whether a query has returned a result.
    """
    # If an answer was cut off or filtered, it is unclear where its calls end.
    whole = response.finish_reason not in ("length", "content_filter")
    parts: list[Any] = []
    for part in response.parts:
        match part:
            case ToolCallPart() if whole:
                parts += _calls(part, tools)
            case TextPart(content=content):
                parts.append(part if (text := clean_text(content)) == content else replace(part, content=text))
            case _:
                parts.append(part)
    if whole and not any(isinstance(part, ToolCallPart) for part in parts):
        parts = _from_text(response, parts, tools, answers, queried=queried)
    parts = list(_with_ids_of_their_own(parts, {part.tool_call_id for part in _calls_of(answers)}))
    unchanged = len(parts) == len(response.parts) and all(a is b for a, b in zip(parts, response.parts, strict=True))
    return response if unchanged else replace(response, parts=parts)


def _calls(part: ToolCallPart, tools: Tools) -> list[ToolCallPart]:
    """The calls in a part: one, unless the server merged several."""
    name = part.tool_name if part.tool_name in tools else offered_name(part.tool_name, tools)
    if not part.args and (written := written_calls(f"<tool_call>{part.tool_name}</tool_call>", tools)):
        return [_call(part, each.name, each.arguments, tools) for each in written.calls]  # in the name
    if name is None:
        inner = calls_in(object_in(part.args), tools)  # a call to a tool that calls the others
        return [_call(part, each.name, each.arguments, tools) for each in inner] or [part]
    arguments = arguments_in(part.args, tools[name])
    if arguments is None or (len(arguments) == 1 and _same(part, arguments[0])):
        return [part if name == part.tool_name else replace(part, tool_name=name)]
    return [replace(part, tool_name=name, args=each) for each in arguments]


def _same(part: ToolCallPart, arguments: dict[str, Any]) -> bool:
    try:
        return part.args_as_dict(raise_if_invalid=True) == arguments
    except (ValueError, AssertionError):
        return False


def _call(part: ToolCallPart, name: str, arguments: dict[str, Any], tools: Tools) -> ToolCallPart:
    [fitted] = arguments_in(arguments, tools[name]) or [arguments]
    return replace(part, tool_name=name, args=fitted)


def _from_text(
    response: ModelResponse, parts: list[Any], tools: Tools, answers: Sequence[ModelMessage], *, queried: bool
) -> list[Any]:
    """Reads the text as calls if it consists of them. After a query, any other text becomes the reply."""
    text = "\n".join(part.content for part in parts if isinstance(part, TextPart))
    shown = without_thinking(text)
    rest = [part for part in parts if not isinstance(part, TextPart)]
    written = written_calls(text, tools)
    calls = _fitted(written, tools) if written else []
    made = [(part.tool_name, part.args_as_dict()) for part in _calls_of(answers)]
    # An answer may end with the query that it is based on.
    if written and written.prose and queried and all(call in made for call in calls):
        calls = []
    if written and calls:
        prose = [TextPart(written.prose)] if written.prose else []
    elif shown and is_for_a_person(text) and _ANSWER in tools and queried:
        prose, calls = [], [(_ANSWER, {"message": shown})]
    else:
        return parts
    return [
        *rest,
        *prose,
        *(ToolCallPart(n, a, _id(response, f"{i}{n}{as_json(a)}")) for i, (n, a) in enumerate(calls)),
    ]


def _fitted(written: Written, tools: Tools) -> list[tuple[str, dict[str, Any]]]:
    fitted = ((each.name, arguments_in(each.arguments, tools[each.name])) for each in written.calls)
    return [(name, arguments) for name, several in fitted for arguments in several or ()]


def _calls_of(answers: Sequence[ModelMessage]) -> list[ToolCallPart]:
    return [part for answer in answers for part in answer.parts if isinstance(part, ToolCallPart)]


def _id(response: ModelResponse, call: str) -> str:
    """An id for a call without one. A later attempt at the run computes the same id."""
    digest = blake2s(f"{response.timestamp.isoformat()}{response.provider_response_id}{call}".encode(), digest_size=8)
    return f"call_{digest.hexdigest()}"


def _with_ids_of_their_own(parts: Sequence[Any], ids: set[str]) -> Iterator[Any]:
    """Gives new ids to calls whose id is among `ids`, because some servers restart their numbering in each answer."""
    for part in parts:
        if not isinstance(part, ToolCallPart):
            yield part
            continue
        call = cast("ToolCallPart", part)
        number, unused = 2, call.tool_call_id
        while unused in ids:
            number, unused = number + 1, f"{call.tool_call_id}_{number}"
        ids.add(unused)
        yield call if unused == call.tool_call_id else replace(call, tool_call_id=unused)


def _without_surplus(args: Any, tool: ToolDefinition) -> Any:
    arguments = object_in(args)
    ignored = surplus(arguments or {}, tool.parameters_json_schema)
    return {name: each for name, each in (arguments or {}).items() if name not in ignored} if ignored else args


def _as_retry(error: ValidationError | ModelRetry, tool: ToolDefinition) -> ModelRetry:
    return (
        error if isinstance(error, ModelRetry) else ModelRetry(explained(error, tool.name, tool.parameters_json_schema))
    )
