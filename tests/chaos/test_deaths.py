"""Who goes on with a run when its process dies, or only seems to, or dies over it again and again."""

import asyncio
import os
import random
import signal

import pytest

from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.runs.queue import MAX_CRASHES
from tests.chaos.body import RETRY_FOR, People, until
from tests.chaos.conftest import ThreadContext
from tests.chaos.invariants import check
from tests.chaos.processes import free_port

_SOON = 30.0  # seconds on a machine that does much else; a second or two on one that does not


@pytest.mark.timeout(300)
async def test_a_run_that_kills_its_process_is_given_up_and_takes_no_other_with_it(
    place: ThreadContext, port: int
) -> None:
    server = place.server(port)
    chaos = place.chaos(server, port)
    await server.start("at_work", CHAOS_ONLY="poison")
    await server.ready()
    async with RemoteWorkbench(chaos.url, timeouts=RETRY_FOR) as far:
        crowd = People(await far.workspace("tiny"), random.Random(0))

        async def beside() -> None:
            """Another thread, whose run is accepted after the one at fault and has not ended when that is given up."""
            await until("a message is accepted", lambda: bool(crowd.sent))
            await crowd.talk(("hold",))

        talking = [crowd.talk(("poison", "look")), asyncio.create_task(beside())]
        for death in range(MAX_CRASHES):
            await server.ended()
            is_last = death + 1 == MAX_CRASHES
            await server.start(None if is_last else "at_work", CHAOS_ONLY="poison")
        place.model.released.set()
        await asyncio.gather(*talking)
        ends = {sent.kind: await sent.run.finished() for sent in crowd.sent}
        assert ends["poison"].error
        assert ends["poison"].error.code == "run_interrupted"
        assert {kind: end.status for kind, end in ends.items()} == {
            "hold": "succeeded", "poison": "failed", "look": "succeeded"
        }  # fmt: skip


@pytest.mark.timeout(300)
async def test_another_process_takes_over_at_once(place: ThreadContext, port: int) -> None:
    first, second = place.server(port), place.server(other := free_port())
    chaos = place.chaos(second, other)
    await first.start()
    await second.start()
    await asyncio.gather(first.ready(), second.ready())
    async with RemoteWorkbench(f"http://127.0.0.1:{port}") as far, RemoteWorkbench(chaos.url) as near:
        crowd = People(await far.workspace("tiny"), random.Random(0))
        thread = await crowd.workspace.thread(key="one")
        waiting = [await crowd.send(thread, kind) for kind in ("hold", "look")]
        await until("the model is asked", lambda: len(place.model.asked) == 1)
        for task in waiting:
            task.cancel()
        await first.kill()
        await until("the model is asked again", lambda: len(place.model.asked) == 2, within=_SOON)
        place.model.released.set()
        for sent in crowd.sent:
            sent.run, sent.events = await near.run(sent.run.id), []
            await sent.follow()
    assert [attempt for _, _, attempt, *_ in chaos.look.runs()] == [2, 2]
    await check(chaos, crowd)


@pytest.mark.timeout(300)
async def test_a_process_that_stands_still_keeps_its_run_and_goes_on(place: ThreadContext, port: int) -> None:
    """It holds its lock while it lives: the other process, which works on what it accepts, leaves the run to it."""
    first, second = place.server(port), place.server(other := free_port())
    chaos = place.chaos(first, port)
    await first.start()
    await second.start()
    await asyncio.gather(first.ready(), second.ready())
    async with (
        RemoteWorkbench(chaos.url, timeouts=RETRY_FOR) as far,
        RemoteWorkbench(f"http://127.0.0.1:{other}") as near,
    ):
        crowd = People(await far.workspace("tiny"), random.Random(0))
        following = await crowd.send(await crowd.workspace.thread(key="one"), "hold")
        await until("the model is asked", lambda: len(place.model.asked) == 1)
        os.kill(first.pid, signal.SIGSTOP)
        elsewhere = People(await near.workspace("tiny"), random.Random(0), first=100)
        await (await elsewhere.send(await elsewhere.workspace.thread(key="two"), "look"))
        await asyncio.sleep(2.5)  # in which it looks twice for the runs of the dead
        assert {attempt for _, _, attempt, *_ in chaos.look.runs()} == {1}
        place.model.released.set()
        os.kill(first.pid, signal.SIGCONT)
        await following
        crowd.sent += elsewhere.sent
    assert [attempt for _, _, attempt, *_ in chaos.look.runs()] == [1, 1]
    assert len([a for a in place.model.asked if a.marker == "m0001"]) == 1
    await check(chaos, crowd)
