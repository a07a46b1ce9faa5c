"""A notebook with a workbench, saved in JupyterLab and opened again where no kernel knows it."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit, keep
from tests.browser.lab import Lab, do, end_kernel, run, told_of_the_end
from tests.browser.person import composer, replies, review, say

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_NO_MODEL = "widget model not found"
"""What JupyterLab's own client writes where the state of a widget was not saved."""


async def test_a_saved_notebook_can_be_read_without_a_kernel(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("saved"), width=1400, errors=(_NO_MODEL,))
    await run(page)
    await say(page, "table please")
    await review(page).get_by_role("button", name="Stop").click()
    await do(page, "docmanager:save")
    plain = "".join("".join(output["data"]["text/plain"]) for output in lab.outputs("saved"))
    assert "> table please" in plain
    assert "HBox" not in plain
    await end_kernel(page)
    await told_of_the_end(page)
    await page.goto(lab.address("saved"))
    still = page.locator(".cfo-still")
    await expect(still).to_contain_text("table please")
    await expect(still.get_by_role("cell", name="4,400.55")).to_be_visible()
    await expect(still).to_contain_text("Run this cell to continue.")
    await keep(page, "lab-saved")
    await run(page)
    await expect(replies(page)).to_contain_text("The table that was asked for.")
    await expect(still).to_be_hidden()


async def test_a_notebook_that_was_saved_with_its_widgets_shows_them(lab: Lab, visit: Visit) -> None:
    manager = "@jupyter-widgets/jupyterlab-manager/plugin"
    lab.set(manager, saveState=True)
    page = await visit(lab.write("kept"), width=1400, errors=(_NO_MODEL,))
    await run(page)
    await say(page, "table please")
    await review(page).get_by_role("button", name="Stop").click()
    await do(page, "docmanager:save")
    await end_kernel(page)
    await told_of_the_end(page)
    await page.goto(lab.address("kept"))
    await expect(page.get_by_text("This reply waited for review.")).to_be_visible()
    await told_of_the_end(page)
    await expect(composer(page)).to_have_count(0)
    await expect(page.locator(".cfo-still")).to_be_hidden()
    await keep(page, "lab-kept")
    lab.set(manager, saveState=False)
