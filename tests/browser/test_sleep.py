"""A laptop sleeps and wakes up: the page recovers, and no reply has been continued in the meantime."""

import os
import re
import signal

import pytest
from playwright.async_api import Page, expect

from tests.browser.actions import (
    composer,
    conversation_texts,
    messages,
    ready,
    replies,
    review,
    send,
    texts_sent,
    thread_of,
    wait_for_reply,
)
from tests.browser.conftest import Visit, screenshot
from tests.browser.stack import Stack
from tests.browser.test_recovery import AWAY

pytestmark = pytest.mark.slow


async def _expect_counting(page: Page) -> None:
    """Waits until the countdown has begun: on a busy machine, that is later than when it is shown."""
    await expect(review(page)).to_contain_text(re.compile(r"Continue[1-4] s"))


async def _expect_waiting(page: Page, stack: Stack) -> None:
    """Checks that the countdown has stopped for good and only the person can continue."""
    await expect(review(page)).to_contain_text("The countdown stopped because this page was asleep.")
    await page.clock.run_for(7000)  # longer than the countdown of five seconds
    await expect(replies(page)).to_have_count(1)
    await expect(review(page).get_by_role("button", name="Stop")).to_have_count(0)
    assert texts_sent(stack, thread_of(page)) == ["table please"]
    await review(page).get_by_role("button", name="Continue").click()
    await wait_for_reply(page, "That was table.", count=2)
    people = [m for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert [m["untouched"] for m in people] == [False, False]


async def test_a_countdown_does_not_end_while_the_laptop_sleeps(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, has_clock=True))
    await send(page, "table please")
    await _expect_counting(page)
    await page.clock.fast_forward(60_000)  # fires all timers once, as after a laptop wakes up
    await screenshot(page, "slept")
    await _expect_waiting(page, stack)


async def test_a_countdown_does_not_end_while_the_page_is_frozen(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, has_clock=True))
    await send(page, "table please")
    await _expect_counting(page)
    # The DevTools cannot freeze a visible page, and a headless browser has no hidden pages. This is the event of a
    # freeze.
    await page.evaluate("document.dispatchEvent(new Event('freeze'))")
    await _expect_waiting(page, stack)


async def test_a_page_that_slept_recovers_with_its_thread(stack: Stack, visit: Visit) -> None:
    """The network is down, and the page's server is stopped until the page has noticed, while a run is in progress."""
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await composer(page).fill("A draft")
    assert stack.voila.pid
    await page.context.set_offline(True)
    os.kill(stack.voila.pid, signal.SIGSTOP)
    try:
        await expect(page.locator("#cfo-lost")).to_be_visible()
        # The list of threads sends commands all the time, so it notices that the kernel is not responding.
        await expect(page.locator(".cfo-threads .cfo-lost")).to_be_attached(timeout=60_000)
    finally:
        os.kill(stack.voila.pid, signal.SIGCONT)
    await page.context.set_offline(False)
    await wait_for_reply(page, "word399", count=2)
    numbers = [int(word[4:]) for word in (await conversation_texts(page))[3].split() if word.startswith("word")]
    assert numbers == list(range(400))
    await expect(composer(page)).to_have_value("A draft")
    await expect(page.locator("#cfo-lost")).to_be_hidden()
    await composer(page).fill("tell me more")
    await composer(page).press("Enter")
    await wait_for_reply(page, "That was tell.", count=3)
    assert texts_sent(stack, thread_of(page)) == ["tell me", "slow please", "tell me more"]
