"""The messages of a thread, in `message_history.json`: one entry for each message and for each finished run.

People and other programs may read the file. Changes are written to a temporary file, which is synced and renamed, so
the history is always either the old or the new version. A lock file keeps two processes from writing at once.

A file that cannot be parsed as a history is renamed. The thread is then read-only, with a notice, until someone repairs
the file and restores its name. If only an entry cannot be read, the rest remains usable. The entry is kept in the file,
because it may come from a newer version or have been edited by a person.

The model's messages (`model_messages`) are stored unchanged. This module does not interpret them.
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
_RETRY = 0.005  # seconds between attempts to acquire the lock


def timestamp() -> str:
    """The current time in UTC, in ISO format."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class MessageEntry(Value):
    """An accepted message. An empty `text` continues the reply of the run `in_reply_to`.

    It is `untouched` if no person sent it: a countdown ran out and continued the thread.
    """

    type: Literal["message"] = "message"
    run_id: str
    text: str
    in_reply_to: str | None = None
    untouched: bool = False
    at: str = Field(default_factory=timestamp)


class RunEntry(Value):
    """The outcome of the run that answered a message."""

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
_UNREADABLE = "This version of cfo_kernel cannot read this history entry. Update cfo_kernel, or fix the file."


async def run_to_completion(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Runs blocking work in a thread. If the caller is cancelled, this still waits until the work is done.

    A thread cannot be stopped, so the caller must hold the lock that the work needs until it returns.
    """
    # Awaits the executor's own future: a task around it could be cancelled while the thread continues.
    done = asyncio.get_running_loop().run_in_executor(None, lambda: work(*arguments, **named))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        raise


class History:
    """The history of one thread. The methods block on disk I/O, so call them in a worker thread from an event loop.

    Methods that read the file raise `ThreadReadOnly` if it cannot be read.
    """

    def __init__(self, thread_dir: Path) -> None:
        self._dir = thread_dir
        self._path = thread_dir / HISTORY

    def entries(self) -> tuple[Entry, ...]:
        """Returns all entries in order. A placeholder replaces each unreadable entry; unknown types are skipped."""
        return tuple(entry for stored in self._read() if (entry := _read_entry(stored)) is not None)

    def notice(self) -> str | None:
        """Returns the reason why the history cannot be read, or None if it can."""
        try:
            self.entries()
        except ThreadReadOnly as error:
            return error.message
        return None

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Holds the thread's lock. Other tasks and processes wait for it."""
        try:
            # O_NOFOLLOW, because a program run by the agent could place a link to another file here.
            lock = os.open(self._dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _cannot_write(error, ".lock is a link" if error.errno == errno.ELOOP else None) from error
        try:
            while True:
                try:  # in a loop, because a blocking flock would block the event loop
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
        """Adds each entry, unless its run already has an entry of the same type.

        The caller must hold `locked` until this returns, so call it with `run_to_completion` from an event loop. Raises
        `StorageFailed` and leaves the file unchanged if it cannot be written.
        """
        self._append(self._read(), *added)  # plain JSON, since validating all entries would make long threads slow

    def record_outcome(self, message: MessageEntry, outcome: RunEntry) -> RunEntry:
        """Adds the outcome of a run, and its message if that is missing. Returns the outcome now in the history.

        If the history already has an outcome of the run, keeps that one. See `append` for the lock and the errors.
        """
        self.append(message, outcome)
        stored = [e for e in self._read() if (e["type"], e["run_id"]) == ("run", outcome.run_id)]
        entry = _read_entry(stored[0]) if stored else None
        return entry if isinstance(entry, RunEntry) else outcome

    def replace_outcome(self, message: MessageEntry, outcome: RunEntry) -> None:
        """Adds the outcome of a run in place of the one in the history. See `append` for the lock and the errors."""
        kept = [e for e in self._read() if (e["type"], e["run_id"]) != ("run", outcome.run_id)]
        self._append(kept, message, outcome)

    def _append(self, stored: list[dict[str, Any]], *added: Entry) -> None:
        known = {(e["type"], e["run_id"]) for e in stored}
        new = [e.model_dump(mode="json", by_alias=True) for e in added if (e.type, e.run_id) not in known]
        if new:
            try:
                self._write({"format": _FORMAT, "thread_id": self._dir.name, "entries": [*stored, *new]})
            except (OSError, ValueError) as error:
                raise _cannot_write(error) from error

    def _read(self) -> list[dict[str, Any]]:
        try:
            file: Any = from_json(self._path.read_bytes())
            if file["format"] > _FORMAT:
                message = "The thread's history was written by a newer version. Update cfo_kernel to open it."
                raise ThreadReadOnly(message)
            entries: list[dict[str, Any]] = file["entries"]
            if isinstance(file["entries"], list) and all(
                isinstance(e["type"], str) and isinstance(e["run_id"], str) for e in entries
            ):
                return entries
        except FileNotFoundError:
            return self._set_aside(move=False)
        except OSError as error:
            message = (
                f"The thread's history cannot be read ({error.strerror}). Fix the cause, then open the thread again."
            )
            raise ThreadReadOnly(message) from error
        except (ValueError, TypeError, KeyError):
            pass
        return self._set_aside()

    def _set_aside(self, *, move: bool = True) -> list[dict[str, Any]]:
        """Renames an unreadable file, if `move` is true. Returns no entries.

        Raises `ThreadReadOnly` if the thread has a file that was renamed, now or earlier.
        """
        if move:
            with contextlib.suppress(FileNotFoundError):  # another reader has already renamed it
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
        partial = self._dir / f".{uuid.uuid4().hex}.part"  # unique, so that two writers never share the file
        try:
            with partial.open("xb") as out:
                out.write(to_json(file, indent=1) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the new file is already in place, so a failure here does not matter
            folder = os.open(self._dir, os.O_RDONLY)
            try:
                os.fsync(folder)  # makes the rename survive a power failure
            finally:
                os.close(folder)


def _read_entry(stored: dict[str, Any]) -> Entry | None:
    """Parses an entry, ignoring fields from newer versions. Returns a placeholder if it is unreadable.

    Returns None for an unreadable entry of an unknown type.
    """
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
        reason = error.strerror if isinstance(error, OSError) else "it contains characters that are not valid text"
    return StorageFailed(
        f"The thread's history cannot be written ({reason}). Fix the cause, then send the message again."
    )
