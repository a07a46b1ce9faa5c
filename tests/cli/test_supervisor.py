"""The supervisor restarts programs, gives up on some, and never shows secrets."""

import asyncio
import sys
from collections.abc import Callable

import pytest

from cfo_kernel.errors import ProcessCrashLoop
from cfo_kernel.supervisor import SupervisedProcess, Supervisor

SECRET = "a-long-secret-0123456789"


def program(code: str) -> SupervisedProcess:
    return SupervisedProcess("api", (sys.executable, "-u", "-c", code), {"SECRET": SECRET}, "http://127.0.0.1:9/", "")


async def test_who_dies_at_once_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfo_kernel.supervisor._MAX_QUICK_EXITS", 1)
    said: list[str] = []
    failing = program("print('no disk'); raise SystemExit(3)")
    with pytest.raises(ProcessCrashLoop, match="api exited 2 times right after it was started"):
        await Supervisor([failing, program("import time; time.sleep(60)")], (), said.append).run(lambda: None)
    assert [line for line in said if "no disk" in line] == ["api  │ no disk"] * 2
    assert "api  │ ended (exit code 3); restarting in 0.5 s" in said


async def test_no_secret_and_no_control_character_is_shown() -> None:
    said: list[str] = []
    talking = program(
        "import os, time; print('token ' + os.environ['SECRET'] + '\\x1b[2J', flush=True); time.sleep(60)"
    )
    supervisor = Supervisor([talking], (SECRET,), said.append)
    running = asyncio.create_task(supervisor.run(lambda: None))
    await until(lambda: bool(said))
    supervisor.stop()
    await asyncio.wait_for(running, 30)
    assert said == ["api  │ token …�[2J"]


async def test_who_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfo_kernel.supervisor._STOP_TIMEOUT", 0.3)
    said: list[str] = []
    deaf = program("import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)")
    supervisor = Supervisor([deaf], (), said.append)
    running = asyncio.create_task(supervisor.run(lambda: None))
    await until(lambda: bool(said))
    supervisor.stop()
    await asyncio.wait_for(running, 30)


async def test_a_closed_output_ends_the_supervisor() -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    endless = program(
        "import itertools, time; [(print('x' * 80, flush=True), time.sleep(0.01)) for _ in itertools.count()]"
    )
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(Supervisor([endless], (), gone).run(lambda: None), 60)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.02)
