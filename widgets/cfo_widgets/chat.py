"""The chat: shows a thread, sends the user's messages, and follows the runs that answer them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from traitlets import Bool, Dict, Float, Int, List, Unicode
from typing_extensions import TypedDict, TypeIs, override

from cfo_kernel import CfoError, Numbered, Run, Thread, Workspace
from cfo_kernel.errors import ContinueLimitReached, NothingToContinue, ServerError, TooManyStreams
from cfo_kernel.interface import MAX_TITLE
from cfo_kernel.settings import load
from cfo_widgets.component import Component
from cfo_widgets.downloads import Downloads
from cfo_widgets.notebook_output import NotebookOutput, conversation_output
from cfo_widgets.open_threads import OpenThreads
from cfo_widgets.result_commands import (
    DownloadResult,
    GetResultRows,
    LoadChartLibrary,
    ResultCommand,
    chart_library,
    perform_result,
)
from cfo_widgets.run_follower import RunFollower
from cfo_widgets.second_look import with_second_look
from cfo_widgets.thread_state import ThreadState, load_thread_state
from cfo_widgets.wire import Command, CommandResult, events_message, problem_dict


class ThreadCommand(Command):
    """A command for the thread on the page.

    It identifies the opening, since another thread may be open when it arrives.
    """

    opened: str


class SendMessage(ThreadCommand):
    type: Literal["send"]
    text: str
    key: str
    in_reply_to: str | None = None


class SentMessage(TypedDict):
    """The response to `SendMessage`."""

    run_id: str


class ContinueReply(ThreadCommand):
    """Continues a reply that waits for review. `untouched` means that a countdown ran out without a click."""

    type: Literal["continue"]
    run_id: str
    untouched: bool = False


class CancelRun(ThreadCommand):
    type: Literal["cancel"]
    run_id: str


class RenameOpenThread(ThreadCommand):
    type: Literal["rename"]
    title: str


class ListSteps(ThreadCommand):
    """Requests the tool calls of a run that has ended."""

    type: Literal["steps"]
    run_id: str


class SyncChat(Command):
    """Requests the events of the open runs. Sent by a new page, and by a page to retry a failed refresh."""

    type: Literal["look"]


ChatCommand = Annotated[
    SendMessage | ContinueReply | CancelRun | RenameOpenThread | ListSteps | SyncChat | ResultCommand,
    Field(discriminator="type"),
]
_RETRY_SECONDS = 3
_CANCEL_SECONDS = 3
_STEP_EVENTS = ("tool_call", "tool_result")


class Chat(Component, bundle="chat"):
    """Shows a thread. In a cell, use `Chat(thread)`, or `Chat(workspace)` for a new thread; elsewhere, call `show`.

    `countdown` is the number of seconds before a reply for review continues automatically. With 0 it never does; None
    means `CFO_COUNTDOWN`.
    """

    commands = TypeAdapter(ChatCommand)

    opened = Unicode().tag(sync=True)
    workspace_id = Unicode().tag(sync=True)
    thread_id = Unicode(help="Empty until the thread has its first message.").tag(sync=True)
    title = Unicode().tag(sync=True)
    longest_title = Int(MAX_TITLE).tag(sync=True)
    messages = List(Dict()).tag(sync=True)
    notice = Unicode(help="The reason why the thread is read-only; empty if it is not.").tag(sync=True)
    examples = List(Unicode(), help="Example questions for an empty thread.").tag(sync=True)
    countdown = Float().tag(sync=True)
    continues_left = Int().tag(sync=True)
    usage = Dict(help="The total usage of the thread's finished runs.").tag(sync=True)
    is_loading = Bool().tag(sync=True)
    trouble = Dict(
        allow_none=True, default_value=None, help="The reason why the chat cannot be updated; None if it can."
    ).tag(sync=True)

    def __init__(self, of: Thread | Workspace | None = None, *, countdown: float | None = None) -> None:
        super().__init__(countdown=load().countdown if countdown is None else countdown)
        self.thread: Thread | None = None
        self._open_threads = OpenThreads()
        self._downloads = Downloads()
        self._follower = RunFollower(self._send_events)
        self._follow_task: asyncio.Task[None] | None = None
        self._open_runs: list[str] = []
        self._followed: set[str] = set()
        self._no_room: dict[str, Any] | None = None
        """The error for a server without room for the stream of a run, until an event arrives."""
        # Refreshes are numbered, because an earlier one may finish after a later one.
        self._last_refresh = self._shown_refresh = 0
        self._reported: tuple[str, str, tuple[str, ...]] = ("", "", ())
        self._change_callbacks: list[Callable[[], None]] = []
        self.observe(lambda _: self.update_notebook_output(), ["messages", "title"])
        if of is not None:
            self.start(self._show_first(of))

    @property
    def is_working(self) -> bool:
        """Whether the thread has an open run."""
        return bool(self._open_runs)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls `callback` when the thread gets its id or a new title, and whenever one of its runs starts or ends."""
        self._change_callbacks.append(callback)

    @override
    def notebook_output(self) -> NotebookOutput:
        return conversation_output(self.title or "New thread", self.messages)

    async def show(self, thread: Thread) -> None:
        """Shows a thread. If it cannot be loaded, the page shows the problem and a button to try again."""
        self._stop_following()
        self.thread, opened = thread, self._open_threads.add(thread)
        with self.hold_sync():
            self.opened, self.workspace_id = opened, thread.workspace_id
            self.trouble, self.is_loading = None, thread.created_at is not None
            self._apply(thread, ThreadState())
        await self.refresh()

    async def refresh(self, thread: Thread | None = None) -> None:
        """Loads changes made by other clients. `thread` is a newly loaded copy of the same thread, for its title."""
        if thread and self.thread and thread.id == self.thread.id != "":
            self.thread = thread
            self._open_threads.replace(self.opened, thread)
        if self.thread is None:
            return
        self._last_refresh += 1
        refresh, opened, trouble, state = self._last_refresh, self.opened, None, None
        try:
            state = await with_second_look(partial(load_thread_state, self.thread))
        except CfoError as error:
            trouble = problem_dict(error)
        if opened != self.opened or refresh < self._shown_refresh:
            return  # another thread is now open, or a later refresh was faster
        self._shown_refresh = refresh
        with self.hold_sync():
            self.is_loading, self.trouble = False, trouble or (self._no_room if state and state.open_runs() else None)
            if state:
                self._apply(self.thread, state)
        if state:
            self._follow_open_runs()

    @override
    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        if isinstance(command, SyncChat):
            return self._sync()
        if isinstance(command, LoadChartLibrary):
            return await chart_library()
        with self._open_threads.use(command.opened) as thread:
            return await self._perform_in(thread, command)

    async def _perform_in(self, thread: Thread, command: Any) -> CommandResult:
        if isinstance(command, GetResultRows | DownloadResult):
            return await perform_result(thread, self._downloads, command)
        match command:
            case SendMessage():
                run = await thread.send(command.text, in_reply_to=command.in_reply_to, idempotency_key=command.key)
                if command.opened == self.opened:
                    self.thread_id = (
                        thread.id
                    )  # before the answer, so that a page that is reloaded now knows the thread
                self._run_sent(command, run.id)
                return CommandResult(SentMessage(run_id=run.id))
            case ContinueReply():
                await self._continue(thread, command)
            case CancelRun():
                await self._cancel(await thread.run(command.run_id))
                await self._refresh_if_shown(command)
            case RenameOpenThread():
                await thread.rename(command.title)
                await self._refresh_if_shown(command)
            case ListSteps():
                return CommandResult(await _steps(await thread.run(command.run_id)))
        return CommandResult()

    def close(self) -> None:
        self._stop_following()
        self._downloads.close()
        super().close()

    async def _show_first(self, of: Thread | Workspace) -> None:
        await self.show(of if _is_thread(of) else await of.thread())

    def _sync(self) -> CommandResult:
        if self.trouble:
            self.start(self.refresh())
        events = self._follower.events.items()
        return CommandResult({run_id: [_event_dict(n) for n in numbered] for run_id, numbered in events})

    async def _continue(self, thread: Thread, command: ContinueReply) -> None:
        # It is not an error if another tab continued or answered first. The refresh shows the result.
        with suppress(NothingToContinue, ContinueLimitReached):
            run = await thread.send(in_reply_to=command.run_id, untouched=command.untouched)
            self._run_sent(command, run.id)
        await self._refresh_if_shown(command)

    async def _cancel(self, run: Run) -> None:
        await run.cancel()
        # Waits for the end, because queued runs are not followed. The refresh then shows the run as stopped.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CANCEL_SECONDS):
                await run.finished()

    def _run_sent(self, command: ThreadCommand, run_id: str) -> None:
        """Follows the new run at once, so that its first event does not wait for a refresh."""
        if command.opened != self.opened:
            return
        # A refresh that is already in progress does not include the run, and would remove it again.
        self._shown_refresh = self._last_refresh + 1
        if run_id not in self._open_runs:
            self._open_runs.append(run_id)
        self._follow_open_runs()
        self.start(self.refresh())

    async def _refresh_if_shown(self, command: ThreadCommand) -> None:
        if command.opened == self.opened:
            await self.refresh()

    def _apply(self, thread: Thread, state: ThreadState) -> None:
        """Sets the traits. Calls the callbacks if a run started or ended, or the thread got its id or a new title."""
        self.thread_id = thread.id if thread.created_at else ""
        self.title = thread.title or ""
        self.messages, self.notice, self.usage = state.messages, state.notice, state.usage
        self.continues_left, self._open_runs = state.continues_left, state.open_runs()
        for run_id in self._follower.events.keys() - set(self._open_runs):
            self._follower.forget(run_id)
        current = (self.thread_id, self.title, tuple(self._open_runs))
        if self._reported != current:
            self._reported = current
            for callback in self._change_callbacks:
                callback()

    def _stop_following(self) -> None:
        if self._follow_task:
            self._follow_task.cancel()
        self._follow_task = None
        self._follower = RunFollower(self._send_events)
        self._followed = set()
        self._no_room = None
        self._open_runs = []

    def _follow_open_runs(self) -> None:
        if self._next_run() and (self._follow_task is None or self._follow_task.done()):
            self._follow_task = self.start(self._follow(self._open_threads[self.opened]))

    async def _follow(self, thread: Thread) -> None:
        """Follows the open runs one after the other, in the order in which the engine performs them."""
        while run_id := self._next_run():
            try:
                await self._follower.follow(await thread.run(run_id))
            except TooManyStreams as error:
                self._no_room = self.trouble = problem_dict(error)
                await asyncio.sleep(_RETRY_SECONDS)
            except ServerError:
                await asyncio.sleep(_RETRY_SECONDS)  # the refresh reports a server that is still unavailable
            except CfoError:
                self._followed.add(run_id)  # its events were pruned, for example; the messages show how it ended
            else:
                self._followed.add(run_id)
            await self.refresh()

    def _next_run(self) -> str | None:
        return next((run_id for run_id in self._open_runs if run_id not in self._followed), None)

    def _send_events(self, run_id: str, events: list[Numbered]) -> None:
        if self._no_room is not None:
            self._no_room = self.trouble = None
        self.send(events_message(run_id, events))


def _is_thread(of: Thread | Workspace) -> TypeIs[Thread]:
    return hasattr(of, "messages")


async def _steps(run: Run) -> list[dict[str, Any]]:
    """Returns the events of a run's tool calls."""
    return [_event_dict(n) async for n in run.events() if n.event.type in _STEP_EVENTS]


def _event_dict(numbered: Numbered) -> dict[str, Any]:
    return numbered.model_dump(mode="json", by_alias=True)
