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

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109
        """The answer to `op`; raises what the worker raised, `QueryTimeout` or `WorkerLost`."""
        ...

    async def close(self) -> None: ...


class ScriptedWorker:
    """The test double: answers each `op` with what it was given, and remembers what it was asked."""

    def __init__(self, answers: dict[str, dict[str, Any] | Exception]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109
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
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(self, op: str, timeout: float, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109
        """The answer to `op`; a process that takes longer than `timeout` seconds is killed."""
        async with self._turn:
            try:
                async with asyncio.timeout(timeout):
                    if self._process is None or self._process.returncode is not None:
                        await self._start()
                    return await self._exchange({"op": op, **arguments})
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
            self._setup = setup
            if self._process is not None and self._process.returncode is None:
                await self._exchange(setup)

    async def close(self) -> None:
        await self._kill()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", self._module, stdin=-1, stdout=-1, env={"TZ": "UTC"}, cwd="/", start_new_session=True
        )
        if self._setup:
            await self._exchange(self._setup)

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(wire.pack(request))
        await process.stdin.drain()
        (length,) = wire.HEADER.unpack(await process.stdout.readexactly(wire.HEADER.size))
        if length > wire.MAX_FRAME:
            await self._kill()
            raise errors.QueryOutOfMemory("The answer is larger than 256 MB. Ask for fewer rows or columns.")
        answer = json.loads(await process.stdout.readexactly(length))
        if "error" in answer:
            raise restored(**answer["error"])
        return answer["value"]

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def restored(code: str, message: str, details: dict[str, Any]) -> errors.CfoError:
    """The error that a worker raised, as itself again."""
    kind = errors.BY_CODE.get(code, errors.QueryFailed)
    error = kind.__new__(kind)
    errors.CfoError.__init__(error, message, **details)
    return error
