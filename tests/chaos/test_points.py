"""The server dies at a chosen point, the next one goes on, and dies at another: all must be true in the end."""

import random

import pytest

from cfo_kernel.remote import RemoteWorkbench
from tests.chaos.body import RETRY_FOR, People
from tests.chaos.child import POINTS
from tests.chaos.conftest import ThreadContext
from tests.chaos.invariants import check

_TALK = ("direct", "create", "look", "append", "repair")
_AT_ONCE = 4
_NAMES = list(POINTS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("points", [_NAMES[n : n + _AT_ONCE] for n in range(0, len(_NAMES), _AT_ONCE)])
async def test_a_server_that_dies_at_chosen_points(place: ThreadContext, port: int, points: list[str]) -> None:
    server = place.server(port)
    chaos = place.chaos(server, port)
    await server.start(points[0])
    await server.ready()
    async with RemoteWorkbench(chaos.url, timeouts=RETRY_FOR) as far:
        crowd = People(await far.workspace("tiny"), random.Random(0))
        talking = [crowd.talk(_TALK)]
        for following in [*points[1:], None]:
            await server.ended()
            chaos.look_now()
            await server.start(following)
            if following:
                talking.append(crowd.talk(_TALK))
        for talk in talking:
            await talk
    assert not server.point
    await check(chaos, crowd)
