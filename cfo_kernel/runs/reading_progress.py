"""Reports which file is being read while a run waits for the files of its workspace."""

import asyncio
import contextlib
from collections.abc import Callable, Generator

from cfo_kernel.data.ingest_cache import FileBeingRead
from cfo_kernel.data.reading_stages import Stage
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.display import printable

_EVERY = 0.5  # seconds; a quick wait needs no report


@contextlib.contextmanager
def reading_reported(data: WorkspaceData, report: Callable[[float, float, str], None]) -> Generator[None]:
    """Reports the files read during the block: each file with its stages, and the end once all are read.

    The run also waits for, and reports, files that are read for another caller, such as the page's list of files.
    """
    loop = asyncio.get_running_loop()
    reported: FileBeingRead | None = None

    def look() -> None:
        nonlocal reported, timer
        file = data.file_being_read
        if file is not None and file != reported:
            reported = file
            stage = "" if file.reading.stage is Stage.CHECKING else f" ({file.reading.words})"
            report(file.done, file.total, f"Reading {printable(file.name)}{stage}")
        timer = loop.call_later(_EVERY, look)

    timer = loop.call_later(_EVERY, look)
    try:
        yield
    finally:
        timer.cancel()
        if reported is not None:
            report(reported.total, reported.total, "The files are read")
