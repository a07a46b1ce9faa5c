"""Magics for notebooks: `%load_ext cfo_kernel`, then `%cfo` to look around and `%%ask` to ask.

The workbench lives on an event loop in a thread of its own, so that a cell can wait for an answer while the answer is
being made; interrupting the cell cancels the run.
"""

import queue
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import HTML, DisplayHandle, display

from cfo_kernel import CfoError, FinishedRun, Run, Thread, Workbench, Workspace, connect
from cfo_kernel.display import bundle, html_grid

_HELP = """%cfo                 what is open, and the example questions
%cfo workspaces      the companies of this root
%cfo use NAME        open a workspace
%cfo datasets        its files and tables
%cfo threads         its threads
%cfo thread [ID]     go on in a thread, or begin a new one
%%ask                ask the text of the cell"""


class Bundle:
    """A small table with both forms of display."""

    def __init__(self, columns: list[str], rows: list[list[str]]) -> None:
        self._bundle = bundle(columns, rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


@magics_class
class CfoMagics(Magics):
    """Holds the open workspace and thread between cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._context = start_blocking_portal()
        self._portal: BlockingPortal = self._context.__enter__()
        self._bench: Workbench = connect()
        self._workspace: Workspace | None = None
        self._thread: Thread | None = None

    def shut_down(self) -> None:
        """Closes the workbench and its loop."""
        self._portal.call(self._bench.close)
        self._context.__exit__(None, None, None)

    @line_magic
    def cfo(self, line: str) -> Any:
        """Looks around: see `%cfo help`."""
        command, _, rest = line.strip().partition(" ")
        try:
            return self._portal.call(self._look, command or "help", rest.strip())
        except CfoError as error:
            _show_error(error.code, error.message)

    @magic_arguments()
    @argument("-w", "--workspace", help="open this workspace first")
    @argument("-n", "--new", action="store_true", help="begin a new thread")
    @cell_magic
    def ask(self, line: str, cell: str) -> None:
        """Asks the text of the cell, and shows the reply below it."""
        options = parse_argstring(self.ask, line)
        handle = display(HTML("<i>Thinking …</i>"), display_id=True)
        try:
            run = self._portal.call(self._send, cell.strip(), options.workspace, options.new)
            finished = self._followed(run, handle)
        except CfoError as error:
            _show_error(error.code, error.message, handle)
            return
        if finished.reply is not None:
            handle.update(finished.reply)
        elif finished.error is not None:
            _show_error(finished.error.code, finished.error.message, handle)

    def _followed(self, run: Run, handle: DisplayHandle) -> FinishedRun:
        """Shows what the agent does until the run ends; an interrupt cancels the run."""
        steps: queue.Queue[str | None] = queue.Queue()

        async def pump() -> None:
            async for numbered in run.events():
                if numbered.event.type == "tool_call":
                    steps.put(f"{numbered.event.name} …")
            steps.put(None)

        self._portal.start_task_soon(pump)
        try:
            while (step := steps.get()) is not None:
                handle.update(HTML(html_grid([step], [], [False])))
        except KeyboardInterrupt:
            self._portal.call(run.cancel)
        return self._portal.call(run.finished)

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
            case "workspaces":
                return Bundle(["id", "name"], [[w.id, w.name] for w in await self._bench.workspaces()])
            case "use":
                self._workspace, self._thread = await self._bench.workspace(rest), None
                return self._workspace
            case "datasets":
                rows = [
                    [d.file, t.name, f"{t.row_count:,}"]
                    for d in await (await self._opened()).datasets()
                    for t in d.tables
                ]
                return Bundle(["file", "table", "rows"], rows)
            case "threads":
                return Bundle(["id", "title"], [[t.id, t.title or ""] for t in await (await self._opened()).threads()])
            case "thread":
                self._thread = await (await self._opened()).thread(rest or None)
                return self._thread
            case _:
                return Bundle(["%cfo"], [[line] for line in _HELP.splitlines()])


def _show_error(code: str, message: str, handle: DisplayHandle | None = None) -> None:
    shown = Bundle([code], [[message]])
    if handle is None:
        display(shown)
    else:
        handle.update(shown)


_loaded: list[CfoMagics] = []


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by `%load_ext cfo_kernel`."""
    magics = CfoMagics(shell)
    shell.register_magics(magics)
    _loaded.append(magics)


def unload_ipython_extension(_shell: InteractiveShell) -> None:
    """Called by `%unload_ext cfo_kernel` and before a reload."""
    while _loaded:
        _loaded.pop().shut_down()
