"""A killed process takes its descendants with it, whatever state they are in."""

from pathlib import Path

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
