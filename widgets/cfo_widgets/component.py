"""The base of every component: its bundle, and commands from its page, each performed in a task and answered."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
from pydantic import TypeAdapter, ValidationError

from cfo_kernel import CfoError
from cfo_kernel.errors import InternalError, InvalidInput
from cfo_widgets.in_notebook import InNotebook
from cfo_widgets.wire import Command, CommandResult, Ping, answer_message, problem_message

_STATIC = Path(__file__).parent / "static"
_logger = logging.getLogger(__name__)


class Component(InNotebook, anywidget.AnyWidget):
    """A widget of `static/<bundle>.js`. What its page sends is one of `commands`, handled by `perform`.

    Work goes on in tasks of the loop in which the widget was made; `close` ends them.
    """

    commands: ClassVar[TypeAdapter[Any]]

    def __init_subclass__(cls, bundle: str | None = None, **more: Any) -> None:
        if bundle:  # before anywidget looks, which reads files where it finds paths
            cls._esm = _STATIC / f"{bundle}.js"
            cls._css = _STATIC / f"{bundle}.css"
        super().__init_subclass__(**more)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = _running_loop()
        self.on_msg(self._heard)

    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        """Does what a person asked for and gives what the page gets back; an error of the engine is told there."""
        raise NotImplementedError

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Has work go on behind the page; it is the work's own business to tell what came of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        super().close()

    def _heard(self, _: object, content: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """JupyterLab has widgets hear their pages in another thread (a subshell), where a workbench cannot be used."""
        if self._loop and self._loop is not _running_loop():
            self._loop.call_soon_threadsafe(self._take, content, buffers)
        else:
            self._take(content, buffers)

    def _take(self, content: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        try:
            if content.get("type") == "here":
                self.send(answer_message(Ping.model_validate(content).request, None))
                return
            command = self.commands.validate_python(content)
        except ValidationError as error:
            refused = InvalidInput(
                f"This page sent what its program does not know ({error.errors()[0]['msg']}). Reload it."
            )
            self.send(problem_message(str(content.get("request", "")), refused))
            return
        self.begin(self._answer(command, buffers))

    async def _answer(self, command: Command, buffers: Sequence[memoryview]) -> None:
        try:
            given = await self.perform(command, buffers)
        except CfoError as error:
            self.send(problem_message(command.request, error))
        except Exception:  # a page that waits must hear of it; the log has the rest
            _logger.exception("%s failed", type(command).__name__)
            self.send(
                problem_message(
                    command.request, InternalError("This did not work, for a reason of our own. Try again.")
                )
            )
        else:
            self.send(answer_message(command.request, given.value), given.buffers)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _logger.error("a task of %s failed", type(self).__name__, exc_info=error)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
