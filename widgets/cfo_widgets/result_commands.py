"""What a result on a page asks of its thread: rows, downloads, and the library that draws charts.

A component that shows results takes `ResultCommand` among its commands, and gives them to `perform_result`.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cfo_kernel import PageRequest, Reply, RunSQL, TaskResult, Thread, vega_lite
from cfo_kernel.interface import DownloadFormat
from cfo_widgets.downloading import DownloadCommand, Downloads
from cfo_widgets.wire import Command, CommandResult

_LIBRARY = Path(__file__).parent / "static" / "vega.js"


class OfResult(Command):
    """`opened` is the opening that the conversation shows, if it is one: files of all threads have the same names."""

    opened: str = ""


class GetResultRows(PageRequest, OfResult):
    """Wants rows of a result file."""

    type: Literal["page"]
    file: str


class DownloadResult(DownloadCommand, OfResult):
    """Wants a file of the thread, as it is or as a spreadsheet takes it."""

    type: Literal["download"]
    file: str
    format: DownloadFormat | None = None


class LoadChartLibrary(Command):
    """Wants the bundle that draws charts, which a page loads with its first one."""

    type: Literal["library"]


ResultCommand = Annotated[GetResultRows | DownloadResult | LoadChartLibrary, Field(discriminator="type")]


def chart_of(reply: Reply) -> dict[str, Any] | None:
    """The specification of the chart that the reply's table suits, for the page; None where it has none."""
    if not isinstance(reply, RunSQL | TaskResult) or reply.result is None:
        return None
    return vega_lite(reply.result, reply.chart if isinstance(reply, RunSQL) else None)


async def perform_result(
    thread: Thread, downloads: Downloads, command: GetResultRows | DownloadResult | LoadChartLibrary
) -> CommandResult:
    """Does what the page asked for. Raises the errors of `Thread.page` and `Thread.download`."""
    match command:
        case GetResultRows():
            request = PageRequest(
                offset=command.offset, limit=command.limit, sort=command.sort, filters=command.filters
            )
            return CommandResult((await thread.page(command.file, request)).model_dump(mode="json"))
        case DownloadResult():
            return await downloads.next(command, lambda: thread.download(command.file, command.format))
        case LoadChartLibrary():
            return await chart_library()


async def chart_library() -> CommandResult:
    """The bundle that draws charts, of no thread."""
    return CommandResult(buffers=[await asyncio.to_thread(_LIBRARY.read_bytes)])
