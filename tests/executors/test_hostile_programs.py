"""Hostile programs, judged by effect: nothing leaked or changed, no limit exceeded, and the next call is answered."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cfo_kernel.errors import CfoError, PythonFailed, PythonTimeout
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.python_executor import PythonCall, PythonLimits, PythonResult
from cfo_kernel.executors.scratch_folder import copy_file, new_scratch_folder
from tests.executors import sandbox_targets
from tests.executors.hostile_programs import PRELUDE, PROGRAMS
from tests.executors.sandbox_targets import Targets

MEMORY = 1 << 30
DISK = 20 << 20
FILES = 100_000  # they are counted every 50 ms
HARMFUL = (
    "read: a secret outside", "read: another workspace", "read: the environment", "read: passwd through os",
    "write: a file outside", "write: rights of a secret", "write: times of a secret", "write: move out of scratch",
    "network: a tcp connection", "network: a udp packet", "network: an abstract socket", "process: system",
)  # fmt: skip


class Runner:
    """Runs a program among the targets, and checks its effect."""

    def __init__(self, targets: Targets, executor: ConfinedExecutor) -> None:
        self.targets = targets
        self.executor = executor
        self.peak = 0
        self.files = 0

    async def outcome(self, code: str, seconds: float) -> PythonResult | CfoError:
        """What the engine received. All of it is searched for secrets."""
        limits = PythonLimits(seconds=seconds, memory_bytes=MEMORY, disk_bytes=DISK)
        with new_scratch_folder(self.targets.threads) as scratch:
            watch = asyncio.create_task(self._watch())
            try:
                call = PythonCall(code=code, tables=self.targets.tables(), scratch=scratch, limits=limits)
                result = await self.executor.run(call)
            except CfoError as error:
                result = error
            finally:
                watch.cancel()
            self.files = sum(len(files) for _, _, files in os.walk(scratch))
            if isinstance(result, CfoError):
                assert not sandbox_targets.leaks(f"{result.message}{result.details}")
                return result
            for number, file in enumerate(result.files):
                copy_file(scratch, file.name, copy := scratch / f"copy{number}")
                assert not sandbox_targets.leaks(copy.read_bytes().decode("latin-1"))
            assert not sandbox_targets.leaks(result.model_dump_json())
            return result

    async def _watch(self) -> None:
        """Measures how much memory the program really uses."""
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
    """Returns once the process has no children. A killed child is listed until its parent has reaped it."""
    async with asyncio.timeout(60):
        while sandbox_targets.children(parent):  # noqa: ASYNC110 - only the parent is notified
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runner]:
    targets = sandbox_targets.make(tmp_path_factory.mktemp("targets"))
    os.environ["OPENAI_API_KEY"] = sandbox_targets.KEY
    executor = ConfinedExecutor()
    runner = Runner(targets, executor)
    await runner.outcome("result_df = ledger", 10)
    yield runner
    await executor.close()
    del os.environ["OPENAI_API_KEY"]
    sandbox_targets.close(targets)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_does_no_harm(name: str, runner: Runner) -> None:
    program, targets = PROGRAMS[name], runner.targets
    before, runner.peak, runner.files = zygote(runner.executor), 0, 0
    async with asyncio.timeout(program.seconds + 60):  # many of them would run forever
        outcome = await runner.outcome(targets.filled(PRELUDE + program.code), program.seconds)
    assert isinstance(outcome, PythonResult | PythonFailed | PythonTimeout)
    assert runner.peak < MEMORY
    assert runner.files < FILES
    assert targets.state() == targets.before
    assert targets.contacted() == []
    assert [path.name for path in targets.threads.iterdir()] == ["a-name-beside-scratch"]
    assert zygote(runner.executor) == before
    await gone(before)
    after = await runner.outcome("result_df = ledger", 10)
    assert isinstance(after, PythonResult)
    assert after.table


@pytest.mark.parametrize("name", HARMFUL)
def test_the_harm_of_an_unconfined_program_is_detected(name: str, tmp_path: Path) -> None:
    targets = sandbox_targets.make(tmp_path)
    code = f"{targets.filled(PRELUDE + PROGRAMS[name].code)}\nprint(globals().get('result_df'))"
    code = f"import pandas as pd\n{code}" if "pd." in code else code
    environment = {"OPENAI_API_KEY": sandbox_targets.KEY}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=targets.threads, env=environment, capture_output=True, text=True
    )
    assert sandbox_targets.leaks(done.stdout) or targets.contacted() or targets.state() != targets.before
    sandbox_targets.close(targets)
