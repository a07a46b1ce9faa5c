"""A countdown stays visible above dialogs, banners, and the drawer of a narrow page."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.actions import composer, messages, ready, replies, review, send, thread_of, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow


def _drawer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Workspace, threads and data")


async def _focused_in(page: Page, selector: str) -> bool:
    return await page.evaluate(f"!!document.activeElement?.closest('{selector}')")


async def test_the_drawer_of_a_narrow_page_keeps_the_focus(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, width=400))
    button = page.get_by_role("button", name=re.compile("the side panel"))
    await button.click()
    await expect(_drawer(page)).to_be_visible()
    assert await _focused_in(page, ".cfo-side")
    for _ in range(25):
        await page.keyboard.press("Tab")
        assert not await _focused_in(page, ".cfo-chat-place")
    await screenshot(page, "drawer")
    assert await serious_violations(page) == []
    await page.get_by_role("searchbox", name="Search threads").fill("nothing")
    await page.keyboard.press("Escape")  # clears the input
    await expect(_drawer(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(_drawer(page)).to_have_count(0)
    await expect(button).to_be_focused()
    await button.click()
    await page.set_viewport_size({"width": 1000, "height": 800})  # as if a tablet was turned
    await expect(_drawer(page)).to_have_count(0)
    await ready(page)
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")


async def test_the_countdown_is_visible_and_can_be_stopped_over_a_full_result(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "table please")
    await replies(page).last.get_by_role("button", name="Open full result").click()
    dialog = page.get_by_role("dialog", name="Full result")
    review_above = dialog.get_by_role("group", name="Review of the last reply")
    await expect(review_above).to_contain_text(re.compile(r"Continue\d s"))
    await screenshot(page, "full-result-countdown")
    assert await serious_violations(page) == []
    await review_above.get_by_role("button", name="Stop").click()
    await expect(review_above.get_by_role("button", name="Continue")).to_be_focused()
    await expect(review_above).not_to_contain_text(re.compile(r"\d s"))
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(review(page)).to_contain_text("Stopped")
    await replies(page).last.get_by_role("button", name="Open full result").click()
    await review_above.get_by_role("button", name="Continue").click()
    await expect(review_above).to_have_count(0)
    await dialog.get_by_role("button", name="Close").click()
    await wait_for_reply(page, "That was table.", count=2)


async def test_the_countdown_is_visible_over_a_table_of_the_data(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "table please")
    await expect(review(page)).to_be_visible()
    await page.get_by_role("region", name="Data").get_by_title("Show ledger").click()
    table = page.get_by_role("dialog", name=re.compile("^Table"))
    await expect(table.get_by_role("group", name="Review")).to_contain_text(re.compile(r"\d s"))
    await screenshot(page, "preview-countdown")
    await expect(table.get_by_role("group", name="Review")).to_have_count(0, timeout=15_000)
    await table.get_by_role("button", name="Close").click()
    await wait_for_reply(page, "That was table.", count=2)
    [continued] = [m for m in messages(stack, thread_of(page)) if m["who"] == "person" and not m["text"]]
    assert continued["untouched"] is True


async def test_a_filter_that_does_not_fit_is_explained_at_its_input(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "SQL: SELECT i AS number, 'Customer ' || i AS customer FROM range(2000) t(i)")
    await replies(page).last.get_by_role("button", name="Open full result").click()
    dialog = page.get_by_role("dialog")
    number, customer = (
        dialog.get_by_label("Filter number", exact=True),
        dialog.get_by_label("Filter customer", exact=True),
    )
    await number.fill("lots")
    await customer.fill("199")
    await expect(number).to_have_accessible_description(re.compile("number is a number, but 'lots' is not"))
    await expect(number).to_have_attribute("aria-invalid", "true")
    await expect(customer).to_have_attribute("aria-invalid", "false")
    await expect(dialog.get_by_role("status")).to_have_text("12 of 2,000 rows")
    await expect(dialog.get_by_role("cell", name="Customer 1992")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Try again")).to_have_count(0)
    await screenshot(page, "filter-refused")
    assert await serious_violations(page) == []
    await number.fill("1,992")
    await expect(dialog.get_by_role("status")).to_have_text("1 of 2,000 rows")
    await expect(dialog.get_by_role("alert")).to_have_count(0)


async def test_an_address_of_an_unknown_thread_is_reported_and_corrected(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(f"{stack.page}#thread=nonsense"))
    missing = page.get_by_role("alert").filter(has_text="not found")
    await expect(missing).to_be_visible()
    assert "#" not in page.url
    await screenshot(page, "thread-not-found")
    assert await serious_violations(page) == []
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await expect(missing).to_have_count(0)
    address = page.url
    for nonsense in ("01k00000000000000000000000", "x" * 3000, "%2e%2e%2f<b>", "Übung 'x' \"y\""):
        await page.evaluate("text => location.hash = 'thread=' + text", nonsense)
        await expect(missing).to_be_visible()
        await expect(page).to_have_url(address)
        await missing.get_by_role("button", name="Dismiss").click()
        await expect(missing).to_have_count(0)
    await expect(replies(page)).to_have_count(1)


async def test_text_written_in_a_deleted_thread_moves_to_the_next_one(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    with stack.client() as client:  # as another tab does
        client.delete(f"/threads/{thread_of(page)}").raise_for_status()
    await send(page, "a message that took long to write")
    refused = page.get_by_role("alert").filter(has_text="Not sent.")
    await expect(refused).to_contain_text("This thread was deleted, perhaps in another tab.")
    await composer(page).fill("half a draft")
    await page.reload()
    await expect(page.get_by_role("alert").filter(has_text="not found")).to_be_visible()
    await expect(composer(page)).to_have_value("a message that took long to write\nhalf a draft")
    await page.reload()
    await expect(composer(page)).to_have_value("a message that took long to write\nhalf a draft")
    await send(page, "tell me again")
    await wait_for_reply(page, "That was tell.")
    await page.get_by_role("button", name="New thread", exact=True).click()
    await expect(composer(page)).to_have_value("")
