"""Packages outside the interpreter's site-packages work in confined processes, which can read nothing else there.

Each engine here is a real process, whose interpreter finds its packages in an unusual place.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import cfo_kernel
from cfo_kernel.executors import import_paths

ENGINE = """
import asyncio, json, sys
from pathlib import Path
from cfo_kernel.errors import CfoError
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.python_executor import PythonCall
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool

async def main(folder, *programs):
    pool, executor, said = SqlWorkerPool(folder / "cache", folder / "sql", timeout=60), ConfinedExecutor(), []
    for number, code in enumerate(("", *programs)):
        scratch = folder / str(number)
        scratch.mkdir()
        try:
            if code:
                said.append((await executor.run(PythonCall(code=code, tables={}, scratch=scratch))).stdout.strip())
            else:
                said.append((await pool.ask("query", {}, {}, "SELECT 42", cap=1))["rows"])
        except CfoError as error:
            said.append(error.message)
    await pool.close()
    await executor.close()
    print(json.dumps(said))

asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
"""
READ = "for name in ('.env', 'data/rows.csv', 'notes.txt'):\n    try: print(open('{folder}/' + name).read())\n"
READ += "    except OSError as error: print(error.strerror)"


def said(python: Path | str, folder: Path, *programs: str, env: dict[str, str], cwd: Path | None = None) -> list[Any]:
    """The answers of an engine in `folder` to a query and to programs. Its standard error must contain nothing else."""
    folder.mkdir(parents=True)
    command = [str(python), "-c", ENGINE, str(folder), *programs]
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home())} | env
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd or folder, check=False)
    assert not done.stderr
    return json.loads(done.stdout)


def link_packages(folder: Path) -> Path:
    """A folder with a link to each of the engine's packages, and files that a worker must not read."""
    (folder / "data").mkdir(parents=True)
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    package = folder / "cfo_kernel"
    package.unlink(missing_ok=True)
    package.symlink_to(Path(cfo_kernel.__file__).parent)
    (folder / "only_here").mkdir()
    (folder / "only_here" / "__init__.py").write_text("WHERE = 'found'\n")
    for name in (".env", "data/rows.csv", "notes.txt"):
        (folder / name).write_text("secret")
    return folder


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    return link_packages(tmp_path / "packages")


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an empty virtual environment that is itself behind a link."""
    venv.create(tmp_path / "env", symlinks=True)
    (tmp_path / "linked").symlink_to(tmp_path / "env")
    return tmp_path / "linked" / "bin" / "python"


def site_packages(python: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return python.parent.parent / "lib" / version / "site-packages"


DENIED = "Permission denied\nPermission denied\nPermission denied"


def test_a_folder_and_a_zip_file_of_a_pth_file(python: Path, packages: Path, tmp_path: Path) -> None:
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "WHERE = 'in a zip file'\n")
    (site_packages(python) / "all.pth").write_text(f"{packages}\n{archive}\n")
    programs = (
        "import only_here, zipped, openpyxl\nprint(only_here.WHERE, zipped.WHERE)",
        READ.format(folder=packages),
    )
    assert said(python, tmp_path / "work", *programs, env={}) == [[[42]], "found in a zip file", DENIED]


def test_a_folder_of_pythonpath_that_also_holds_the_workspaces(python: Path, packages: Path, tmp_path: Path) -> None:
    """A checkout is such a folder. Its packages cannot be imported, and the error says why."""
    elsewhere = link_packages(tmp_path / "elsewhere")
    (elsewhere / "only_here" / "__init__.py").unlink()
    (elsewhere / "only_here").rmdir()
    programs = ("import only_here", READ.format(folder=packages))
    env = {"PYTHONPATH": f"{elsewhere}{os.pathsep}{packages}"}
    first, why, read = said(python, packages / "root" / "acme", *programs, env=env)
    assert (first, read) == ([[42]], DENIED)
    assert "only_here is installed in a folder that a confined process may not read" in why
    assert "the folder of the workspaces is in it. Install it into the environment of cfo_kernel" in why


@pytest.mark.slow
def test_the_site_packages_of_the_user(packages: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (base / "lib" / version).mkdir(parents=True)
    packages.rename(base / "lib" / version / "site-packages")
    interpreter = sys._base_executable  # type: ignore[attr-defined] - a virtual environment has none
    env = {"PYTHONUSERBASE": str(base)}
    assert said(interpreter, tmp_path / "work", "import only_here\nprint(only_here.WHERE)", env=env) == [
        [[42]],
        "found",
    ]


def test_a_worker_without_its_packages_says_which_is_missing(python: Path, packages: Path, tmp_path: Path) -> None:
    (packages / "pyarrow").unlink()
    (packages / "openpyxl").unlink()
    (site_packages(python) / "all.pth").write_text(f"{packages}\n")
    assert said(python, tmp_path / "work", "pass", env={}) == [
        "A worker process did not start: ModuleNotFoundError: No module named 'pyarrow'. "
        "Repair the installation, then try again.",
        "The Python process cannot be started (ModuleNotFoundError: No module named 'openpyxl'). "
        "Try again, or use SQL.",
    ]


def test_the_current_folder_and_that_of_the_script_are_not_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path.cwd())
    monkeypatch.setattr(sys, "path", ["", here, "/opt/lib", "/opt/lib", "relative"])
    assert import_paths.engine_path() == ["/opt/lib", f"{here}/relative"]
    monkeypatch.setenv("PYTHONPATH", f"{here}{os.pathsep}")
    assert import_paths.engine_path() == [here, "/opt/lib", f"{here}/relative"]
    (Path(here) / "gone").mkdir()
    monkeypatch.chdir(Path(here) / "gone")
    (Path(here) / "gone").rmdir()
    assert import_paths.engine_path() == [here, "/opt/lib"]


def test_a_folder_that_holds_the_home_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "people" / "me"
    (home / "tools" / "package").mkdir(parents=True)
    (home / "tools" / "package" / "__init__.py").touch()
    (home / "module.py").touch()
    monkeypatch.setattr(import_paths, "_home", lambda: home)
    monkeypatch.setattr(sys, "path", [str(home.parent), str(home), str(home / "tools"), str(tmp_path / "gone")])
    import_paths.package_places.cache_clear()
    found = import_paths.readable_paths(tmp_path / "scratch")
    import_paths.package_places.cache_clear()
    assert found.refused == dict.fromkeys((str(home.parent), str(home)), "your home folder is in it")
    assert found.listed == (home / "tools",)
    assert home / "tools" / "package" in found.whole
    assert not {home, home.parent, home / "module.py", home / "tools"} & {*found.whole}


def test_of_other_folders_only_packages_and_modules_are_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "package/__init__.py",
        "namespace/part.py",
        "numpy.libs/libx.so",
        "x-1.dist-info/RECORD",
        "data/a.csv",
    ):
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).touch()
    for name in ("module.py", ".env", "notes.txt", "secrets.json", ".hidden.py"):
        (tmp_path / "lib" / name).touch()
    (tmp_path / "lib" / "x-1.dist-info" / "RECORD").write_text("namespace/part.py,,\n../../bin/x,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "lib")])
    import_paths.package_places.cache_clear()
    found = import_paths.readable_paths(tmp_path / "scratch")
    import_paths.package_places.cache_clear()
    inside = {path.name for path in found.whole if path.is_relative_to(tmp_path)}
    assert inside == {"package", "namespace", "numpy.libs", "x-1.dist-info", "module.py"}
