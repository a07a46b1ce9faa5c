"""Finds the supported Python interpreters on this machine: `python -m tests.packaging.interpreters` lists them."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[2]


def supported() -> list[str]:
    """The Python versions in the classifiers."""
    project = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]
    return re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), flags=re.MULTILINE)


def interpreters() -> dict[str, str]:
    """One installed interpreter for each supported version."""
    found: dict[str, str] = {}
    for version in supported():
        for candidate in _candidates(version):
            if _output(candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == version:
                found[version] = candidate
                break
    return found


def _candidates(version: str) -> Iterator[str]:
    """Possible interpreters: those on the path, in pyenv, and known to uv."""
    if python := shutil.which(f"python{version}"):
        yield python
    if (pyenv := shutil.which("pyenv")) and (root := _output(pyenv, "root")):
        yield from map(str, sorted(Path(root, "versions").glob(f"{version}.*/bin/python{version}"), reverse=True))
    if (uv := shutil.which("uv")) and (python := _output(uv, "python", "find", "--offline", "--no-project", version)):
        yield python


def _output(*command: str) -> str:
    """The output of a command, or "" if it fails, as pyenv's shims do for inactive versions."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    for version, python in interpreters().items():
        sys.stdout.write(f"{version} {python}\n")
