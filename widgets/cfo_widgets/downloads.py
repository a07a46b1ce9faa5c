"""Downloads to a page, which asks for one chunk after the other, so that nothing piles up before a slow connection."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from pydantic import Field
from typing_extensions import TypedDict

from cfo_kernel import Download
from cfo_kernel.errors import InvalidInput
from cfo_widgets.wire import Command, CommandResult

_CHUNK = 1 << 20
_IDLE_TIMEOUT = 120.0
"""Seconds without a request after which the page counts as gone."""


class DownloadCommand(Command):
    """Asks for the next megabyte of a file, starting at byte `from`; 0 starts the download that `key` names."""

    key: str
    from_: int = Field(alias="from", ge=0)


class DownloadChunk(TypedDict):
    """The answer to a `DownloadCommand`, whose bytes are in the buffer; the last answer (`is_done`) has none."""

    name: str
    size: int
    media_type: str
    is_done: bool


@dataclass
class _ActiveDownload:
    """A download in progress. The last chunk is kept until the page asks for the next one, in case it got lost."""

    download: Download
    chunks: AsyncGenerator[bytes]
    offset: int = 0
    last: bytes = b""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    idle_timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        if self.idle_timer:
            self.idle_timer.cancel()

    async def close(self) -> None:
        async with self.lock:  # a generator cannot be closed while it is being read
            await self.chunks.aclose()


class Downloads:
    """The downloads of a component, by the keys that its pages gave them."""

    def __init__(self) -> None:
        self._active: dict[str, _ActiveDownload] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def next_chunk(self, command: DownloadCommand, open_: Callable[[], Awaitable[Download]]) -> CommandResult:
        """The next chunk, or the last one again if its answer was lost. An empty chunk is the end.

        The size does not mark the end: a server may not tell it, and then it is 0.
        """
        if command.from_ == 0 and command.key not in self._active:
            download = await open_()
            self._active[command.key] = _ActiveDownload(download, _even_chunks(download))
        active = self._active.get(command.key)
        if active is None:
            raise _interrupted()
        async with active.lock:
            try:
                return await self._read(active, command)
            except BaseException:
                self._drop(command.key)
                raise

    def close(self) -> None:
        """Ends all downloads, and the connections they read from."""
        for key in [*self._active]:
            self._drop(key)

    async def _read(self, active: _ActiveDownload, command: DownloadCommand) -> CommandResult:
        active.stop_timer()
        end = active.offset + len(active.last)
        if command.from_ not in (active.offset, end):
            raise _interrupted()
        if command.from_ == end:
            active.offset, active.last = command.from_, b""
            active.last = await anext(active.chunks, b"")
        download, is_done = active.download, not active.last
        if is_done:
            self._drop(command.key)
            if active.offset < download.size:
                raise _interrupted()
        else:
            active.idle_timer = asyncio.get_running_loop().call_later(_IDLE_TIMEOUT, self._drop, command.key)
        chunk = DownloadChunk(name=download.name, size=download.size, media_type=download.media_type, is_done=is_done)
        return CommandResult(chunk, [active.last])

    def _drop(self, key: str) -> None:
        if active := self._active.pop(key, None):
            active.stop_timer()
            task = asyncio.get_running_loop().create_task(active.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _even_chunks(download: Download) -> AsyncGenerator[bytes]:
    """The content in chunks of one size, however it arrives."""
    buffer = bytearray()
    async with aclosing(download.chunks) as chunks:  # pyright: ignore[reportArgumentType] - all of them are generators
        async for chunk in chunks:
            buffer += chunk
            while len(buffer) >= _CHUNK:
                yield bytes(buffer[:_CHUNK])
                del buffer[:_CHUNK]
    if buffer:
        yield bytes(buffer)


def _interrupted() -> InvalidInput:
    return InvalidInput("The download was interrupted. Start it again.")
