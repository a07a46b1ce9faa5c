"""Magics for notebooks: `%load_ext cfo_kernel`, then `%cfo` to look around and `%%ask` to ask.

The workbench lives on an event loop in a thread of its own, so that a cell can wait for an answer while the answer is
being made; interrupting the cell cancels the run.
"""

import argparse
import asyncio
import atexit
import html
import queue
import shlex
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, NoReturn, Protocol, Self, TypeVar

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from cfo_kernel import CfoError, FinishedRun, Numbered, Run, Thread, Workbench, Workspace, connect
from cfo_kernel.display import bundle
from cfo_kernel.errors import InvalidInput
from cfo_kernel.events import ActionStarted, Restarted, Token, ToolCall

T = TypeVar("T")
_FRAME = 0.05
"""Seconds between two pictures of a run: a notebook drops what comes faster than it can show."""
_HELP = """%cfo                 what is open
%cfo workspaces      the companies of this root
%cfo use NAME        open a workspace
%cfo datasets        its files and tables
%cfo threads         its threads
%cfo thread [ID]     go on in a thread, or begin a new one
%%ask [-w NAME] [-n] ask the text of the cell (-w: in this workspace, -n: in a new thread)"""


class Bundle:
    """A small table with both forms of display."""

    def __init__(self, columns: list[str], rows: list[list[str]]) -> None:
        self._bundle = bundle(columns, rows)

    @classmethod
    def of(cls, value: Any) -> Self:
        """What the value looks like. The value itself belongs to the event loop of the magics; no cell could use it."""
        made = cls([], [])
        made._bundle = value._repr_mimebundle_()
        return made

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


@dataclass(frozen=True)
class Words:
    """What is seen of a run that goes on: its answer as far as it is written, and what the agent does."""

    doing: str = "Thinking …"
    tokens: tuple[tuple[int, str], ...] = ()

    def after(self, numbered: Numbered) -> "Words":
        """The words after this event."""
        match numbered.event:
            case Token(text=text):
                return replace(self, tokens=(*self.tokens, (numbered.number, text)))
            case Restarted(from_=void):
                return replace(self, tokens=tuple(token for token in self.tokens if token[0] < void))
            case ToolCall(name=name):
                return Words(f"{name} …")
            case ActionStarted():
                return replace(self, doing="Running what was asked for …")
            case _:
                return self

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = "".join(text for _, text in self.tokens)
        lines = "\n\n".join(filter(None, (text, self.doing)))
        return {"text/plain": lines, "text/html": f'<div style="white-space:pre-wrap">{html.escape(lines)}</div>'}


class Shown(Protocol):
    """Something on the screen that can be replaced: what is used of IPython's `DisplayHandle`, which has no types."""

    def update(self, obj: object) -> None: ...


def show(value: object) -> Shown:
    """Puts a value below the cell."""
    ipython: Any = import_module("IPython.display")
    return ipython.display(value, display_id=True)


class BackgroundLoop:
    """An event loop in a thread that does not keep a kernel from ending."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cfo_kernel", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; who is interrupted while waiting stops it."""
        working = self.start(work)
        try:
            return working.result()
        except KeyboardInterrupt:
            working.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Options(argparse.ArgumentParser):
    """The options of `%%ask`; a wrong one is an error of ours, and ends no kernel."""

    def __init__(self) -> None:
        super().__init__(prog="%%ask", add_help=False)
        self.add_argument("-w", "--workspace")
        self.add_argument("-n", "--new", action="store_true")

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"%%ask: {message}. Write %%ask [-w WORKSPACE] [-n] and the question below it.")


@magics_class
class CfoMagics(Magics):
    """Holds the open workspace and thread between cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._bench: Workbench = connect()
        self._loop = BackgroundLoop()
        self._workspace: Workspace | None = None
        self._thread: Thread | None = None

    def shut_down(self) -> None:
        """Closes the workbench and its loop."""
        self._loop.wait_for(self._bench.close())
        self._loop.close()

    @line_magic
    def cfo(self, line: str) -> Any:
        """Looks around: see `%cfo help`."""
        command, _, rest = line.strip().partition(" ")
        try:
            return self._loop.wait_for(self._look(command, rest.strip()))
        except CfoError as error:
            show(_problem(error.code, error.message))

    @cell_magic
    def ask(self, line: str, cell: str) -> None:
        """Asks the text of the cell, and shows the reply below it."""
        shown = show(Words())
        try:
            options = _Options().parse_args(_words(line))
            finished = self._followed(self._send(cell.strip(), options.workspace, options.new), shown)
        except CfoError as error:
            shown.update(_problem(error.code, error.message))
            return
        if finished.reply is not None:
            shown.update(finished.reply)
        elif finished.error is not None:
            shown.update(_problem(finished.error.code, finished.error.message))

    def _followed(self, send: Coroutine[Any, Any, Run], shown: Shown) -> FinishedRun:
        """Shows what the agent does until the run ends; an interrupt cancels the run, also while it is being sent."""
        steps: queue.Queue[Words | None] = queue.Queue()
        sending = self._loop.start(send)

        async def pump() -> FinishedRun:
            words = Words()
            try:
                run = await asyncio.wrap_future(sending)
                async for numbered in run.events():
                    if (changed := words.after(numbered)) is not words:
                        steps.put(words := changed)
                return await run.finished()
            finally:
                steps.put(None)

        async def stop() -> None:
            await (await asyncio.wrap_future(sending)).cancel()

        finished = self._loop.start(pump())
        try:
            while (step := _latest(steps)) is not None:
                shown.update(step)
                time.sleep(_FRAME)
        except KeyboardInterrupt:
            self._loop.wait_for(stop())
        return finished.result()

    async def _send(self, text: str, workspace: str | None, new: bool) -> Run:
        if workspace is not None:
            self._workspace, self._thread = await self._bench.workspace(workspace), None
        opened = await self._opened()
        if self._thread is None or new:
            self._thread = await opened.thread()
        return await self._thread.send(text)

    async def _opened(self) -> Workspace:
        if self._workspace is None:
            self._workspace = await self._bench.workspace()
        return self._workspace

    async def _look(self, command: str, rest: str) -> Any:
        match command:
            case "":
                opened = self._workspace.name if self._workspace else "none yet: %cfo use NAME"
                thread = (self._thread.title or self._thread.id) if self._thread else "a new one"
                rows = [["workbench", self._bench.address], ["workspace", opened], ["thread", thread]]
                return Bundle(["open", "%cfo help says more"], rows)
            case "workspaces":
                return Bundle.of(await self._bench.workspaces())
            case "use":
                self._workspace, self._thread = await self._bench.workspace(rest or None), None
                return Bundle.of(self._workspace)
            case "datasets":
                return await (await self._opened()).datasets()
            case "threads":
                return Bundle.of(await (await self._opened()).threads())
            case "thread":
                self._thread = await (await self._opened()).thread(rest or None)
                return Bundle.of(self._thread)
            case "help":
                return Bundle(["%cfo"], [[line] for line in _HELP.splitlines()])
            case _:
                raise InvalidInput(f"%cfo knows no {command[:40]!r}. Write %cfo help to see what it knows.")


def _latest(steps: "queue.Queue[Words | None]") -> Words | None:
    """Waits for the next step, and takes the last one where there are several; None at the end."""
    step = steps.get()
    while step is not None and not steps.empty():
        step = steps.get()
    return step


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(f"%%ask: {error}. Close the quotes.") from error


def _problem(code: str, message: str) -> Bundle:
    return Bundle([code], [[message]])


_loaded: list[CfoMagics] = []


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by `%load_ext cfo_kernel`."""
    magics = CfoMagics(shell)
    shell.register_magics(magics)
    _loaded.append(magics)
    atexit.register(magics.shut_down)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by `%unload_ext cfo_kernel` and before a reload."""
    while _loaded:
        magics = _loaded.pop()
        atexit.unregister(magics.shut_down)
        magics.shut_down()
    known: Any = shell.magics_manager
    known.magics["line"].pop("cfo", None)
    known.magics["cell"].pop("ask", None)
