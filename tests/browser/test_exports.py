"""Exports from the page: downloads of a result as shown or in full, and a printed thread."""

import csv
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.actions import ready, replies, review, send, wait_for_reply
from tests.browser.conftest import SCREENSHOTS, Visit, screenshot, serious_violations
from tests.browser.pdf_lines import lines_by_page
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
    await expect(dialog.get_by_role("row").nth(1)).to_contain_text(f"{expected[0] / 4:.2f}")
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


async def _printed(page: Page, name: str) -> list[list[str]]:
    """The lines of each printed page. The file is kept for people to look at, like the screenshots."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return lines_by_page(await page.pdf(path=SCREENSHOTS / f"{name}.pdf", format="A4", print_background=True))


@pytest.mark.parametrize("dark", [False, True])
async def test_a_printed_thread_is_whole_and_has_no_side_panel(stack: Stack, visit: Visit, dark: bool) -> None:
    page = await ready(await visit(stack.page, dark=dark))
    await send(page, "markdown please")
    await wait_for_reply(page, "Gross margin fell 1.9 points")
    await send(page, "SQL: SELECT i AS number, 'Customer ' || i AS customer, i / 4 AS amount FROM range(100) t(i)")
    await wait_for_reply(page, "Customer 99", count=2)
    await send(page, "series please")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await expect(replies(page).last.locator("svg.marks")).to_be_visible()
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.", count=4)
    printed = await _printed(page, f"thread-{'dark' if dark else 'light'}")
    text = "\n".join(line for lines in printed for line in lines)
    for part in ("Grossmarginfell1.9points", "Theseriesyouaskedfor.", "Thatwastell.Financespent4,400.55"):
        assert part in text
    for screen_only in ("Newthread", "Addfiles", "ledger.csv", "Entertosend", "Excel", "Openfullresult", "Continue"):
        assert screen_only not in text
    header, rows = "numbercustomeramount", [f"{i}Customer{i}{i / 4:.2f}" for i in range(100)]
    assert [line for line in text.splitlines() if line in rows] == rows  # a row that is cut would be on two pages
    with_rows = [lines for lines in printed if any(line in rows for line in lines)]
    assert len(with_rows) >= 3
    for lines in with_rows:
        assert lines.index(header) + 1 == min(lines.index(row) for row in rows if row in lines)
    await page.emulate_media(media="print")
    chat = page.get_by_role("region", name="Conversation")
    await expect(chat).to_have_css("background-color", "rgb(255, 255, 255)")
    await expect(chat).to_have_css("color", "rgb(16, 24, 40)")


async def test_a_table_wider_than_a_page_is_printed_in_parts(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, width=400))  # the paper does not depend on the screen
    await send(page, "wide please")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("button", name="Open full result").click()
    await expect(page.get_by_role("dialog").get_by_role("cell").first).to_be_visible()
    printed = await _printed(page, "wide-table")
    heads = list(dict.fromkeys(line for lines in printed for line in lines if line.startswith("lineFY")))
    assert "".join(head.removeprefix("line") for head in heads) == "".join(f"FY20{year:02}" for year in range(24))
    text = [line for lines in printed for line in lines]
    assert next(line for line in text if "of25" in line) == "Columns2to8of25"
    assert sum(line.startswith("99") for line in text) >= len(heads)  # the last row is in each part
    await expect(page.get_by_role("table", name="All rows")).to_be_visible()
    await expect(page.locator(".cfo-paper > *")).to_have_count(0)
