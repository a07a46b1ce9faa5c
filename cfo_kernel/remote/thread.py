"""A thread on a server."""

import asyncio
import uuid
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from cfo_kernel import listings, not_found
from cfo_kernel.api_models import NewThread, ThreadDetails, ThreadInfo
from cfo_kernel.errors import InvalidInput, NothingToContinue, RunNotFound, ThreadNotFound
from cfo_kernel.interface import (
    ALL_ROWS,
    Download,
    DownloadFormat,
    PageRequest,
    ResultPage,
    RowSelection,
    ShownMessage,
    UsageTotals,
)
from cfo_kernel.remote.address import file_path, segment
from cfo_kernel.remote.api_client import SLOW_READ_TIMEOUT, ApiClient
from cfo_kernel.remote.run import RemoteRun, loader, result_file, selection_params
from cfo_kernel.remote.stream import run_info
from cfo_kernel.replies import Reply
from cfo_kernel.run_outcome import send_and_wait

_MAX_KEY = 200
_FIRST_ROWS = PageRequest(offset=0, limit=100)


thread_info: TypeAdapter[ThreadInfo] = TypeAdapter(ThreadInfo)
_details: TypeAdapter[ThreadDetails] = TypeAdapter(ThreadDetails)
usage_totals: TypeAdapter[UsageTotals] = TypeAdapter(UsageTotals)
_new_thread: TypeAdapter[NewThread] = TypeAdapter(NewThread)
_message: TypeAdapter[ShownMessage] = TypeAdapter(ShownMessage)
_page: TypeAdapter[ResultPage] = TypeAdapter(ResultPage)


class RemoteThread:
    """A conversation in a workspace. The server creates it on the first message; until then, `id` is empty."""

    def __init__(
        self,
        client: ApiClient,
        workspace_id: str,
        workspace_name: str,
        info: ThreadInfo | None = None,
        *,
        key: str | None = None,
    ) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._workspace_name = workspace_name
        self._info = info
        self._key = key
        self._creation_lock = asyncio.Lock()
        self.id = info.id if info else ""

    @property
    def workspace_id(self) -> str:
        return self._workspace_id

    @property
    def title(self) -> str | None:
        return self._info.title if self._info else None

    @property
    def created_at(self) -> datetime | None:
        """The time of the first message in UTC; None before that message."""
        return self._info.created_at if self._info else None

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last use in UTC; None before the first message."""
        return self._info.updated_at if self._info else None

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> RemoteRun:
        """Sends a message and returns its run once it is accepted, without waiting for the answer.

        An empty `text` continues the reply of the run `in_reply_to`. `untouched` marks a message that continues after a
        countdown, without a click. Too many of these in a row raise `ContinueLimitReached`; see `continues_left`.

        Sending the same message with the same `idempotency_key` again returns the same run. The default is a random
        key, so that the message can be resent after a lost connection and is still accepted only once.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue`, `ThreadReadOnly`, or a `ServerError`.
        """
        key = checked_key(idempotency_key) or uuid.uuid4().hex
        if self._info is None:
            async with self._creation_lock:
                if self._info is None:
                    return await self._send_first(text, in_reply_to, idempotency_key or self._key or key)
        body = {"text": text, "in_reply_to": in_reply_to, "untouched": untouched}
        accepted = await self._client.fetch(
            run_info, "POST", self._path("/messages"), params=self._workspace_param, json=body, idempotency_key=key
        )
        return self._run(accepted.run_id)

    async def ask(self, text: str) -> Reply:
        """Sends a message, waits for its reply and returns it. Cancelling this call stops the run."""
        return await send_and_wait(self.send(text))

    async def run(self, run_id: str) -> RemoteRun:
        """Returns the run with this id, if it belongs to this thread. Raises `RunNotFound`."""
        path = f"/runs/{segment(run_id, not_found.run(run_id))}/status"
        if (await self._client.fetch(run_info, "GET", path)).thread_id != self.id:
            raise RunNotFound(
                f"There is no run {run_id[:80]!r} in this thread. List the thread's messages to see its run ids."
            )
        return self._run(run_id)

    async def messages(self) -> list[ShownMessage]:
        """Returns all messages and replies in order. Raises `ThreadReadOnly` if the history cannot be read."""
        if self._info is None:
            self._client.use()
            return []
        found = await self._client.fetch_all(_message, self._path("/messages"), self._workspace_param)
        for message in found:
            if message.reply:
                message.reply.bind(loader(self._client, self.id, self.workspace_id))
        return found

    async def notice(self) -> str | None:
        """Returns the reason why the thread is read-only, or None if it is not."""
        if self._info is None:
            self._client.use()
            return None
        return (await self._client.fetch(_details, "GET", self._path(), params=self._workspace_param)).notice

    async def continues_left(self) -> int:
        """Returns how many more replies may be continued automatically before a click is needed."""
        if self._info is None:
            self._client.use()
            return 0
        return (await self._client.fetch(_details, "GET", self._path(), params=self._workspace_param)).continues_left

    async def rename(self, title: str) -> None:
        """Changes the title. Raises `InvalidName` if the new title is empty."""
        change = {"title": title}
        self._info = await self._client.fetch(
            thread_info, "PATCH", self._path(), params=self._workspace_param, json=change
        )

    async def delete(self) -> None:
        """Stops the runs of the thread and moves its folder to the workspace's `.trash/`. Raises `ThreadBusy`."""
        await self._client.request("DELETE", self._path(), params=self._workspace_param)

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs."""
        return await self._client.fetch(usage_totals, "GET", self._path("/usage"), params=self._workspace_param)

    async def page(self, file: str, request: PageRequest = _FIRST_ROWS) -> ResultPage:
        """Returns a page of rows from a result file, filtered and sorted. Raises `ResultNotFound` or a `QueryError`."""
        params = {**self._workspace_param, "offset": request.offset, "limit": request.limit}
        params |= selection_params(request)
        path = self._path(f"/results/{file_path(file)}/rows")
        return await self._client.fetch(_page, "GET", path, params=params, read_timeout=SLOW_READ_TIMEOUT)

    async def download(
        self, file: str, format: DownloadFormat | None = None, selection: RowSelection = ALL_ROWS
    ) -> Download:
        """Returns a file in `results/` or `analysis/`, either unchanged or converted to CSV or XLSX.

        With a `format`, `selection` filters and sorts the rows as `page` does, and `-filtered` or `-sorted` is added to
        the file's name.

        Raises `ResultNotFound`, or `InvalidInput` for a selection without a format. With a `format`, also raises
        `UnsupportedFile`, `SheetInvalid`, or the errors of `page` for the selection.
        """
        self._path()
        return await result_file(self._client, self.id, self.workspace_id, file, format, selection)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return listings.thread(self, self._workspace_name)

    async def _send_first(self, text: str, in_reply_to: str | None, key: str) -> RemoteRun:
        self._client.use()
        if not text or in_reply_to is not None:
            raise NothingToContinue(
                "This thread has no messages yet, so there is nothing to continue. Send a message first."
            )
        path = f"/workspaces/{segment(self.workspace_id, not_found.workspace(self.workspace_id, ()))}/threads"
        created = await self._client.fetch(_new_thread, "POST", path, json={"message": text}, idempotency_key=key)
        self._info, self.id = created.thread, created.thread.id
        return self._run(created.run.run_id)

    def _run(self, run_id: str) -> RemoteRun:
        return RemoteRun(self._client, run_id, self.id, loader(self._client, self.id, self.workspace_id))

    def _path(self, rest: str = "") -> str:
        if self._info is None:
            self._client.use()
            raise ThreadNotFound("This thread has no messages yet. Send a message first.")
        return f"/threads/{segment(self.id, not_found.thread(self.id))}{rest}"

    @property
    def _workspace_param(self) -> dict[str, str]:
        """Returns the parameter that names the workspace, needed because copied workspaces share thread ids."""
        return {"workspace_id": self.workspace_id}


def checked_key(key: str | None) -> str | None:
    """Returns the key unchanged. Raises `InvalidInput` if it cannot be sent in a header."""
    if key is not None and not (
        0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable() and key == key.strip()
    ):
        raise InvalidInput(
            f"The idempotency key must be 1 to {_MAX_KEY} printable ASCII characters long, because it is sent "
            "in a header."
            " Use a UUID."
        )
    return key
