"""Notebook magics. After `%load_ext cfo_kernel`, use `%cfo` to open workspaces and threads, and `%%ask` to ask.

The workbench runs on an event loop in its own thread: on the kernel's own loop, a cell that waits for an answer would
block the work that produces it. Interrupting the cell cancels the run.
"""

import argparse
import asyncio
import atexit
import queue
import shlex
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn, Protocol, Self, TypeVar

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand

from cfo_kernel import CfoError, FinishedRun, Run, Thread, Workbench, Workspace, connect
from cfo_kernel.data.direct_query import is_direct
from cfo_kernel.display import bundle, printable
from cfo_kernel.errors import InvalidInput, TooManyStreams
from cfo_kernel.magic_expressions import expanded, expanded_line
from cfo_kernel.run_progress import RunProgress

T = TypeVar("T")
_UPDATE_INTERVAL = 0.05
"""Seconds between updates of a cell. A notebook drops updates that arrive faster than it can show them."""
_HELP = """%cfo                 show the open workspace and thread
%cfo workspaces      list the workspaces
%cfo use NAME        open a workspace
%cfo datasets        list its files and tables
%cfo threads         list its threads
%cfo thread [ID]     continue a thread, or start a new one
%%ask [-w NAME] [-n] ask the question in the cell (-w: in this workspace, -n: in a new thread)
                     {expression} is replaced with its value"""


class DisplayTable:
    """A small table, as plain text and as HTML."""

    def __init__(self, columns: list[str], rows: list[list[str]], *, text: str | None = None) -> None:
        self._bundle = bundle(columns, rows)
        if text is not None:
            self._bundle["text/plain"] = printable(text)

    @classmethod
    def of(cls, value: Any) -> Self:
        """Returns the value as a display table.

        Cells cannot use the value itself, because it belongs to the magics' event loop.
        """
        table = cls([], [])
        table._bundle = value._repr_mimebundle_()
        return table

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


class DisplayHandle(Protocol):
    """The part of IPython's untyped `DisplayHandle` that is used here: an output that can be replaced."""

    def update(self, obj: object) -> None: ...


def show(value: object) -> DisplayHandle:
    """Shows a value below the cell, and returns a handle to replace it."""
    ipython: Any = import_module("IPython.display")
    return ipython.display(value, display_id=True)


class BackgroundLoop:
    """An event loop in a daemon thread, so that it does not keep the kernel from exiting."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cfo_kernel", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for the work and returns its result. An interrupt cancels the work."""
        future = self.start(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Options(argparse.ArgumentParser):
    """Parses the options of `%%ask`. Raises `InvalidInput` where argparse itself would exit the kernel."""

    def __init__(self) -> None:
        super().__init__(prog="%%ask", add_help=False)
        self.add_argument("-w", "--workspace")
        self.add_argument("-n", "--new", action="store_true")

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"%%ask: {message}. Write %%ask [-w WORKSPACE] [-n], and the question below it.")


@magics_class
class CfoMagics(Magics):
    """The magics. They keep a workspace and a thread open between cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._workbench: Workbench = connect()
        self._loop = BackgroundLoop()
        self._workspace: Workspace | None = None
        self._thread: Thread | None = None

    def shut_down(self) -> None:
        """Closes the workbench and its loop."""
        self._loop.wait_for(self._workbench.close())
        self._loop.close()

    @no_var_expand  # IPython would silently leave an unknown {name} unchanged
    @needs_local_scope
    @line_magic
    def cfo(self, line: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Shows and opens workspaces and threads; see `%cfo help`."""
        try:
            command, _, rest = expanded_line(line, self._namespace(local_ns)).strip().partition(" ")
            return self._loop.wait_for(self._run_command(command, rest.strip()))
        except CfoError as error:
            show(_problem(error.code, error.message))

    @no_var_expand
    @needs_local_scope
    @cell_magic
    def ask(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> None:
        """Sends the cell's text as a message, and shows the reply below the cell.

        Each `{expression}` is replaced with its value, except in messages that begin with SQL:, PYTHON: or PLAN:.
        """
        handle = show(RunProgress())
        try:
            namespace = self._namespace(local_ns)
            options = _Options().parse_args(_arguments(expanded_line(line, namespace)))
            text = cell if is_direct(cell) else expanded(cell, namespace)
            finished = self._follow(self._send(text.strip(), options.workspace, options.new), handle)
        except CfoError as error:
            handle.update(_problem(error.code, error.message))
            return
        if finished.reply is not None:
            handle.update(finished.reply)
        elif finished.error is not None:
            handle.update(_problem(finished.error.code, finished.error.message))

    def _namespace(self, local_ns: dict[str, Any] | None) -> dict[str, Any]:
        """Returns the variables of the notebook, and of the function that calls the magic, if any."""
        known: Any = self.shell
        return {**known.user_ns, **(local_ns or {})}

    def _follow(self, send: Coroutine[Any, Any, Run], handle: DisplayHandle) -> FinishedRun:
        """Sends a message and shows progress until its run ends. An interrupt cancels the run, even during sending."""
        updates: queue.Queue[RunProgress | None] = queue.Queue()
        sending = self._loop.start(send)

        async def pump() -> FinishedRun:
            progress = RunProgress()
            try:
                run = await asyncio.wrap_future(sending)
                with suppress(TooManyStreams):  # no progress can be shown, but the reply still arrives
                    async for numbered in run.events():
                        if (changed := progress.after(numbered)) is not progress:
                            updates.put(progress := changed)
                return await run.finished()
            finally:
                updates.put(None)

        async def stop() -> None:
            await (await asyncio.wrap_future(sending)).cancel()

        finished = self._loop.start(pump())
        try:
            while (update := _latest(updates)) is not None:
                handle.update(update)
                time.sleep(_UPDATE_INTERVAL)
        except KeyboardInterrupt:
            self._loop.wait_for(stop())
        return finished.result()

    async def _send(self, text: str, workspace: str | None, new: bool) -> Run:
        if workspace is not None:
            self._workspace, self._thread = await self._workbench.workspace(workspace), None
        opened = await self._opened()
        if self._thread is None or new:
            self._thread = await opened.thread()
        return await self._thread.send(text)

    async def _opened(self) -> Workspace:
        if self._workspace is None:
            self._workspace = await self._workbench.workspace()
        return self._workspace

    async def _run_command(self, command: str, rest: str) -> Any:
        match command:
            case "":
                opened = self._workspace.name if self._workspace else "none yet: %cfo use NAME"
                thread = (self._thread.title or self._thread.id) if self._thread else "a new one"
                rows = [["workbench", self._workbench.address], ["workspace", opened], ["thread", thread]]
                return DisplayTable(["open", "for all commands: %cfo help"], rows)
            case "workspaces":
                return DisplayTable.of(await self._workbench.workspaces())
            case "use":
                self._workspace, self._thread = await self._workbench.workspace(rest or None), None
                return DisplayTable.of(self._workspace)
            case "datasets":
                return await (await self._opened()).datasets()
            case "threads":
                return DisplayTable.of(await (await self._opened()).threads())
            case "thread":
                self._thread = await (await self._opened()).thread(rest or None)
                return DisplayTable.of(self._thread)
            case "help":
                return DisplayTable(["%cfo"], [[line] for line in _HELP.splitlines()])
            case _:
                raise InvalidInput(f"%cfo has no command {command[:40]!r}. Run %cfo help to list the commands.")


def _latest(updates: "queue.Queue[RunProgress | None]") -> RunProgress | None:
    """Waits for the next update, and returns the latest update available. Returns None at the end."""
    update = updates.get()
    while update is not None and not updates.empty():
        update = updates.get()
    return update


def _arguments(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(f"%%ask: {error}. Close the quotes.") from error


def _problem(code: str, message: str) -> DisplayTable:
    """Returns the display of an error. The plain text is not a table, which would truncate a long message."""
    return DisplayTable([code], [[message]], text=f"{code}: {message}")


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
