"""Downloads to a page. The page requests one chunk at a time, so that nothing piles up if the connection is slow."""

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
"""After this many seconds without a request, the page counts as gone."""


class DownloadCommand(Command):
    """Requests the next megabyte of a file, starting at byte `from`.

    If `from` is 0, starts the download named by `key`.
    """

    key: str
    from_: int = Field(alias="from", ge=0)


class DownloadChunk(TypedDict):
    """The response to a `DownloadCommand`, with the bytes in the buffer. The last response (`is_done`) has none."""

    name: str
    size: int
    media_type: str
    is_done: bool


@dataclass
class _ActiveDownload:
    """A download in progress.

    The last chunk is kept until the page requests the next one, in case the response gets lost.
    """

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
    """The downloads of a component, by the keys that its pages chose."""

    def __init__(self) -> None:
        self._active: dict[str, _ActiveDownload] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def next_chunk(self, command: DownloadCommand, open_: Callable[[], Awaitable[Download]]) -> CommandResult:
        """Returns the next chunk, or the last one again if the response was lost. An empty chunk marks the end.

        The size cannot mark the end, because it is 0 if a server does not send it.
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
        """Ends all downloads and closes the connections that they read from."""
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
    """Yields the content in chunks of equal size, however the pieces arrive."""
    buffer = bytearray()
    async with aclosing(download.chunks) as chunks:  # pyright: ignore[reportArgumentType] - they are all generators
        async for chunk in chunks:
            buffer += chunk
            while len(buffer) >= _CHUNK:
                yield bytes(buffer[:_CHUNK])
                del buffer[:_CHUNK]
    if buffer:
        yield bytes(buffer)


def _interrupted() -> InvalidInput:
    return InvalidInput("The download was interrupted. Start it again.")
