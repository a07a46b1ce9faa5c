"""What leaves the page: downloads of a result as it is shown or whole."""

import csv
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.actions import ready, replies, send
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_QUERY = "SQL: SELECT i AS number, 'Customer ' || (i % 90) AS customer, i / 4 AS amount FROM range(2000) t(i)"


async def _open_result(page: Page) -> Locator:
    await send(page, _QUERY)
    await replies(page).last.get_by_role("button", name="Open full result").click()
    return page.get_by_role("dialog", name="Full result")


async def _saved(page: Page, button: Locator) -> tuple[str, Path]:
    """Clicks, and returns the name and the content of the file that the browser saves."""
    async with page.expect_download() as download:
        await button.click()
    return (await download.value).suggested_filename, Path(await (await download.value).path())


async def test_a_filtered_and_sorted_result_is_downloaded_as_shown_or_whole(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    dialog = await _open_result(page)
    as_csv, as_excel = (dialog.get_by_role("button", name=f"Download as {format}") for format in ("CSV", "Excel"))
    name, file = await _saved(page, as_csv)  # nothing is filtered: there is no choice
    assert (name, len(file.read_text("utf-8-sig").splitlines())) == ("result_001.csv", 2001)
    await dialog.get_by_label("Filter customer", exact=True).fill("Customer 7")
    await dialog.get_by_role("button", name=re.compile("^number")).click()
    await dialog.get_by_role("button", name=re.compile("^number")).click()
    expected = [i for i in range(1999, -1, -1) if f"{i % 90}".startswith("7")]
    await expect(dialog.get_by_role("status").first).to_have_text(f"{len(expected)} of 2,000 rows")
    await as_csv.click()
    await expect(page.get_by_role("menuitem")).to_have_count(2)
    await screenshot(page, "export-choices")
    assert await serious_violations(page) == []
    await page.keyboard.press("Escape")  # closes the menu only
    await expect(page.get_by_role("menuitem")).to_have_count(0)
    await expect(as_csv).to_be_focused()

    await as_csv.click()
    name, file = await _saved(page, page.get_by_role("menuitem", name="As shown"))
    assert name == "result_001-filtered-sorted.csv"
    [_, *rows] = csv.reader(file.read_text("utf-8-sig").splitlines())
    assert [int(row[0]) for row in rows] == expected
    await expect(dialog.get_by_role("row").nth(1)).to_contain_text(f"{expected[0]:,}")
    await expect(as_csv).to_be_enabled()
    await as_csv.click()
    name, file = await _saved(page, page.get_by_role("menuitem", name="Whole result"))
    assert (name, len(file.read_text("utf-8-sig").splitlines())) == ("result_001.csv", 2001)
    await as_excel.click()
    name, file = await _saved(page, page.get_by_role("menuitem", name="As shown"))
    assert (name, file.read_bytes()[:2]) == ("result_001-filtered-sorted.xlsx", b"PK")


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1280, True)])
async def test_the_choice_fits_on_each_page(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(stack.page, width=width, dark=dark))
    dialog = await _open_result(page)
    await dialog.get_by_role("button", name=re.compile("^number")).click()
    await dialog.get_by_role("button", name="Download as Excel").click()
    for item in await page.get_by_role("menuitem").all():
        box = await item.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    await expect(page.get_by_role("menuitem", name="As shown")).to_contain_text("2,000 rows, sorted")
    await screenshot(page, f"export-choices-{width}-{'dark' if dark else 'light'}")
