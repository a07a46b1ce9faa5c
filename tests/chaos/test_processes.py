"""When a process is killed, its descendants die too, whatever state they are in, and every crash point can be armed."""

import subprocess
import sys
from pathlib import Path

from tests.chaos.crash_points import POINTS
from tests.chaos.processes import Process

_PARENT_OF_A_ZOMBIE = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", ""])
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
print("ready", flush=True)
signal.pause()
"""


async def test_a_child_that_has_ended_but_was_not_waited_for_does_not_count_as_left_over(tmp_path: Path) -> None:
    process = Process("-c", _PARENT_OF_A_ZOMBIE, root=tmp_path, log=tmp_path / "log")
    await process.start()
    await process.ready()
    await process.kill()
    assert not process.is_alive


def test_every_crash_point_names_a_function_that_exists() -> None:
    """The chaos tests choose only some of the points in each run, and would notice a wrong name only by chance."""
    arm_all = "from tests.chaos.crash_points import POINTS; [arm() for arm in POINTS.values()]; print(len(POINTS))"
    done = subprocess.run([sys.executable, "-c", arm_all], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(len(POINTS)), "")
