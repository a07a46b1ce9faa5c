"""Tests the Docker executor with a fake `docker` command. `test_python_programs` also runs it with a real one."""

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cfo_kernel.errors import PythonFailed, PythonTimeout, PythonUnavailable
from cfo_kernel.executors.docker_executor import DockerExecutor, arguments
from cfo_kernel.executors.python_executor import PythonCall, PythonLimits
from tests.executors import fake_docker, sandbox_targets


@pytest.fixture
def docker(tmp_path: Path) -> str:
    """Installs the fake command, which keeps its files in its own folder."""
    return fake_docker.install(tmp_path)


def call(code: str, folder: Path, **limits: float) -> PythonCall:
    targets = sandbox_targets.make(folder / "targets")
    sandbox_targets.close(targets)
    scratch = folder / "scratch"
    scratch.mkdir()
    return PythonCall(code=code, tables=targets.tables(), scratch=scratch, limits=PythonLimits.model_validate(limits))


async def test_a_program_returns_rows_output_and_files(docker: str, tmp_path: Path) -> None:
    code = "print('hello')\nopen('a.txt', 'w').write('x')\nresult_df = ledger.groupby('account')['amount'].sum()"
    result = await DockerExecutor(docker=docker).run(call(code, tmp_path))
    assert result.table
    assert pq.read_table(result.table.file).column("amount").to_pylist() == [Decimal("7.50"), Decimal("11.25")]
    assert (result.stdout, [file.name for file in result.files]) == ("hello\n", ["a.txt"])


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("nope", PythonFailed, "name 'nope' is not defined"),
        ("import os\nos._exit(137)", PythonFailed, "processor time or memory"),
        ("import os\nos._exit(3)", PythonFailed, "status 3"),
        ("import os\nos._exit(255)", PythonFailed, "signal 127"),
        ("import os\nos._exit(134)", PythonFailed, "SIGABRT"),
        ("no container", PythonUnavailable, "no space left on device"),
    ],
)
async def test_the_error_says_what_went_wrong(
    code: str, kind: type[Exception], says: str, docker: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=says):
        await DockerExecutor(docker=docker).run(call(code, tmp_path))


async def test_a_late_container_is_killed_by_name(docker: str, tmp_path: Path) -> None:
    with pytest.raises(PythonTimeout):
        await DockerExecutor(docker=docker).run(call("while True: pass", tmp_path, seconds=3))
    [pid] = [int(file.read_text()) for file in tmp_path.glob("removed-cfo-python-*")]
    assert not Path(f"/proc/{pid}").exists()


async def test_a_container_that_was_never_started_is_removed(docker: str, tmp_path: Path) -> None:
    """Docker may finish creating it when its client has already been ended."""
    with pytest.raises(PythonTimeout):
        await DockerExecutor(docker=docker).run(call("slow to be created", tmp_path, seconds=3))
    assert [file.read_text() for file in tmp_path.glob("*cfo-python-*")] == ["0"]
    assert [*tmp_path.glob("cfo-python-*")] == []


async def test_a_container_is_removed_although_the_call_is_cancelled_twice(docker: str, tmp_path: Path) -> None:
    executor = DockerExecutor(docker=docker)
    task = asyncio.create_task(executor.run(call("open('on', 'w')\nwhile True: pass", tmp_path, seconds=60)))
    async with asyncio.timeout(60):
        while not (tmp_path / "scratch" / "on").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await executor.close()
    assert [*tmp_path.glob("cfo-python-*")] == []


async def test_what_a_program_writes_past_its_output_is_not_kept(docker: str, tmp_path: Path) -> None:
    code = "import os\nfor _ in range(300): os.write(2, b'x' * 100_000)\nos._exit(3)"
    with pytest.raises(PythonFailed, match="status 3") as caught:
        await DockerExecutor(docker=docker).run(call(code, tmp_path))
    assert len(str(caught.value)) < 1000


async def test_without_engine_or_image_nothing_runs(docker: str, tmp_path: Path) -> None:
    asked = call("pass", tmp_path)
    with pytest.raises(PythonUnavailable, match="the Docker engine does not respond"):
        await DockerExecutor(docker=str(tmp_path / "nowhere")).run(asked)
    with pytest.raises(PythonUnavailable, match="Docker has no image other"):
        await DockerExecutor("other", docker=docker).run(asked)


async def test_a_container_that_writes_too_much_is_stopped(docker: str, tmp_path: Path) -> None:
    code = "import time\nfor i in range(9): open(str(i), 'wb').write(bytes(300_000))\ntime.sleep(3600)"
    limits = {"disk_bytes": 1 << 20, "seconds": 3600}
    async with asyncio.timeout(60):
        with pytest.raises(PythonFailed, match="wrote more than 1 MB"):
            await DockerExecutor(docker=docker).run(call(code, tmp_path, **limits))


async def test_a_docker_command_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfo_kernel.executors.docker_executor._COMMAND_SECONDS", 1)
    command = tmp_path / "docker"
    command.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    command.chmod(0o755)
    assert await DockerExecutor(docker=str(command)).unavailable_reason() == "the Docker engine does not respond"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_container_has_no_network_no_privileges_and_one_writable_folder() -> None:
    asked = PythonCall(code="", tables={"ledger": Path("/data/0.parquet")}, scratch=Path("/threads/scratch"))
    given = arguments("name", "cfo-python", asked)
    mounts = [option for option in given if option.startswith("--mount")]
    writable = [mount for mount in mounts if "readonly" not in mount]
    assert writable == ["--mount=type=bind,src=/threads/scratch,dst=/scratch"]
    assert "--mount=type=bind,src=/data/0.parquet,dst=/tables/ledger.parquet,readonly" in mounts
    options = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=16")
    assert set(options) <= set(given)


def test_a_comma_in_the_name_of_a_folder_does_not_begin_an_option() -> None:
    path = Path("/a,type=volume/0.parquet")
    asked = PythonCall(code="", tables={"ledger": path}, scratch=Path("/threads/scratch"))
    given = arguments("name", "cfo-python", asked)
    assert '--mount=type=bind,"src=/a,type=volume/0.parquet",dst=/tables/ledger.parquet,readonly' in given
