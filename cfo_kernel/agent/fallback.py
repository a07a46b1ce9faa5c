"""Models by their names, and one that stands in for another whose server failed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from cfo_kernel.agent.model_errors import broke_off, server_failed
from cfo_kernel.agent.usage import model_label

_BREAKS = 2


class NamedModel(WrapperModel):
    """A model whose answers carry its name, as `CFO_MODEL` has it."""

    def __init__(self, wrapped: Model, name: str) -> None:
        super().__init__(wrapped)
        self.name = name

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with self.wrapped.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as answer:
            answer.metadata = {**(answer.metadata or {}), **model_label(self.name)}
            yield answer


class _PrimaryModel(WrapperModel):
    """A model that another stands in for: once its server failed, it is not asked again in this run.

    The client has tried again by then. An answer that breaks off is asked for again once, from the same model.
    """

    def __init__(self, wrapped: NamedModel) -> None:
        super().__init__(wrapped)
        self._breaks = 0

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        if self._breaks >= _BREAKS:
            raise ModelAPIError(self.model_name, "its server has failed in this run")
        begun = False
        try:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as answer:
                begun = True
                yield answer
        except ModelAPIError as error:
            if not server_failed(error):
                raise
            if broke_off(error):
                self._breaks += 1
                raise
            self._breaks = _BREAKS
            if not begun:
                raise
            # It fell silent in mid-answer. As one that broke off it is asked for again, from the one that stands in.
            raise ModelAPIError(self.model_name, str(error)) from error


def with_fallback(first: NamedModel, fallback: NamedModel | None = None) -> Model:
    """The first model; where there is a second, that one answers when the server of the first failed."""
    return first if fallback is None else FallbackModel(_PrimaryModel(first), fallback, fallback_on=server_failed)
