"""The side panel: threads, workspaces and data."""

import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Locator, Page, expect

from tests.browser.actions import composer, ready, replies, send, thread_of, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow


def _threads(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Threads")


async def test_threads_are_started_found_renamed_and_deleted_with_undo(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "tell me of the first")
    await wait_for_reply(page, "That was tell.")
    first = thread_of(page)
    await _threads(page).get_by_role("button", name="New thread").click()
    await expect(replies(page)).to_have_count(0)
    await send(page, "tell me of the second")
    await wait_for_reply(page, "That was tell.")
    assert thread_of(page) != first
    await page.get_by_role("searchbox", name="Search threads").fill("of the first")
    await _threads(page).get_by_role("button", name=re.compile("tell me of the first")).first.click()
    await expect(page).to_have_url(re.compile(first))
    await page.get_by_role("searchbox", name="Search threads").fill("")
    row = _threads(page).get_by_role("button", name=re.compile("tell me of the first")).first
    await row.focus()
    await page.keyboard.press("F2")
    await page.keyboard.type("Renamed thread")
    await page.keyboard.press("Enter")
    row = _threads(page).get_by_role("button", name=re.compile("Renamed thread")).first
    await row.focus()
    await page.keyboard.press("Delete")
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_be_visible()
    assert await serious_violations(page) == []


async def test_a_company_is_created_and_its_file_uploaded_and_asked(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await page.get_by_role("region", name="Workspace").get_by_role("button").first.click()
    await page.get_by_role("menuitem", name=re.compile("New")).click()
    await page.keyboard.type("Fabrikam & <b>Söhne")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Workspace")).to_contain_text("Fabrikam & <b>Söhne")
    content = "region,amount\nNord,10.50\nSüd,20.25\n".encode()
    data = page.get_by_role("region", name="Data")
    await expect(data).to_contain_text("No data yet")
    for name in ("<img src=x onerror=alert(1)>.csv", "umsatz.csv"):
        file = FilePayload(name=name, mimeType="text/csv", buffer=content)
        await page.get_by_label("Add files").set_input_files(file)
    await expect(data.get_by_role("alert")).to_contain_text("This file name is not allowed.")
    await expect(data).to_contain_text("2 rows")
    await screenshot(page, "data")
    await composer(page).fill("SQL: SELECT sum(amount) AS total FROM umsatz")
    await composer(page).press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("30.75")


@pytest.mark.timeout(240)
async def test_a_file_of_60_mb_is_uploaded(stack: Stack, visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("number,text\n")
        for number in range(1_000_000):
            file.write(f"{number},{'x' * 52}\n")
    assert path.stat().st_size > 59_000_000
    page = await ready(await visit(stack.page))
    await page.get_by_label("Add files").set_input_files(path)
    await expect(page.get_by_role("region", name="Data")).to_contain_text("1,000,000 rows", timeout=180_000)
    with stack.client() as client:
        companies = [workspace["id"] for workspace in client.get("/workspaces").json()["items"]]
        files = [f for company in companies for f in client.get(f"/workspaces/{company}/data").json()["items"]]
    assert [f["size"] for f in files if f["name"] == "large.csv"] == [path.stat().st_size]


async def test_a_file_that_cannot_be_read_is_refused_in_the_panel(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await page.get_by_label("Add files").set_input_files({
        "name": "broken.xlsx", "mimeType": "application/octet-stream", "buffer": b"not a workbook"
    })  # fmt: skip
    await expect(page.get_by_role("region", name="Data").get_by_role("alert")).to_contain_text("broken.xlsx")


async def test_a_table_is_previewed_and_its_file_and_a_result_are_downloaded(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await page.get_by_role("region", name="Workspace").get_by_role("button").first.click()
    await page.get_by_role("menuitemradio", name="tiny").click()  # another test may have opened another one last
    data = page.get_by_role("region", name="Data")
    await data.get_by_title("Show ledger").click()
    table = page.get_by_role("dialog", name=re.compile("^Table"))
    rows = table.get_by_role("region", name="Rows of the result")
    await expect(rows.get_by_role("row").nth(1)).to_contain_text("1,000.10")
    await screenshot(page, "preview")
    assert await serious_violations(page) == []
    await table.get_by_role("button", name="Close").click()
    await data.get_by_role("button", name="More for ledger.csv").click()
    async with page.expect_download() as file:
        await page.get_by_role("menuitem", name="Download").click()
    path = stack.root / "tiny" / "data" / "ledger.csv"
    assert ((await file.value).suggested_filename, Path(await (await file.value).path()).read_bytes()) == (
        "ledger.csv",
        path.read_bytes(),
    )
    await send(page, "SQL: SELECT 1.5 AS share")
    await wait_for_reply(page, "1.5")
    async with page.expect_download() as result:
        await replies(page).last.get_by_role("button", name="Download as CSV").click()
    assert Path(await (await result.value).path()).read_text("utf-8-sig").splitlines() == ['"share"', "1.5"]
