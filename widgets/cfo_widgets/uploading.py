"""Files on their way from a page into a workspace: pieces in order, each acknowledged; only a whole one is taken."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from cfo_kernel import Dataset, Workspace
from cfo_kernel.errors import FileTooLarge, InvalidInput, StorageFailed
from cfo_kernel.interface import MAX_BYTES

PIECE = 1 << 20
"""The largest piece; a websocket carries far more, but a page shall not wait long behind one."""
_SILENCE = 120.0
"""Seconds without a piece after which the page is taken for gone."""


class Upload:
    """One file, in a temporary file that has no name: whatever happens, nothing of it is left behind."""

    def __init__(self, workspace: Workspace, name: str, size: int) -> None:
        if not 0 <= size <= MAX_BYTES:
            raise FileTooLarge(f"{name} is larger than {MAX_BYTES >> 30} GB. Split it, or send it as Parquet.")
        self._workspace = workspace
        self.name = name
        self.size = size
        self.received = 0
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed by `drop`
        except OSError as error:
            raise self._no_room(error) from error

    def take(self, offset: int, piece: bytes | memoryview) -> None:
        """Puts the next piece behind the others. Raises `InvalidInput` or `StorageFailed`."""
        end = offset + len(piece)
        if offset != self.received or len(piece) > PIECE or end > self.size or (not len(piece) and self.size):
            raise InvalidInput(f"{self.name} did not arrive whole. Upload it again.")
        try:
            self._file.write(piece)
            self._file.flush()  # else the end of the file would fail where nobody expects it
        except OSError as error:
            raise self._no_room(error) from error
        self.received = end

    async def finish(self) -> Dataset:
        """Gives the whole file to the workspace."""
        self._file.seek(0)
        return await self._workspace.upload(self._file, self.name)

    def drop(self) -> None:
        with suppress(OSError):  # what could not be written is tried once more, and goes anyway
            self._file.close()

    def _no_room(self, error: OSError) -> StorageFailed:
        return StorageFailed(
            f"{self.name} cannot be kept here ({error.strerror}). Make room in TMPDIR, then upload it again."
        )


class Uploads:
    """The uploads of a panel by the ids that its pages gave them."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    async def take(
        self, upload_id: str, workspace: Workspace, name: str, size: int, offset: int, buffers: Sequence[memoryview]
    ) -> Dataset | None:
        """Takes a piece, the first one at offset 0; with the last one the file is in the workspace."""
        piece = buffers[0] if buffers else b""
        if offset == 0 and upload_id not in self._uploads:
            self._uploads[upload_id] = Upload(workspace, name, size)
        if upload_id not in self._uploads:
            raise InvalidInput(f"The upload of {name} was ended. Upload it again.")
        upload = self._uploads[upload_id]
        try:
            upload.take(offset, piece)
        except BaseException:
            self.drop(upload_id)
            raise
        self._wait_for_more(upload_id)
        if upload.received < upload.size:
            return None
        self._forget(upload_id)
        try:
            return await upload.finish()
        finally:
            upload.drop()

    def drop(self, upload_id: str) -> None:
        """Ends an upload that is not whole; what came of it is gone."""
        if upload := self._forget(upload_id):
            upload.drop()

    def close(self) -> None:
        for upload_id in list(self._uploads):
            self.drop(upload_id)

    def _forget(self, upload_id: str) -> Upload | None:
        if timer := self._ends.pop(upload_id, None):
            timer.cancel()
        return self._uploads.pop(upload_id, None)

    def _wait_for_more(self, upload_id: str) -> None:
        if timer := self._ends.pop(upload_id, None):
            timer.cancel()
        self._ends[upload_id] = asyncio.get_running_loop().call_later(_SILENCE, self.drop, upload_id)
