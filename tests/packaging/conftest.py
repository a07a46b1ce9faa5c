"""Fixtures for the packaging tests: the distributions, built once from the sources."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(SOURCES, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(SOURCES, "sdist", tmp_path_factory.mktemp("sdist"))


def build(sources: Path, target: str, folder: Path) -> Path:
    """Builds a distribution with the locked hatchling, without an isolated environment, which would need an index."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    [built] = folder.iterdir()
    return built
