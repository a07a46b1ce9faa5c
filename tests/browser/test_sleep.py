"""A laptop that is closed and opened again: the page comes back by itself, and nothing went on unseen."""

import asyncio
import os
import signal

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit, keep
from tests.browser.person import answered, composer, messages, opened, replies, review, said_in, say, thread_of
from tests.browser.stack import Stack
from tests.browser.test_losses import AWAY

pytestmark = pytest.mark.slow


async def _still_waits(page: Page, stack: Stack) -> None:
    """The clock did not run out, nor does it go on; Continue is the person's."""
    await expect(review(page)).to_contain_text("This page was asleep, so the clock stopped.")
    await page.clock.run_for(7000)  # longer than the clock of five seconds
    await expect(replies(page)).to_have_count(1)
    await expect(review(page).get_by_role("button", name="Stop")).to_have_count(0)
    assert [m["text"] for m in messages(stack, thread_of(page)) if m["who"] == "person"] == ["table please"]
    await review(page).get_by_role("button", name="Continue").click()
    await answered(page, "That was table.", count=2)
    people = [m for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert [m["untouched"] for m in people] == [False, False]


async def test_a_clock_does_not_run_out_while_the_laptop_sleeps(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, has_clock=True))
    await say(page, "table please")
    await expect(review(page)).to_contain_text("Goes on by itself")
    await page.clock.fast_forward(60_000)  # all timers once, as after the lid was opened
    await keep(page, "slept")
    await _still_waits(page, stack)


async def test_a_clock_does_not_run_out_while_the_page_is_frozen(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, has_clock=True))
    await say(page, "table please")
    await expect(review(page)).to_contain_text("Goes on by itself")
    # The DevTools freeze no page that is visible, as all are without a head: this is what a page is told then.
    await page.evaluate("document.dispatchEvent(new Event('freeze'))")
    await _still_waits(page, stack)


async def test_a_page_that_slept_comes_back_with_its_thread(stack: Stack, visit: Visit) -> None:
    """The network is gone and the kernel's server stands still for twenty seconds, with a run under way."""
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await composer(page).fill("A draft")
    assert stack.voila.pid
    await page.context.set_offline(True)
    os.kill(stack.voila.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(20)
    finally:
        os.kill(stack.voila.pid, signal.SIGCONT)
    await page.context.set_offline(False)
    await answered(page, "word399", count=2)
    numbers = [int(word[4:]) for word in (await said_in(page))[3].split() if word.startswith("word")]
    assert numbers == list(range(400))
    await expect(composer(page)).to_have_value("A draft")
    await expect(page.locator("#cfo-lost")).to_be_hidden()
    await composer(page).fill("tell me more")
    await composer(page).press("Enter")
    await answered(page, "That was tell.", count=3)
    people = [m["text"] for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert people == ["tell me", "slow please", "tell me more"]
