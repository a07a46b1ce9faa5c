"""OpenAI's chat completions for an agent whose tools have schemas that every server takes."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings

from cfo_kernel.agent.model_errors import UnreadableAnswer

_log = logging.getLogger(__name__)


class ChatModel(OpenAIChatModel):
    """Sends the schemas of the tools as they are (`agent.tool_schemas`).

    pydantic-ai would convert them for OpenAI's strict mode with every request: some servers refuse it, and it adds to
    each object that nothing else may be in it.
    """

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        return model_request_parameters

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The answer. One whose parts have other types than a chat completion's raises `UnreadableAnswer`."""
        stream = super().request_stream(messages, model_settings, model_request_parameters, run_context)
        try:
            async with stream as answer:
                yield answer
        # pydantic-ai trusts the types of what a server sends. Whoever reads the answer raises through the `yield`.
        except (AttributeError, TypeError, LookupError, ValueError, RecursionError) as error:
            _log.warning("the answer of the model %s cannot be read", self.model_name, exc_info=error)
            raise UnreadableAnswer(self.model_name, "The answer cannot be read.") from error
