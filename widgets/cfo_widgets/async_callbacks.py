"""Callbacks of a component, plain or async."""

import inspect
from collections.abc import Callable
from typing import Any


class AsyncCallbacks:
    """Functions, plain or async, that are called one after the other; an exception reaches the caller of `call`."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[..., Any]] = []

    def add(self, callback: Callable[..., Any]) -> None:
        self._callbacks.append(callback)

    async def call(self, *arguments: Any) -> None:
        for callback in list(self._callbacks):
            returned = callback(*arguments)
            if inspect.isawaitable(returned):
                await returned
