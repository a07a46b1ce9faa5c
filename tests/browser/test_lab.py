"""The same widgets in JupyterLab, with an engine in the notebook's own kernel."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit, keep
from tests.browser.model import ScreenModel
from tests.browser.person import answered, opened, replies, review, said_in, say
from tests.browser.stack import TOKEN
from tests.chaos.processes import free_port
from tests.conftest import KEY

_CELLS = ["from cfo_kernel import connect\nfrom cfo_widgets import Workbench\nWorkbench(connect())"]


@pytest.fixture(scope="module")
def lab(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook in JupyterLab, whose engine asks the model of the screens."""
    with ExitStack() as stack:
        yield from _served(stack, _sample, tmp_path_factory)


def _served(stack: ExitStack, _sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(_sample, folder / "workspaces" / "tiny")
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate(_CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "workbench.ipynb").write_text(json.dumps(notebook))
    port = free_port()
    own = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
    command = (
        f"-m jupyterlab --no-browser --expose-app-in-browser --port {port} --IdentityProvider.token={TOKEN} "
        "--ServerApp.root_dir=. --allow-root --LabApp.news_url=None --LabApp.check_for_updates_class="
        "jupyterlab.NeverCheckForUpdate"
    )
    model = stack.enter_context(ScreenModel())
    thinking = {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split()], cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**own, **thinking, "CFO_COUNTDOWN": "3", "JUPYTER_CONFIG_DIR": str(folder / "config")},
        )  # fmt: skip
    try:
        until = time.monotonic() + 90
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/lab?token={TOKEN}", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < until, (folder / "lab.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab/tree/workbench.ipynb?token={TOKEN}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


async def _run(page: Page) -> None:
    """Runs the notebook, and waits until one can write in its cell."""
    ready = "window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.isReady"
    await page.wait_for_function(ready, timeout=90_000)
    await page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    await opened(page)


@pytest.mark.timeout(240)
async def test_a_cell_with_an_engine_of_its_own(lab: str, visit: Visit) -> None:
    page = await visit(lab, width=1500)
    await _run(page)
    await say(page, "SQL: SELECT department, sum(amount) AS total FROM ledger GROUP BY ALL ORDER BY ALL")
    await answered(page, "4,400.55")
    await say(page, "adb")  # letters that are shortcuts of a notebook: the cell must still be there
    await expect(page.locator(".jp-Cell")).to_have_count(1)
    await keep(page, "lab")


@pytest.mark.timeout(240)
async def test_a_review_a_question_and_a_stop_in_a_cell(lab: str, visit: Visit) -> None:
    page = await visit(lab, width=1500, height=1000)
    await _run(page)
    await page.get_by_role("button", name="New thread").click()
    await expect(replies(page)).to_have_count(0)
    await say(page, "table please")
    await expect(review(page)).to_be_visible()
    await answered(page, "That was table.", count=2)  # the clock ran out
    await say(page, "ask me")
    await page.get_by_role("button", name="tell Sales").click()
    await answered(page, "That was tell.", count=4)
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert len(await said_in(page)) == 9  # four messages, five replies
