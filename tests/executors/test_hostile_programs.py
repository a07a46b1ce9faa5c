"""Hostile programs, judged by effect: nothing learned or changed, no limit passed, and the next call is answered."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cfo_kernel.errors import CfoError, PythonFailed, PythonTimeout
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.python_executor import PythonCall, PythonLimits, PythonResult
from cfo_kernel.executors.scratch_folder import copy_file, new_scratch_folder
from tests.executors import sandbox_targets
from tests.executors.clock import slack
from tests.executors.hostile_programs import PRELUDE, PROGRAMS
from tests.executors.sandbox_targets import World

MEMORY = 1 << 30
DISK = 20 << 20
FILES = 100_000  # it is looked at every 50 ms how many there are
HARMFUL = (
    "read: a secret outside", "read: another workspace", "read: the environment", "read: passwd through os",
    "write: a file outside", "write: rights of a secret", "write: times of a secret", "write: move out of scratch",
    "network: a tcp connection", "network: a udp packet", "network: an abstract socket", "process: system",
)  # fmt: skip


class Judge:
    """Runs a program and says what came of it."""

    def __init__(self, world: World, executor: ConfinedExecutor) -> None:
        self.world = world
        self.executor = executor
        self.peak = 0
        self.files = 0

    async def outcome(self, code: str, seconds: float) -> PythonResult | CfoError:
        """What the engine got; everything that it could show is searched for what it must not tell."""
        limits = PythonLimits(seconds=seconds, memory_bytes=MEMORY, disk_bytes=DISK)
        with new_scratch_folder(self.world.threads) as scratch:
            watch = asyncio.create_task(self._watch())
            try:
                call = PythonCall(code=code, tables=self.world.tables(), scratch=scratch, limits=limits)
                result = await self.executor.run(call)
            except CfoError as error:
                result = error
            finally:
                watch.cancel()
            self.files = sum(len(files) for _, _, files in os.walk(scratch))
            json.dumps(getattr(getattr(result, "table", None), "rows", None), allow_nan=False)
            if isinstance(result, CfoError):
                assert not sandbox_targets.told(f"{result.message}{result.details}")
                return result
            for number, file in enumerate(result.files):
                copy_file(scratch, file, copy := scratch / f"taken{number}")
                assert not sandbox_targets.told(copy.read_bytes().decode("latin-1"))
            assert not sandbox_targets.told(result.model_dump_json())
            return result

    async def _watch(self) -> None:
        """Sees how much memory the program really holds."""
        while True:
            for pid in sandbox_targets.children(zygote(self.executor)):
                with contextlib.suppress(OSError, IndexError):
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    self.peak = max(self.peak, pages * os.sysconf("SC_PAGE_SIZE"))
            await asyncio.sleep(0.02)


def zygote(executor: ConfinedExecutor) -> int:
    process = executor._zygote._process
    return process.pid if process else -1


async def gone(parent: int) -> None:
    """Returns once the process has no child left; a killed one is still listed until its parent has heard of it."""
    async with asyncio.timeout(slack()):
        while sandbox_targets.children(parent):  # noqa: ASYNC110 - the kernel tells nobody but the parent
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Judge]:
    world = sandbox_targets.make(tmp_path_factory.mktemp("world"))
    os.environ["OPENAI_API_KEY"] = sandbox_targets.KEY
    executor = ConfinedExecutor()
    judge = Judge(world, executor)
    await judge.outcome("result_df = ledger", 10)
    yield judge
    await executor.close()
    del os.environ["OPENAI_API_KEY"]
    sandbox_targets.unmake(world)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_does_no_harm(name: str, judge: Judge) -> None:
    program, world = PROGRAMS[name], judge.world
    before, judge.peak, judge.files = zygote(judge.executor), 0, 0
    start = time.perf_counter()
    outcome = await judge.outcome(world.filled(PRELUDE + program.code), program.seconds)
    assert time.perf_counter() - start < program.seconds + slack()
    assert isinstance(outcome, PythonResult | PythonFailed | PythonTimeout)
    assert judge.peak < MEMORY
    assert judge.files < FILES
    assert world.state() == world.before
    assert world.heard() == []
    assert [path.name for path in world.threads.iterdir()] == ["a-name-beside-scratch"]
    assert zygote(judge.executor) == before
    await gone(before)
    after = await judge.outcome("result_df = ledger", 10)
    assert isinstance(after, PythonResult)
    assert after.table
    assert after.table.row_count == 6


@pytest.mark.parametrize("name", HARMFUL)
def test_the_judge_sees_the_harm_of_a_program_that_is_not_confined(name: str, tmp_path: Path) -> None:
    world = sandbox_targets.make(tmp_path)
    code = f"{world.filled(PRELUDE + PROGRAMS[name].code)}\nprint(globals().get('result_df'))"
    code = f"import pandas as pd\n{code}" if "pd." in code else code
    environment = {"OPENAI_API_KEY": sandbox_targets.KEY}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=world.threads, env=environment, capture_output=True, text=True
    )
    assert sandbox_targets.told(done.stdout) or world.heard() or world.state() != world.before
    sandbox_targets.unmake(world)
