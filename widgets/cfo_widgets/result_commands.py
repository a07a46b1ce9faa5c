"""What a result on a page asks of its thread: rows, downloads, and the library that draws charts.

A component that shows results takes `ResultCommand` among its commands, and gives them to `perform_result`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cfo_kernel import Download, PageRequest, Reply, RunSQL, TaskResult, Thread, vega_lite
from cfo_kernel.errors import ResultNotFound
from cfo_kernel.interface import DownloadFormat
from cfo_widgets.wire import Answer, Command

_CHUNK = 1 << 20
_MOST_OPEN = 4
_IDLE_SECONDS = 600
_LIBRARY = Path(__file__).parent / "static" / "vega.js"


class PageOfResult(PageRequest, Command):
    """Wants rows of a result file."""

    type: Literal["page"] = "page"
    file: str


class DownloadResult(Command):
    """Wants the next megabyte of a file, from the byte `from` on; `key` names the download, which 0 begins."""

    type: Literal["download"] = "download"
    key: str
    file: str
    format: DownloadFormat | None = None
    from_: int = Field(alias="from", ge=0)


class Library(Command):
    """Wants the bundle that draws charts, which a page loads with its first one."""

    type: Literal["library"] = "library"


ResultCommand = Annotated[PageOfResult | DownloadResult | Library, Field(discriminator="type")]


def chart_of(reply: Reply) -> dict[str, Any] | None:
    """The specification of the chart that the reply's table suits, for the page; None where it has none."""
    if not isinstance(reply, RunSQL | TaskResult) or reply.result is None:
        return None
    return vega_lite(reply.result, reply.chart if isinstance(reply, RunSQL) else None)


async def perform_result(thread: Thread, command: PageOfResult | DownloadResult | Library) -> Answer:
    """Does what the page asked for. Raises the errors of `Thread.page` and `Thread.download`."""
    match command:
        case PageOfResult():
            request = PageRequest(
                offset=command.offset, limit=command.limit, sort=command.sort, filters=command.filters
            )
            return Answer((await thread.page(command.file, request)).model_dump(mode="json"))
        case DownloadResult():
            return await _next_chunk(thread, command)
        case Library():
            return Answer(buffers=[await asyncio.to_thread(_LIBRARY.read_bytes)])


@dataclass
class _Open:
    """A download on its way to a page: what was read is kept until the page asks for what follows it."""

    download: Download
    chunks: AsyncGenerator[bytes]
    at: int = 0
    last: bytes = b""
    used: float = field(default_factory=time.monotonic)


_open: dict[str, _Open] = {}


async def _next_chunk(thread: Thread, command: DownloadResult) -> Answer:
    """The chunk at that place: the next one, or the last one again where its answer was lost."""
    if command.from_ == 0 and command.key not in _open:
        await _forget_old()
        download = await thread.download(command.file, command.format)
        _open[command.key] = _Open(download, _even(download))
    found = _open.get(command.key)
    if found is None or command.from_ not in (found.at, found.at + len(found.last)):
        raise ResultNotFound("The download was interrupted. Start it again.")
    if command.from_ == found.at + len(found.last):
        found.at, found.last = command.from_, b""
        found.last = await anext(found.chunks, b"")
    found.used = time.monotonic()
    done = found.at + len(found.last) >= found.download.size
    if done:
        del _open[command.key]
        await found.chunks.aclose()
    value = {"name": found.download.name, "size": found.download.size, "media_type": found.download.media_type}
    return Answer({**value, "is_done": done}, [found.last])


async def _even(download: Download) -> AsyncGenerator[bytes]:
    """The content in chunks of one size, whatever the pieces in which it comes."""
    waiting = bytearray()
    async with aclosing(download.chunks) as pieces:  # pyright: ignore[reportArgumentType] - generators, all of them
        async for piece in pieces:
            waiting += piece
            while len(waiting) >= _CHUNK:
                yield bytes(waiting[:_CHUNK])
                del waiting[:_CHUNK]
    if waiting:
        yield bytes(waiting)


async def _forget_old() -> None:
    """Lets go of downloads whose page went away, and of the oldest where there are many."""
    by_use = sorted(_open, key=lambda key: _open[key].used)
    now = time.monotonic()
    for i, key in enumerate(by_use):
        if len(by_use) - i >= _MOST_OPEN or now - _open[key].used > _IDLE_SECONDS:
            await _open.pop(key).chunks.aclose()
