"""OpenAI's chat completions for an agent that offers the same tools with every request."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from cfo_kernel.agent.tool_schemas import shortened
from cfo_kernel.agent.unreadable_answers import reading_answer

_Tools = tuple[list[ToolDefinition], list[ToolDefinition]]


class ChatModel(OpenAIChatModel):
    """Sends shortened tool schemas, which it computes once instead of for every request.

    pydantic-ai would convert the schemas to OpenAI's strict mode each time. Some servers refuse that mode, and it adds
    `additionalProperties: false` to each object. Skipping the conversion saves an eighth of a turn's processor time
    (docs/benchmarks.md).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._given: _Tools | None = None
        self._short: _Tools = ([], [])

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        parameters = model_request_parameters
        given = (parameters.function_tools, parameters.output_tools)
        if given != self._given:
            self._given, self._short = given, (_short(parameters.function_tools), _short(parameters.output_tools))
        function_tools, output_tools = self._short
        rest = super().customize_request_parameters(replace(parameters, function_tools=[], output_tools=[]))
        return replace(rest, function_tools=function_tools, output_tools=output_tools)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The streamed answer. Raises `UnreadableAnswer` if its fields do not have the types of a chat completion."""
        stream = super().request_stream(messages, model_settings, model_request_parameters, run_context)
        # pydantic-ai trusts a server's types. The code that reads the answer raises its errors through the `yield`.
        with reading_answer(self.model_name, self.client.api_key):
            async with stream as answer:
                yield answer


def _short(tools: list[ToolDefinition]) -> list[ToolDefinition]:
    return [replace(tool, parameters_json_schema=shortened(tool.parameters_json_schema)) for tool in tools]
