"""Splits lists into pages. A cursor contains the key of a page's last item, and the next page starts after that key.

Unlike with an offset, no items are skipped or repeated if a script deletes items that it has read, or if an item moves
to the top.
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
    """The part of a list that a request asks for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=200, description="The maximum number of items.")] = 50,
        cursor: Annotated[
            str | None, Query(description="The `next_cursor` of the previous page.", max_length=1000)
        ] = None,
    ) -> None:
        self._limit = limit
        self._after = None if cursor is None else _decode(cursor)

    def cut(
        self,
        items: Sequence[T],
        key: Callable[[T], str],
        convert: Callable[[T], R],
        follows: Callable[[str, str], bool] = operator.gt,
    ) -> Page[R]:
        """Returns the requested page of the sorted items. `key` returns the key that identifies an item.

        `follows` returns whether one key comes after another. It is used to find the start of the page if the previous
        page's last item is gone.
        """
        start, last = 0, self._after
        if last is not None:
            keys = [key(item) for item in items]
            after = (n for n, found in enumerate(keys) if follows(found, last))
            start = keys.index(last) + 1 if last in keys else next(after, len(items))
        end = start + self._limit
        part = items[start:end]
        more = _encode(key(part[-1])) if end < len(items) else None
        return Page[R](items=tuple(map(convert, part)), next_cursor=more)


PageDep = Annotated[Pagination, Depends()]


def _encode(key: str) -> str:
    text = json.dumps([key], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found: object = json.loads(text.decode(errors="surrogatepass"))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    match found:
        case [str(key)]:
            return key
        case _:
            raise InvalidInput("This cursor is not valid. Use the `next_cursor` of the previous page, unchanged.")
