"""A notebook with a workbench, saved in JupyterLab and opened again without its kernel."""

import pytest
from playwright.async_api import expect

from tests.browser.actions import composer, replies, review, send
from tests.browser.conftest import Visit, screenshot
from tests.browser.lab import Lab, execute, expect_kernel_ended, run_notebook, shut_down_kernel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_NO_MODEL = "widget model not found"
"""Logged by JupyterLab's client if the state of a widget was not saved."""


async def test_a_saved_notebook_can_be_read_without_a_kernel(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("saved"), width=1400, errors=(_NO_MODEL,))
    await run_notebook(page)
    await send(page, "table please")
    await review(page).get_by_role("button", name="Stop").click()
    await execute(page, "docmanager:save")
    plain = "".join("".join(output["data"]["text/plain"]) for output in lab.outputs("saved"))
    assert "> table please" in plain
    assert "HBox" not in plain
    await shut_down_kernel(page)
    await expect_kernel_ended(page)
    await page.goto(lab.address("saved"))
    still = page.locator(".cfo-still")
    await expect(still).to_contain_text("table please")
    await expect(still.get_by_role("cell", name="4,400.55")).to_be_visible()
    await expect(still).to_contain_text("Run this cell to continue.")
    await screenshot(page, "lab-saved")
    await run_notebook(page)
    await expect(replies(page)).to_contain_text("The table you asked for.")
    await expect(still).to_be_hidden()


async def test_a_notebook_that_was_saved_with_its_widgets_shows_them(lab: Lab, visit: Visit) -> None:
    manager = "@jupyter-widgets/jupyterlab-manager/plugin"
    lab.set(manager, saveState=True)
    page = await visit(lab.write("state"), width=1400, errors=(_NO_MODEL,))
    await run_notebook(page)
    await send(page, "table please")
    await review(page).get_by_role("button", name="Stop").click()
    await execute(page, "docmanager:save")
    await shut_down_kernel(page)
    await expect_kernel_ended(page)
    await page.goto(lab.address("state"))
    await expect(page.get_by_text("This reply was waiting for review.")).to_be_visible()
    await expect_kernel_ended(page)
    await expect(composer(page)).to_have_count(0)
    await expect(page.locator(".cfo-still")).to_be_hidden()
    await screenshot(page, "lab-saved-state")
    lab.set(manager, saveState=False)
