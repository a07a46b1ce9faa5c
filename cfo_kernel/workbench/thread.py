"""A thread in the embedded workbench: a conversation in a workspace."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from cfo_kernel import listings, not_found
from cfo_kernel.dataframes import read_frame
from cfo_kernel.errors import (
    CfoError,
    InvalidInput,
    InvalidName,
    NothingToContinue,
    RunNotFound,
    ThreadNotFound,
    UnsupportedFile,
)
from cfo_kernel.events import UsageTotals
from cfo_kernel.interface import (
    ALL_ROWS,
    Download,
    DownloadFormat,
    PageRequest,
    ResultPage,
    RowSelection,
    ShownMessage,
)
from cfo_kernel.replies import Loader, Reply
from cfo_kernel.run_outcome import send_and_wait
from cfo_kernel.runs.message_checks import check_message, continues_left
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import ThreadRow, WorkspaceRow
from cfo_kernel.store.folders import is_id, is_valid_text
from cfo_kernel.store.history import MessageEntry
from cfo_kernel.workbench import downloads
from cfo_kernel.workbench.engine import Engine, title_of
from cfo_kernel.workbench.run import EmbeddedRun
from cfo_kernel.workbench.storage_errors import storage_errors, undone

_FIRST = PageRequest()


class EmbeddedThread:
    """A conversation. A new thread has its `id` at once, but its row and folder only after the first message.

    Methods raise `WorkbenchClosed` if the workbench was closed, or `OtherLoop` if it was opened in another event loop.
    """

    def __init__(
        self,
        engine: Engine,
        workspace: WorkspaceRow,
        row: ThreadRow | None = None,
        *,
        owner: object,
        id: str | None = None,
        key: str | None = None,
    ) -> None:
        self._engine = engine
        self._owner = owner  # keeps the workbench open while this object is in use
        self._workspace = workspace
        self._row = row
        self._first_key = key
        self.id = row.id if row else id or folders.new_id()

    @property
    def workspace_id(self) -> str:
        return self._workspace.id

    @property
    def title(self) -> str | None:
        return self._row.title if self._row else None

    @property
    def created_at(self) -> datetime | None:
        """The time of the first message in UTC; None before that message."""
        return self._row.created_at if self._row else None

    @property
    def updated_at(self) -> datetime | None:
        """The time of the last use in UTC; None before the first message."""
        return self._row.updated_at if self._row else None

    @property
    def thread_dir(self) -> Path:
        """The thread's folder, with `analysis/`, `results/` and the history.

        Raises `ThreadNotFound` before the first message.
        """
        return self._engine.thread_dir(self._existing())

    async def send(
        self,
        text: str = "",
        *,
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
        untouched: bool = False,
    ) -> EmbeddedRun:
        """Sends a message and returns its run once it is accepted, without waiting for the answer.

        An empty `text` continues the reply of the run `in_reply_to`. `untouched` marks a message that continues after a
        countdown, without a click. Too many of these in a row raise `ContinueLimitReached`; see `continues_left`.
        Sending the same message with the same `idempotency_key` again returns the same run.

        Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue`, `ThreadReadOnly` or `StorageFailed`, in which case
        no thread is created. Raises `ThreadNotFound` if the key was used in a thread that has been deleted.
        """
        engine = self._engine.use()
        key = self._first_key if idempotency_key is None else idempotency_key
        check_message(text, in_reply_to, key)
        is_new, first_key, self._first_key = self._row is None, self._first_key, None
        if self._row is None:
            if not text:
                raise NothingToContinue(
                    "This thread has no messages yet, so there is nothing to continue. Send a message first."
                )
            await self._check_key(idempotency_key)
            self._row = engine.new_thread(self._workspace, self.id, title_of(text))
        try:
            context = engine.context(self._workspace, self._row)
            accepted = await engine.dispatch.accept(context, text, in_reply_to, key, untouched=untouched)
        except CfoError:
            if is_new and engine.discard_new_thread(self._row):
                self._row = None
            self._first_key = first_key
            raise
        if not is_new:  # the row of a new thread already has the current time
            engine.catalog.touch_thread(self.workspace_id, self.id)
        return self._run(accepted.id)

    async def ask(self, text: str) -> Reply:
        """Sends a message, waits for its reply and returns it. Cancelling this call stops the run."""
        return await send_and_wait(self.send(text))

    async def run(self, run_id: str) -> EmbeddedRun:
        """Returns the run with this id, if it belongs to this thread. Raises `RunNotFound`."""
        journal = self._engine.use().journal
        if not is_id(run_id) or (await journal.run(run_id)).thread_id != self.id:
            raise RunNotFound(
                f"There is no run {run_id[:80]!r} in this thread. List the thread's messages to see its run ids."
            )
        return self._run(run_id)

    async def messages(self) -> list[ShownMessage]:
        """Returns all messages and replies in order. Raises `ThreadReadOnly` if the history cannot be read."""
        engine = self._engine.use()
        shown: list[ShownMessage] = []
        if self._row is None:
            return shown
        history = engine.context(self._workspace, self._row).history
        for entry in await asyncio.to_thread(history.entries):
            if isinstance(entry, MessageEntry):
                person = ShownMessage(who="person", run_id=entry.run_id, at=entry.at, text=entry.text)
                more = {"in_reply_to": entry.in_reply_to, "untouched": entry.untouched}
                shown.append(person.model_copy(update=more))
                continue
            if entry.reply:
                entry.reply.bind(self._loader())
            shown.append(
                ShownMessage(
                    who="agent",
                    run_id=entry.run_id,
                    at=entry.at,
                    status=entry.status,
                    reply=entry.reply,
                    error=entry.error,
                    usage=entry.usage,
                )
            )
        return shown

    async def notice(self) -> str | None:
        """Returns the reason why the thread is read-only, or None if it is not."""
        engine = self._engine.use()
        if self._row is None:
            return None
        return await asyncio.to_thread(engine.context(self._workspace, self._row).history.notice)

    async def continues_left(self) -> int:
        """Returns how many more replies may be continued automatically before a click is needed."""
        engine = self._engine.use()
        if self._row is None:
            return 0
        history = engine.context(self._workspace, self._row).history
        return continues_left(await asyncio.to_thread(history.entries), engine.settings.continue_limit)

    async def usage(self) -> UsageTotals:
        """Returns the total usage of the finished runs in the thread."""
        return await asyncio.to_thread(self._engine.use().ledger.totals, self.workspace_id, self.id)

    async def rename(self, title: str) -> None:
        """Changes the title. Raises `InvalidName` if the new title is empty."""
        catalog = self._engine.use().catalog
        tidy = title_of(title) if is_valid_text(title) else None
        if tidy is None:
            raise InvalidName("The title is empty. Write what the thread is about.")
        catalog.rename_thread(self.workspace_id, self._existing().id, tidy)
        self._row = catalog.thread(self.workspace_id, self.id)

    async def delete(self) -> None:
        """Stops the runs of the thread and moves its folder to the workspace's `.trash/`.

        Raises `ThreadBusy` if another program is working on it, or `StorageFailed`.
        """
        engine, folder = self._engine.use(), self.thread_dir
        await engine.dispatch.stop_runs(self.workspace_id, self.id)
        with storage_errors("The folder of the thread cannot be moved to .trash/"):
            moved = await asyncio.to_thread(folders.discard, engine.workspace_dir(self._workspace), folder)
        with undone(moved, folder):
            engine.catalog.remove_thread(self.workspace_id, self.id)

    async def page(self, file: str, request: PageRequest = _FIRST) -> ResultPage:
        """Returns a page of rows from a Parquet file in the thread (`results/x` or `analysis/x`), filtered and sorted.

        Raises `ResultNotFound`, `UnsupportedFile` or `UnreadableFile` for the file, and `UnknownColumn`, `PlanInvalid`
        or another `QueryError` for the request.
        """
        engine = self._engine.use()
        path = _table(_result(self.thread_dir, file))
        return await engine.data(self._workspace).page(path, request)

    async def download(
        self, file: str, format: DownloadFormat | None = None, selection: RowSelection = ALL_ROWS
    ) -> Download:
        """Returns a file in the thread (`results/x` or `analysis/x`), either unchanged or converted to CSV or XLSX.

        With a `format`, `selection` filters and sorts the rows as `page` does, and `-filtered` or `-sorted` is added to
        the file's name.

        Raises `ResultNotFound`, `StorageFailed`, or `InvalidInput` for a selection without a format. With a `format`,
        also raises `UnsupportedFile` if the file is not a table, `SheetInvalid` if its rows do not fit in a sheet, and
        the errors of `page` for the selection.
        """
        engine = self._engine.use()
        path = _result(self.thread_dir, file)
        if format is not None:
            found = await downloads.converted(engine.data(self._workspace), _table(path), format, selection)
        elif selection == ALL_ROWS:
            found = await downloads.opened(path)
        else:
            raise InvalidInput(
                "Without a format, the file is downloaded unchanged. To filter or sort its rows, choose csv or xlsx."
            )
        if found is None:
            raise not_found.result(file)
        return found

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return listings.thread(self, self._workspace.name)

    async def _check_key(self, key: str | None) -> None:
        """Raises `ThreadNotFound` if the run with this key belonged to a thread that has since been deleted.

        The journal must be read before the catalog. Another message with the same key may be creating the thread right
        now, and it adds the row before the run. If a run is found without its thread's row, the thread was therefore
        deleted.
        """
        if await self._engine.journal.by_key(self.workspace_id, self.id, key):
            try:
                self._engine.thread(self._workspace, self.id)
            except ThreadNotFound as error:
                message = "The thread created with this idempotency key was deleted. Use a new key to ask again."
                raise ThreadNotFound(message) from error

    def _run(self, run_id: str) -> EmbeddedRun:
        return EmbeddedRun(self._engine, run_id, self.id, self._loader(), self)

    def _loader(self) -> Loader:
        folder = self.thread_dir

        async def load(file: str) -> Any:
            return await read_frame(_result(folder, file))

        return load

    def _existing(self) -> ThreadRow:
        if self._row is None:
            raise ThreadNotFound("This thread has no messages yet. Send a message first.")
        return self._row


def _result(thread_dir: Path, file: str) -> Path:
    path = downloads.own_result(thread_dir, file)
    if path is None:
        raise not_found.result(file)
    return path


def _table(path: Path) -> Path:
    if path.suffix.lower() != ".parquet":
        raise UnsupportedFile(f"{path.name} is not a table. Download it without a format instead.")
    return path
