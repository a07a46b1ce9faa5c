"""A substitute for a component's page that sends commands and receives the answers."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from cfo_widgets.component import Component

_requests = itertools.count()


async def until(condition: Callable[[], Any]) -> None:
    """Polls until the condition holds, since components offer nothing to wait for."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class FakePage:
    """One page of a component."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._answers: dict[str, tuple[dict[str, Any], list[bytes]]] = {}
        component.send = self._receive  # type: ignore[method-assign]

    async def ask(self, type: str, *, buffers: Any = (), **more: Any) -> Any:
        """The value of the answer. Raises `AssertionError` if the command is refused."""
        message = await self.message(type, buffers=buffers, **more)
        assert message["type"] == "answer", message
        return message["value"]

    async def error(self, type: str, *, buffers: Any = (), **more: Any) -> str:
        """The code of the error with which the command is refused."""
        message = await self.message(type, buffers=buffers, **more)
        assert message["type"] == "problem", message
        return message["problem"]["code"]

    async def message(self, type: str, *, buffers: Any = (), **more: Any) -> dict[str, Any]:
        """The answer, whether it is a value or a problem."""
        return (await self.answer(type, buffers=buffers, **more))[0]

    async def answer(self, type: str, *, buffers: Any = (), **more: Any) -> tuple[dict[str, Any], list[bytes]]:
        """The answer with its buffers."""
        request = str(next(_requests))
        self._component._on_message(None, {"type": type, "request": request, **more}, list(map(memoryview, buffers)))
        await until(lambda: request in self._answers)
        return self._answers.pop(request)

    def _receive(self, content: dict[str, Any], buffers: Any = None) -> None:
        self._answers[content["request"]] = (content, [bytes(buffer) for buffer in buffers or ()])
