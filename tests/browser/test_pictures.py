"""Pictures of the states that `test_looks` does not pass through, each seen to be what its picture is named for."""

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.conftest import Visit, keep, serious_violations
from tests.browser.person import answered, opened, replies, review, say
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_LOOKS = [(1280, False), (1280, True), (400, False)]


@pytest.mark.parametrize(("width", "dark"), _LOOKS)
@pytest.mark.timeout(240)
async def test_results(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await opened(await visit(stack.page, width=width, dark=dark))
    name = f"{width}-{'dark' if dark else 'light'}"
    await say(page, "bridge please")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await expect(replies(page).last.locator("svg.marks, canvas.marks")).to_be_visible()
    await keep(page, f"{name}-bridge")
    await say(page, "wide please")
    await expect(replies(page).last).to_contain_text("100 of 150 rows")
    await review(page).get_by_role("button", name="Stop").click()
    rows = replies(page).last.get_by_role("region", name="Rows of the result")
    await rows.evaluate("element => element.scrollTo(220, 900)")
    await keep(page, f"{name}-wide")
    await replies(page).last.get_by_role("button", name="Open the whole result").click()
    whole = page.get_by_role("dialog").get_by_role("table")
    await expect(whole).to_contain_text("FY2000")
    await whole.evaluate("element => element.scrollTo(300, 700)")
    await expect(whole.get_by_role("cell", name="30", exact=True)).to_be_in_viewport()
    await keep(page, f"{name}-wide-whole")
    await page.keyboard.press("Escape")
    await say(page, "SQL: SELECT * FROM nowhere")
    await expect(replies(page).last).to_contain_text("nowhere")
    await keep(page, f"{name}-wrong")
    await _query(page, name)
    assert await serious_violations(page) == []


async def _query(page: Page, name: str) -> None:
    """The SQL of a result opened, changed and run again; the steps of a run opened; a sheet."""
    before = await replies(page).count()
    await say(page, "steps please")
    await answered(page, "That was steps.", count=before + 1)
    last = replies(page).last
    await last.get_by_text("2 steps").click()
    await last.get_by_text(re.compile("Ran SQL")).first.click()
    await keep(page, f"{name}-steps")
    await last.get_by_text("2 steps").click()
    await last.locator("summary", has_text="SQL").last.click()
    await last.get_by_role("textbox", name=re.compile("^SQL")).press("End")
    await keep(page, f"{name}-sql")
    await say(page, "sheet please")
    await expect(replies(page).last).to_contain_text("report.xlsx")
    await review(page).get_by_role("button", name="Stop").click()
    await keep(page, f"{name}-sheet")


@pytest.mark.parametrize(("width", "dark"), _LOOKS)
@pytest.mark.timeout(240)
async def test_the_side(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await opened(await visit(stack.page, width=width, dark=dark))
    name = f"{width}-{'dark' if dark else 'light'}"
    await say(page, f"tell {name}")
    await answered(page, "That was tell.")
    if width == 400:
        await page.get_by_role("button", name="Open the list of threads").click()
        await page.locator(".cfo-side").evaluate("side => Promise.all(side.getAnimations().map((one) => one.finished))")
    await keep(page, f"{name}-side")
    await page.get_by_role("region", name="Workspace").get_by_role("button").first.click()
    await expect(page.get_by_role("menuitem", name=re.compile("New"))).to_be_visible()
    await keep(page, f"{name}-companies")
    await page.keyboard.press("Escape")
    row = page.get_by_role("navigation", name="Threads").get_by_role("button", name=f"tell {name}").first
    await row.focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    file: FilePayload = {"name": "broken.xlsx", "mimeType": "text/csv", "buffer": b"no workbook"}
    await page.get_by_label("Add files").set_input_files(file)
    await expect(page.get_by_role("region", name="Data").get_by_role("alert")).to_contain_text("broken.xlsx")
    await keep(page, f"{name}-undo")
    await expect(replies(page)).to_have_count(0)  # nobody shall write into what goes
    await page.get_by_role("button", name="Undo").click()
    await answered(page, "That was tell.")
    assert await serious_violations(page) == []
