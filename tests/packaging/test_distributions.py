"""Checks the contents and the metadata of the wheel and of the source distribution."""

import ast
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from email import message_from_string
from email.message import Message
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cfo_kernel import __version__
from tests.packaging.conftest import SOURCES, build

PACKAGES = {"cfo_kernel": "cfo_kernel", "cfo_api": "api/cfo_api", "cfo_widgets": "widgets/cfo_widgets"}
PACKAGE_DATA = [
    *(f"{package}/py.typed" for package in PACKAGES),
    "cfo_kernel/agent/prompt.md",
    "cfo_widgets/voila_bundle.txt",
    "cfo_widgets/workbench.ipynb",
    "cfo_widgets/static/chat.js",
    "cfo_widgets/static/vega.js",
    "cfo_widgets/share/jupyter/kernels/python3/kernel.json",
    "cfo_widgets/share/jupyter/voila/templates/cfo/index.html.j2",
]
COMES_WITH = {
    "httpcore2": "httpx2",
    "psycopg-pool": "psycopg",
    "pydantic-core": "pydantic",
    "pydantic-graph": "pydantic-ai-slim",
    "starlette": "fastapi",
}
"""Distributions that belong to another distribution, which is declared instead."""
EXTRAS = {
    "cfo_kernel": ("anthropic", "postgres"),
    "cfo_api": ("api",),
    "cfo_widgets": ("lab",),
}
LOADED_BY_IPYTHON = {"magics.py"}


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    tracked = {
        str(PurePosixPath(package, PurePosixPath(file).relative_to(folder)))
        for package, folder in PACKAGES.items()
        for file in _tracked(folder)
    }
    assert {name for name in _names(wheel) if ".dist-info/" not in name} == tracked
    assert set(PACKAGE_DATA) <= tracked


def test_the_metadata_is_what_an_index_shows(wheel: Path) -> None:
    metadata = _metadata(wheel)
    project = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (SOURCES / "README.md").read_text()
    assert metadata.get_all("Classifier") == project["classifiers"]
    assert metadata["Keywords"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


def test_the_source_distribution_has_only_tracked_files(sdist: Path) -> None:
    names = {name.partition("/")[2] for name in _names(sdist)} - {"PKG-INFO"}
    assert names <= set(_tracked("."))
    companies = {name.split("/")[1] for name in names if name.startswith("workspaces/")}
    assert companies == {"adventure_works"}


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [sources] = (tmp_path / "unpacked").iterdir()
    again = build(sources, "wheel", tmp_path / "wheel")
    assert _contents(again) == _contents(wheel)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_imports_is_declared(package: str, wheel: Path) -> None:
    imported = {
        canonicalize_name(_distributions()[name][0]): f"{path.name}: {name}"
        for path in (SOURCES / PACKAGES[package]).rglob("*.py")
        for name in _imports(path)
        if name not in sys.stdlib_module_names and name not in PACKAGES and path.name not in LOADED_BY_IPYTHON
    }
    declared = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, _metadata(wheel).get_all("Requires-Dist", []))
        for extra in ("", *EXTRAS[package])
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra, "sys_platform": "linux"})
    }
    assert {n: where for n, where in imported.items() if COMES_WITH.get(n, n) not in declared} == {}


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions that provide each import package. Collecting them takes seconds."""
    return packages_distributions()


def _tracked(folder: str) -> list[str]:
    """The files in git, or all files in an unpacked source distribution."""
    if not (SOURCES / ".git").exists():
        files = (path for path in (SOURCES / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return [path.relative_to(SOURCES).as_posix() for path in files]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z", folder]
    listed = subprocess.run(command, cwd=SOURCES, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (SOURCES / name).exists()]


def _names(distribution: Path) -> list[str]:
    if distribution.suffix == ".whl":
        return zipfile.ZipFile(distribution).namelist()
    with tarfile.open(distribution) as archive:
        return [member.name for member in archive.getmembers() if member.isfile()]


def _contents(wheel: Path) -> dict[str, bytes]:
    archive = zipfile.ZipFile(wheel)
    return {name: archive.read(name) for name in archive.namelist()}


def _metadata(wheel: Path) -> Message:
    [name] = [name for name in _names(wheel) if name.endswith(".dist-info/METADATA")]
    return message_from_string(zipfile.ZipFile(wheel).read(name).decode())


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
