"""Labels models with their names from the settings, and switches to a second model if the first one's server fails."""

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

from cfo_kernel.agent.model_errors import answer_broke_off, server_failed
from cfo_kernel.agent.usage import model_label

_MAX_FAILURES = 2


class NamedModel(WrapperModel):
    """A model whose answers are labelled with its name, written as in `CFO_MODEL`."""

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
    """The first of two models. If its server fails, it is not used again in this run.

    The client's own retries come first. If an answer is cut off, the same model is tried once more.
    """

    def __init__(self, wrapped: NamedModel) -> None:
        super().__init__(wrapped)
        self._failures = 0

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        if self._failures >= _MAX_FAILURES:
            raise ModelAPIError(self.model_name, "its server has failed in this run")
        streaming = False
        try:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as answer:
                streaming = True
                yield answer
        except ModelAPIError as error:
            if not server_failed(error):
                raise
            if answer_broke_off(error):
                self._failures += 1
                raise
            self._failures = _MAX_FAILURES
            if not streaming:
                raise
            # The server went silent in the middle of an answer. FallbackModel only switches before an answer begins, so
            # the error is raised as an answer that was cut off. The turn then repeats the request, which this model
            # refuses above.
            raise ModelAPIError(self.model_name, str(error)) from error


def with_fallback(first: NamedModel, fallback: NamedModel | None = None) -> Model:
    """Returns the first model. If there is a second one, it takes over when the first one's server fails."""
    return first if fallback is None else FallbackModel(_PrimaryModel(first), fallback, fallback_on=server_failed)
