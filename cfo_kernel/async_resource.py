"""Resources that open on first use: `await x` opens one now, and `async with x` closes it at the end too."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Self


class AsyncResource(ABC):
    """Base class of a resource with an asynchronous start and end."""

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
