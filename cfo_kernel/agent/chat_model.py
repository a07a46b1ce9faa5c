"""OpenAI's chat completions for an agent whose tools have schemas that every server takes."""

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel


class ChatModel(OpenAIChatModel):
    """Sends the schemas of the tools as they are (`agent.tool_schemas`).

    pydantic-ai would convert them for OpenAI's strict mode with every request: some servers refuse it, and it adds to
    each object that nothing else may be in it.
    """

    def customize_request_parameters(self, model_request_parameters: ModelRequestParameters) -> ModelRequestParameters:
        return model_request_parameters
