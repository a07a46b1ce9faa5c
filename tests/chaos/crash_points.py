"""The API server with a point at which it kills itself: `python -m tests.chaos.crash_points`.

`CHAOS_POINT` is the name of the point. With `CHAOS_ONLY`, points that know the run's message crash only if it contains
that text.

Each point lies between two steps that must be neither lost nor repeated: a crash there leaves the first step stored and
the second not yet done. The points replace functions of the engine, because random kills rarely hit such a gap.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfo_kernel.events import Event, RunStarted, Token
from cfo_kernel.runs import actions, dispatch, execution
from cfo_kernel.runs.dispatch import Dispatch
from cfo_kernel.runs.journal import RunRow
from cfo_kernel.runs.recorder import Recorder
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.store.history import Entry, History, MessageEntry, RunEntry

POINTS: dict[str, Callable[[], None]] = {}
_ONLY = os.environ.get("CHAOS_ONLY", "")


def point(install: Callable[[], None]) -> Callable[[], None]:
    """Registers a point under the name of its function. Calling the function arms it."""
    POINTS[install.__name__] = install
    return install


def crash(*_: object) -> None:
    """Ends this process as `kill -9` does: without cleanup, and without running any `finally`."""
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str, applies: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Crashes when `name` is called, before it has any effect."""
    original = getattr(owner, name)

    def replaced(*arguments: Any, **named: Any) -> Any:
        if applies(*arguments, **named):
            crash()
        return original(*arguments, **named)

    setattr(owner, name, replaced)


def _after(owner: Any, name: str, applies: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Crashes when the coroutine function `name` has finished."""
    original = getattr(owner, name)

    async def replaced(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        if applies(*arguments, **named):
            crash()
        return result

    setattr(owner, name, replaced)


def _once_stored(name: str, applies: Callable[..., bool]) -> None:
    """Crashes once the journal has committed what this method of the recorder passes to it, and passes nothing more.

    The journal commits in groups. Anything passed between this call and the crash could be part of the same commit, and
    the point would then come after a later step.
    """
    original: Any = getattr(Recorder, name)

    def replaced(self: Recorder, *arguments: Any) -> Any:
        result = original(self, *arguments)
        last: asyncio.Future[int] | None = self._last  # pyright: ignore[reportPrivateUsage]
        if last is not None and applies(self, *arguments):
            self._write = lambda event: None  # type: ignore  # noqa: ARG005
            self._keep = lambda *_: None  # type: ignore
            last.add_done_callback(crash)
        return result

    setattr(Recorder, name, replaced)


@point
def accepted_but_not_in_the_history() -> None:
    def applies(_: History, *entries: Entry) -> bool:  # without entries if all are in the history already
        return any(isinstance(entry, MessageEntry) and _ONLY in entry.text for entry in entries[:1])

    _before(History, "append", applies)


@point
def in_the_history_but_not_started() -> None:
    _before(Dispatch, "perform", lambda _, run: _ONLY in run.message)


@point
def started() -> None:
    def applies(self: Recorder, event: Event) -> bool:
        run = self._run  # pyright: ignore[reportPrivateUsage]
        return isinstance(event, RunStarted) and _ONLY in run.message

    _once_stored("put", applies)


@point
def during_the_turn() -> None:
    """Crashes in every attempt, half a second after its start, so that other runs are in progress by then."""
    original = dispatch.execute_run

    async def replaced(run: RunRow, *more: Any) -> RunEntry:
        if _ONLY in run.message:
            await asyncio.sleep(0.5)
            crash()
        return await original(run, *more)

    dispatch.execute_run = replaced


@point
def between_tokens() -> None:
    def applies(self: Recorder, event: Event) -> bool:
        return isinstance(event, Token) and self._number > 3  # pyright: ignore[reportPrivateUsage]

    _once_stored("_write", applies)


@point
def response_recorded() -> None:
    _once_stored("keep_response", lambda *_: True)


@point
def tool_recorded_but_not_sent_to_the_model() -> None:
    _once_stored("keep_tool", lambda _, call_id, __: "call_" in call_id)


@point
def one_of_several_tools_recorded() -> None:
    seen: set[str] = set()

    def applies(_: Recorder, call_id: str, __: Any) -> bool:
        seen.add(call_id)
        return len(seen) > 1

    _once_stored("keep_tool", applies)


@point
def file_named() -> None:
    _once_stored("keep_file", lambda *_: True)


@point
def sheet_made_but_not_recorded() -> None:
    from cfo_kernel.data.workspace_data import WorkspaceData

    _after(WorkspaceData, "write_sheet")


@point
def sheet_ready_but_not_moved() -> None:
    _before(Path, "replace", lambda self, _: self.suffix == ".xlsx")


@point
def sheet_moved_but_not_recorded() -> None:
    original = Path.replace

    def replaced(self: Path, target: Any) -> Path:
        result = original(self, target)
        if self.suffix == ".xlsx":
            crash()
        return result

    Path.replace = replaced  # type: ignore


@point
def outcome_of_the_action_recorded() -> None:
    _after(Recorder, "keep_action", lambda _, kind, __: kind == "outcome")


@point
def acted_but_not_in_the_history() -> None:
    _before(History, "record_outcome")


@point
def in_the_history_but_not_in_the_ledger() -> None:
    _before(UsageRecorder, "seal")


@point
def in_the_ledger_but_not_published() -> None:
    _after(UsageRecorder, "seal")


@point
def published() -> None:
    _after(execution, "publish_outcome")


@point
def action_started() -> None:
    _before(actions, "_write")


def main() -> int:
    from cfo_api.__main__ import main as serve

    POINTS[os.environ["CHAOS_POINT"]]()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
