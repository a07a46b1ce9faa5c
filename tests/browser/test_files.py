"""Files dropped on the data panel: each is added, or refused with a clear message."""

import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.actions import ready
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow


async def _drop(page: Page, *paths: Path) -> None:
    """Drops files on the panel, in the same way as a file manager."""
    box = await page.get_by_role("region", name="Data").bounding_box()
    assert box
    browser = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for type in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 20}
        await browser.send("Input.dispatchDragEvent", {"type": type, **at, "data": data})  # pyright: ignore[reportArgumentType]


async def test_files_that_cannot_be_added_get_a_reason(stack: Stack, visit: Visit, tmp_path: Path) -> None:
    page = await ready(await visit(stack.page))
    folder = tmp_path / "2024.csv"
    folder.mkdir()
    (folder / "inside.csv").write_text("a,b\n1,2\n")
    good, empty, odd = tmp_path / "dropped.csv", tmp_path / "empty.csv", tmp_path / "two\nlines.csv"
    good.write_text("name,amount,note\nA,1,\nB,,x\n")
    empty.write_text("")
    odd.write_text("a\n1\n")
    await _drop(page, folder, good, empty, odd)
    uploads = page.get_by_role("list", name="Uploads")
    for name, reason in (
        ("2024.csv", "This is a folder."),
        ("empty.csv", "This file is empty."),
        ("two", "This file name is not allowed."),
    ):
        row = uploads.get_by_role("listitem").filter(has_text=name)
        await expect(row.get_by_role("alert")).to_contain_text(reason)
    data = page.get_by_role("list", name="Files")
    await expect(data).to_contain_text("dropped.csv")
    await screenshot(page, "dropped")
    assert await serious_violations(page) == []
    await data.get_by_title("Show dropped").click()
    rows = page.get_by_role("dialog").get_by_role("region", name="Rows of the result")
    await expect(rows.get_by_role("row")).to_have_count(3)
    assert [await row.get_by_role("cell").all_inner_texts() for row in await rows.get_by_role("row").all()][1:] == [
        ["A", "1", "–"], ["B", "–", "x"]
    ]  # fmt: skip
    await screenshot(page, "preview-empty-cells")


async def test_fifty_files_are_uploaded_one_after_the_other(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    files = [FilePayload(name=f"part {n:02}.csv", mimeType="text/csv", buffer=b"a,b\n1,2\n") for n in range(48)]
    files.insert(20, FilePayload(name=f"{'x' * 296}.csv", mimeType="text/csv", buffer=b"a\n1\n"))
    files.insert(30, FilePayload(name="notes.docx", mimeType="application/pdf", buffer=b"%PDF"))
    await page.get_by_label("Add files").set_input_files(files)
    uploads = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    await expect(uploads.nth(5)).to_contain_text("Waiting")
    # Refused files are listed before waiting files, where they are visible.
    await expect(uploads.nth(1)).to_contain_text("This file type is not supported")
    await screenshot(page, "fifty-files")
    data = page.get_by_role("list", name="Files")
    await expect(data.get_by_role("listitem").filter(has_text="part ")).to_have_count(48, timeout=60_000)
    await expect(uploads).to_have_count(2)
    await expect(uploads.filter(has_text="xxx")).to_contain_text("at most 200 letters")
    await expect(uploads.filter(has_text="notes.docx")).to_contain_text("This file type is not supported")
    await screenshot(page, "fifty-files-done")
    for _ in range(2):
        await uploads.get_by_role("button", name=re.compile("Dismiss")).first.click()
    await expect(uploads).to_have_count(0)
