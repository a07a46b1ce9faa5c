"""The notebooks run as tests: over a copy of the sample, and without anyone's key, and so without a network."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_SAMPLE = Path(__file__).parents[1] / "workspaces" / "adventure_works" / "data"


@cache
def _root() -> TemporaryDirectory[str]:
    """It goes with the process that keeps it here."""
    root = TemporaryDirectory(prefix="cfo-notebooks-")
    shutil.copytree(_SAMPLE, Path(root.name) / "adventure_works" / "data")
    return root


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Iterator[None]:
    """The first cell of a notebook starts its kernel, which inherits the environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CFO_MODEL", "offline")
        environment.setenv("CFO_ROOT", _root().name)
        yield
