"""Many visits: kernels do not pile up, and nothing is lost."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.person import answered, opened, replies, say, thread_of
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_LEFT = ("Kernel connection disconnected",)
"""What Jupyter's client writes while its page is left."""


@pytest.mark.timeout(420)
async def test_twenty_visits_and_reloads_leave_no_kernel_and_lose_nothing(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=_LEFT))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    assert stack.kernels()
    address, waiting = f"{stack.page}#thread={thread_of(page)}", len(stack.kernels())
    for number in range(20):
        if number % 2:
            await page.reload()
        else:
            await page.close()
            page = await visit(address, errors=_LEFT)
        await expect(replies(page)).to_have_count(1)
    await page.close()
    async with asyncio.timeout(240):
        while len(stack.kernels()) > waiting:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(1)
