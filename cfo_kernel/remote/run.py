"""A run at a server, as its sender holds it."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from cfo_kernel import not_found
from cfo_kernel.dataframes import read_frame
from cfo_kernel.errors import EventsPruned
from cfo_kernel.events import FinishedRun, Numbered, Status
from cfo_kernel.interface import Download, DownloadFormat
from cfo_kernel.outcome import gathered, reply_of
from cfo_kernel.remote.address import file_path, segment
from cfo_kernel.remote.http import Server
from cfo_kernel.remote.stream import events, run_status
from cfo_kernel.replies import Loader, Reply

if TYPE_CHECKING:
    import pandas as pd

_finished: TypeAdapter[FinishedRun] = TypeAdapter(FinishedRun)


class RemoteRun:
    """One pass of the agent over a thread. Its reply is read back from its events.

    Its methods raise a `ServerError` where the server cannot be used; the events outlast a restart of it.
    """

    def __init__(self, server: Server, run_id: str, thread_id: str, load: Loader) -> None:
        self._server = server
        self._load = load
        self._path = f"/runs/{segment(run_id, not_found.run(run_id))}"
        self.id = run_id
        self.thread_id = thread_id

    async def status(self) -> Status:
        """`queued`, `running`, or the outcome."""
        return (await self._server.value(run_status, "GET", f"{self._path}/status")).status

    async def events(self, after: int | None = None) -> AsyncGenerator[Numbered]:
        """All events after the number `after` (from the first, if None), live until the run ends.

        Raises `EventsPruned` for a run that ended longer ago than the server keeps.
        """
        async with aclosing(events(self._server, self._path, after)) as stream:
            async for numbered in stream:
                yield numbered

    async def finished(self) -> FinishedRun:
        """Waits for the end: the outcome with its reply or its error."""
        try:
            return await gathered(self.thread_id, self.id, self.events(), self._load)
        except EventsPruned:
            finished = await self._server.value(_finished, "GET", self._path)
        if finished.reply is not None:
            finished.reply.bind(self._load)
        return finished

    async def reply(self) -> Reply:
        """Waits for the reply. A run without one raises its error (`RunError` and others, by their code)."""
        return reply_of(await self.finished())

    async def cancel(self) -> None:
        """Stops the run; it ends as cancelled. A run that has ended stays as it is."""
        await self._server.send("POST", f"{self._path}/cancel", repeat=True)


async def result_file(
    server: Server, thread_id: str, workspace_id: str | None, file: str, format: DownloadFormat | None = None
) -> Download:
    """A file of a thread, or what its rows were made into. Raises `ResultNotFound`."""
    path = f"/threads/{segment(thread_id, not_found.thread(thread_id))}/results/{file_path(file)}"
    name = file.rpartition("/")[2]
    shown = f"{name.rpartition('.')[0]}.{format}" if format else name
    return await server.download(path, shown, workspace_id=workspace_id, format=format)


def loader(server: Server, thread_id: str, workspace_id: str | None) -> Loader:
    """What gives a reply of the thread its whole table."""

    async def load(file: str) -> "pd.DataFrame":
        return await frame(await result_file(server, thread_id, workspace_id, file))

    return load


async def frame(download: Download) -> "pd.DataFrame":
    """A Parquet file as a DataFrame; it goes through a file, so that it is in memory once."""
    with tempfile.TemporaryDirectory(prefix="cfo-") as folder:
        path = Path(folder) / "table.parquet"
        with path.open("wb") as out:
            async for chunk in download.chunks:
                out.write(chunk)
        return await read_frame(path)
