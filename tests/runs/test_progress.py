"""A run reports the progress of a long query, and of the files that it waits for."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import Workbench
from cfo_kernel.data.file_reader import FileReader
from cfo_kernel.events import Progress
from cfo_kernel.run_progress import RunProgress
from tests.models.scripted_server import ToolCall
from tests.replies import ANSWER, Serve, wait_for_event

SLOW = ToolCall("run_sql", {"sql": "SELECT max(hash(x)) FROM range(20000000000) t(x)", "purpose": "The largest."})


async def test_a_long_action_reports_progress_and_stops_with_the_run(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    thread = await (await make_workbench(serve(SLOW)).workspace("tiny")).thread()
    run = await thread.send("The largest, please")
    await wait_for_event(run, "progress")
    await run.cancel()
    async with asyncio.timeout(20):  # the query itself would take minutes
        events = [numbered.event async for numbered in run.events()]
    assert await run.status() == "cancelled"
    progress = [event for event in events if isinstance(event, Progress)]
    assert {(event.total, event.label) for event in progress} == {(100, "The largest.")}
    types = [event.type for event in events]
    assert types.index("action_started") < types.index("progress") < types.index("done")


async def test_a_run_that_waits_for_files_says_which_one_is_read(
    serve: Serve, make_workbench: Callable[..., Workbench], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files were put into `data/` directly. Control characters in their names reach no terminal."""
    data = root / "tiny" / "data"
    for name in ("late\x1b.csv", "later.csv"):
        (data / name).write_text("region,amount\nNorth,1\n")
    may_read = {"late\x1b.csv": asyncio.Event(), "later.csv": asyncio.Event()}
    ask = FileReader.ask

    async def ask_slowly(self: FileReader, op: str, name: str, *more: Any, **arguments: Any) -> Any:
        if name in may_read:
            await may_read[name].wait()
        return await ask(self, op, name, *more, **arguments)

    monkeypatch.setattr(FileReader, "ask", ask_slowly)
    thread = await (await make_workbench(serve(ANSWER)).workspace("tiny")).thread()
    run = await thread.send("Totals")
    seen: list[Progress] = []
    shown = RunProgress()
    activities: list[str] = []
    async with asyncio.timeout(60):
        async for numbered in run.events():
            shown = shown.after(numbered)
            activities.append(shown.activity)
            if isinstance(numbered.event, Progress):
                seen.append(numbered.event)
                for name, may in may_read.items():
                    if name.replace("\x1b", "\ufffd") in numbered.event.label:
                        may.set()
    labels = list(dict.fromkeys(event.label.partition(" (")[0] for event in seen))  # without the stages
    assert labels == ["Reading late\ufffd.csv", "Reading later.csv", "The files are read"]
    assert list(dict.fromkeys((event.done, event.total) for event in seen)) == [(1, 3), (2, 3), (3, 3)]
    assert list(dict.fromkeys(re.sub(r" \(.*\)", "", activity) for activity in activities)) == [
        "Thinking …", "Reading late\ufffd.csv …", "Reading later.csv …",
    ]  # fmt: skip
    assert activities[-1] == "Thinking …"


async def test_a_run_whose_files_are_read_already_reports_none(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    company = await make_workbench(serve(ANSWER)).workspace("tiny")
    await company.datasets()
    run = await (await company.thread()).send("Totals")
    assert not [n for n in [n async for n in run.events()] if isinstance(n.event, Progress)]
