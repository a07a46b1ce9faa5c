"""Runs the notebooks as tests, over a copy of the sample company, without any keys and therefore without a network."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_SAMPLE = Path(__file__).parents[1] / "workspaces" / "adventure_works" / "data"


@cache
def _root() -> TemporaryDirectory[str]:
    """A temporary root, which is removed when this process ends."""
    root = TemporaryDirectory(prefix="cfo-notebooks-")
    shutil.copytree(_SAMPLE, Path(root.name) / "adventure_works" / "data")
    return root


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Prepares the environment before a notebook's first cell starts its kernel, which inherits it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CFO_MODEL", "offline")
        environment.setenv("CFO_ROOT", _root().name)
        yield
