"""The messages of a thread, in `message_history.json`: one entry for each message and for each finished run.

People and other programs may read the file. It is written to a temporary file, synced and renamed, so that it is always
either the old or the new one; a lock file keeps two processes from writing at once.

A file that is not a history at all is set aside under another name. The thread is then read-only, with a notice, until
somebody fixes the file and gives it its name back. An entry that this version cannot read affects only itself, and
stays in the file, because a newer version or a person may have written it.

The messages of the model (`model_messages`) are stored as they came. This module does not interpret them.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from cfo_kernel.errors import StorageFailed, ThreadReadOnly
from cfo_kernel.events import Outcome, Usage
from cfo_kernel.replies import Problem, Reply
from cfo_kernel.store.folders import HISTORY
from cfo_kernel.values import Value

P = ParamSpec("P")
T = TypeVar("T")
_RETRY = 0.005  # seconds between two attempts to get the lock


def timestamp() -> str:
    """The current time in UTC, in ISO format."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class MessageEntry(Value):
    """An accepted message. Its `text` is empty if it continues the run `in_reply_to`.

    It is `untouched` if no person sent it, because a countdown ran out.
    """

    type: Literal["message"] = "message"
    run_id: str
    text: str
    in_reply_to: str | None = None
    untouched: bool = False
    at: str = Field(default_factory=timestamp)


class RunEntry(Value):
    """The outcome of a message's run."""

    type: Literal["run"] = "run"
    run_id: str
    status: Outcome
    reply: Reply | None = None
    error: Problem | None = None
    usage: Usage = Usage()
    at: str = Field(default_factory=timestamp)
    model_messages: list[Any] = Field(default_factory=list[Any])


Entry = Annotated[MessageEntry | RunEntry, Field(discriminator="type")]


_entry: TypeAdapter[Entry] = TypeAdapter(Entry)
_FORMAT = 1
_UNREADABLE = "This entry of the history cannot be read by this version. Update cfo_kernel, or fix the file."


async def run_to_completion(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Runs blocking work in a thread. A caller that is cancelled returns only when the work is done.

    A thread cannot be stopped, so the caller must hold the lock that the work needs until then.
    """
    # The executor's own future, because a task around it could be cancelled while the thread goes on.
    done = asyncio.get_running_loop().run_in_executor(None, lambda: work(*arguments, **named))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        raise


class History:
    """The history of one thread. Its methods wait for the disk, so an event loop calls them in a thread.

    Every method raises `ThreadReadOnly` if the file cannot be read.
    """

    def __init__(self, thread_dir: Path) -> None:
        self._dir = thread_dir
        self._path = thread_dir / HISTORY

    def entries(self) -> tuple[Entry, ...]:
        """All entries in order. An entry that says so replaces an unreadable one. Unknown types are skipped."""
        return tuple(entry for stored in self._read() if (entry := _read_entry(stored)) is not None)

    def notice(self) -> str | None:
        """What is wrong with the file; None if nothing is."""
        try:
            self.entries()
        except ThreadReadOnly as error:
            return error.message
        return None

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Holds the lock of the thread, for which other tasks and processes wait."""
        try:
            # O_NOFOLLOW, because a program of the agent could put a link to another file here.
            lock = os.open(self._dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _cannot_write(error, ".lock is a link" if error.errno == errno.ELOOP else None) from error
        try:
            while True:
                try:  # in a loop, because waiting for the lock in the system would block the event loop
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_RETRY)
                except OSError as error:
                    raise _cannot_write(error) from error
            yield
        finally:
            os.close(lock)

    def append(self, *added: Entry) -> None:
        """Adds each entry, unless its run has an entry of its type already.

        The caller holds `locked` until this returns, so an event loop calls it with `run_to_completion`. Raises
        `StorageFailed`; then the file is as it was.
        """
        stored = self._read()  # as plain JSON, because validating all entries again would make long threads slow
        known = {(e["type"], e["run_id"]) for e in stored}
        new = [e.model_dump(mode="json", by_alias=True) for e in added if (e.type, e.run_id) not in known]
        if new:
            try:
                self._write({"format": _FORMAT, "thread_id": self._dir.name, "entries": [*stored, *new]})
            except (OSError, ValueError) as error:
                raise _cannot_write(error) from error

    def record_outcome(self, message: MessageEntry, outcome: RunEntry) -> RunEntry:
        """Adds the outcome of a run, and its message if that is missing. Returns the outcome that the history has now.

        An outcome that was there before stays, and is returned. Otherwise as `append`.
        """
        self.append(message, outcome)
        stored = [e for e in self._read() if (e["type"], e["run_id"]) == ("run", outcome.run_id)]
        entry = _read_entry(stored[0]) if stored else None
        return entry if isinstance(entry, RunEntry) else outcome

    def _read(self) -> list[dict[str, Any]]:
        try:
            file: Any = from_json(self._path.read_bytes())
            if file["format"] > _FORMAT:
                message = "The thread's history was made by a newer version. Update cfo_kernel to open it."
                raise ThreadReadOnly(message)
            entries: list[dict[str, Any]] = file["entries"]
            if isinstance(file["entries"], list) and all(
                isinstance(e["type"], str) and isinstance(e["run_id"], str) for e in entries
            ):
                return entries
        except FileNotFoundError:
            return self._set_aside(move=False)
        except OSError as error:
            message = f"The thread's history cannot be read ({error.strerror}). Fix this, then open the thread again."
            raise ThreadReadOnly(message) from error
        except (ValueError, TypeError, KeyError):
            pass
        return self._set_aside()

    def _set_aside(self, *, move: bool = True) -> list[dict[str, Any]]:
        """Renames an unreadable file. Raises `ThreadReadOnly` while there is one; without one, there are no entries."""
        if move:
            with contextlib.suppress(FileNotFoundError):  # another reader has renamed it
                unique = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
                self._path.rename(self._dir / f"message_history.unreadable-{unique}.json")
        if aside := sorted(self._dir.glob("message_history.unreadable-*.json")):
            message = (
                f"The history of this thread cannot be read, so the thread is read-only. The file is now named"
                f" {aside[-1].name}, in the thread's folder. Fix it and name it {HISTORY}, or start a new thread."
            )
            raise ThreadReadOnly(message)
        return []

    def _write(self, file: dict[str, Any]) -> None:
        partial = self._dir / f".{uuid.uuid4().hex}.part"  # a unique name, so that two writers never share the file
        try:
            with partial.open("xb") as out:
                out.write(to_json(file, indent=1) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the new file is in place already, so this must not report a failure
            folder = os.open(self._dir, os.O_RDONLY)
            try:
                os.fsync(folder)  # makes the rename survive a power failure
            finally:
                os.close(folder)


def _read_entry(stored: dict[str, Any]) -> Entry | None:
    """The entry without fields that only a newer version knows; None for an unknown type."""
    try:
        return _entry.validate_python(stored, extra="ignore")
    except ValidationError:
        if stored["type"] == "message":
            return MessageEntry(run_id=stored["run_id"], text=f"({_UNREADABLE})", at="")
        if stored["type"] == "run":
            problem = Problem(code=StorageFailed.code, message=_UNREADABLE)
            return RunEntry(run_id=stored["run_id"], status="failed", error=problem, at="")
        return None


def _cannot_write(error: Exception, reason: str | None = None) -> StorageFailed:
    if reason is None:
        reason = error.strerror if isinstance(error, OSError) else "it has characters that are not valid text"
    return StorageFailed(f"The thread's history cannot be written ({reason}). Fix this, then send the message again.")
