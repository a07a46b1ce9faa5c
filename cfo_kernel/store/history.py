"""The messages of a thread, in `message_history.json`: one entry for each message and for each finished run.

The file is made to be read by people and by other programs. It is written to a temporary file, synced and renamed, so
that it is always either the old or the new one; a lock file keeps two processes from writing at once. A file that is
no history at all is kept aside under another name, and the thread can then be read no more than its notice until the
file is mended and named back. A single entry that this version cannot read costs that entry alone: the file may be of
another version, or mended by hand, and all that it holds stays in it.

What the model said is kept as it was (`model_messages`), opaque to this room.
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
_RETRY = 0.005  # seconds between two tries for the lock


def stamp() -> str:
    """The time in UTC as ISO text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class MessageEntry(Value):
    """A message that was accepted; `text` is empty where it continues the run `in_reply_to`.

    `untouched` is one that no person sent: a countdown ran out.
    """

    type: Literal["message"] = "message"
    run_id: str
    text: str
    in_reply_to: str | None = None
    untouched: bool = False
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


_entry: TypeAdapter[Entry] = TypeAdapter(Entry)
_FORMAT = 1
_UNREADABLE = "This entry of the history cannot be read by this version. Update cfo_kernel, or mend the file."


async def to_its_end(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Does blocking work in a thread; a caller that is cancelled leaves only when it is done.

    A thread cannot be stopped, so a lock that its work needs must be held until then.
    """
    # A future of the executor: unlike a task, nobody can cancel it once the thread has begun.
    done = asyncio.get_running_loop().run_in_executor(None, lambda: work(*arguments, **named))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        raise


class History:
    """The history of one thread. Its methods block on the disk: an event loop calls them in a thread.

    Every method raises `ThreadReadOnly` where the file cannot be read.
    """

    def __init__(self, thread_dir: Path) -> None:
        self._dir = thread_dir
        self._path = thread_dir / HISTORY

    def entries(self) -> tuple[Entry, ...]:
        """All entries in order; one that cannot be read says so in its place, one of an unknown type is left out."""
        return tuple(entry for kept in self._read() if (entry := _read_entry(kept)) is not None)

    def notice(self) -> str | None:
        """What is wrong with the file, if anything."""
        try:
            self.entries()
        except ThreadReadOnly as error:
            return error.message
        return None

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Holds the thread against other tasks and processes; not for long, for others wait."""
        try:
            lock = os.open(self._dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _cannot_write(error, ".lock is a link" if error.errno == errno.ELOOP else None) from error
        try:
            while True:
                try:
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
        """Adds entries, each once: the same kind of entry of the same run is not added again.

        Needs `locked` until it returns, so an event loop calls it by `to_its_end`. Raises `StorageFailed`, and then the
        file is as it was.
        """
        kept = self._read()  # as plain JSON: what was written before is not checked again and again
        known = {(e["type"], e["run_id"]) for e in kept}
        new = [e.model_dump(mode="json", by_alias=True) for e in added if (e.type, e.run_id) not in known]
        if new:
            try:
                self._write({"format": _FORMAT, "thread_id": self._dir.name, "entries": [*kept, *new]})
            except (OSError, ValueError) as error:
                raise _cannot_write(error) from error

    def settle(self, message: MessageEntry, outcome: RunEntry) -> RunEntry:
        """Adds the outcome of a run, and its message if that is missing; gives the outcome that the history now has.

        That is an earlier one where there is one. As `append` in all else.
        """
        self.append(message, outcome)
        kept = [e for e in self._read() if (e["type"], e["run_id"]) == ("run", outcome.run_id)]
        entry = _read_entry(kept[0]) if kept else None
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
            return self._kept_aside(move=False)
        except OSError as error:
            message = f"The thread's history cannot be read ({error.strerror}). Mend that, then open it again."
            raise ThreadReadOnly(message) from error
        except (ValueError, TypeError, KeyError):
            pass
        return self._kept_aside()

    def _kept_aside(self, *, move: bool = True) -> list[dict[str, Any]]:
        """Keeps an unreadable file under another name; raises `ThreadReadOnly` while there is one."""
        if move:
            with contextlib.suppress(FileNotFoundError):  # another reader was first
                unique = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
                self._path.rename(self._dir / f"message_history.unreadable-{unique}.json")
        if aside := sorted(self._dir.glob("message_history.unreadable-*.json")):
            message = (
                f"The history of this thread cannot be read; it is kept as {aside[-1].name} in the thread's folder, "
                f"and the thread is read-only. Mend the file and name it {HISTORY}, or start a new thread."
            )
            raise ThreadReadOnly(message)
        return []

    def _write(self, file: dict[str, Any]) -> None:
        partial = self._dir / f".{uuid.uuid4().hex}.part"  # of its own: no other writer comes to use the same
        try:
            with partial.open("xb") as out:
                out.write(to_json(file, indent=1) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the new file is in its place: no error says otherwise any more
            folder = os.open(self._dir, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _read_entry(kept: dict[str, Any]) -> Entry | None:
    """The entry as far as this version knows it: fields that a later version added are passed over."""
    try:
        return _entry.validate_python(kept, extra="ignore")
    except ValidationError:
        if kept["type"] == "message":
            return MessageEntry(run_id=kept["run_id"], text=f"({_UNREADABLE})", at="")
        if kept["type"] == "run":
            problem = Problem(code=StorageFailed.code, message=_UNREADABLE)
            return RunEntry(run_id=kept["run_id"], status="failed", error=problem, at="")
        return None


def _cannot_write(error: Exception, reason: str | None = None) -> StorageFailed:
    if reason is None:
        reason = error.strerror if isinstance(error, OSError) else "it holds characters that are no text"
    return StorageFailed(f"The thread's history cannot be written ({reason}). Mend that, then send the message again.")
