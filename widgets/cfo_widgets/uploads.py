"""Uploads from a page to a workspace, in ordered chunks that are acknowledged one by one. Keeps only complete files."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from cfo_kernel import Dataset, Workspace
from cfo_kernel.errors import FileTooLarge, InvalidInput, StorageFailed
from cfo_kernel.interface import MAX_BYTES

CHUNK = 1 << 20
"""The maximum size of a chunk. A websocket accepts far more, but the page's other messages would wait behind it."""
_IDLE_TIMEOUT = 120.0
"""After this many seconds without a chunk, the page counts as gone."""


class Upload:
    """An upload, stored in a temporary file without a name, so that nothing is left behind if the process dies."""

    def __init__(self, workspace: Workspace, name: str, size: int) -> None:
        if not 0 <= size <= MAX_BYTES:
            raise FileTooLarge(f"{name} is larger than {MAX_BYTES >> 30} GB. Split it, or upload it as Parquet.")
        self._workspace = workspace
        self.name = name
        self.size = size
        self.received = 0
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `drop`
        except OSError as error:
            raise self._not_stored(error) from error

    def append(self, offset: int, chunk: bytes | memoryview) -> None:
        """Appends the next chunk. Raises `InvalidInput` or `StorageFailed`."""
        end = offset + len(chunk)
        if offset != self.received or len(chunk) > CHUNK or end > self.size or (not len(chunk) and self.size):
            raise InvalidInput(f"{self.name} did not arrive completely. Upload it again.")
        try:
            self._file.write(chunk)
            self._file.flush()  # otherwise a full disk would fail a later call, such as `seek`
        except OSError as error:
            raise self._not_stored(error) from error
        self.received = end

    async def finish(self) -> Dataset:
        """Adds the complete file to the workspace."""
        self._file.seek(0)
        return await self._workspace.upload(self._file, self.name)

    def drop(self) -> None:
        with suppress(OSError):  # closing tries to write the buffer, but the file is discarded anyway
            self._file.close()

    def _not_stored(self, error: OSError) -> StorageFailed:
        return StorageFailed(
            f"{self.name} cannot be stored ({error.strerror}). Free some space in TMPDIR, then upload it again."
        )


class Uploads:
    """The uploads of a panel, by the ids that its pages chose."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}
        self._idle_timers: dict[str, asyncio.TimerHandle] = {}

    async def append(
        self, upload_id: str, workspace: Workspace, name: str, size: int, offset: int, buffers: Sequence[memoryview]
    ) -> Dataset | None:
        """Appends a chunk. Offset 0 starts an upload. Returns the dataset after the last chunk."""
        chunk = buffers[0] if buffers else b""
        if offset == 0 and upload_id not in self._uploads:
            self._uploads[upload_id] = Upload(workspace, name, size)
        if upload_id not in self._uploads:
            raise InvalidInput(f"The upload of {name} was interrupted. Upload it again.")
        upload = self._uploads[upload_id]
        try:
            upload.append(offset, chunk)
        except BaseException:
            self.drop(upload_id)
            raise
        self._restart_timer(upload_id)
        if upload.received < upload.size:
            return None
        self._remove(upload_id)
        try:
            return await upload.finish()
        finally:
            upload.drop()

    def drop(self, upload_id: str) -> None:
        """Cancels an incomplete upload, and discards the chunks that have arrived."""
        if upload := self._remove(upload_id):
            upload.drop()

    def close(self) -> None:
        for upload_id in list(self._uploads):
            self.drop(upload_id)

    def _remove(self, upload_id: str) -> Upload | None:
        if timer := self._idle_timers.pop(upload_id, None):
            timer.cancel()
        return self._uploads.pop(upload_id, None)

    def _restart_timer(self, upload_id: str) -> None:
        if timer := self._idle_timers.pop(upload_id, None):
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._idle_timers[upload_id] = loop.call_later(_IDLE_TIMEOUT, self.drop, upload_id)
