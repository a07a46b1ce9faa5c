"""Resources that open on first use.

`await x` opens a resource at once, and `async with x` also closes it at the end.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Self


class AsyncResource(ABC):
    """The base class for resources that are opened and closed asynchronously."""

    @abstractmethod
    async def _opened(self) -> object: ...

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()
