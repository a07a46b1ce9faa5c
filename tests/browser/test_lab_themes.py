"""Checks the appearance of the workbench in JupyterLab: in each theme, wide and narrow, and next to a notebook."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.actions import replies, review, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.lab import Lab, execute, run_notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_THEMES = {"JupyterLab Light": "true", "JupyterLab Dark": "false"}


async def _check(page: Page, name: str) -> None:
    """Takes a screenshot in each theme, and checks accessibility."""
    for theme, is_light in _THEMES.items():
        await execute(page, "apputils:change-theme", theme=theme)
        await page.wait_for_function("is => document.body.dataset.jpThemeLight === is", arg=is_light)
        await expect(replies(page).last.locator("svg.marks, canvas.marks").first).to_be_visible()  # it is drawn again
        assert await serious_violations(page, ".cfo-workbench") == []
        await screenshot(page, f"lab-{name}-{'light' if is_light == 'true' else 'dark'}")


async def test_both_themes_wide_narrow_and_beside_the_notebook(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("looks"), width=1600, height=1000)
    await run_notebook(page)
    await send(page, "markdown please")
    await wait_for_reply(page, "Gross margin fell 1.9 points")
    await send(page, "series please")
    await review(page).get_by_role("button", name="Stop").click()
    await replies(page).last.get_by_role("radio", name="Chart").check()
    await _check(page, "1600")
    await page.set_viewport_size({"width": 400, "height": 900})
    await page.evaluate("window.jupyterapp.shell.collapseLeft()")
    await expect(page.get_by_role("button", name="Open the side panel")).to_be_visible()
    box = await page.locator(".cfo-workbench").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 400, "the workbench is wider than its window"
    await _check(page, "400")


async def test_a_view_beside_the_notebook_is_workbench_and_has_the_narrow_layout(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("beside"), width=1600, height=1000)
    await run_notebook(page)
    await send(page, "table please")
    await review(page).get_by_role("button", name="Stop").click()
    await execute(page, "notebook:create-output-view")
    await page.evaluate(
        "() => { const { shell } = window.jupyterapp; const [notebook, view] = [...shell.widgets('main')];"
        "shell.add(view, 'main', { mode: 'split-right', ref: notebook.id }); }"
    )
    view = page.locator(".jp-LinkedOutputView")
    await expect(view.get_by_role("button", name="Open the side panel")).to_be_visible()
    await expect(view.get_by_role("navigation", name="Threads")).to_be_hidden()
    pane, workbench = await view.bounding_box(), await view.locator(".cfo-workbench").bounding_box()
    assert pane
    assert workbench
    assert abs(pane["height"] - workbench["height"]) <= 1
    assert await serious_violations(page, ".jp-LinkedOutputView .cfo-workbench") == []
    await screenshot(page, "lab-beside")
