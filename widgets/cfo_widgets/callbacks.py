"""What a composer has told of what happens in a component."""

import inspect
from collections.abc import Callable
from typing import Any


class Callbacks:
    """Functions, plain or async, that are called one after the other; what one raises goes to who told."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[..., Any]] = []

    def add(self, callback: Callable[..., Any]) -> None:
        self._callbacks.append(callback)

    async def tell(self, *arguments: Any) -> None:
        for callback in list(self._callbacks):
            given = callback(*arguments)
            if inspect.isawaitable(given):
                await given
