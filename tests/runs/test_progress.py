"""A long query reports its progress, and stops when its run is cancelled."""

import asyncio
from collections.abc import Callable

from cfo_kernel import Workbench
from cfo_kernel.events import Progress
from tests.models.scripted_server import ToolCall
from tests.replies import Serve, wait_for_event

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
