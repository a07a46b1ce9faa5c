"""Kills the server at random moments: nothing is lost and nothing is done twice.

This is a short version of `make chaos`. A failure names its seed.
"""

import random
from pathlib import Path

import pytest

from tests.chaos.rounds import one_round


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_done_twice_when_the_server_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    report = await one_round(tmp_path, seed, kills=6, users=3)
    print(report)
    assert report.kills == 6
    assert report.runs < report.attempts
