"""The executor that confines Python by a Docker container: for machines whose own kernel cannot, as on macOS.

The image must hold Python 3.11 or later with pandas, pyarrow and openpyxl; the engine's guest is mounted into it. It is
never pulled: a program must not wait for a network.
"""

import asyncio
import contextlib
import csv
import io
import os
import time
import uuid
from pathlib import Path

from cfo_kernel.errors import PythonUnavailable
from cfo_kernel.executors import framing, python_results
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult

IMAGE = "cfo-python"
_GUEST = "import sys; sys.path.insert(0, '/engine'); from cfo_kernel.executors.python_runner import main; main()"
_PACKAGE = Path(__file__).parent.parent
_SIGNALLED, _DOCKER_FAILED = 128, 125
_ANSWER_SECONDS = 5
_DEVNULL, _PIPE = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE


class DockerExecutor:
    """Runs each program in a container of its own; `at_once` of them at a time.

    Of `disk_bytes` it counts what is there: what a container writes and removes again is not told to the engine.
    """

    def __init__(self, image: str = IMAGE, *, docker: str = "docker", at_once: int = 4) -> None:
        self._image = image
        self._docker = docker
        self._places = asyncio.Semaphore(at_once)

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`."""
        async with self._places:
            if lacks := await self.unavailable_reason():
                raise PythonUnavailable(f"Python is off: {lacks}. Use SQL instead.")
            (call.scratch / ANSWER_FOLDER).mkdir()
            start = time.perf_counter()
            status = await self._ended(f"cfo-python-{uuid.uuid4().hex}", call)
            return python_results.read_result(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `PythonExecutor`. A container ends with its call."""

    async def unavailable_reason(self) -> str | None:
        """What keeps Docker from running programs here, or None where nothing does."""
        try:
            status, said = await self._told("image", "inspect", self._image)
        except (OSError, TimeoutError):
            return "no Docker engine answers"
        if status == 0:
            return None
        absent = "no such image" in said.lower()
        return f"Docker has no image {self._image}" if absent else "no Docker engine answers"

    async def _told(self, *arguments: str) -> tuple[int | None, str]:
        """The status of a docker command and its words; one that hangs is killed, and raises `TimeoutError`."""
        asked = await asyncio.create_subprocess_exec(self._docker, *arguments, stdout=_DEVNULL, stderr=_PIPE)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                _, said = await asked.communicate()
        finally:
            if asked.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    asked.kill()
                await asked.wait()
        return asked.returncode, said.decode(errors="replace")

    async def _ended(self, name: str, call: PythonCall) -> int:
        """The exit status of the program, of a signal negative."""
        process = await asyncio.create_subprocess_exec(
            self._docker, *arguments(name, self._image, call), stdin=_PIPE, stdout=_DEVNULL, stderr=_PIPE
        )
        program = python_results.program_request(call) | {"tables": {table: _inside(table) for table in call.tables}}
        talk = process.communicate(framing.pack({"program": program, "answer": f"/scratch/{ANSWER_FOLDER}"}))
        try:
            async with asyncio.timeout(call.limits.seconds):
                _, said = await python_results.watch(talk, call)
        except TimeoutError as error:
            raise python_results.timeout_error(call) from error
        finally:
            if process.returncode is None:
                await self._kill(name, process)
        if process.returncode == _DOCKER_FAILED:
            reason = said.decode(errors="replace").strip()[-300:]
            raise PythonUnavailable(f"Python is off: Docker did not start the container ({reason}). Use SQL instead.")
        status = process.returncode or 0
        return _SIGNALLED - status if status > _SIGNALLED else status

    async def _kill(self, name: str, process: asyncio.subprocess.Process) -> None:
        """Ends the container; to end the client alone would leave it running."""
        with contextlib.suppress(TimeoutError):  # an engine that hangs: the container ends by its processor time
            await self._told("kill", name)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def arguments(name: str, image: str, call: PythonCall) -> list[str]:
    """The arguments of `docker` that start the container: no network, no rights, nothing writable but the scratch."""
    limits = call.limits
    mounts = [_mount(_PACKAGE, "/engine/cfo_kernel", "readonly"), _mount(call.scratch, "/scratch")]
    mounts += [_mount(path, _inside(table), "readonly") for table, path in call.tables.items()]
    options = {
        "name": name,
        "pull": "never",
        "network": "none",
        "ipc": "none",
        "cap-drop": "ALL",
        "security-opt": "no-new-privileges",
        "user": f"{os.getuid()}:{os.getgid()}",
        "pids-limit": str(limits.threads),
        "memory": str(limits.memory_bytes),
        "memory-swap": str(limits.memory_bytes),
        "cpus": "1",
        "log-driver": "none",
        "workdir": "/scratch",
        "env": "TZ=UTC",
    }
    ulimits = [f"fsize={limits.disk_bytes}", f"cpu={int(limits.seconds) + 1}", "nofile=64", "core=0"]
    given = ["run", "--rm", "--interactive", "--read-only"]
    given += [f"--{option}={value}" for option, value in options.items()]
    given += [f"--ulimit={limit}" for limit in ulimits] + [f"--mount={mount}" for mount in mounts]
    return [*given, image, "python", "-I", "-X", "utf8", "-B", "-c", _GUEST]


def _mount(source: Path, target: str, *more: str) -> str:
    """One mount as Docker reads it, a row of CSV: a comma in a folder's name must not begin another option."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(["type=bind", f"src={source}", f"dst={target}", *more])
    return row.getvalue()


def _inside(table: str) -> str:
    return f"/tables/{table}.parquet"
