"""Makes a first visit to the sample company with the offline analyst, as a new user would."""

import re

import httpx
from playwright.async_api import expect

from tests.browser.actions import ready, replies, review, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot
from tests.browser.stack import TOKEN, Stack


async def test_an_example_question_leads_to_figures(offline_stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(offline_stack.page))
    example = page.get_by_role("list", name="Example questions").get_by_role("button").first
    await expect(example).to_have_text("total actual amount of Salaries in 2012 by department")
    await screenshot(page, "first-visit")
    await example.click()
    await wait_for_reply(page, "Salaries")
    await expect(replies(page).get_by_role("row").nth(1)).to_be_visible()
    await expect(page.get_by_text("total actual amount of Salaries").first).to_be_visible()
    await screenshot(page, "first-answer")
    await send(page, "Trade Sales by month in 2012 and 2013")
    await expect(replies(page)).to_have_count(2)
    await expect(replies(page).last).to_contain_text(re.compile("Trade Sales"))
    await screenshot(page, "first-series")
    assert await review(page).count() <= 1


async def test_voila_is_one_file_that_browsers_cache(offline_stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(offline_stack.page))
    entries = "performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)"
    loaded: list[str] = await page.evaluate(entries)
    (name,) = [path for path in loaded if path.startswith("/cfo/program/")]
    assert not [path for path in loaded if path.startswith("/voila/static/")], "voila_bundle.txt lacks these"
    token = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=offline_stack.voila.url, headers=token) as client:
        compressed = await client.get(name, headers={"Accept-Encoding": "gzip"})
        plain = await client.get(name, headers={"Accept-Encoding": "identity"})
        assert (compressed.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
        assert compressed.text == plain.text
        assert "immutable" in compressed.headers["Cache-Control"]
        old = await client.get("/cfo/program/old.js")
        assert old.headers["Cache-Control"] == "no-store"
