"""A worker process as the engine sees it: started when needed, asked one thing at a time, killed when it is late."""

import asyncio
import contextlib
import json
import sys
from typing import Any, Protocol

from cfo_kernel import errors
from cfo_kernel.executors import wire


class Worker(Protocol):
    """What the data room needs of a worker; `WorkerProcess` is the one with a process of its own."""

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109 - it kills
        """The answer to `op`; raises what the worker raised, `QueryTimeout` or `WorkerLost`."""
        ...

    async def close(self) -> None: ...


class ScriptedWorker:
    """The test double: answers each `op` with what it was given, and remembers what it was asked."""

    def __init__(self, answers: dict[str, dict[str, Any] | Exception]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ARG002, ASYNC109 - as above
        self.asked.append((op, arguments))
        answer = self.answers[op]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None


class WorkerProcess:
    """Runs `python -m module` with an empty environment. A lost or killed process comes back with the next request.

    `setup` is the request that a new process gets first (which files it may open, say).
    """

    def __init__(self, module: str, setup: dict[str, Any] | None = None) -> None:
        self._module = module
        self._setup = setup
        self._is_set_up = False
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109 - it kills
        """The answer to `op`; a process that takes longer than `timeout` seconds is killed."""
        async with self._turn:
            try:
                async with asyncio.timeout(timeout):
                    process = await self._running()
                    if self._setup and not self._is_set_up:
                        await self._exchange(process, self._setup)
                        self._is_set_up = True
                    return await self._exchange(process, {"op": op, **arguments})
            except TimeoutError as error:
                await self._kill()
                message = f"It took longer than {timeout:g} s and was stopped. Ask for less, or narrow the rows."
                raise errors.QueryTimeout(message) from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                await self._kill()
                message = "The worker process died. Ask for less at once; the next query gets a new worker."
                raise errors.WorkerLost(message) from error
            except asyncio.CancelledError:
                await self._kill()
                raise

    async def restart_with(self, setup: dict[str, Any]) -> None:
        """From now on the process begins with this setup; a running one is given it before its next request."""
        async with self._turn:
            self._setup, self._is_set_up = setup, False

    async def close(self) -> None:
        await self._kill()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-I", "-m", self._module)
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=-1, stdout=-1, env={"TZ": "UTC"}, cwd="/", start_new_session=True
            )
            self._is_set_up = False
        return self._process

    async def _exchange(self, process: asyncio.subprocess.Process, request: dict[str, Any]) -> dict[str, Any]:
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise ConnectionError("the process has no pipes")
        requests.write(wire.pack(request))
        await requests.drain()
        (length,) = wire.HEADER.unpack(await answers.readexactly(wire.HEADER.size))
        if length > wire.MAX_FRAME:
            await self._kill()
            raise errors.QueryOutOfMemory("The answer is larger than 256 MB. Ask for fewer rows or columns.")
        answer = json.loads(await answers.readexactly(length))
        if "error" in answer:
            problem = answer["error"]
            raise errors.restored(problem["code"], problem["message"], **problem["details"])
        return answer["value"]

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
