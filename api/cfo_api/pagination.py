"""Pages of a list. A cursor names the last item that was given; where that one is gone by then, those after it follow.

So nothing is left out or told twice where a script deletes what it has read, or an item is taken to the top.
"""

import base64
import binascii
import json
import operator
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from cfo_kernel.api_models import Page
from cfo_kernel.errors import InvalidInput

T = TypeVar("T")
R = TypeVar("R", bound=BaseModel)


class Pagination:
    """Which part of a list is wanted."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=200, description="How many items at most.")] = 50,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=1000)] = None,
    ) -> None:
        self._limit = limit
        self._after = None if cursor is None else _read(cursor)

    def cut(
        self,
        items: Sequence[T],
        key: Callable[[T], str],
        shown: Callable[[T], R],
        follows: Callable[[str, str], bool] = operator.gt,
    ) -> Page[R]:
        """The page of the items, which are in the order of the list; `key` tells them apart.

        `follows` says whether the item of a key comes after another.
        """
        start, last = 0, self._after
        if last is not None:
            keys = [key(item) for item in items]
            after = (n for n, found in enumerate(keys) if follows(found, last))
            start = keys.index(last) + 1 if last in keys else next(after, len(items))
        end = start + self._limit
        part = items[start:end]
        more = _written(key(part[-1])) if end < len(items) else None
        return Page[R](items=tuple(map(shown, part)), next_cursor=more)


PageDep = Annotated[Pagination, Depends()]


def _written(key: str) -> str:
    text = json.dumps([key], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def _read(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found: object = json.loads(text.decode(errors="surrogatepass"))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    match found:
        case [str(key)]:
            return key
        case _:
            raise InvalidInput("This cursor is none. Take `next_cursor` of the page before, as it is.")
