"""The page shows percentages, rates, counts and codes as such. Takes screenshots of them."""

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.actions import ready, replies, send
from tests.browser.conftest import Visit, screenshot
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_VARIANCE = "actual against budget for Trade Sales by quarter in 2011"
_HEADS = "Headcount by month in 2012"
_EURO = "average euro average rate by month in 2012"
_CODES = (
    "SQL: SELECT account_key, date_key, calendar_year, account_key * 1000.5 AS amount, account_key / 100000 AS share"
    " FROM accounts CROSS JOIN dates WHERE calendar_year = 2012 ORDER BY 1, 2 LIMIT 3"
)


async def _asked(page: Page, message: str, count: int) -> None:
    await send(page, message)
    await expect(replies(page)).to_have_count(count)
    await expect(replies(page).last.get_by_role("region", name="Rows of the result")).to_be_visible()


async def _rows(page: Page) -> list[list[str]]:
    rows = replies(page).last.get_by_role("region", name="Rows of the result").locator("tbody tr")
    return [await row.locator("td").all_inner_texts() for row in await rows.all()]


async def _axis(page: Page) -> list[str]:
    """The texts in a chart, including the labels of its axes."""
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await expect(replies(page).last.locator("svg.marks")).to_be_visible()
    return await replies(page).last.locator("svg.marks text").all_text_contents()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.timeout(240)
async def test_numbers(offline_stack: Stack, visit: Visit, dark: bool) -> None:
    page = await ready(await visit(offline_stack.page, dark=dark))
    theme = "dark" if dark else "light"
    await _asked(page, _VARIANCE, 1)
    assert all(row[-1].rstrip(")").endswith("%") for row in await _rows(page))
    assert await replies(page).last.locator("td", has_text="%").first.get_attribute("title")
    await screenshot(page, f"numbers-variance-{theme}")
    await replies(page).last.get_by_role("button", name="Open full result").click()
    cell = page.get_by_role("dialog").get_by_role("cell").filter(has_text="%").first
    await expect(cell).to_be_visible()
    await screenshot(page, f"numbers-full-{theme}")
    await page.keyboard.press("Escape")
    await _asked(page, _HEADS, 2)
    assert all(row[-1].isdigit() for row in await _rows(page))
    await screenshot(page, f"numbers-heads-{theme}")
    await _asked(page, _EURO, 3)
    assert all(row[-1].startswith("0.") for row in await _rows(page))
    labels = await _axis(page)
    assert any(label.startswith("0.") for label in labels)
    assert not any("%" in label for label in labels)
    await screenshot(page, f"numbers-rate-{theme}")
    await _asked(page, _CODES, 4)
    assert (await _rows(page))[0][:3] == ["1", "20120101", "2012"]
    await screenshot(page, f"numbers-codes-{theme}")


@pytest.mark.timeout(240)
async def test_percentages_of_a_file(offline_stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(offline_stack.page))
    file = FilePayload(
        name="tariffs.csv", mimeType="text/csv", buffer=b"Item,Rate %,Margin\nA,19.00,12.5%\nB,7.50,3%\n"
    )
    await page.get_by_role("region", name="Data").locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_role("list", name="Files")).to_contain_text("tariffs.csv")
    await _asked(page, 'SQL: SELECT "Rate %", Margin FROM tariffs ORDER BY Item', 1)
    assert await _rows(page) == [["19.0%", "12.5%"], ["7.5%", "3.0%"]]
    await screenshot(page, "numbers-percentages")
