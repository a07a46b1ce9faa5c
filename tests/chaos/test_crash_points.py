"""The server crashes at a chosen point, the next one takes over and crashes at another, and the invariants hold."""

import random

import pytest

from cfo_kernel.remote import RemoteWorkbench
from tests.chaos.chaos import TIMEOUTS
from tests.chaos.conftest import Servers
from tests.chaos.crash_points import POINTS
from tests.chaos.invariants import check
from tests.chaos.users import Users

_KINDS = ("direct", "create", "look", "append", "repair")
_PER_TEST = 4
_NAMES = list(POINTS)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("points", [_NAMES[n : n + _PER_TEST] for n in range(0, len(_NAMES), _PER_TEST)])
async def test_a_server_that_crashes_at_chosen_points(servers: Servers, port: int, points: list[str]) -> None:
    server = servers.server(port)
    chaos = servers.chaos(server, port)
    await server.start(points[0])
    await server.ready()
    async with RemoteWorkbench(chaos.url, timeouts=TIMEOUTS) as remote:
        crowd = Users(await remote.workspace("tiny"), random.Random(0))
        threads = [crowd.start_thread(_KINDS)]
        for following in [*points[1:], None]:
            await server.ended()
            chaos.take_snapshot()
            await server.start(following)
            if following:
                threads.append(crowd.start_thread(_KINDS))
        for thread in threads:
            await thread
    assert not server.point
    await check(chaos, crowd)
