"""The messages of a thread, in `message_history.json`: one entry for each message and for each finished run.

The file is made to be read by people and by other programs. It is written to a temporary file, synced and renamed, so
that it is always either the old or the new one; a lock file keeps two processes from writing at once. A file that
cannot be read is kept aside under another name, and the thread can then be read no more than its notice until the file
is mended and named back.

What the model said is kept as it was (`model_messages`), opaque to this room.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from cfo_kernel.errors import ThreadReadOnly
from cfo_kernel.events import Outcome, Usage
from cfo_kernel.replies import Problem, Reply
from cfo_kernel.store.folders import HISTORY
from cfo_kernel.values import Value

_RETRY = 0.005  # seconds between two tries for the lock


def stamp() -> str:
    """The time in UTC as ISO text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class MessageEntry(Value):
    """A message that was accepted; `text` is empty where it continues the run `in_reply_to`."""

    type: Literal["message"] = "message"
    run_id: str
    text: str
    in_reply_to: str | None = None
    at: str = Field(default_factory=stamp)


class RunEntry(Value):
    """How the run of a message ended."""

    type: Literal["run"] = "run"
    run_id: str
    status: Outcome
    reply: Reply | None = None
    error: Problem | None = None
    usage: Usage = Usage()
    at: str = Field(default_factory=stamp)
    model_messages: list[Any] = Field(default_factory=list[Any])


Entry = Annotated[MessageEntry | RunEntry, Field(discriminator="type")]


class _File(Value):
    format: Literal[1] = 1
    thread_id: str
    entries: tuple[Entry, ...] = ()


class History:
    """The history of one thread. Every method raises `ThreadReadOnly` where the file cannot be read."""

    def __init__(self, thread_dir: Path) -> None:
        self._dir = thread_dir
        self._path = thread_dir / HISTORY

    def entries(self) -> tuple[Entry, ...]:
        """All entries in order."""
        return self._read().entries

    def notice(self) -> str | None:
        """What is wrong with the file, if anything."""
        try:
            self._read()
        except ThreadReadOnly as error:
            return error.message
        return None

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Holds the thread against other tasks and processes; not for long, for others wait."""
        with (self._dir / ".lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_RETRY)
            yield

    def append(self, entry: Entry) -> None:
        """Adds an entry, once: the same kind of entry of the same run is not added again. Needs `locked`."""
        file = self._read()
        if any(e.type == entry.type and e.run_id == entry.run_id for e in file.entries):
            return
        self._write(file.model_copy(update={"entries": (*file.entries, entry)}))

    def _read(self) -> _File:
        if self._path.exists():
            try:
                return _File.model_validate_json(self._path.read_bytes())
            except (ValidationError, ValueError):
                aside = self._dir / f"message_history.unreadable-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
                self._path.rename(aside)
        if aside := sorted(self._dir.glob("message_history.unreadable-*.json")):
            message = (
                f"The history of this thread cannot be read; it is kept as {aside[-1].name} in the thread's folder, "
                f"and the thread is read-only. Mend the file and name it {HISTORY}, or start a new thread."
            )
            raise ThreadReadOnly(message)
        return _File(thread_id=self._dir.name)

    def _write(self, file: _File) -> None:
        text = json.dumps(file.model_dump(mode="json", by_alias=True), indent=1, ensure_ascii=False)
        partial = self._path.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        partial.replace(self._path)
        folder = os.open(self._dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
