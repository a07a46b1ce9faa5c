"""The base class of all components: loads the component's bundle, and performs the commands that its page sends."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import anywidget
from pydantic import TypeAdapter, ValidationError

from cfo_kernel import CfoError, validation_errors
from cfo_kernel.errors import InternalError, InvalidInput
from cfo_widgets.notebook_output import NotebookWidget
from cfo_widgets.wire import Command, CommandResult, Ping, answer_message, problem_message

_STATIC = Path(__file__).parent / "static"
_logger = logging.getLogger(__name__)


class Component(NotebookWidget, anywidget.AnyWidget):
    """A widget that `static/<bundle>.js` renders. Messages from its page are `commands`, which `perform` handles.

    Commands run as tasks in the event loop where the widget was created. `close` cancels them.
    """

    commands: ClassVar[TypeAdapter[Any]]

    def __init_subclass__(cls, bundle: str | None = None, **more: Any) -> None:
        # Set before anywidget's own __init_subclass__, which replaces paths with the files' contents.
        if bundle:
            cls._esm = _STATIC / f"{bundle}.js"
            cls._css = _STATIC / f"{bundle}.css"
        super().__init_subclass__(**more)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = _running_loop()
        self.on_msg(self._on_message)

    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        """Performs a command. The page shows a `CfoError`."""
        raise NotImplementedError

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` in the background. `work` must report its own errors; any that it raises are only logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        super().close()

    def _on_message(self, _: object, content: object, buffers: Sequence[memoryview]) -> None:
        # JupyterLab delivers widget messages in another thread (a subshell), but a workbench belongs to one event loop.
        if self._loop and self._loop is not _running_loop():
            self._loop.call_soon_threadsafe(self._dispatch, content, buffers)
        else:
            self._dispatch(content, buffers)

    def _dispatch(self, content: object, buffers: Sequence[memoryview]) -> None:
        content = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        try:
            # Answered here, so that the component reports that it is alive even if all its commands wait for a server.
            if content.get("type") == "here":
                self.send(answer_message(Ping.model_validate(content).request, None))
                return
            command = self.commands.validate_python(content)
        except ValidationError as error:
            first = validation_errors.faults(error.errors())[0]
            reason = first.describe(first.path or "it")
            invalid = InvalidInput(f"The page sent an unknown command ({reason}). Reload the page.")
            self.send(problem_message(str(content.get("request", "")), invalid))
            return
        self.start(self._perform_and_answer(command, buffers))

    async def _perform_and_answer(self, command: Command, buffers: Sequence[memoryview]) -> None:
        try:
            result = await self.perform(command, buffers)
        except CfoError as error:
            self.send(problem_message(command.request, error))
        except Exception:  # the page must get a response; the details go to the log
            _logger.exception("%s failed", type(command).__name__)
            self.send(problem_message(command.request, InternalError("An internal error occurred. Try again.")))
        else:
            self.send(answer_message(command.request, result.value), result.buffers)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _logger.error("a task of %s failed", type(self).__name__, exc_info=error)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
