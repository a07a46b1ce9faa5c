"""Reads responses that are not the requested stream."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from cfo_kernel.agent import unstreamed_answers
from cfo_kernel.agent.unstreamed_answers import NotACompletion, chunks_of

PART = b"x" * 100_000


async def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            assert sent <= unstreamed_answers._LONGEST
            sent += len(PART)
            yield PART

    response = httpx2.Response(200, content=body(), request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    with pytest.raises(NotACompletion) as refused:
        await chunks_of(response)
    assert refused.value.body == "x" * 1000
