"""Pages of a list. A cursor names the last item that was given, and its place in case that item is gone by then."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Query
from pydantic import BaseModel

from cfo_api.values import Page
from cfo_kernel.errors import InvalidInput

T = TypeVar("T")
R = TypeVar("R", bound=BaseModel)


class PageOf:
    """Which part of a list is wanted."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=200, description="How many items at most.")] = 50,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=1000)] = None,
    ) -> None:
        self._limit = limit
        self._after = None if cursor is None else _read(cursor)

    def cut(self, items: Sequence[T], key: Callable[[T], str], shown: Callable[[T], R]) -> Page[R]:
        """The page of the items, which are in the order of the list; `key` tells them apart."""
        start = 0
        if self._after is not None:
            last, position = self._after
            found = next((n for n, item in enumerate(items) if key(item) == last), None)
            start = position if found is None else found + 1
        end = start + self._limit
        part = items[start:end]
        more = _written(key(part[-1]), end) if end < len(items) else None
        return Page[R](items=tuple(map(shown, part)), next_cursor=more)


PageDep = Annotated[PageOf, Depends()]


def _written(key: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, position]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, int]:
    try:
        found: object = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    match found:
        case [str(), int(position)] if position >= 0:
            return cast(tuple[str, int], tuple(cast(list[object], found)))
        case _:
            raise InvalidInput("This cursor is none. Take `next_cursor` of the page before, as it is.")
