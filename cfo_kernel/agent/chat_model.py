"""OpenAI's chat completions, asked many times with the same tools."""

from dataclasses import replace
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.tools import ToolDefinition

_Tools = tuple[list[ToolDefinition], list[ToolDefinition]]


class ChatModel(OpenAIChatModel):
    """Puts the schemas of the tools into OpenAI's form once, not for each request: that took a tenth of a turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._given: _Tools | None = None
        self._made: _Tools = ([], [])

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        wanted = model_request_parameters
        given = (wanted.function_tools, wanted.output_tools)
        if given != self._given or wanted.output_object is not None:
            customized = super().customize_request_parameters(wanted)
            self._given, self._made = given, (customized.function_tools, customized.output_tools)
            return customized
        functions, outputs = self._made
        return replace(wanted, function_tools=functions, output_tools=outputs)
