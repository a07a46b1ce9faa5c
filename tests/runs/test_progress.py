"""What a run tells while the engine's query takes its time, and what becomes of the query when the run is cancelled."""

import time
from collections.abc import Callable

from cfo_kernel import Workbench
from cfo_kernel.events import Progress
from tests.models.scripted_server import ToolCall
from tests.replies import Serve, wait_for_event

SLOW = ToolCall("run_sql", {"sql": "SELECT max(hash(x)) FROM range(20000000000) t(x)", "purpose": "The largest."})


async def test_a_long_action_tells_its_progress_and_stops_with_the_run(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    thread = await (await make_workbench(serve(SLOW)).workspace("tiny")).thread()
    run = await thread.send("The largest, please")
    await wait_for_event(run, "progress")
    begun = time.monotonic()
    await run.cancel()
    events = [numbered.event async for numbered in run.events()]
    assert time.monotonic() - begun < 2
    assert await run.status() == "cancelled"
    told = [event for event in events if isinstance(event, Progress)]
    assert {(event.total, event.label) for event in told} == {(100, "The largest.")}
    types = [event.type for event in events]
    assert types.index("action_started") < types.index("progress") < types.index("done")
