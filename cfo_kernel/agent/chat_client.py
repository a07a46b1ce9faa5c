"""OpenAI's client as the agent uses it: what it sends is plain JSON, and what comes together is read together."""

from typing import Any, cast

from openai import AsyncOpenAI, AsyncStream, RequestOptions
from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai._utils import is_given
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError
from pydantic_core import to_json

from cfo_kernel.agent.chat_pieces import Pieces


class ChatClient(AsyncOpenAI):
    """A client for chat completions with many tools, whose answers come in many pieces."""

    @property
    def chat(self) -> AsyncChat:
        return _Chat(self)

    def _make_sse_decoder(self) -> SSEDecoder:
        return Pieces()


class _Chat(AsyncChat):
    @property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    """Sends what it is given as it is.

    OpenAI's own walks through all messages and the schemas of all tools first, for values that are not JSON yet. What
    pydantic-ai gives has none of these, and the walk took a tenth of a turn.
    """

    async def create(  # pyright: ignore[reportIncompatibleMethodOverride] - one for all overloads
        self,
        *,
        stream: bool = False,
        extra_headers: Any = None,
        extra_body: Any = None,
        **named: Any,
    ) -> ChatCompletion | AsyncStream[Any]:
        options: RequestOptions = {"headers": extra_headers or {}, "security": {"bearer_auth": True}}
        body = {name: value for name, value in named.items() if is_given(value)}
        if "timeout" in body:
            options["timeout"] = body.pop("timeout")
        return await self._client.post(
            "/chat/completions",
            content=to_json({**body, "stream": stream, **(extra_body or {})}),
            options=options,
            cast_to=ChatCompletion,
            stream=stream,
            stream_cls=AsyncStream[_Chunk],
        )


class _Chunk(ChatCompletionChunk):
    """A piece of an answer. Pydantic makes it in a twentieth of the time that OpenAI's own way takes.

    That way stays for pieces that are not as documented: it takes whatever a server sends.
    """

    @classmethod
    def build(cls, *, response: object, data: object) -> ChatCompletionChunk:  # noqa: ARG003 - the client's protocol
        try:
            return ChatCompletionChunk.model_validate(data)
        except ValidationError:
            return cast("ChatCompletionChunk", construct_type(type_=ChatCompletionChunk, value=data))
