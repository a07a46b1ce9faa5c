"""Shows the result of a reply in a notebook cell: its table, chart and query, and all rows."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import traitlets
from pydantic import Field, TypeAdapter
from typing_extensions import override

from cfo_kernel import Reply, Thread
from cfo_kernel.display import reply_html, reply_text
from cfo_widgets.component import Component
from cfo_widgets.downloads import Downloads
from cfo_widgets.notebook_output import NotebookOutput
from cfo_widgets.result_commands import ResultCommand, chart_of, perform_result
from cfo_widgets.wire import Command, CommandResult


class RerunQuery(Command):
    """Runs an edited query in the thread as a separate message."""

    type: Literal["rerun"]
    sql: str


class ResultView(Component, bundle="results"):
    """Shows the result of a reply. If the user edits and runs the query, shows the new result instead."""

    commands = TypeAdapter(Annotated[ResultCommand | RerunQuery, Field(discriminator="type")])

    reply = traitlets.Dict().tag(sync=True)
    chart = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, thread: Thread, reply: Reply, **traits: Any) -> None:
        super().__init__(**traits)
        self._thread = thread
        self._rerunning = asyncio.Lock()
        self._downloads = Downloads()
        self._show(reply)

    @override
    def notebook_output(self) -> NotebookOutput:
        return NotebookOutput(reply_text(self._reply), reply_html(self._reply))

    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:  # noqa: ARG002
        if not isinstance(command, RerunQuery):
            return await perform_result(self._thread, self._downloads, command)
        async with self._rerunning:
            self._show(await self._thread.ask(f"SQL: {command.sql}"))
        return CommandResult()

    def close(self) -> None:
        self._downloads.close()
        super().close()

    def _show(self, reply: Reply) -> None:
        self._reply = reply
        with self.hold_sync():
            self.reply = reply.model_dump(mode="json")
            self.chart = chart_of(reply)
        self.update_notebook_output()
