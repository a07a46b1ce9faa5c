"""A process's standard error. It is read continuously, so that the process never blocks, but only the end is kept."""

import asyncio
import contextlib

from cfo_kernel.errors import without_paths

_KEPT = 4096  # bytes
_MAX_REASON = 300  # characters
_LAST_SECONDS = 5  # seconds for the rest to arrive from a process that has ended


class ErrorOutput:
    """Reads a process's stream to its end, or until `close`."""

    def __init__(self, stream: asyncio.StreamReader | None) -> None:
        self._kept = b""
        self._reading = asyncio.create_task(self._read(stream)) if stream else None

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while part := await stream.read(_KEPT):
            self._kept = (self._kept + part)[-_KEPT:]

    async def lines(self) -> list[str]:
        """The last lines of output from a process that has ended, without control characters."""
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_LAST_SECONDS)
        found = self._kept.decode(errors="replace").splitlines()
        return [plain for line in found if (plain := "".join(c if c.isprintable() else " " for c in line).strip())]

    async def reason(self) -> str:
        """The last line, shortened and without paths, for use in a message. Empty if there is none."""
        lines = await self.lines()
        return without_paths(lines[-1])[:_MAX_REASON].rstrip(".") if lines else ""

    async def close(self) -> None:
        """Stops reading."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(self._reading, return_exceptions=True)
