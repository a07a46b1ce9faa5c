"""A model whose answer depends only on the request, so that a run that repeats a request after a crash gets the same
answer.

It records every request with its message and step, and the tool results in it.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tests.models.scripted_server import (
    Answer,
    CutStream,
    ScriptedServer,
    ToolCall,
    _error,
    _events,  # pyright: ignore[reportPrivateUsage]
)
from tests.replies import TOTALS, sheet

ROWS = 6
"""Rows of the table that is written into the sheets, which is the whole ledger."""
DIRECT_QUERY = "SQL: SELECT * FROM ledger ORDER BY ALL"
_MARKED = re.compile(r"(\w+) \[(\w+)\]")
_PROGRAM = "import time\nprint(time.time_ns())\nresult_df = ledger.head(2)"


@dataclass(frozen=True)
class ModelRequest:
    """A request: its message's marker, the number of earlier answers in the turn, and its position in all requests."""

    marker: str
    step: int
    order: int


def final_message(marker: str) -> str:
    """The text that ends a message's run. It is long enough for a kill to cut it off."""
    return f"This answers {marker}: Finance spent 4,400.55 and Sales 2,300.30, in January and February 2012 together."


def purpose(marker: str) -> str:
    return f"Totals by department for {marker}, as the board wants them each month."


def answer(kind: str, marker: str, step: int) -> Answer:
    """The answer of the model at this step of a turn, by the kind of its message."""
    end = ToolCall("task_result", {"message": final_message(marker)})
    table = ToolCall("run_sql", {"sql": TOTALS, "purpose": purpose(marker)})
    count = ToolCall("execute_sql", {"sql": "SELECT count(*) AS n FROM ledger"})
    match kind, step:
        case "look", 0:
            return [ToolCall("execute_sql", {"sql": TOTALS}), count, ToolCall("list_datasets")]
        case "look", 1:
            return count
        case "program", 0:
            return [ToolCall("execute_python", {"code": _PROGRAM}), count]
        case "repair", 0:
            return ToolCall("run_sql", {"sql": "SELECT * FROM nowhere", "purpose": f"A wrong way for {marker} to go."})
        case ("table", 0) | ("repair", 1):
            return table
        case (("create" | "append"), 0):
            return sheet("results/result_001.parquet", mode=kind, purpose=purpose(marker))
        case _:
            return end


class Model(ScriptedServer):
    """The scripted server. `received` has all requests, `tool_results` the different texts sent for each call id."""

    def __init__(self, chunk_delay: float = 0.005) -> None:
        super().__init__((), chunk_delay=chunk_delay)
        self.received: list[ModelRequest] = []
        self.tool_results: defaultdict[str, set[str]] = defaultdict(set)
        self.released = threading.Event()
        """Requests for messages of the kind `hold` wait until this is set."""
        self._cut: set[str] = set()

    async def _chat(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        found = None
        step = 0
        for message in body["messages"]:
            match message:
                case {"role": "user", "content": str(text)} if marked := _MARKED.search(text):
                    found, step = marked, 0
                case {"role": "assistant"}:
                    step += 1
                case {"role": "tool", "tool_call_id": call, "content": str(text)}:
                    self.tool_results[call].add(text)
                case _:
                    pass
        if found is None:
            return _error(400, f"no message with a marker: {json.dumps(body['messages'])[-500:]}")
        kind, marker = found.groups()
        number = len(self.received)
        self.received.append(ModelRequest(marker, step, number))
        reply = answer(kind, marker, step)
        cut = None
        if kind == "cut" and marker not in self._cut:
            self._cut.add(marker)
            cut = CutStream(8, reply)
        parts = [reply] if isinstance(reply, ToolCall) else list(reply)  # pyright: ignore[reportArgumentType]
        pieces = _events(body, parts, number, None)
        return StreamingResponse(self._slowly(pieces, cut, held=kind == "hold"), media_type="text/event-stream")

    async def _slowly(self, pieces: list[str], cut: CutStream | None, *, held: bool) -> AsyncIterator[str]:
        await anyio.sleep(4 * self._delay)
        while held and not self.released.is_set():  # noqa: ASYNC110 - another thread sets it
            await anyio.sleep(0.01)
        async for piece in self._send(pieces, cut):
            yield piece
