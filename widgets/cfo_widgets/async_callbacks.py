"""Callbacks of a component, which may be plain or async functions."""

import inspect
from collections.abc import Callable
from typing import Any


class AsyncCallbacks:
    """A list of plain or async functions. `call` calls them one after the other, and propagates their exceptions."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[..., Any]] = []

    def add(self, callback: Callable[..., Any]) -> None:
        self._callbacks.append(callback)

    async def call(self, *arguments: Any) -> None:
        for callback in list(self._callbacks):
            returned = callback(*arguments)
            if inspect.isawaitable(returned):
                await returned
