"""Finds out, without an index, whether `make lock` has to be run."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.conftest import SOURCES

LEVELS = {
    "requirements.txt": (),
    "requirements-workbench.txt": ("api", "lab"),
    "requirements-dev.txt": ("anthropic", "api", "docs", "lab", "postgres", "dev"),
}
FILES = [*LEVELS, "tests/bench/requirements.txt", "tests/models/requirements.txt"]
_HASHES = re.compile(r"(?: --hash=sha256:[0-9a-f]{64})+")
_PROJECT = tomllib.loads((SOURCES / "pyproject.toml").read_text())


@pytest.mark.parametrize("file", FILES)
def test_a_lock_holds_exact_versions_with_hashes_and_nothing_else(file: str) -> None:
    for text in _lines(file):
        requirement, _, hashes = text.partition(" --hash=")
        assert _HASHES.fullmatch(f" --hash={hashes}"), text
        [specifier] = Requirement(requirement).specifier
        assert specifier.operator == "=="


@pytest.mark.parametrize(("file", "extras"), LEVELS.items())
def test_a_lock_satisfies_what_the_project_declares(file: str, extras: tuple[str, ...]) -> None:
    project = _PROJECT["project"]
    declared = [*_PROJECT["build-system"]["requires"], *project["dependencies"]]
    declared += [line for extra in extras for line in project["optional-dependencies"][extra]]
    locked = _locked(file)
    for requirement in map(Requirement, declared):
        if requirement.name == project["name"]:
            assert requirement.extras <= set(extras)
            continue
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is missing in {file}: run `make lock`"
        assert all(version in requirement.specifier for version in versions), f"{requirement} in {file}: {versions}"


def test_the_locks_agree() -> None:
    dev = _locked("requirements-dev.txt")
    for file in ("requirements.txt", "requirements-workbench.txt"):
        assert {name: versions for name, versions in _locked(file).items() if dev.get(name) != versions} == {}


def _lines(file: str) -> list[str]:
    """The requirements, each joined to a single line."""
    return re.sub(r"\s*\\\n\s*", " ", (SOURCES / file).read_text()).splitlines()


def _locked(file: str) -> dict[str, list[str]]:
    """The pinned versions of each distribution. There are several if they depend on the version of Python."""
    found: dict[str, list[str]] = {}
    for text in _lines(file):
        requirement = Requirement(text.partition(" --hash=")[0])
        found.setdefault(canonicalize_name(requirement.name), []).extend(s.version for s in requirement.specifier)
    return found
