"""Several workbenches on one root in one loop share an engine, which closes with the last of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from cfo_kernel import Workbench, connect
from tests.conftest import settings
from tests.models.scripted_server import Stall
from tests.replies import ANSWER, Serve, wait_for_event

NOWHERE = "http://127.0.0.1:9/v1"


async def test_workbenches_that_come_and_go_do_not_break_each_other(root: Path) -> None:
    async def look() -> list[str]:
        async with connect(settings=settings(root, NOWHERE)) as wb:
            return [w.id for w in await wb.workspaces()]

    assert await asyncio.gather(look(), look(), look()) == [["tiny"]] * 3


async def test_a_workspace_keeps_the_workbench_that_gave_it(root: Path) -> None:
    workspace = await connect(settings=settings(root, NOWHERE)).workspace("tiny")
    async with connect(settings=settings(root, NOWHERE)) as wb:
        await wb.workspaces()
    assert (await workspace.sql("SELECT 1 AS one")).row_count == 1


async def test_deleting_a_workspace_stops_the_runs_of_no_other(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    wb = make_workbench(serve(Stall(6, ANSWER)))
    run = await (await (await wb.workspace("tiny")).thread()).send("Totals")
    await wait_for_event(run, "token")
    await (await wb.create_workspace("Other")).delete()
    assert await run.status() == "running"
    await run.cancel()
