"""Installs the wheel alone, in a separate environment and folder: what a user has after `pip install cfo-kernel`."""

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.conftest import LEDGER
from tests.packaging.conftest import SOURCES
from tests.packaging.environment import Environment

pytestmark = pytest.mark.timeout(300)
_HANG = 120.0
"""Seconds after which a process is considered hung. It is ready within a few."""
_WHERE = """
import importlib.metadata, json, sys
import {packages}
print(json.dumps({{"files": [p.__file__ for p in ({packages},)], "path": sys.path}}))
"""


@pytest.fixture(scope="module")
def engine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("engine") / "venv", wheel)


@pytest.fixture(scope="module")
def workbench(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("workbench") / "venv", wheel, "api", "lab")


def test_the_engine_answers_without_the_extras(engine: Environment, tmp_path: Path) -> None:
    assert_installed(engine, tmp_path, "cfo_kernel")
    (tmp_path / "ledger.csv").write_text(LEDGER)
    run(engine, tmp_path, "workspaces", "create", "Tiny")
    run(engine, tmp_path, "upload", "-w", "tiny", "ledger.csv")
    answer = json.loads(run(engine, tmp_path, "ask", "-w", "tiny", "--json", "total amount by account"))
    assert answer["status"] == "succeeded"
    assert answer["reply"]["result"]["rows"] == [["Rent", 700.05], ["Salaries", 6000.8]]
    rows = json.loads(run(engine, tmp_path, "sql", "-w", "tiny", "--json", "SELECT count(*) AS n FROM ledger"))["rows"]
    assert rows == [[6]]


@pytest.mark.parametrize(("command", "extras"), [("serve", "api"), ("up", "api,lab")])
def test_a_command_names_the_extra_that_is_missing(
    engine: Environment, tmp_path: Path, command: str, extras: str
) -> None:
    done = subprocess.run(
        [engine.cfo, command], cwd=tmp_path, env=engine.variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"pip install 'cfo-kernel[{extras}]'" in done.stderr


def test_serve_answers(workbench: Environment, tmp_path: Path) -> None:
    assert_installed(workbench, tmp_path, "cfo_kernel", "cfo_api")
    with started(workbench, tmp_path, "serve", "--port", "0") as (process, log):
        [address] = found(r"http://127\.0\.0\.1:\d+", process, log)
        with urllib.request.urlopen(f"{address}/healthz", timeout=_HANG) as answer:
            assert answer.status == 200


def test_up_serves_the_page_and_ends_when_it_is_terminated(workbench: Environment, tmp_path: Path) -> None:
    assert_installed(workbench, tmp_path, "cfo_kernel", "cfo_api", "cfo_widgets")
    with started(workbench, tmp_path, "up", "--port", "0", "--no-browser") as (process, log):
        [address] = found(r"http://127\.0\.0\.1:\d+/\?token=\S+", process, log)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(address, timeout=_HANG) as page:
            assert page.status == 200
            html = page.read().decode()
        assert 'id="cfo-lost"' in html  # the project's own template
        [program] = re.findall(r'src="(/cfo/program/[^"]+)"', html)
        with browser.open(urljoin(address, program), timeout=_HANG) as script:
            assert script.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(_HANG) == 0
        assert "Traceback" not in log.read_text()


def run(environment: Environment, folder: Path, *arguments: str) -> str:
    """The standard output of a command that succeeds."""
    done = subprocess.run(
        [environment.cfo, *arguments], cwd=folder, env=environment.variables, capture_output=True, text=True,
        check=False, timeout=_HANG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_installed(environment: Environment, folder: Path, *packages: str) -> None:
    """Checks that the packages come from the wheel, and that no path leads to the sources or the tests' environment."""
    program = _WHERE.format(packages=", ".join(packages))
    done = subprocess.run(
        [environment.python, "-c", program], cwd=folder, env=environment.variables, capture_output=True, text=True,
        check=True, timeout=_HANG,
    )  # fmt: skip
    reported = json.loads(done.stdout)
    assert all(Path(file).is_relative_to(environment.folder) for file in reported["files"])
    foreign = [Path(entry) for entry in reported["path"] if entry and Path(entry).is_relative_to(SOURCES)]
    foreign += [Path(entry) for entry in reported["path"] if "site-packages" in entry]
    assert {entry for entry in foreign if not entry.is_relative_to(environment.folder)} == set()


@contextmanager
def started(
    environment: Environment, folder: Path, *arguments: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Starts a process with a log, and ends it at the end of the block."""
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [environment.cfo, *arguments], cwd=folder, env=environment.variables, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_HANG)
            finally:
                process.kill()


def found(pattern: str, process: "subprocess.Popen[bytes]", log: Path) -> list[str]:
    """Waits until the log matches the pattern, and returns the match."""
    wait_until(lambda: process.poll() is not None or re.search(pattern, log.read_text()), log)
    matches = re.findall(pattern, log.read_text())
    assert matches, log.read_text()
    return matches


def wait_until(happened: Callable[[], object], log: Path) -> None:
    end = time.monotonic() + _HANG
    while not happened():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
