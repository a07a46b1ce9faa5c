"""Many visits leave no kernels behind and lose nothing."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.actions import ready, replies, send, thread_of, wait_for_reply
from tests.browser.conftest import Visit
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_LEAVING = ("Kernel connection disconnected",)
"""Logged by Jupyter's client while a page is being closed."""


@pytest.mark.timeout(420)
async def test_twenty_visits_and_reloads_leave_no_kernel_and_lose_nothing(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=_LEAVING))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    assert stack.kernels()
    address, pooled = f"{stack.page}#thread={thread_of(page)}", len(stack.kernels())
    for number in range(20):
        if number % 2:
            await page.reload()
        else:
            await page.close()
            page = await visit(address, errors=_LEAVING)
        await expect(replies(page)).to_have_count(1)
    await page.close()
    async with asyncio.timeout(240):
        while len(stack.kernels()) > pooled:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(1)
