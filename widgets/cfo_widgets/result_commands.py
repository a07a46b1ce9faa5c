"""The commands for results on a page: load rows, download files, and load the library that draws charts.

A component that shows results includes `ResultCommand` in its commands and passes them to `perform_result`.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from cfo_kernel import PageRequest, Reply, ResultTable, Thread, vega_lite
from cfo_kernel.interface import DownloadFormat, RowSelection
from cfo_widgets.downloads import DownloadCommand, Downloads
from cfo_widgets.wire import Command, CommandResult

_CHART_LIBRARY = Path(__file__).parent / "static" / "vega.js"


class ResultFileCommand(Command):
    """A command for a file in a thread.

    If the result is part of a conversation, `opened` is the opening shown there. It is needed because different threads
    have files with the same names.
    """

    opened: str = ""


class GetResultRows(PageRequest, ResultFileCommand):
    """Requests rows of a result file."""

    type: Literal["page"]
    file: str


class DownloadResult(DownloadCommand, RowSelection, ResultFileCommand):
    """Downloads a file in the thread, either unchanged or its selected rows converted to `format`."""

    type: Literal["download"]
    file: str
    format: DownloadFormat | None = None


class LoadChartLibrary(Command):
    """Requests the bundle that draws charts, which a page loads when it shows its first chart."""

    type: Literal["library"]


ResultCommand = Annotated[GetResultRows | DownloadResult | LoadChartLibrary, Field(discriminator="type")]


def chart_of(reply: Reply) -> dict[str, Any] | None:
    """Returns the Vega-Lite specification of a chart for the reply's table, or None if no chart is suitable."""
    table: ResultTable | None = getattr(reply, "result", None)
    return vega_lite(table, getattr(reply, "chart", None)) if table else None


async def perform_result(
    thread: Thread, downloads: Downloads, command: GetResultRows | DownloadResult | LoadChartLibrary
) -> CommandResult:
    """Performs a command. Raises the errors of `Thread.page` and `Thread.download`."""
    match command:
        case GetResultRows():
            request = PageRequest(
                offset=command.offset, limit=command.limit, sort=command.sort, filters=command.filters
            )
            return CommandResult((await thread.page(command.file, request)).model_dump(mode="json"))
        case DownloadResult():
            selection = RowSelection(sort=command.sort, filters=command.filters)
            return await downloads.next_chunk(command, lambda: thread.download(command.file, command.format, selection))
        case LoadChartLibrary():
            return await chart_library()


async def chart_library() -> CommandResult:
    """Returns the bundle that draws charts, as a buffer."""
    return CommandResult(buffers=[await asyncio.to_thread(_CHART_LIBRARY.read_bytes)])
