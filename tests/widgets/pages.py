"""A page as a test plays it: it sends a component commands, and hears what the component answers."""

import asyncio
import itertools
from typing import Any

from cfo_widgets.component import Component

_requests = itertools.count()


class Page:
    """One page of a component."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._answers: dict[str, tuple[dict[str, Any], Any]] = {}
        component.send = self._hear  # type: ignore[method-assign]

    async def ask(self, type: str, *, buffers: Any = (), **more: Any) -> Any:
        """The value that a command gives; an `AssertionError` where it is refused."""
        answer = await self.heard(type, buffers=buffers, **more)
        assert answer["type"] == "answer", answer
        return answer["value"]

    async def refusal(self, type: str, *, buffers: Any = (), **more: Any) -> str:
        """The code with which a command is refused."""
        answer = await self.heard(type, buffers=buffers, **more)
        assert answer["type"] == "problem", answer
        return answer["problem"]["code"]

    async def heard(self, type: str, *, buffers: Any = (), **more: Any) -> dict[str, Any]:
        return (await self.answered(type, buffers=buffers, **more))[0]

    async def answered(self, type: str, *, buffers: Any = (), **more: Any) -> tuple[dict[str, Any], Any]:
        """The whole answer, with its buffers."""
        request = str(next(_requests))
        self._component._heard(None, {"type": type, "request": request, **more}, list(map(memoryview, buffers)))
        async with asyncio.timeout(30):
            while request not in self._answers:  # noqa: ASYNC110 - a component tells nobody else
                await asyncio.sleep(0.01)
        return self._answers.pop(request)

    def _hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        self._answers[content["request"]] = (content, buffers)
