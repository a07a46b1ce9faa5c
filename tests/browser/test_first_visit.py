"""A first visit to the sample company with the offline analyst, as somebody sees it who has just installed this."""

import re

import httpx
from playwright.async_api import expect

from tests.browser.conftest import Visit, keep
from tests.browser.person import answered, opened, replies, review, say
from tests.browser.stack import Stack


async def test_from_the_first_look_to_the_first_figures(offline_stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(offline_stack.page))
    example = page.get_by_role("list", name="Example questions").get_by_role("button").first
    await expect(example).to_have_text("total actual amount of Salaries in 2012 by department")
    await keep(page, "first-visit")
    await example.click()
    await answered(page, "Salaries")
    await expect(replies(page).get_by_role("row").nth(1)).to_be_visible()
    await expect(page.get_by_text("total actual amount of Salaries").first).to_be_visible()
    await keep(page, "first-answer")
    await say(page, "Trade Sales by month in 2012 and 2013")
    await expect(replies(page)).to_have_count(2)
    await expect(replies(page).last).to_contain_text(re.compile("Trade Sales"))
    await keep(page, "first-series")
    assert await review(page).count() <= 1


async def test_the_program_comes_in_one_file_that_browsers_keep(offline_stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(offline_stack.page))
    entries = "performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)"
    loaded: list[str] = await page.evaluate(entries)
    (name,) = [path for path in loaded if path.startswith("/cfo/program/")]
    assert not [path for path in loaded if path.startswith("/voila/static/")], "voila_bundle.txt lacks these"
    async with httpx.AsyncClient(base_url=offline_stack.voila.url) as client:
        packed = await client.get(name, headers={"Accept-Encoding": "gzip"})
        plain = await client.get(name, headers={"Accept-Encoding": "identity"})
        assert (packed.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
        assert packed.text == plain.text
        assert "immutable" in packed.headers["Cache-Control"]
        other = await client.get("/cfo/program/old.js")
        assert other.headers["Cache-Control"] == "no-store"
