"""A server shares its root with a program that works on a run: it streams the run live, stops it, and outlives it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cfo_kernel import Run, connect
from cfo_kernel.remote import RemoteWorkbench
from tests.conftest import KEY, settings
from tests.models.scripted_server import Pause, ScriptedServer, Stall
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.remote.test_workbench import TIMEOUTS
from tests.replies import ANSWER, MESSAGE, QUERY, Serve, events_of, wait_for_event
from tests.scenarios.conftest import HTTP, POSTGRES
from tests.scenarios.test_stopping import HANG_GUARD

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.parametrize("way", [HTTP, pytest.param(POSTGRES, marks=pytest.mark.slow)], indirect=True)


@asynccontextmanager
async def working(
    root: Path, model: ScriptedServer, thread: str, options: dict[str, Any]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Starts a separate process that works on a run in the thread. Yields both once the model was called."""
    url = options.get("database_url")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "CFO_OPENAI_API_KEY": KEY}
    environment |= {"CFO_DATABASE_URL": url.get_secret_value()} if url else {}
    command = ["-m", "tests.runs.sender", str(root), model.base_url, thread, "Totals"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout
        run_id = (await process.stdout.readline()).decode().strip()
        assert run_id, "the program ended without sending; its last words are above"
        assert await asyncio.to_thread(model.asked.wait, 60)  # a failed program would never ask
        yield process, run_id
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def joined(
    root: Path, model: ScriptedServer, options: dict[str, Any]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Run]]:
    """A run that another program works on, seen by a client of a server that was started later."""
    chosen = settings(root, model, api_token=SecretStr(TOKEN), **options)
    async with connect(settings=chosen) as wb:  # creates the thread, and exits before the run is executed
        thread = await (await wb.workspace("tiny")).thread()
        await thread.ask("SQL: SELECT 1 AS n")
    async with AsyncExitStack() as stack:
        process, run_id = await stack.enter_async_context(working(root, model, thread.id, options))
        server = stack.enter_context(Served(chosen))
        far = await stack.enter_async_context(RemoteWorkbench(server.url, SecretStr(TOKEN), TIMEOUTS))
        yield process, await far.run(run_id)


async def test_a_run_of_another_program_is_streamed_live(root: Path, serve: Serve, options: dict[str, Any]) -> None:
    model = serve(QUERY, Pause(6, ANSWER))
    async with joined(root, model, options) as (process, run):
        seen: list[str] = []
        async for numbered in run.events():
            if numbered.event.type == "token" and "token" not in seen:
                assert await run.status() == "running"
                model.resumed.set()
            seen.append(numbered.event.type)
        assert seen[:3] == ["run_started", "tool_call", "tool_result"]
        assert seen.count("token") > 1
        every = await events_of(run)
        assert [n.number for n in every] == list(range(len(seen)))
        for number in range(-1, len(every)):
            assert [n async for n in run.events(number)] == every[number + 1 :]
        assert getattr(await run.reply(), "message", None) == MESSAGE
        assert await process.wait() == 0  # it was the other program that answered
        assert model.turns_taken == 2


async def test_a_run_of_another_program_is_stopped(root: Path, serve: Serve, options: dict[str, Any]) -> None:
    async with joined(root, serve(Stall(6, ANSWER)), options) as (process, run):
        await wait_for_event(run, "token")
        following = asyncio.create_task(events_of(run))
        async with asyncio.timeout(HANG_GUARD):
            await run.cancel()
            await following
        assert (await run.finished()).status == "cancelled"
        assert process.stdout
        assert await process.stdout.readline() == b"cancelled\n"


async def test_a_server_continues_a_run_whose_program_died(root: Path, serve: Serve, options: dict[str, Any]) -> None:
    model = serve(QUERY, Stall(6, ANSWER), ANSWER)
    async with joined(root, model, options) as (process, run):
        await wait_for_event(run, "token")
        following = asyncio.create_task(events_of(run))
        process.kill()
        events = await following
        assert [n.number for n in events] == list(range(len(events)))
        kinds = [n.event.type for n in events]
        assert (kinds.count("tool_result"), kinds.count("restarted"), kinds[-1]) == (1, 1, "done")
        assert (await run.finished()).status == "succeeded"
        assert model.turns_taken == 3  # the query's result was not requested again
