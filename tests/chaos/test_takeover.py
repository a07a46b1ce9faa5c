"""Checks which process continues a run whose process dies, only seems dead, or dies repeatedly.

The rules themselves are tested in `tests/runs/test_queue.py`, `test_queues.py` and `test_runs.py`.
"""

import asyncio
import os
import random
import signal

import pytest

from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.runs.queue import MAX_CRASHES
from tests.chaos.chaos import TIMEOUTS, until
from tests.chaos.conftest import Servers
from tests.chaos.invariants import check
from tests.chaos.processes import free_port
from tests.chaos.users import Sent, Users

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_run_that_kills_its_process_is_given_up_and_no_other_run_with_it(servers: Servers, port: int) -> None:
    server = servers.server(port)
    chaos = servers.chaos(server, port)
    await server.start("during_the_turn", CHAOS_ONLY="poison")
    await server.ready()
    async with RemoteWorkbench(chaos.url, timeouts=TIMEOUTS) as remote:
        crowd = Users(await remote.workspace("tiny"), random.Random(0))

        async def beside() -> None:
            """A second thread. Its run is accepted after the deadly one, and still open when that one is abandoned."""
            await until("a message is accepted", lambda: bool(crowd.sent))
            await crowd.start_thread(("hold",))

        threads = [crowd.start_thread(("poison", "look")), asyncio.create_task(beside())]
        for death in range(MAX_CRASHES):
            await server.ended()
            is_last = death + 1 == MAX_CRASHES
            await server.start(None if is_last else "during_the_turn", CHAOS_ONLY="poison")
        servers.model.released.set()
        await asyncio.gather(*threads)
        outcomes = {sent.kind: await sent.run.finished() for sent in crowd.sent}
        assert outcomes["poison"].error
        assert outcomes["poison"].error.code == "run_interrupted"
        assert {kind: outcome.status for kind, outcome in outcomes.items()} == {
            "hold": "succeeded", "poison": "failed", "look": "succeeded"
        }  # fmt: skip


async def test_another_process_takes_over_a_run_whose_process_died(servers: Servers, port: int) -> None:
    first, second = servers.server(port), servers.server(other := free_port())
    chaos = servers.chaos(second, other)
    await first.start()
    await second.start()
    await asyncio.gather(first.ready(), second.ready())
    async with (
        RemoteWorkbench(f"http://127.0.0.1:{port}") as at_first,
        RemoteWorkbench(chaos.url) as at_second,
    ):
        crowd = Users(await at_first.workspace("tiny"), random.Random(0))
        thread = await crowd.workspace.thread(key="one")
        waiting = [await crowd.send(thread, kind) for kind in ("hold", "look")]
        await until("the model gets a request", lambda: bool(servers.model.received))
        for task in waiting:
            task.cancel()
        await first.kill()
        await until("the model gets the request again", lambda: len(servers.model.received) >= 2)
        servers.model.released.set()
        for sent in crowd.sent:
            await _follow_from(at_second, sent)
    assert [attempt for _, _, attempt, *_ in chaos.stores.runs()] == [2, 2]
    await check(chaos, crowd)


async def test_a_stopped_process_keeps_its_run_and_continues_it(servers: Servers, port: int) -> None:
    """A process holds its lock as long as it lives, so the other process takes over other runs but not this one."""
    other, last = free_port(), free_port()
    first, second, third = (servers.server(at) for at in (port, other, last))
    chaos = servers.chaos(first, port)
    for process in (first, second, third):
        await process.start()
    await asyncio.gather(first.ready(), second.ready(), third.ready())
    async with (
        RemoteWorkbench(chaos.url, timeouts=TIMEOUTS) as at_first,
        RemoteWorkbench(f"http://127.0.0.1:{other}") as at_second,
        RemoteWorkbench(f"http://127.0.0.1:{last}") as at_third,
    ):
        crowd = Users(await at_first.workspace("tiny"), random.Random(0))
        following = await crowd.send(await crowd.workspace.thread(key="one"), "hold")
        await until("the model gets a request", lambda: bool(servers.model.received))
        os.kill(first.pid, signal.SIGSTOP)
        # The second process takes over the run of the third. So it has looked for runs without a living owner since
        # the first was stopped.
        orphans = Users(await at_third.workspace("tiny"), random.Random(0), first=100)
        (await orphans.send(await orphans.workspace.thread(key="two"), "hold")).cancel()
        await until("the model gets a second request", lambda: len(servers.model.received) >= 2)
        await third.kill()
        await until("the model gets the second request again", lambda: len(servers.model.received) >= 3)
        stopped, orphan = crowd.sent[0].run.id, orphans.sent[0].run.id
        assert {run: attempt for run, _, attempt, *_ in chaos.stores.runs()} == {stopped: 1, orphan: 2}
        servers.model.released.set()
        os.kill(first.pid, signal.SIGCONT)
        await following
        await _follow_from(at_second, orphans.sent[0])
        crowd.sent += orphans.sent
    assert {run: attempt for run, _, attempt, *_ in chaos.stores.runs()} == {stopped: 1, orphan: 2}
    assert len([r for r in servers.model.received if r.marker == "m0001"]) == 1
    await check(chaos, crowd)


async def _follow_from(remote: RemoteWorkbench, sent: Sent) -> None:
    """Reads the events of a run from the beginning, from a different server than the one it was sent to."""
    sent.run, sent.events = await remote.run(sent.run.id), []
    await sent.follow()
