"""Compares the wire format of events and of a finished run with golden files.

A difference is a change in what front ends, HTTP clients and stored histories read. If it is intended, rewrite the
files, and read the difference before you commit it:

    CFO_GOLDEN=write python -m pytest tests/runs/test_wire_format.py
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from cfo_kernel import FinishedRun, Workbench
from cfo_kernel.events import Event, Numbered, Progress, Token, event_adapter
from cfo_kernel.replies import KINDS
from tests.models.scripted_server import MalformedArguments, Status, ToolCall
from tests.replies import ANSWER, QUERY, TABLE, Serve, events_of, sheet

GOLDEN = Path(__file__).parents[1] / "golden"
WRITE = os.environ.get("CFO_GOLDEN") == "write"  # read here: the tests themselves see no CFO_ variable
BAD_TABLE = MalformedArguments("run_sql", '{"purpose": "This one cannot run.", "sql": 1}')
ASK = ToolCall("user_interaction", {"message": "Which year?", "choices": ["In 2012", "In 2013"]})


def steady(text: str) -> str:
    """The JSON without ids and times, which differ from run to run."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{12}", "ID", text)
    return re.sub(r'("elapsed_ms": ?)[0-9.]+', r"\g<1>1.5", text)


def compare(name: str, value: Any) -> None:
    made = steady(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"
    file = GOLDEN / f"{name}.json"
    if WRITE:
        file.write_text(made)
    assert made == file.read_text()


async def test_every_type_of_event(serve: Serve, make_workbench: Callable[..., Workbench]) -> None:
    server = serve(QUERY, BAD_TABLE, TABLE, Status(400))
    thread = await (await make_workbench(server).workspace("tiny")).thread()
    events: list[Numbered] = []
    for message in ("Totals", "And then it fails"):
        events += await events_of(await thread.send(message))
    first = {n.event.type: n for n in reversed(events)}
    kinds = [kind.model_fields["type"].default for kind in get_args(get_args(Event)[0])]
    # The number of token events, and so the numbers after them, differ from run to run.
    first["token"] = first["token"].model_copy(update={"event": Token(text="Totals")})
    # Progress starts after half a second; `test_progress` has a query that takes as long.
    first["progress"] = Numbered(number=0, event=Progress(done=62.5, total=100, label="Totals by department."))
    every = [first[kind].model_copy(update={"number": number}) for number, kind in enumerate(kinds)]
    compare("events", [json.loads(numbered.model_dump_json(by_alias=True)) for numbered in every])
    for numbered in events:
        as_json = event_adapter.dump_json(numbered.event, by_alias=True)
        assert event_adapter.validate_json(as_json) == numbered.event


FINISHED: dict[str, list[Any]] = {
    "run_sql": [TABLE],
    "task_result": [QUERY, ANSWER],
    "user_interaction": [ASK],
    "write_sheet_from_file": [QUERY, sheet("analysis/query_001.parquet")],
    "run_sql_error": [ToolCall("run_sql", {"sql": "SELECT error('x') FROM ledger", "purpose": "p"})],
    "failed": [Status(400)],
}


def test_every_kind_of_reply_has_a_golden_file() -> None:
    assert set(KINDS) <= FINISHED.keys()


@pytest.mark.parametrize("name", FINISHED)
async def test_a_finished_run(serve: Serve, make_workbench: Callable[..., Workbench], name: str) -> None:
    thread = await (await make_workbench(serve(*FINISHED[name])).workspace("tiny")).thread()
    finished = await (await thread.send("Totals")).finished()
    as_json = finished.model_dump_json(by_alias=True)
    compare(f"finished_{name}", json.loads(as_json))
    assert FinishedRun.model_validate_json(as_json).model_dump() == finished.model_dump()
