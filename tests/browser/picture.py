"""Takes the README's screenshot of the running app: `python -m tests.browser.picture`."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.browser.actions import ready, replies, send, wait_for_reply
from tests.browser.stack import Stack, chromium

_REPOSITORY = Path(__file__).parents[2]
_PICTURE = _REPOSITORY / "docs" / "images" / "workbench.png"
_EARLIER = ("top 5 organizations by Trade Sales in 2012", "Headcount by organization in November 2013")


async def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        shutil.copytree(_REPOSITORY / "workspaces" / "adventure_works" / "data", root / "adventure_works" / "data")
        with Stack(root, CFO_MODEL="offline") as stack:
            async with async_playwright() as playwright, await chromium(playwright) as browser:
                page = await browser.new_page(viewport={"width": 1280, "height": 860}, locale="en-GB")
                await page.goto(stack.page)
                await ready(page)
                for question in _EARLIER:
                    await send(page, question)
                    await wait_for_reply(page, "")
                    await page.get_by_role("button", name="New thread").click()
                    await expect(replies(page)).to_have_count(0)
                await send(page, "actual against budget for Commissions by month in 2011")
                await wait_for_reply(page, "Commissions")
                await replies(page).last.get_by_role("radio", name="Chart").check()
                await expect(replies(page).last.locator("svg.marks, canvas.marks")).to_be_visible()
                await page.mouse.move(0, 0)
                threads = page.get_by_role("navigation", name="Threads")
                await expect(threads.locator("time")).to_have_count(len(_EARLIER) + 1)  # none of them is running
                await page.screenshot(path=_PICTURE)


if __name__ == "__main__":
    asyncio.run(main())
