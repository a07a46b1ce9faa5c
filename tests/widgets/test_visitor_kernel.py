"""A visitor's kernel stays a thin client, whatever the workbench shows."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cfo_widgets.page import NOTEBOOK, SHARE
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

HEAVY = ("pandas", "duckdb", "pydantic_ai", "pyarrow", "sqlalchemy", "openai", "numpy", "debugpy", "voila")
HALF = "print(chr(0xD83D), end='')"
LOADED = f"""
import sys
await workbench._workspaces._open_initial("")
print(workbench._workspaces.workspace_id, [name for name in {HEAVY} if sys.modules.get(name)])
"""


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    environment = {**os.environ, "CFO_ROOT": str(root), "CFO_MODEL": "offline"}
    command = [sys.executable, "-m", "cfo_api", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
        process.terminate()


def test_it_loads_no_engine_and_little_memory(url: str) -> None:
    specs = KernelSpecManager(kernel_dirs=[str(SHARE / "kernels")], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="python3", kernel_spec_manager=specs)
    cell = "".join(json.loads(NOTEBOOK.read_text())["cells"][0]["source"])
    manager.start_kernel(env={**os.environ, "CFO_URL": url})
    client = manager.blocking_client()
    printed: list[str] = []
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        for code in (cell.replace("Workbench(connect())", "workbench = Workbench(connect())"), LOADED, HALF):
            answer = client.execute_interactive(
                code,
                timeout=60,
                output_hook=lambda m: printed.append(m["content"]["text"]) if m["msg_type"] == "stream" else None,
            )
            assert answer["content"]["status"] == "ok", answer["content"]
        assert "".join(printed) == "tiny []\n\ufffd"
        assert unique_memory(manager.provisioner.pid) < 70
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def unique_memory(pid: int) -> float:
    """The memory in MB that the process shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024
