"""LangChain in a virtual environment of its own, which lasts as long as the measurement: no dependency of ours."""

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
    """Answers questions in its process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def seconds(self, at_once: int = 1) -> float:
        """How long it takes to answer so many."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{at_once}\n".encode())
        return float(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def langchain(base_url: str, parquet: Path) -> AsyncGenerator[Peer | None]:
    """The peer; None where it cannot be installed, or does not answer."""
    with tempfile.TemporaryDirectory(prefix="cfo-bench-langchain-") as name:
        python = await asyncio.to_thread(_installed, Path(name))
        if python is None:
            yield None
            return
        command = [python, str(_HERE / "langchain_agent.py"), base_url, str(parquet), f"{name}/checkpoints.db"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        # Without a key it would tell LangSmith nothing anyway; this keeps it from trying.
        quiet = {**os.environ, "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
        process = await asyncio.create_subprocess_exec(*command, **pipes, env=quiet)
        try:
            peer = Peer(process)
            try:
                await peer.seconds()
            except ValueError:  # it ended, and said nothing
                peer = None
            yield peer
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _installed(folder: Path) -> str | None:
    """Its interpreter; None where the packages cannot be had."""
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
