"""Files on their way to a page: it asks for one piece after the other, so that nothing piles up before a slow one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from pydantic import Field
from typing_extensions import TypedDict

from cfo_kernel import Download
from cfo_kernel.errors import InvalidInput
from cfo_widgets.wire import Command, CommandResult

_PIECE = 1 << 20
_SILENCE = 120.0
"""Seconds without a question after which the page is taken for gone."""


class DownloadCommand(Command):
    """Wants the next megabyte of a file, from the byte `from` on; `key` names the download, which 0 begins."""

    key: str
    from_: int = Field(alias="from", ge=0)


class DownloadChunk(TypedDict):
    """The answer to a `DownloadCommand`; its bytes are in the buffer, none with the last answer (`is_done`)."""

    name: str
    size: int
    media_type: str
    is_done: bool


@dataclass
class _Under:
    """A download under way: what was read last is kept until the page asks for what follows it."""

    download: Download
    pieces: AsyncGenerator[bytes]
    at: int = 0
    last: bytes = b""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    end: asyncio.TimerHandle | None = None


class Downloads:
    """The downloads of a component by the keys that its pages gave them."""

    def __init__(self) -> None:
        self._under: dict[str, _Under] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def next(self, command: DownloadCommand, begin: Callable[[], Awaitable[Download]]) -> CommandResult:
        """The piece at that place: the next one, or the last one again where its answer was lost. The last is empty.

        The size does not tell the end: a server may leave it out, and then it is 0.
        """
        if command.from_ == 0 and command.key not in self._under:
            download = await begin()
            self._under[command.key] = _Under(download, _even(download))
        under = self._under.get(command.key)
        if under is None:
            raise _interrupted()
        async with under.turn:
            try:
                return await self._piece(under, command)
            except BaseException:
                self._drop(command.key)
                raise

    def close(self) -> None:
        """Ends all downloads, and the connections behind them."""
        for key in [*self._under]:
            self._drop(key)

    async def _piece(self, under: _Under, command: DownloadCommand) -> CommandResult:
        _wait_no_more(under)
        if command.from_ not in (under.at, under.at + len(under.last)):
            raise _interrupted()
        if command.from_ == under.at + len(under.last):
            under.at, under.last = command.from_, b""
            under.last = await anext(under.pieces, b"")
        download, done = under.download, not under.last
        if done:
            self._drop(command.key)
            if under.at < download.size:
                raise _interrupted()
        else:
            under.end = asyncio.get_running_loop().call_later(_SILENCE, self._drop, command.key)
        chunk = DownloadChunk(name=download.name, size=download.size, media_type=download.media_type, is_done=done)
        return CommandResult(chunk, [under.last])

    def _drop(self, key: str) -> None:
        if under := self._under.pop(key, None):
            _wait_no_more(under)
            task = asyncio.get_running_loop().create_task(_ended(under))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


async def _ended(under: _Under) -> None:
    async with under.turn:  # what is being read is read first
        await under.pieces.aclose()


def _wait_no_more(under: _Under) -> None:
    if under.end:
        under.end.cancel()


async def _even(download: Download) -> AsyncGenerator[bytes]:
    """The content in pieces of one size, however it comes."""
    waiting = bytearray()
    async with aclosing(download.chunks) as chunks:  # pyright: ignore[reportArgumentType] - generators, all of them
        async for chunk in chunks:
            waiting += chunk
            while len(waiting) >= _PIECE:
                yield bytes(waiting[:_PIECE])
                del waiting[:_PIECE]
    if waiting:
        yield bytes(waiting)


def _interrupted() -> InvalidInput:
    return InvalidInput("The download was interrupted. Begin it again.")
