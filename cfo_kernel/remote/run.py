"""A run on a server."""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import TypeAdapter

from cfo_kernel import not_found
from cfo_kernel.dataframes import read_frame
from cfo_kernel.errors import EventsPruned, TooManyStreams
from cfo_kernel.events import FinishedRun, Numbered, Outcome, Status
from cfo_kernel.interface import ALL_ROWS, Download, DownloadFormat, RowSelection
from cfo_kernel.remote.address import file_path, segment
from cfo_kernel.remote.api_client import ApiClient
from cfo_kernel.remote.stream import events, run_info
from cfo_kernel.replies import Loader, Reply
from cfo_kernel.run_outcome import collect_outcome, reply_of

if TYPE_CHECKING:
    import pandas as pd

_POLL = 2.0
"""Seconds between status requests for a run whose events cannot be streamed."""
_finished: TypeAdapter[FinishedRun] = TypeAdapter(FinishedRun)


class RemoteRun:
    """One pass of the agent over a thread, started by one message.

    The methods raise a `ServerError` if the server cannot be used. The stream of events survives a server restart.
    """

    def __init__(self, client: ApiClient, run_id: str, thread_id: str, load: Loader) -> None:
        self._client = client
        self._load = load
        self._path = f"/runs/{segment(run_id, not_found.run(run_id))}"
        self.id = run_id
        self.thread_id = thread_id

    async def status(self) -> Status:
        """Returns the status: `queued`, `running`, or the outcome."""
        return (await self._client.fetch(run_info, "GET", f"{self._path}/status")).status

    async def events(self, after: int | None = None) -> AsyncGenerator[Numbered]:
        """Yields the run's events live until it ends: all of them, or those numbered above `after`.

        Raises `EventsPruned` if the run ended so long ago that the server no longer has its events, and
        `TooManyStreams` if the server has reached its limit on streams. The run continues, and `finished` waits for it
        without a stream.
        """
        async with aclosing(events(self._client, self._path, after)) as stream:
            async for numbered in stream:
                yield numbered

    async def finished(self) -> FinishedRun:
        """Waits for the run to end and returns the outcome with the reply or the error.

        If the server has reached its limit on streams, the run's status is polled instead.
        """
        try:
            return await collect_outcome(self.thread_id, self.id, self.events(), self._load)
        except TooManyStreams:
            while await self.status() not in get_args(Outcome):  # noqa: ASYNC110 - the server cannot say so
                await asyncio.sleep(_POLL)
            finished = await self._client.fetch(_finished, "GET", self._path)
        except EventsPruned:
            finished = await self._client.fetch(_finished, "GET", self._path)
        if finished.reply is not None:
            finished.reply.bind(self._load)
        return finished

    async def reply(self) -> Reply:
        """Waits for the reply and returns it. If the run ends without one, raises its error (`RunError` or another)."""
        return reply_of(await self.finished())

    async def cancel(self) -> None:
        """Stops the run, which ends as cancelled. A run that has already ended is not changed."""
        await self._client.request("POST", f"{self._path}/cancel", may_repeat=True)


async def result_file(
    client: ApiClient,
    thread_id: str,
    workspace_id: str | None,
    file: str,
    format: DownloadFormat | None = None,
    selection: RowSelection = ALL_ROWS,
) -> Download:
    """Returns a file in a thread, unchanged or as its selected rows in another format. Raises `ResultNotFound`."""
    path = f"/threads/{segment(thread_id, not_found.thread(thread_id))}/results/{file_path(file)}"
    name = file.rpartition("/")[2]
    shown_name = f"{name.rpartition('.')[0]}{selection.name_suffix}.{format}" if format else name
    params = selection_params(selection)
    return await client.download(path, shown_name, workspace_id=workspace_id, format=format, **params)


def selection_params(selection: RowSelection) -> dict[str, str]:
    """The parameters of a request for these rows."""
    params: dict[str, str] = {}
    if selection.sort:
        params["sort"] = json.dumps([sort.model_dump(mode="json") for sort in selection.sort])
    if selection.filters:
        filters = [f.model_dump(mode="json", by_alias=True, exclude_none=True) for f in selection.filters]
        params["filter"] = json.dumps(filters)
    return params


def loader(client: ApiClient, thread_id: str, workspace_id: str | None) -> Loader:
    """Returns the function that the thread's replies use to load their full tables."""

    async def load(file: str) -> "pd.DataFrame":
        return await frame(await result_file(client, thread_id, workspace_id, file))

    return load


async def frame(download: Download) -> "pd.DataFrame":
    """Returns a downloaded Parquet file as a DataFrame.

    The file is stored on disk first, so as not to be in memory twice.
    """
    with tempfile.TemporaryDirectory(prefix="cfo-") as folder:
        path = Path(folder) / "table.parquet"
        with path.open("wb") as out:
            async for chunk in download.chunks:
                out.write(chunk)
        return await read_frame(path)
