"""LangChain in a temporary virtual environment, so that it is not a dependency of this project."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

_HERE = Path(__file__).parent


class Peer:
    """A process that runs LangChain's agent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def seconds(self, at_once: int = 1) -> float:
        """Has the agent answer this many questions at once, and returns the duration in seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{at_once}\n".encode())
        return float(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def langchain(base_url: str, parquet: Path) -> AsyncGenerator[Peer | None]:
    """Starts the peer. Yields None if it cannot be installed or does not answer."""
    with tempfile.TemporaryDirectory(prefix="cfo-bench-langchain-") as name:
        python = await asyncio.to_thread(_install, Path(name))
        if python is None:
            yield None
            return
        command = [python, str(_HERE / "langchain_agent.py"), base_url, str(parquet), f"{name}/checkpoints.db"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        # Without a key LangSmith would receive nothing anyway. This keeps LangChain from trying.
        quiet = {**os.environ, "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
        process = await asyncio.create_subprocess_exec(*command, **pipes, env=quiet)
        try:
            peer = Peer(process)
            try:
                await peer.seconds()
            except ValueError:  # the process ended without printing a number
                peer = None
            yield peer
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _install(folder: Path) -> str | None:
    """Installs the packages in a new environment, and returns its interpreter, or None if that fails."""
    python = folder / "bin" / "python"
    requirements = str(_HERE / "requirements.txt")
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", requirements],
    ]
    for step in steps:
        if subprocess.run(step, capture_output=True, check=False).returncode:
            return None
    return str(python)
