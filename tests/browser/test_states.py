"""Goes through the states of the page (`make screens`): screenshots, accessibility, and use by keyboard alone."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.actions import composer, ready, replies, review, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.screen_model import ATTACK
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_SIZES = [(1280, False), (1280, True), (400, False), (400, True), (1600, False)]


async def _states(page: Page, name: str) -> None:
    """Goes through the states of a conversation, takes screenshots, and checks accessibility."""
    await screenshot(page, f"{name}-empty")
    await send(page, "markdown please")
    await wait_for_reply(page, "Gross margin fell 1.9 points")
    await send(page, "steps please")
    await wait_for_reply(page, "That was steps.", count=2)
    await screenshot(page, f"{name}-words")
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word30")
    await screenshot(page, f"{name}-streaming")
    assert await serious_violations(page) == []
    await page.get_by_role("button", name="Stop the run").click()
    await expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    await send(page, "series please")
    await expect(review(page)).to_be_visible()
    await screenshot(page, f"{name}-review")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await expect(replies(page).last.locator("svg.marks, canvas.marks")).to_be_visible()
    await screenshot(page, f"{name}-chart")
    await send(page, "ask me")
    await expect(page.get_by_role("button", name="tell Sales")).to_be_visible()
    await screenshot(page, f"{name}-question")
    await send(page, "fail please")
    await expect(replies(page).last).to_contain_text("refused the request")
    await screenshot(page, f"{name}-error")
    assert await serious_violations(page) == []


@pytest.mark.parametrize(("width", "dark"), _SIZES)
@pytest.mark.timeout(240)
async def test_each_state_in_each_size_and_scheme(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(stack.page, width=width, dark=dark))
    assert await page.evaluate("document.body.dataset.jpThemeLight") == str(not dark).lower()
    await _states(page, f"{width}-{'dark' if dark else 'light'}")
    overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, "the page is wider than its window"


async def test_keyboard_only(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await composer(page).focus()
    await page.keyboard.type("table please")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("by department")
    await page.keyboard.press("Enter")
    await expect(review(page)).to_be_visible()
    await page.keyboard.press("Escape")
    for _ in range(60):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate("document.activeElement?.textContent === 'Stop'"):
            break
    await page.keyboard.press("Enter")
    await expect(review(page)).to_contain_text("Stopped")
    await page.keyboard.press("Enter")  # Continue has the focus now
    await wait_for_reply(page, "That was table.", count=2)


async def test_hostile_text_and_cells_are_not_run_or_fetched(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, f"attack {ATTACK}")
    await expect(replies(page)).to_have_count(1)
    await send(page, "hostile please")
    await expect(replies(page)).to_have_count(2)
    await expect(replies(page).last).to_contain_text("=1+1")
    assert await page.evaluate("window.HACKED") is None
    assert await page.locator("[role=log] img, [role=log] script, [role=log] a[href^=javascript]").count() == 0
    await screenshot(page, "hostile")


async def test_a_result_of_a_million_rows_is_opened_scrolled_sorted_and_filtered(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "many please")
    await expect(replies(page).last).to_contain_text(re.compile("1,000,000"))
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("button", name="Open full result").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Customer 1")
    await screenshot(page, "full-result")
    assert await serious_violations(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
