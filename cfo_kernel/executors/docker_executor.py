"""The Python executor that uses Docker containers, for machines whose kernel cannot confine a process, such as macOS.

The image must contain Python 3.11 or later with pandas, pyarrow and openpyxl. The engine's own code is mounted into the
container. The image is never pulled, because a program must not wait for a network.
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
from cfo_kernel.executors.error_output import ErrorOutput
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult

IMAGE = "cfo-python"
_RUNNER = "import sys; sys.path.insert(0, '/engine'); from cfo_kernel.executors.python_runner import main; main()"
_PACKAGE = Path(__file__).parent.parent
_SIGNALLED, _DOCKER_FAILED = 128, 125  # exit codes: 128 plus the signal, and those of `docker run` itself
_NOT_STARTED = (_DOCKER_FAILED, 126, 127)  # the program in the image cannot be run or is missing
_COMMAND_SECONDS = 5
_REMOVALS, _BETWEEN_REMOVALS = 10, 0.2  # tries, and seconds
_MAX_REASON = 300
_DEVNULL, _PIPE = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE


class DockerExecutor:
    """Runs each program in a container, at most `at_once` at the same time.

    Only files that still exist count towards `disk_bytes`, because the engine cannot see what a container wrote and
    deleted.
    """

    def __init__(self, image: str = IMAGE, *, docker: str = "docker", at_once: int = 4) -> None:
        self._image = image
        self._docker = docker
        self._free = asyncio.Semaphore(at_once)
        self._removing: set[asyncio.Task[None]] = set()

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`."""
        async with self._free:
            if reason := await self.unavailable_reason():
                raise PythonUnavailable(f"Python is unavailable: {reason}. Use SQL instead.")
            (call.scratch / ANSWER_FOLDER).mkdir()
            start = time.perf_counter()
            status = await self._exit_status(f"cfo-python-{uuid.uuid4().hex}", call)
            return await python_results.read_result(call, status, round((time.perf_counter() - start) * 1000, 1))

    async def close(self) -> None:
        """See `PythonExecutor`. Containers end with their calls, but the removal of one may still be in progress."""
        await asyncio.gather(*self._removing, return_exceptions=True)

    async def unavailable_reason(self) -> str | None:
        """Why Docker cannot run programs here, or None if it can."""
        try:
            status, output = await self._command("image", "inspect", self._image)
        except (OSError, TimeoutError):
            return "the Docker engine does not respond"
        if status == 0:
            return None
        has_no_image = "no such image" in output.lower()
        return f"Docker has no image {self._image}" if has_no_image else "the Docker engine does not respond"

    async def _command(self, *arguments: str) -> tuple[int | None, str]:
        """Runs a docker command, and returns its exit status and error output.

        Raises `TimeoutError` after killing one that hangs.
        """
        process = await asyncio.create_subprocess_exec(self._docker, *arguments, stdout=_DEVNULL, stderr=_PIPE)
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                _, output = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return process.returncode, output.decode(errors="replace")

    async def _exit_status(self, name: str, call: PythonCall) -> int:
        """Runs the program in a container, and returns its exit status, which is negative for a signal."""
        process = await asyncio.create_subprocess_exec(
            self._docker, *arguments(name, self._image, call), stdin=_PIPE, stdout=_DEVNULL, stderr=_PIPE
        )
        tables = {table: _path_inside(table) for table in call.tables}
        program = python_results.program_request(call) | {"tables": tables}
        request = framing.pack({"program": program, "answer": f"/scratch/{ANSWER_FOLDER}"})
        output = ErrorOutput(process.stderr)  # the program's output is unlimited
        try:
            async with asyncio.timeout(call.limits.seconds):
                await python_results.watch(_feed(process, request), call)
        except TimeoutError as error:
            raise python_results.timeout_error(call) from error
        finally:
            if process.returncode is None or process.returncode in _NOT_STARTED:
                await self._remove(name, process)
        if process.returncode == _DOCKER_FAILED:
            reason = " ".join(line for line in await output.lines() if "--help" not in line)[-_MAX_REASON:]
            raise PythonUnavailable(
                f"Python is unavailable: Docker did not start the container ({reason}). Use SQL instead."
            )
        status = process.returncode or 0
        return _SIGNALLED - status if status > _SIGNALLED else status

    async def _remove(self, name: str, client: asyncio.subprocess.Process) -> None:
        """Ends the client and removes the container, even if the caller is cancelled in the meantime."""
        task = asyncio.create_task(self._end_and_remove(name, client))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)
        await asyncio.shield(task)

    async def _end_and_remove(self, name: str, client: asyncio.subprocess.Process) -> None:
        """Kills the client and removes the container, which otherwise could keep running, or be created later."""
        tries = _REMOVALS if client.returncode is None else 1
        with contextlib.suppress(ProcessLookupError):
            client.kill()
        await client.wait()
        for _ in range(tries):  # Docker may still be creating it for the client that has just ended
            with contextlib.suppress(TimeoutError, OSError):  # if Docker hangs, the CPU limit ends the container
                status, said = await self._command("rm", "--force", name)
                if status == 0 and "no such container" not in said.lower():
                    return
            await asyncio.sleep(_BETWEEN_REMOVALS)


async def _feed(process: asyncio.subprocess.Process, request: bytes) -> None:
    """Sends the request and waits until the process ends."""
    if process.stdin is not None:
        with contextlib.suppress(ConnectionError):  # the container was not started, and the exit status says so
            process.stdin.write(request)
            await process.stdin.drain()
        process.stdin.close()
    await process.wait()


def arguments(name: str, image: str, call: PythonCall) -> list[str]:
    """The `docker` arguments for a container with no network, no privileges, and only the scratch folder writable."""
    limits = call.limits
    mounts = [_mount(_PACKAGE, "/engine/cfo_kernel", "readonly"), _mount(call.scratch, "/scratch")]
    mounts += [_mount(path, _path_inside(table), "readonly") for table, path in call.tables.items()]
    options = {
        "name": name,
        "pull": "never",
        "network": "none",
        "ipc": "none",
        "cap-drop": "ALL",
        "security-opt": "no-new-privileges",
        "user": f"{os.getuid()}:{os.getgid()}",  # files in the scratch folder then belong to the engine's user
        "pids-limit": str(limits.threads),
        "memory": str(limits.memory_bytes),
        "memory-swap": str(limits.memory_bytes),  # the sum of memory and swap, so no swap
        "cpus": "1",
        "log-driver": "none",
        "workdir": "/scratch",
        "env": "TZ=UTC",
    }
    ulimits = [f"fsize={limits.disk_bytes}", f"cpu={int(limits.seconds) + 1}", "nofile=64", "core=0"]
    given = ["run", "--rm", "--interactive", "--read-only"]
    given += [f"--{option}={value}" for option, value in options.items()]
    given += [f"--ulimit={limit}" for limit in ulimits] + [f"--mount={mount}" for mount in mounts]
    return [*given, image, "python", "-I", "-X", "utf8", "-B", "-c", _RUNNER]


def _mount(source: Path, target: str, *more: str) -> str:
    """A mount in Docker's syntax, as a CSV row so that a comma in a folder name does not start another option."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(["type=bind", f"src={source}", f"dst={target}", *more])
    return row.getvalue()


def _path_inside(table: str) -> str:
    return f"/tables/{table}.parquet"
