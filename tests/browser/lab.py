"""JupyterLab as a real process, with notebooks whose kernels hold an engine of their own."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.browser.stack import TOKEN, Process

WORKBENCH = "from cfo_kernel import connect\nfrom cfo_widgets import Workbench\nbench = Workbench(connect())\nbench"
_OPTIONS = (
    f"--no-browser --expose-app-in-browser --IdentityProvider.token={TOKEN} --ServerApp.root_dir=. --allow-root "
    "--LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
)


class Lab:
    """JupyterLab over the folder in which `root` (the workspaces) lies."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.folder = root.parent
        config = str(self.folder / "config")
        own = {"JUPYTER_CONFIG_DIR": config, "IPYTHONDIR": config, **environment}
        self._process = Process("jupyterlab", root, *_OPTIONS.split(), ready=f"/lab?token={TOKEN}", **own)

    def notebook(self, name: str, *cells: str) -> str:
        """Writes a notebook; gives the address at which it is opened, with nothing else beside it."""
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
        (self.folder / f"{name}.ipynb").write_text(json.dumps(notebook))
        return f"{self._process.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}"

    def saved(self, name: str) -> dict[str, Any]:
        """The notebook as it lies on the disk."""
        return json.loads((self.folder / f"{name}.ipynb").read_text())

    def kernels(self) -> list[int]:
        """The processes of the notebooks' kernels."""
        return [
            pid
            for pid in self._process.descendants()
            if b"ipykernel_launcher" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def __enter__(self) -> "Lab":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        kernels = self.kernels()
        self._process.kill()
        for pid in kernels:  # each leads a group of its own
            os.killpg(pid, signal.SIGKILL)
