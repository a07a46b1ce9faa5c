"""Runs the HTTP API in a separate process, and reads its memory and processor time from the system."""

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import httpx

from tests.bench.company import environment, ingest, new_root
from tests.bench.model_server import served
from tests.processes import seconds_used


class Server:
    """A server with the tiny company, and a client for it."""

    def __init__(self, url: str, client: httpx.AsyncClient, pid: int, model_url: str) -> None:
        self.url, self.client, self.model_url = url, client, model_url
        self._pid = pid

    def resident(self) -> float:
        """The resident memory of the server in MB."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / (1 << 20)

    def cpu_seconds(self) -> float:
        """The processor time that the server has used so far."""
        return seconds_used(self._pid)

    async def status_of(self, run_id: str) -> str:
        """Waits until a run has ended, and returns its status."""
        async with self.client.stream("GET", f"/runs/{run_id}/events") as stream:
            async for _ in stream.aiter_lines():
                pass
        return (await self.client.get(f"/runs/{run_id}/status")).json()["status"]


@contextlib.asynccontextmanager
async def serving(
    variables: Mapping[str, str] | None = None, command: Sequence[str] = ("-m", "cfo_api")
) -> AsyncGenerator[Server]:
    """Runs a server during the block, with additional environment variables. `command` is what Python runs."""
    with new_root() as root, served() as model_url:
        await ingest(root, model_url)
        env = {**os.environ, **environment(root, model_url), **(variables or {})}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--port", "0", stdout=subprocess.PIPE, env=env
        )
        try:
            assert process.stdout
            url = (await process.stdout.readline()).decode().split()[-1]
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:
                yield Server(url, client, process.pid, model_url)
        finally:
            process.terminate()
            await process.wait()
