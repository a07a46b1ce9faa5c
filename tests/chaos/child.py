"""The server, as a program that kills itself at a chosen point: `python -m tests.chaos.child`.

`CHAOS_POINT` names the point. `CHAOS_ONLY` is a text that the run's message must hold, where the point knows it.
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
from cfo_kernel.store.history import History, MessageEntry, RunEntry

POINTS: dict[str, Callable[[], None]] = {}
_ONLY = os.environ.get("CHAOS_ONLY", "")


def point(install: Callable[[], None]) -> Callable[[], None]:
    """A place to die at, named as its function; called once, it is armed."""
    POINTS[install.__name__] = install
    return install


def die(*_: object) -> None:
    """Ends this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str, wanted: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Dies when `name` is called, before anything is done."""
    original = getattr(owner, name)

    def replaced(*arguments: Any, **named: Any) -> Any:
        if wanted(*arguments, **named):
            die()
        return original(*arguments, **named)

    setattr(owner, name, replaced)


def _after(owner: Any, name: str, wanted: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Dies when the coroutine function `name` has done its work."""
    original = getattr(owner, name)

    async def replaced(*arguments: Any, **named: Any) -> Any:
        done = await original(*arguments, **named)
        if wanted(*arguments, **named):
            die()
        return done

    setattr(owner, name, replaced)


def _once_stored(name: str, wanted: Callable[..., bool]) -> None:
    """Dies when what a method of the recorder hands over is committed; nothing is handed over after it."""
    original: Any = getattr(Recorder, name)

    def replaced(self: Recorder, *arguments: Any) -> Any:
        given = original(self, *arguments)
        last: asyncio.Future[int] | None = self._last  # pyright: ignore[reportPrivateUsage]
        if last is not None and wanted(self, *arguments):
            self._write = lambda event: None  # type: ignore  # noqa: ARG005
            self._keep = lambda *_: None  # type: ignore
            last.add_done_callback(die)
        return given

    setattr(Recorder, name, replaced)


@point
def accepted_and_not_in_the_history() -> None:
    _before(History, "append", lambda _, *entries: isinstance(entries[0], MessageEntry) and _ONLY in entries[0].text)


@point
def in_the_history_and_nobody_told() -> None:
    _before(Dispatch, "perform", lambda _, run: _ONLY in run.message)


@point
def begun() -> None:
    def wanted(self: Recorder, event: Event) -> bool:
        run = self._run  # pyright: ignore[reportPrivateUsage]
        return isinstance(event, RunStarted) and _ONLY in run.message

    _once_stored("put", wanted)


@point
def at_work() -> None:
    """Each attempt dies here, a moment after it began, so that others are at work beside it."""
    original = dispatch.execute_run

    async def replaced(run: RunRow, *more: Any) -> RunEntry:
        if _ONLY in run.message:
            await asyncio.sleep(0.5)
            die()
        return await original(run, *more)

    dispatch.execute_run = replaced


@point
def in_the_middle_of_words() -> None:
    def wanted(self: Recorder, event: Event) -> bool:
        return isinstance(event, Token) and self._number > 3  # pyright: ignore[reportPrivateUsage]

    _once_stored("_write", wanted)


@point
def response_recorded() -> None:
    _once_stored("keep_response", lambda *_: True)


@point
def tool_recorded_and_not_told() -> None:
    _once_stored("keep_tool", lambda _, call_id, __: "call_" in call_id)


@point
def one_of_several_tools_recorded() -> None:
    seen: set[str] = set()

    def wanted(_: Recorder, call_id: str, __: Any) -> bool:
        seen.add(call_id)
        return len(seen) > 1

    _once_stored("keep_tool", wanted)


@point
def file_named() -> None:
    _once_stored("keep_file", lambda *_: True)


@point
def sheet_made_and_not_noted() -> None:
    from cfo_kernel.data.workspace_data import WorkspaceData

    _after(WorkspaceData, "write_sheet")


@point
def sheet_ready_and_not_moved() -> None:
    _before(Path, "replace", lambda self, _: self.suffix == ".xlsx")


@point
def sheet_moved_and_not_noted() -> None:
    original = Path.replace

    def replaced(self: Path, target: Any) -> Path:
        done = original(self, target)
        if self.suffix == ".xlsx":
            die()
        return done

    Path.replace = replaced  # type: ignore


@point
def outcome_of_the_action_recorded() -> None:
    _after(Recorder, "keep_action", lambda _, kind, __: kind == "outcome")


@point
def acted_and_not_in_the_history() -> None:
    _before(History, "settle", lambda _, __, entry: isinstance(entry, RunEntry))


@point
def in_the_history_and_not_in_the_ledger() -> None:
    _before(UsageRecorder, "seal")


@point
def in_the_ledger_and_not_told() -> None:
    _after(UsageRecorder, "seal")


@point
def told() -> None:
    _after(execution, "publish_outcome")


@point
def action_begun() -> None:
    _before(actions, "_write")


def main() -> int:
    from cfo_api.__main__ import main as serve

    POINTS[os.environ["CHAOS_POINT"]]()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
