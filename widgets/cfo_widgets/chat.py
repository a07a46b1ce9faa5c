"""Chat: one thread on the screen. It sends what a person writes, and follows what the agent does about it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from traitlets import Bool, Dict, Float, Int, List, Unicode
from typing_extensions import TypedDict, TypeIs, override

from cfo_kernel import CfoError, Numbered, Run, Thread, Workspace
from cfo_kernel.errors import ContinueLimitReached, NothingToContinue, ServerError
from cfo_kernel.interface import MAX_TITLE
from cfo_kernel.settings import load
from cfo_widgets.component import Component
from cfo_widgets.downloading import Downloads
from cfo_widgets.following import Following
from cfo_widgets.in_notebook import Said, conversation
from cfo_widgets.openings import Openings
from cfo_widgets.result_commands import (
    DownloadResult,
    GetResultRows,
    LoadChartLibrary,
    ResultCommand,
    chart_library,
    perform_result,
)
from cfo_widgets.shown import Shown, shown
from cfo_widgets.wire import Command, CommandResult, events_message, problem_dict


class _InThread(Command):
    """`opened` is the opening that the page shows: what is written goes there, though another was opened meanwhile."""

    opened: str


class SentMessage(TypedDict):
    """The answer to `SendMessage`."""

    run_id: str


class SendMessage(_InThread):
    type: Literal["send"]
    text: str
    key: str
    in_reply_to: str | None = None


class ContinueReply(_InThread):
    type: Literal["continue"]
    run_id: str
    untouched: bool = False


class CancelRun(_InThread):
    type: Literal["cancel"]
    run_id: str


class RenameOpenThread(_InThread):
    type: Literal["rename"]
    title: str


class ListSteps(_InThread):
    """What the agent did in a run that has ended."""

    type: Literal["steps"]
    run_id: str


class SyncChat(Command):
    """A page has come, or wants to know whether all is well again."""

    type: Literal["look"]


ChatCommand = Annotated[
    SendMessage | ContinueReply | CancelRun | RenameOpenThread | ListSteps | SyncChat | ResultCommand,
    Field(discriminator="type"),
]
_PAUSE = 3
"""Seconds before a server that could not be reached is asked again, and for which the end of a run is waited for."""
_STEPS = ("tool_call", "tool_result")


class Chat(Component, bundle="chat"):
    """`await Chat().show(thread)`; in a cell `Chat(thread)`, or `Chat(workspace)` for a new thread.

    `countdown` is how many seconds a reply that waits for review waits, 0 for ever; None is `CFO_COUNTDOWN`.
    """

    commands = TypeAdapter(ChatCommand)

    opened = Unicode().tag(sync=True)
    workspace_id = Unicode().tag(sync=True)
    thread_id = Unicode(help="Empty until the thread has its first message.").tag(sync=True)
    title = Unicode().tag(sync=True)
    longest_title = Int(MAX_TITLE).tag(sync=True)
    messages = List(Dict()).tag(sync=True)
    notice = Unicode(help="Why the thread is read-only, if it is.").tag(sync=True)
    examples = List(Unicode(), help="Questions that an empty thread proposes.").tag(sync=True)
    countdown = Float().tag(sync=True)
    continues_left = Int().tag(sync=True)
    usage = Dict(help="What the thread's finished runs used together.").tag(sync=True)
    is_loading = Bool().tag(sync=True)
    trouble = Dict(allow_none=True, default_value=None, help="Why nothing new comes, if so.").tag(sync=True)

    def __init__(self, of: Thread | Workspace | None = None, *, countdown: float | None = None) -> None:
        super().__init__(countdown=load().countdown if countdown is None else countdown)
        self.thread: Thread | None = None
        self._openings = Openings()
        self._downloads = Downloads()
        self._following = Following(self._tell)
        self._follower: asyncio.Task[None] | None = None
        self._gone_through: set[str] = set()
        self._asked = self._newest = 0
        self._open_runs: list[str] = []
        self._known: tuple[str, str, tuple[str, ...]] = ("", "", ())
        self._callbacks: list[Callable[[], None]] = []
        self.observe(lambda _: self.keep_words(), ["messages", "title"])
        if of is not None:
            self.begin(self._open_first(of))

    @property
    def is_working(self) -> bool:
        """Whether a run is open in the thread."""
        return bool(self._open_runs)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Has `callback` called when the thread got its id or a title, or a run in it began or ended."""
        self._callbacks.append(callback)

    @override
    def in_words(self) -> Said:
        return conversation(self.title or "New thread", self.messages)

    async def show(self, thread: Thread) -> None:
        """Shows this thread. What goes wrong is told on the page, which offers to try again."""
        self._leave()
        self.thread, opened = thread, self._openings.add(thread)
        with self.hold_sync():
            self.opened, self.workspace_id = opened, thread.workspace_id
            self.trouble, self.is_loading = None, thread.created_at is not None
            self._set(thread, Shown())
        await self.refresh()

    async def refresh(self, thread: Thread | None = None) -> None:
        """Brings the page up to date with what other clients did; `thread` is the same, read anew (for its title)."""
        if thread and self.thread and thread.id == self.thread.id != "":
            self.thread = thread
            self._openings.renew(self.opened, thread)
        if self.thread is None:
            return
        self._asked += 1
        asked, opened, trouble, found = self._asked, self.opened, None, None
        try:
            found = await shown(self.thread)
        except CfoError as error:
            trouble = problem_dict(error)
        if opened != self.opened or asked < self._newest:
            return  # another thread is open by now, or later news has come already
        self._newest = asked
        with self.hold_sync():
            self.is_loading, self.trouble = False, trouble
            if found:
                self._set(self.thread, found)
        if found:
            self._follow()

    @override
    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        if isinstance(command, SyncChat):
            return self._look()
        if isinstance(command, LoadChartLibrary):
            return await chart_library()
        with self._openings.use(command.opened) as thread:
            return await self._performed(thread, command)

    async def _performed(self, thread: Thread, command: Any) -> CommandResult:
        if isinstance(command, GetResultRows | DownloadResult):
            return await perform_result(thread, self._downloads, command)
        match command:
            case SendMessage():
                run = await thread.send(command.text, in_reply_to=command.in_reply_to, idempotency_key=command.key)
                self._begun(command, run.id)
                return CommandResult(SentMessage(run_id=run.id))
            case ContinueReply():
                await self._continue(thread, command)
            case CancelRun():
                await self._cancel(await thread.run(command.run_id))
                await self._after(command)
            case RenameOpenThread():
                await thread.rename(command.title)
                await self._after(command)
            case ListSteps():
                return CommandResult(await _steps(await thread.run(command.run_id)))
        return CommandResult()

    def close(self) -> None:
        self._leave()
        self._downloads.close()
        super().close()

    async def _open_first(self, of: Thread | Workspace) -> None:
        await self.show(of if _is_thread(of) else await of.thread())

    def _look(self) -> CommandResult:
        if self.trouble:
            self.begin(self.refresh())
        return CommandResult({run_id: [_numbered(n) for n in news] for run_id, news in self._following.events.items()})

    async def _continue(self, thread: Thread, command: ContinueReply) -> None:
        """A reply that was answered meanwhile (another tab was first) is no error: the page sees the answer."""
        with suppress(NothingToContinue, ContinueLimitReached):
            self._begun(command, (await thread.send(in_reply_to=command.run_id, untouched=command.untouched)).id)
        await self._after(command)

    async def _cancel(self, run: Run) -> None:
        """Waits a moment for the end: nobody follows a run that still waited for its turn."""
        await run.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE):
                await run.finished()

    def _begun(self, command: _InThread, run_id: str) -> None:
        """Follows the run before anything else is asked: its first word must not wait for that."""
        if command.opened != self.opened:
            return
        self._newest = self._asked + 1  # what was asked before now knows nothing of the run
        if run_id not in self._open_runs:
            self._open_runs.append(run_id)
        self._follow()
        self.begin(self.refresh())

    async def _after(self, command: _InThread) -> None:
        if command.opened == self.opened:
            await self.refresh()

    def _set(self, thread: Thread, found: Shown) -> None:
        """Tells the page, and whoever composes it where something began, ended or got its name."""
        self.thread_id = thread.id if thread.created_at else ""
        self.title = thread.title or ""
        self.messages, self.notice, self.usage = found.messages, found.notice, found.usage
        self.continues_left, self._open_runs = found.continues_left, found.open_runs()
        for run_id in self._following.events.keys() - set(self._open_runs):
            self._following.forget(run_id)
        now = (self.thread_id, self.title, tuple(self._open_runs))
        if self._known != now:
            self._known = now
            for callback in self._callbacks:
                callback()

    def _leave(self) -> None:
        if self._follower:
            self._follower.cancel()
        self._follower = None
        self._following = Following(self._tell)
        self._gone_through = set()
        self._open_runs = []

    def _follow(self) -> None:
        if self._next_run() and (self._follower is None or self._follower.done()):
            self._follower = self.begin(self._follow_runs(self._openings[self.opened]))

    async def _follow_runs(self, thread: Thread) -> None:
        """Goes through the open runs one after the other, as the engine performs them."""
        while run_id := self._next_run():
            try:
                await self._following.through(await thread.run(run_id))
            except ServerError as error:
                self.trouble = problem_dict(error)
                await asyncio.sleep(_PAUSE)
            except CfoError:
                self._gone_through.add(run_id)  # its events are gone: what became of it, the thread's messages say
            else:
                self._gone_through.add(run_id)
            await self.refresh()

    def _next_run(self) -> str | None:
        return next((run_id for run_id in self._open_runs if run_id not in self._gone_through), None)

    def _tell(self, run_id: str, news: list[Numbered]) -> None:
        self.send(events_message(run_id, news))


def _is_thread(of: Thread | Workspace) -> TypeIs[Thread]:
    return hasattr(of, "messages")


async def _steps(run: Run) -> list[dict[str, Any]]:
    """The tool calls of a run and what they gave."""
    return [_numbered(n) async for n in run.events() if n.event.type in _STEPS]


def _numbered(numbered: Numbered) -> dict[str, Any]:
    return numbered.model_dump(mode="json", by_alias=True)
