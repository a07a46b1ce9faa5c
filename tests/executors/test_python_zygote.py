"""Checks what happens when the zygote or its children are lost, cancelled, closed, or cannot be confined."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cfo_kernel.errors import PythonFailed, PythonUnavailable, WorkbenchClosed, WorkerLost
from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.fallback_executor import FallbackExecutor
from cfo_kernel.executors.python_executor import PythonCall, PythonLimits, PythonResult, ScriptedPythonExecutor
from tests.executors.sandbox_targets import children

NO_LANDLOCK = """
import errno, pyseccomp, runpy
kernel = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
kernel.add_rule(pyseccomp.ERRNO(errno.ENOSYS), 444)
kernel.load()
"""
NO_RESTRICT = NO_LANDLOCK.replace("444", "446")
NO_SECCOMP_LIBRARY = "import sys, runpy, ctypes.util\nctypes.util.find_library = lambda name: None\n"
START = "runpy.run_module('cfo_kernel.executors.python_zygote', run_name='__main__')"


@pytest.fixture
async def executor() -> AsyncIterator[ConfinedExecutor]:
    made = ConfinedExecutor()
    yield made
    await made.close()


def call(code: str, folder: Path, **limits: float) -> PythonCall:
    scratch = folder / f"scratch{len(list(folder.iterdir()))}"
    scratch.mkdir()
    return PythonCall(code=code, tables={}, scratch=scratch, limits=PythonLimits.model_validate(limits))


def zygote(executor: ConfinedExecutor) -> int:
    process = executor._zygote._process
    assert process
    return process.pid


def runs(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(path: Path) -> None:
    """Waits for the file that a program creates when it runs."""
    async with asyncio.timeout(60):
        while not path.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)


async def test_a_zygote_that_died_while_idle_is_restarted(executor: ConfinedExecutor, tmp_path: Path) -> None:
    await executor.run(call("pass", tmp_path))
    first = zygote(executor)
    os.kill(first, signal.SIGKILL)
    assert (await executor.run(call("print(1)", tmp_path))).stdout == "1\n"
    assert zygote(executor) != first


async def test_a_zygote_that_dies_ends_its_programs_and_is_restarted(
    executor: ConfinedExecutor, tmp_path: Path
) -> None:
    running = call("open('on', 'w').close()\nwhile True: pass", tmp_path)
    task = asyncio.create_task(executor.run(running))
    await until(running.scratch / "on")
    [child] = children(zygote(executor))
    os.kill(zygote(executor), signal.SIGKILL)
    with pytest.raises(WorkerLost, match="Try again"):
        await task
    assert not runs(child)
    assert (await executor.run(call("print(1)", tmp_path))).stdout == "1\n"


async def test_cancelling_kills_the_program(executor: ConfinedExecutor, tmp_path: Path) -> None:
    running = call("open('on', 'w').close()\nwhile True: pass", tmp_path)
    task = asyncio.create_task(executor.run(running))
    await until(running.scratch / "on")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [pid for pid in children(zygote(executor)) if runs(pid)] == []
    assert (await executor.run(call("print(1)", tmp_path))).stdout == "1\n"


async def test_cancelling_at_any_moment_leaves_no_process(executor: ConfinedExecutor, tmp_path: Path) -> None:
    await executor.run(call("pass", tmp_path))
    for step in range(12):
        task = asyncio.create_task(executor.run(call("while True: pass", tmp_path)))
        await asyncio.wait({task}, timeout=step / 1000)
        task.cancel()
        await asyncio.wait({task})
    assert (await executor.run(call("print(1)", tmp_path))).stdout == "1\n"
    async with asyncio.timeout(60):
        while children(zygote(executor)):  # noqa: ASYNC110 - only the zygote, which reaps them, is notified
            await asyncio.sleep(0.005)
    assert len(list(Path("/proc/self/fd").iterdir())) < 100


async def test_a_slow_program_does_not_block_another(executor: ConfinedExecutor, tmp_path: Path) -> None:
    slow = call("open('on', 'w').close()\nwhile True: pass", tmp_path)
    task = asyncio.create_task(executor.run(slow))
    await until(slow.scratch / "on")
    assert (await executor.run(call("print(1)", tmp_path))).stdout == "1\n"
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})


async def test_a_killed_program_says_so(executor: ConfinedExecutor, tmp_path: Path) -> None:
    with pytest.raises(PythonFailed, match="limit of processor time or memory"):
        await executor.run(call("import os\nos.kill(os.getpid(), 9)", tmp_path))


async def test_closing_ends_the_zygote_and_its_programs(tmp_path: Path) -> None:
    executor = ConfinedExecutor()
    running = call("open('on', 'w').close()\nwhile True: pass", tmp_path)
    task = asyncio.create_task(executor.run(running))
    await until(running.scratch / "on")
    ended = [zygote(executor), *children(zygote(executor))]
    await executor.close()
    with pytest.raises(WorkerLost):
        await task
    assert [pid for pid in ended if runs(pid)] == []


async def test_a_waiting_program_does_not_start_after_the_close(tmp_path: Path) -> None:
    executor = ConfinedExecutor(at_once=1)
    running = call("open('on', 'w').close()\nwhile True: pass", tmp_path)
    task = asyncio.create_task(executor.run(running))
    await until(running.scratch / "on")
    waiting = asyncio.create_task(executor.run(call("while True: pass", tmp_path)))
    await asyncio.sleep(0)
    await executor.close()
    with pytest.raises(WorkerLost):
        await task
    with pytest.raises(WorkbenchClosed):
        await waiting
    assert executor._zygote._process is None


async def test_the_zygote_has_nothing_of_the_engines_environment(
    executor: ConfinedExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-programs")
    await executor.run(call("pass", tmp_path))
    environment = Path(f"/proc/{zygote(executor)}/environ").read_bytes()
    assert b"sk-" not in environment
    assert b"PATH" not in environment


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (NO_LANDLOCK, "the kernel has no Landlock"),
        (NO_SECCOMP_LIBRARY, "libseccomp is not installed"),
        (NO_RESTRICT, "could not be confined .*Function not implemented"),
    ],
)
async def test_without_confinement_nothing_runs(before: str, says: str, tmp_path: Path) -> None:
    executor = ConfinedExecutor(command=(sys.executable, "-I", "-c", before + START))
    started: list[asyncio.subprocess.Process | None] = []
    for _ in range(2):
        refused = call("open('ran', 'w').close()", tmp_path)
        with pytest.raises(PythonUnavailable, match=f"Python is unavailable: .*{says}"):
            await executor.run(refused)
        assert not (refused.scratch / "ran").exists()
        started.append(executor._zygote._process)
    await executor.close()
    assert all(process and process.returncode is not None for process in started)  # none was forgotten


async def test_a_zygote_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    executor = ConfinedExecutor(command=(sys.executable, "-c", "raise SystemExit('Error: no disk')"))
    with pytest.raises(WorkerLost, match=r"cannot be started \(Error: no disk\)\. Try again, or use SQL"):
        await executor.run(call("pass", tmp_path))
    await executor.close()


async def test_the_second_executor_runs_if_the_first_cannot_confine(tmp_path: Path) -> None:
    off = PythonUnavailable("Python is unavailable: no Landlock.")
    second = ScriptedPythonExecutor(PythonResult(stdout="two"), PythonUnavailable("Python is unavailable: no Docker."))
    executor = FallbackExecutor(ScriptedPythonExecutor(PythonResult(stdout="one"), off, off, PythonFailed("x")), second)
    assert (await executor.run(call("a", tmp_path))).stdout == "one"
    assert (await executor.run(call("b", tmp_path))).stdout == "two"
    with pytest.raises(PythonUnavailable, match=r"no Landlock\. .*no Docker"):
        await executor.run(call("c", tmp_path))
    with pytest.raises(PythonFailed):
        await executor.run(call("d", tmp_path))
    assert [asked.code for asked in second.calls] == ["b", "c"]
    await executor.close()
