"""Anthropic's messages, from any server that speaks its protocol."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from anthropic import DefaultAsyncHttpxClient
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from cfo_kernel.agent.message_events import read_events
from cfo_kernel.agent.messages_client import MessagesClient
from cfo_kernel.agent.server_responses import client_options
from cfo_kernel.agent.unreadable_answers import reading_answer


class MessagesModel(AnthropicModel):
    """A model whose answers are repaired, limited, and refused if they cannot be read."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The streamed answer. Raises `UnreadableAnswer` if its fields do not match the types of a message."""
        stream = super().request_stream(messages, model_settings, model_request_parameters, run_context)
        with reading_answer(self.model_name, getattr(self.client, "api_key", None)):
            async with stream as answer:
                yield answer


def messages_model(name: str, **client_settings: Any) -> tuple[MessagesModel, MessagesClient]:
    """The model and its client, which is created with these settings."""
    client = MessagesClient(**client_settings, http_client=DefaultAsyncHttpxClient(**client_options(read_events)))
    return MessagesModel(name, provider=AnthropicProvider(anthropic_client=client)), client
