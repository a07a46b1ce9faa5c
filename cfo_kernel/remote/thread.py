"""A thread at a server."""

import asyncio
import json
import uuid
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from cfo_kernel import listings, not_found
from cfo_kernel.errors import InvalidInput, NothingToContinue, RunNotFound, ThreadNotFound
from cfo_kernel.interface import Download, DownloadFormat, PageRequest, ResultPage, ShownMessage, UsageTotals
from cfo_kernel.outcome import asked
from cfo_kernel.remote.address import file_path, segment
from cfo_kernel.remote.http import LONG, Server
from cfo_kernel.remote.run import RemoteRun, loader, result_file
from cfo_kernel.remote.stream import RunStatus, run_status
from cfo_kernel.replies import Reply
from cfo_kernel.values import Value

_MAX_KEY = 200
_FIRST_ROWS = PageRequest(offset=0, limit=100)


class ThreadRecord(Value):
    """What the server tells of a thread."""

    id: str
    workspace_id: str
    title: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    notice: str | None = None
    continues_left: int = 0


class Begun(Value):
    """A new thread with the run of its first message."""

    thread: ThreadRecord
    run: RunStatus


thread_record: TypeAdapter[ThreadRecord] = TypeAdapter(ThreadRecord)
usage_totals: TypeAdapter[UsageTotals] = TypeAdapter(UsageTotals)
_begun: TypeAdapter[Begun] = TypeAdapter(Begun)
_message: TypeAdapter[ShownMessage] = TypeAdapter(ShownMessage)
_page: TypeAdapter[ResultPage] = TypeAdapter(ResultPage)


class RemoteThread:
    """A conversation in a workspace. The server makes a new one with its first message, and then its `id` is known."""

    def __init__(
        self,
        server: Server,
        workspace_id: str,
        workspace: str,
        record: ThreadRecord | None = None,
        *,
        key: str | None = None,
    ) -> None:
        self._server = server
        self._workspace_id = workspace_id
        self._workspace = workspace
        self._record = record
        self._key = key
        self._making = asyncio.Lock()
        self.id = record.id if record else ""

    @property
    def workspace_id(self) -> str:
        return self._workspace_id

    @property
    def title(self) -> str | None:
        return self._record.title if self._record else None

    @property
    def created_at(self) -> datetime | None:
        """In UTC; None before the first message."""
        return self._record.created_at if self._record else None

    @property
    def updated_at(self) -> datetime | None:
        """When the thread was last used, in UTC; None before its first message."""
        return self._record.updated_at if self._record else None

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> RemoteRun:
        """Takes a message and returns at once, with its run under way.

        An empty text continues the reply of the run `in_reply_to`. The same `idempotency_key` again gives the same run.
        `untouched` is a continue that nobody clicked: a countdown ran out. `ContinueLimitReached` is raised where there
        were enough of these (`continues_left`).
        Each message has a key, so that one whose connection drops is sent again and taken once. Raises `EmptyMessage`,
        `MessageTooLong`, `NothingToContinue`, `ThreadReadOnly`, or a `ServerError`.
        """
        key = checked_key(idempotency_key) or uuid.uuid4().hex
        if self._record is None:
            async with self._making:
                if self._record is None:
                    return await self._begin(text, in_reply_to, idempotency_key or self._key or key)
        body = {"text": text, "in_reply_to": in_reply_to, "untouched": untouched}
        accepted = await self._server.value(
            run_status, "POST", self._path("/messages"), params=self._place, json=body, key=key
        )
        return self._run(accepted.run_id)

    async def ask(self, text: str) -> Reply:
        """Sends a message and waits for its reply; a caller who stops waiting stops the run."""
        return await asked(self.send(text))

    async def run(self, run_id: str) -> RemoteRun:
        """A run of this thread by its id. Raises `RunNotFound`."""
        path = f"/runs/{segment(run_id, not_found.run(run_id))}/status"
        if (await self._server.value(run_status, "GET", path)).thread_id != self.id:
            raise RunNotFound(f"There is no run {run_id[:80]!r} in this thread. List its messages for the ids.")
        return self._run(run_id)

    async def messages(self) -> list[ShownMessage]:
        """All messages and replies in order. Raises `ThreadReadOnly` where the history cannot be read."""
        if self._record is None:
            self._server.use()
            return []
        found = await self._server.listed(_message, self._path("/messages"), self._place)
        for message in found:
            if message.reply:
                message.reply.bind(loader(self._server, self.id, self.workspace_id))
        return found

    async def notice(self) -> str | None:
        """Why the thread is read-only, if it is."""
        if self._record is None:
            self._server.use()
            return None
        return (await self._server.value(thread_record, "GET", self._path(), params=self._place)).notice

    async def continues_left(self) -> int:
        """How many more countdowns may run out before one stands still until a person clicks."""
        if self._record is None:
            self._server.use()
            return 0
        return (await self._server.value(thread_record, "GET", self._path(), params=self._place)).continues_left

    async def rename(self, title: str) -> None:
        """Gives the thread another title. Raises `InvalidName` for one without a letter."""
        change = {"title": title}
        self._record = await self._server.value(thread_record, "PATCH", self._path(), params=self._place, json=change)

    async def delete(self) -> None:
        """Takes the thread out of the workspace; its folder goes to the workspace's `.trash/`. Raises `ThreadBusy`."""
        await self._server.send("DELETE", self._path(), params=self._place)

    async def usage(self) -> UsageTotals:
        """What its finished runs used together."""
        return await self._server.value(usage_totals, "GET", self._path("/usage"), params=self._place)

    async def page(self, file: str, request: PageRequest = _FIRST_ROWS) -> ResultPage:
        """Some rows of a result file, filtered and sorted. Raises `ResultNotFound` or a `QueryError`."""
        params: dict[str, Any] = {**self._place, "offset": request.offset, "limit": request.limit}
        if request.sort:
            params["sort"] = json.dumps([sort.model_dump(mode="json") for sort in request.sort])
        if request.filters:
            filters = [f.model_dump(mode="json", by_alias=True, exclude_none=True) for f in request.filters]
            params["filter"] = json.dumps(filters)
        path = self._path(f"/results/{file_path(file)}/rows")
        return await self._server.value(_page, "GET", path, params=params, wait=LONG)

    async def download(self, file: str, format: DownloadFormat | None = None) -> Download:
        """A file of `results/` or `analysis/`: as it is, or its rows as CSV or as a workbook.

        Raises `ResultNotFound`; for a `format` also `UnsupportedFile` or `SheetInvalid`.
        """
        self._path()
        return await result_file(self._server, self.id, self.workspace_id, file, format)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return listings.thread(self, self._workspace)

    async def _begin(self, text: str, in_reply_to: str | None, key: str) -> RemoteRun:
        self._server.use()
        if not text or in_reply_to is not None:
            raise NothingToContinue("This thread has no message yet, so nothing to continue. Send one.")
        path = f"/workspaces/{segment(self.workspace_id, not_found.workspace(self.workspace_id, ()))}/threads"
        begun = await self._server.value(_begun, "POST", path, json={"message": text}, key=key)
        self._record, self.id = begun.thread, begun.thread.id
        return self._run(begun.run.run_id)

    def _run(self, run_id: str) -> RemoteRun:
        return RemoteRun(self._server, run_id, self.id, loader(self._server, self.id, self.workspace_id))

    def _path(self, rest: str = "") -> str:
        if self._record is None:
            self._server.use()
            raise ThreadNotFound("This thread has no message yet. Send the first one.")
        return f"/threads/{segment(self.id, not_found.thread(self.id))}{rest}"

    @property
    def _place(self) -> dict[str, str]:
        """A copied folder may hold the same thread twice: the workspace says which."""
        return {"workspace_id": self.workspace_id}


def checked_key(key: str | None) -> str | None:
    if key is not None and not (
        0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable() and key == key.strip()
    ):
        raise InvalidInput(f"An idempotency key goes into a header: 1 to {_MAX_KEY} ASCII characters. Use a UUID.")
    return key
