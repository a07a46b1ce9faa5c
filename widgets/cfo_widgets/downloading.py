"""Files on their way to a page: it asks for one piece after the other, so that nothing piles up before a slow one."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from cfo_kernel import Download
from cfo_kernel.errors import InvalidInput
from cfo_widgets.wire import Answer

_PIECE = 1 << 20
_SILENCE = 120.0
"""Seconds without a question after which the page is taken for gone."""


@dataclass
class _Under:
    """A download under way, and the time at which it is given up."""

    chunks: AsyncIterator[bytes]
    end: asyncio.TimerHandle | None = None


class Downloads:
    """The downloads of a panel by ids of their own."""

    def __init__(self) -> None:
        self._under: dict[str, _Under] = {}

    def begin(self, download: Download) -> Answer:
        """Answers with the id, the name, the size and the media type; the content is asked for with `more`."""
        download_id = uuid.uuid4().hex
        self._under[download_id] = _Under(download.chunks)
        self._wait_for_more(download_id)
        told: dict[str, Any] = {"name": download.name, "size": download.size, "media_type": download.media_type}
        return Answer({"download_id": download_id, **told})

    async def more(self, download_id: str) -> Answer:
        """Answers with the next piece, and with none at the end."""
        if download_id not in self._under:
            raise InvalidInput("This download was ended. Begin it again.")
        self._wait_for_more(download_id)
        piece = bytearray()
        try:
            async for chunk in self._under[download_id].chunks:
                piece += chunk
                if len(piece) >= _PIECE:
                    break
        except BaseException:
            await self.drop(download_id)
            raise
        if not piece:
            await self.drop(download_id)
        return Answer({"is_whole": not piece}, [bytes(piece)] if piece else ())

    async def drop(self, download_id: str) -> None:
        """Ends a download, and the connection behind it."""
        under = self._under.pop(download_id, None)
        if under is None:
            return
        if under.end:
            under.end.cancel()
        if close := getattr(under.chunks, "aclose", None):
            await close()

    def _wait_for_more(self, download_id: str) -> None:
        under, loop = self._under[download_id], asyncio.get_running_loop()
        if under.end:
            under.end.cancel()
        under.end = loop.call_later(_SILENCE, lambda: loop.create_task(self.drop(download_id)))
