"""What opens with its first use: `await x` opens it now, and `async with x` closes it at the end too."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Self


class AsyncResource(ABC):
    """Base of what has a beginning and an end."""

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
