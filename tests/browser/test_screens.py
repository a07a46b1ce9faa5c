"""Takes screenshots of the screens that `test_states` does not show, and checks that each shows what its name says."""

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.actions import ready, replies, review, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_SIZES = [(1280, False), (1280, True), (400, False)]


@pytest.mark.parametrize(("width", "dark"), _SIZES)
@pytest.mark.timeout(240)
async def test_results(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(stack.page, width=width, dark=dark))
    name = f"{width}-{'dark' if dark else 'light'}"
    await send(page, "bridge please")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await expect(replies(page).last.locator("svg.marks, canvas.marks")).to_be_visible()
    await screenshot(page, f"{name}-bridge")
    await send(page, "wide please")
    await expect(replies(page).last).to_contain_text("100 of 150 rows")
    await review(page).get_by_role("button", name="Stop").click()
    rows = replies(page).last.get_by_role("region", name="Rows of the result")
    await rows.evaluate("element => element.scrollTo(220, 900)")
    await screenshot(page, f"{name}-wide")
    await replies(page).last.get_by_role("button", name="Open full result").click()
    full = page.get_by_role("dialog").get_by_role("table")
    await expect(full).to_contain_text("FY2000")
    await full.evaluate("element => element.scrollTo(300, 700)")
    await expect(full.get_by_role("cell", name="30", exact=True)).to_be_in_viewport()
    await screenshot(page, f"{name}-wide-full")
    await page.keyboard.press("Escape")
    await send(page, "SQL: SELECT * FROM nowhere")
    await expect(replies(page).last).to_contain_text("nowhere")
    await screenshot(page, f"{name}-wrong")
    await _query(page, name)
    assert await serious_violations(page) == []


async def _query(page: Page, name: str) -> None:
    """Opens a run's steps and a result's SQL, and shows a sheet."""
    before = await replies(page).count()
    await send(page, "steps please")
    await wait_for_reply(page, "That was steps.", count=before + 1)
    last = replies(page).last
    await last.get_by_text("2 steps").click()
    await last.get_by_text(re.compile("Ran SQL")).first.click()
    await screenshot(page, f"{name}-steps")
    await last.get_by_text("2 steps").click()
    await last.locator("summary", has_text="SQL").last.click()
    await last.get_by_role("textbox", name=re.compile("^SQL")).press("End")
    await screenshot(page, f"{name}-sql")
    await send(page, "sheet please")
    await expect(replies(page).last).to_contain_text("report.xlsx")
    await review(page).get_by_role("button", name="Stop").click()
    await screenshot(page, f"{name}-sheet")


@pytest.mark.parametrize(("width", "dark"), _SIZES)
@pytest.mark.timeout(240)
async def test_the_side_panel(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(stack.page, width=width, dark=dark))
    name = f"{width}-{'dark' if dark else 'light'}"
    await send(page, f"tell {name}")
    await wait_for_reply(page, "That was tell.")
    if width == 400:
        await page.get_by_role("button", name="Open the side panel").click()
        await page.locator(".cfo-side").evaluate("side => Promise.all(side.getAnimations().map((one) => one.finished))")
    await screenshot(page, f"{name}-side")
    await page.get_by_role("region", name="Workspace").get_by_role("button").first.click()
    await expect(page.get_by_role("menuitem", name=re.compile("New"))).to_be_visible()
    await screenshot(page, f"{name}-companies")
    await page.keyboard.press("Escape")
    row = page.get_by_role("navigation", name="Threads").get_by_role("button", name=f"tell {name}").first
    await row.focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    file: FilePayload = {"name": "broken.xlsx", "mimeType": "text/csv", "buffer": b"not a workbook"}
    await page.get_by_label("Add files").set_input_files(file)
    await expect(page.get_by_role("region", name="Data").get_by_role("alert")).to_contain_text("broken.xlsx")
    await screenshot(page, f"{name}-undo")
    await expect(replies(page)).to_have_count(0)  # so that no one writes in a thread that is being deleted
    await page.get_by_role("button", name="Undo").click()
    await wait_for_reply(page, "That was tell.")
    assert await serious_violations(page) == []
