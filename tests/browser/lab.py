"""JupyterLab as a real process, with notebooks whose kernels each run an engine."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.actions import ready
from tests.browser.stack import TOKEN, Process, command_line

WORKBENCH = "from cfo_kernel import connect\nfrom cfo_widgets import Workbench\nbench = Workbench(connect())\nbench"
_OPTIONS = (
    f"--no-browser --expose-app-in-browser --IdentityProvider.token={TOKEN} --ServerApp.root_dir=. --allow-root "
    "--LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
)
_CONTEXT = "window.jupyterapp?.shell.currentWidget?.context?.sessionContext"
_START_TIMEOUT = 90_000  # milliseconds, for a kernel


class Lab:
    """JupyterLab over the folder that contains `root` (the workspaces)."""

    def __init__(self, root: Path, **environment: str) -> None:
        self._folder = root.parent
        config = self._folder / "config"
        own = {"JUPYTER_CONFIG_DIR": str(config), "IPYTHONDIR": str(config), **environment}
        self._settings = config / "lab" / "user-settings"
        self._process = Process("jupyterlab", root, *_OPTIONS.split(), ready=f"/lab?token={TOKEN}", **own)
        self.set("@jupyterlab/apputils-extension/notification", fetchNews="false")

    def set(self, plugin: str, **settings: object) -> None:
        """Changes JupyterLab's settings, for pages that are opened from now on."""
        path = self._settings / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))

    def write(self, name: str, *cells: str) -> str:
        """Writes a notebook, and returns its address."""
        written: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "id": f"c{n}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for n, source in enumerate(cells or (WORKBENCH,))
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = {"cells": written, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self._folder / f"{name}.ipynb").write_text(json.dumps(notebook))
        return self.address(name)

    def address(self, name: str) -> str:
        """The address that opens the notebook on its own."""
        return f"{self._process.url}/lab/workspaces/{name}/tree/{name}.ipynb?reset&token={TOKEN}"

    def outputs(self, name: str) -> list[dict[str, Any]]:
        """The outputs of the first cell in the saved notebook."""
        return json.loads((self._folder / f"{name}.ipynb").read_text())["cells"][0]["outputs"]

    async def kernel(self, page: Page) -> int:
        """The process of the notebook's kernel."""
        kernel_id = str(await page.evaluate(f"{_CONTEXT}.session.kernel.id")).encode()
        [pid] = [pid for pid in self._process.descendants() if kernel_id in command_line(pid)]
        return pid

    def __enter__(self) -> "Lab":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        kernels = [pid for pid in self._process.descendants() if b"ipykernel_launcher" in command_line(pid)]
        self._process.kill()
        for pid in kernels:  # each one leads a process group of its own
            os.killpg(pid, signal.SIGKILL)


async def execute(page: Page, command: str, **arguments: object) -> None:
    """Executes a JupyterLab command, as its menus do, and waits for its end."""
    script = "([command, given]) => window.jupyterapp.commands.execute(command, given).then(() => null)"
    await page.evaluate(script, [command, arguments])


async def run_notebook(page: Page) -> None:
    """Runs all cells, and waits until the composer of the conversation accepts text."""
    await page.wait_for_function(f"{_CONTEXT}?.isReady", timeout=_START_TIMEOUT)
    await page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)")
    await ready(page)


async def shut_down_kernel(page: Page) -> None:
    """Shuts the kernel down, as the menu does."""
    await page.evaluate(f"{_CONTEXT}.shutdown()")


async def expect_kernel_ended(page: Page) -> None:
    """Waits until the conversation says that its kernel has ended."""
    lost = page.get_by_role("region", name="Conversation").get_by_text("The kernel has ended.")
    await expect(lost).to_be_visible()
