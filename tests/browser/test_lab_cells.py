"""JupyterLab with several views of a widget, single widgets in cells, a busy kernel, and a large file."""

import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.actions import composer, replies, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot
from tests.browser.lab import WORKBENCH, Lab, execute, run_notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_PARTS = (
    "from cfo_kernel import connect\nfrom cfo_widgets import *\n"
    "workspace = await connect().workspace('tiny')\nthread = await workspace.thread()\n"
    "reply = await thread.ask('SQL: SELECT * FROM ledger')\nResultView(thread, reply)",
    "threads = ThreadPicker()\nawait threads.show(workspace)\nthreads",
    "data = DataPanel()\nawait data.show(workspace)\ndata",
    "Chat(workspace)",
    "WorkspacePicker(connect())",
)


def _people(view: Locator) -> Locator:
    return view.get_by_role("article", name="You")


def _agents(view: Locator) -> Locator:
    return view.get_by_role("article", name="Analyst")


async def _send(view: Locator, text: str) -> None:
    box = view.get_by_role("textbox", name="Message to the analyst")
    await box.fill(text)
    await box.press("Enter")


async def _view_beside(page: Page) -> Locator:
    """Opens the first cell's output in a separate view."""
    await page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
    await execute(page, "notebook:create-output-view")
    beside = page.locator(".jp-LinkedOutputView .cfo-workbench")
    await expect(beside).to_be_visible()
    return beside


async def test_all_views_of_a_workbench_stay_in_step_and_one_countdown_wins(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("views", WORKBENCH, "bench"), width=1600, height=1400)
    await page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.isReady")
    await execute(page, "notebook:run-all-cells")
    await expect(composer(page)).to_have_count(2)
    views = [page.locator(".cfo-workbench").nth(0), page.locator(".cfo-workbench").nth(1), await _view_beside(page)]
    await _send(views[0], "table please")
    for view in views:
        await expect(_agents(view)).to_have_count(2)  # the countdown ended in one of them
        await expect(_people(view)).to_have_count(1)
    await _send(views[1], "table again")
    await views[2].get_by_role("group", name="Review").get_by_role("button", name="Stop").click()
    for view in views[:2]:
        await expect(view.get_by_role("group", name="Review")).to_contain_text("Stopped")
    await _send(views[2], "slow please")
    await expect(_agents(views[0]).last).to_contain_text("word10")
    await views[0].get_by_role("button", name="Stop the run").click()
    for view in views:
        await expect(_agents(view).last).to_contain_text("Stopped")
        await expect(_people(view)).to_have_count(3)
        await expect(_agents(view)).to_have_count(4)  # no second view has continued the first table


async def test_single_widgets_report_a_lost_kernel_and_refuse_commands(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("parts", *_PARTS), width=1400, height=2400)
    await run_notebook(page)
    await expect(page.locator(".cfo-still:visible")).to_have_count(0)
    await screenshot(page, "lab-parts")
    os.kill(await lab.kernel(page), signal.SIGKILL)
    await expect(page.get_by_text("The kernel has ended.")).to_have_count(len(_PARTS))
    await page.get_by_role("button", name="Ok").click()
    await page.get_by_role("button", name="Download as CSV").click()
    await expect(page.get_by_role("alert").filter(has_text="run this cell again")).to_be_visible()
    await expect(page.get_by_role("button", name="Download as CSV")).to_be_enabled()


async def test_a_command_to_a_busy_kernel_is_given_up_and_works_later(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("busy"), width=1400, height=1000)
    await run_notebook(page)
    await send(page, "SQL: SELECT 1.5 AS share")
    await wait_for_reply(page, "1.5")
    kernel = await lab.kernel(page)
    os.kill(kernel, signal.SIGSTOP)
    download = replies(page).get_by_role("button", name="Download as CSV")
    await download.click()
    away = page.get_by_role("region", name="Conversation").get_by_role("status").filter(has_text="is not responding")
    await expect(away).to_be_visible(timeout=150_000)
    await expect(download).to_be_enabled()
    os.kill(kernel, signal.SIGCONT)
    await expect(away).to_have_count(0)
    async with page.expect_download() as saved:
        await download.click()
    assert Path(await (await saved.value).path()).read_text("utf-8-sig").splitlines() == ['"share"', "1.5"]


async def test_a_file_of_60_mb_is_uploaded_from_a_cell(lab: Lab, visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("number,text\n")
        for number in range(1_000_000):
            file.write(f"{number},{'x' * 52}\n")
    page = await visit(lab.write("upload"), width=1400)
    await run_notebook(page)
    await page.get_by_label("Add files").set_input_files(path)
    progress = page.get_by_role("list", name="Uploads").get_by_role("progressbar")
    await expect(progress).to_be_visible()
    await expect(page.get_by_role("region", name="Data")).to_contain_text("1,000,000 rows", timeout=120_000)
    await send(page, "SQL: SELECT count(*) AS n FROM large")
    await wait_for_reply(page, "1,000,000")
