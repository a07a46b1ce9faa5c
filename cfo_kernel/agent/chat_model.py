"""OpenAI's chat completions, from any server that speaks its protocol."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings

from cfo_kernel.agent.unreadable_answers import reading_answer


class ChatModel(OpenAIChatModel):
    """A model whose answers are refused if they cannot be read."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The streamed answer. Raises `UnreadableAnswer` if its fields do not match the types of a chat completion."""
        stream = super().request_stream(messages, model_settings, model_request_parameters, run_context)
        # pydantic-ai trusts a server's types. The code that reads the answer raises its errors through the `yield`.
        with reading_answer(self.model_name, self.client.api_key):
            async with stream as answer:
                yield answer
