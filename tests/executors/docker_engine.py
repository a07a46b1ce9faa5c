"""A real Docker engine for tests, with an image built from this Python, so that nothing is downloaded.

Uses the engine that is already running, or starts one for the tests, which needs root and Debian's `docker.io`.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

IMAGE = "cfo-python-test"
_PACKAGES = (
    "numpy", "numpy.libs", "pandas", "pyarrow", "openpyxl", "et_xmlfile", "dateutil", "pytz", "six.py", "tzdata",
)  # fmt: skip
_LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "ensurepip", "include"}
_START_SECONDS = 60
# It neither changes the machine's firewall nor creates a network, because containers have none.
_OPTIONS = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false")


class NoEngineError(Exception):
    """Raised with the reason if there is no engine."""


@contextlib.contextmanager
def docker_engine(folder: Path) -> Generator[str]:
    """The path of a `docker` command whose engine has the image. Raises `NoEngineError`."""
    docker = shutil.which("docker")
    if docker is None:
        raise NoEngineError("there is no docker command (on Debian: apt install docker.io)")
    with contextlib.ExitStack() as stack:
        if not _answers(docker):
            docker = stack.enter_context(_own_engine(docker, folder))
        _build(docker)
        stack.callback(subprocess.run, [docker, "image", "rm", "--force", IMAGE], capture_output=True)
        yield docker


def containers(docker: str) -> list[str]:
    """The names of the containers of programs, in any state."""
    listed = [docker, "ps", "--all", "--filter", "name=cfo-python-", "--format", "{{.Names}}"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()


def _answers(docker: str) -> bool:
    try:
        return subprocess.run([docker, "version"], capture_output=True, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def _own_engine(client: str, folder: Path) -> Generator[str]:
    """Starts an engine whose data, socket and log are in the folder."""
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin")
    if dockerd is None or os.geteuid() != 0:
        raise NoEngineError("no engine answers, and none can be started (it needs root, and docker.io of Debian)")
    folder.mkdir(parents=True)
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\nexec "{client}" --host "unix://{folder}/socket" "$@"\n')
    command.chmod(0o755)
    places = [f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(
            [dockerd, *places, f"--host=unix://{folder}/socket", *_OPTIONS], stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + _START_SECONDS
        while not _answers(str(command)):
            if engine.poll() is not None or time.monotonic() > until:
                last = (folder / "log").read_text(errors="replace").splitlines()[-1:]
                raise NoEngineError(f"the engine did not start: {last}")
            time.sleep(0.2)
        yield str(command)
    finally:
        engine.terminate()
        engine.wait(60)


def _build(docker: str) -> None:
    """Builds the image: Python with its standard library, the packages for programs, and the shared libraries of
    both.
    """
    site, base = Path(sysconfig.get_paths()["purelib"]), Path(sys.base_prefix)
    library = Path(sysconfig.get_paths()["stdlib"])
    interpreter = Path(sys.executable).resolve()
    target = library / "site-packages"
    modules = [file for name in _PACKAGES for file in (site / name).rglob("*.so*")]
    command = [docker, "import", "--change", f"ENV PATH={base}/bin", "-", IMAGE]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as build,
        tarfile.open(fileobj=build.stdin, mode="w|") as tar,
    ):
        for file in _libraries([interpreter, *(library / "lib-dynload").glob("*.so"), *modules], site):
            tar.add(Path(file).resolve(), arcname=file)
        tar.add(interpreter, arcname=f"{base}/bin/python")
        tar.add(library, filter=_without(len(library.parts)))
        for name in _PACKAGES:
            if (site / name).exists():
                tar.add(site / name, arcname=str(target / name), filter=_without(len(target.parts)))
    if build.returncode:
        raise NoEngineError("the image could not be built")


def _without(depth: int) -> Callable[[tarfile.TarInfo], tarfile.TarInfo | None]:
    """A tar filter that excludes folders below this depth which programs do not need."""

    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if _LEFT_OUT & set(entry.name.split("/")[depth - 1 :]) else entry

    return keep


def _libraries(files: list[Path], site: Path) -> list[str]:
    """The shared libraries that these files need, besides those in the packages."""
    said = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True).stdout
    found = {os.path.normpath(file) for file in re.findall(r"(/\S+) \(0x", said)}
    return sorted(file for file in found if not file.startswith(str(site)))
