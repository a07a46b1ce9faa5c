"""The commit hooks run without a network, with the tools in the environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.packaging.conftest import SOURCES

_CONFIG = ".pre-commit-config.yaml"


def test_every_hook_is_local() -> None:
    config = yaml.safe_load((SOURCES / _CONFIG).read_text())
    assert {(repo["repo"], hook["language"]) for repo in config["repos"] for hook in repo["hooks"]} == {
        ("local", "system")
    }


def test_the_hooks_format_and_refuse_a_commit(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for name in (_CONFIG, "pyproject.toml"):
        shutil.copy(SOURCES / name, tmp_path)
    (tmp_path / ".gitignore").write_text(".venv\n.ruff_cache\n")
    (tmp_path / "badly_formatted.py").write_text("answer = ( 42 )\n")
    (tmp_path / "refused.py").write_text("print(undefined_name)\n")
    _run(tmp_path, "git", "init", "--quiet")
    _run(tmp_path, "git", "add", ".")
    hooks = _run(tmp_path, sys.executable, "-m", "pre_commit", "run", home=tmp_path / "home")
    assert hooks.returncode == 1
    assert (tmp_path / "badly_formatted.py").read_text() == "answer = 42\n"
    assert "Undefined name `undefined_name`" in hooks.stdout


def _run(folder: Path, *command: str, home: Path | None = None) -> "subprocess.CompletedProcess[str]":
    # Without git's own variables, which a hook has that runs these tests: they lead to its repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    variables = {"HOME": str(home or folder), "PRE_COMMIT_COLOR": "never"}
    return subprocess.run(
        command, cwd=folder, env={**inherited, **variables}, capture_output=True, text=True, check=False
    )
