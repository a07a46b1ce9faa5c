"""Reads the stream of an answer from any server with OpenAI's API: its events, the errors in them, and its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from openai import APIConnectionError, APIError, APITimeoutError, AsyncStream
from openai.types.chat import ChatCompletionChunk
from pydantic import ValidationError

from cfo_kernel.agent.chat_chunks import ChunkRepair
from cfo_kernel.agent.chunk_text import answer_length, storable
from cfo_kernel.agent.event_limits import LONGEST_ANSWER, LONGEST_EVENT, Pace, endless, event_value
from cfo_kernel.agent.joined_chunks import joined
from cfo_kernel.agent.server_messages import server_message, with_plain_code
from cfo_kernel.agent.server_responses import peek
from cfo_kernel.agent.unstreamed_answers import NotACompletion, chunks_of
from cfo_kernel.errors import TokenLimitReached

_REST_SECONDS = 0.1
_WHOLE = (b"{", b"[", b"<")
"""Characters with which a JSON value or a web page begins, but a stream does not."""
_FIELDS = (b"data", b"event", b"id", b"retry", b":")
"""How a stream begins."""
_MOST_WAITING = 60
"""How many events are read in advance. Each can be as long as `LONGEST_EVENT`."""


@dataclass(frozen=True)
class _End:
    """The end of the events, and the error that ended them."""

    error: Exception | None


class AnswerStream(AsyncStream[object]):
    """The chunks of an answer.

    The base class opens and closes the response. The events are read here, because the base class does not report
    whether a stream ended with [DONE], and because pydantic's own validation turns an event into a chunk twenty times
    as fast as the client would.
    """

    _done = False
    _reader: asyncio.Task[None] | None = None
    _length = 0

    async def begin(self, repair: ChunkRepair) -> None:
        """Reads up to the first event. An error that precedes the answer is raised here."""
        media_type = self.response.headers.get("content-type", "")
        self._repair = repair
        self._first, self._rest = list[object](), self._events()
        beginning = b""
        try:
            with self._connection_errors():
                beginning = await peek(self.response)
            # The first bytes are checked, because some servers send the wrong media type, or none.
            if beginning.startswith(_WHOLE) or "json" in media_type or "html" in media_type:
                with self._connection_errors():
                    self._first, self._rest, self._done = await chunks_of(self.response), _nothing(), True
            else:
                self._first.append(await anext(self._rest))
        except StopAsyncIteration:
            if "event-stream" not in media_type:
                raise NotACompletion(self.response, "") from None
            if beginning.startswith(_FIELDS) and not self._done:
                cut_off = httpx2.RemoteProtocolError("The first event is incomplete.")
                raise APIConnectionError(request=self.response.request) from cut_off
        except BaseException:
            await self.close()
            raise

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        if not self._first:
            raise APIError("The stream has no events.", self.response.request, body=None)
        pace = Pace()
        try:
            async for arrived in self._arrived():
                repaired: list[object] = []
                for data in arrived:
                    await pace.turn()
                    repaired.append(self._repaired(data))
                for data in joined(repaired):
                    await pace.turn()
                    yield self._chunk(data)
        except Exception:
            for data in self._repair.usage():
                yield self._chunk(data)
            raise
        for data in self._repair.rest(done=self._done):
            yield self._chunk(data)

    async def close(self) -> None:
        """Closes the response, even while it is being read."""
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await super().close()

    async def _arrived(self) -> AsyncIterator[list[object]]:
        """The events, in lists. Each list contains the events that arrived since the previous list."""
        events = asyncio.Queue[object](_MOST_WAITING)
        self._reader = asyncio.create_task(self._read(events))
        yield self._first
        while True:
            arrived = [await events.get()]
            while not events.empty():
                arrived.append(events.get_nowait())
            last = arrived[-1]
            if not isinstance(last, _End):
                yield arrived
                continue
            yield arrived[:-1]
            if last.error:
                raise last.error
            return

    async def _read(self, events: "asyncio.Queue[object]") -> None:
        """Reads events while earlier events are still being processed."""
        error: Exception | None = None
        try:
            async with aclosing(self._rest) as rest:
                async for data in rest:
                    await events.put(data)
        except Exception as raised:  # noqa: BLE001 - raised again where the events are consumed
            error = raised
        await events.put(_End(error))

    def _repaired(self, data: object) -> object:
        return self._repair.chunk(cast("dict[str, Any]", data)) if isinstance(data, dict) else data

    async def _events(self) -> AsyncGenerator[object]:
        """The JSON of each event up to [DONE]. Raises an error for an event that reports one."""
        try:
            async with aclosing(self._sent()) as events:
                async for text in events:
                    if text.startswith("[DONE]"):
                        self._done = True
                        await _read_rest(events)
                        return
                    data = event_value(text)
                    if isinstance(data, dict) and (error := cast("dict[str, Any]", data).get("error")):
                        message = server_message(error).text or "The stream ended with an error."
                        raise APIError(message, self.response.request, body=with_plain_code(error))
                    yield data
        finally:
            await self.close()

    async def _sent(self) -> AsyncGenerator[str]:
        """The data of each event, as sent by the server."""
        # The format has a single media type and encoding, but some servers send others.
        self.response.headers["content-type"] = "text/event-stream"
        with self._connection_errors():
            async for event in httpx2.EventSource(self.response, LONGEST_EVENT):
                if event.data:
                    yield event.data

    @contextmanager
    def _connection_errors(self) -> Generator[None]:
        """Converts errors of the connection to the client's own errors."""
        try:
            yield
        except httpx2.SSEError:
            raise endless() from None
        except (TokenLimitReached, APIError):
            raise
        except httpx2.TimeoutException as error:
            raise APITimeoutError(self.response.request) from error
        except Exception as error:  # a broken TLS connection raises errors that httpx2 does not convert
            raise APIConnectionError(request=self.response.request) from error

    def _chunk(self, data: object) -> ChatCompletionChunk:
        data = storable(data)
        self._length += answer_length(data)
        if self._length > LONGEST_ANSWER:
            raise endless()
        try:
            return ChatCompletionChunk.model_validate(data)
        except ValidationError:
            if not isinstance(data, dict):
                raise APIError(
                    "An event in the stream is not a valid chunk.", self.response.request, body=None
                ) from None
        # Many servers leave out a field or fill it with null. The client's own method accepts what is there.
        return ChatCompletionChunk.construct(**cast("dict[str, Any]", data))


async def _read_rest(events: AsyncIterator[object]) -> None:
    """Reads the rest of the response if little is left, because otherwise the connection could not be reused."""
    with suppress(TimeoutError, APIError):
        async with asyncio.timeout(_REST_SECONDS):
            async for _ in events:
                pass


async def _nothing() -> AsyncGenerator[object]:
    for nothing in ():
        yield nothing
