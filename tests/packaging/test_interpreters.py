"""Imports the sources with every supported Python that is installed. `make pythons` runs tests with them."""

import subprocess

import pytest

from tests.packaging.conftest import SOURCES
from tests.packaging.interpreters import interpreters

_COMPILE = """
import sys
for name in sys.stdin.read().splitlines():
    with open(name, encoding="utf-8") as file:
        compile(file.read(), name, "exec")
"""
_PYTHONS = interpreters()


@pytest.mark.parametrize("version", _PYTHONS)
def test_the_sources_compile_without_a_warning(version: str) -> None:
    folders = ("cfo_kernel", "api/cfo_api", "widgets/cfo_widgets")
    names = "\n".join(str(path) for folder in folders for path in (SOURCES / folder).rglob("*.py"))
    done = subprocess.run(
        [_PYTHONS[version], "-I", "-W", "error", "-c", _COMPILE],
        input=names,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
