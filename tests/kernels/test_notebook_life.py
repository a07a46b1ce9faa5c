"""Runs notebooks from start to end, in kernels started as Jupyter starts them. `conftest` checks how each ends."""

import ast
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import settings
from tests.kernels.conftest import Kernels
from tests.kernels.kernel import Kernel
from tests.models.scripted_server import ScriptedServer, Stall
from tests.processes import is_at_work, processes_of, processor_time
from tests.remote.served import Served
from tests.replies import ANSWER, MESSAGE, QUERY, Serve

OPEN = "from cfo_kernel import connect\nwb = connect()\nws = await wb.workspace('tiny')\nth = await ws.thread()"
HELD = """
import asyncio, gc, os, threading
gc.collect()
counts = [len(os.listdir('/proc/self/fd')), threading.active_count(), len(asyncio.all_tasks())]
counts
"""
ENDLESS = "SELECT count(*) FROM range(10000000000) a, range(1000000) b"
HANG_GUARD = 60.0  # seconds; it usually takes less than one


def held(kernel: Kernel) -> list[int]:
    """Open files, threads, tasks and worker processes."""
    return [*ast.literal_eval(kernel.value(HELD)), len(processes_of(kernel.pid))]


def rows(root: Path, sql: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(root / ".cfo" / "journal.db")
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def statuses(root: Path) -> list[object]:
    return [status for (status,) in rows(root, "SELECT status FROM run ORDER BY n")]


def until(what: Callable[[], object], seconds: float = HANG_GUARD) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)


def sent(kernel: Kernel, server: ScriptedServer, text: str = "Totals") -> str:
    """Sends a message, and returns the id of its run as soon as the model has received the request."""
    turns = server.turns_taken
    run = ast.literal_eval(kernel.value(f"run = await th.send({text!r})\nrun.id"))
    until(lambda: server.turns_taken > turns)
    return run


@pytest.mark.slow
def test_running_cells_again_holds_no_more_than_running_them_once(kernels: Kernels, serve: Serve) -> None:
    kernel = kernels(serve(QUERY, ANSWER, repeat_last=True).base_url)
    cells = [OPEN, "await ws.sql('FROM ledger')", "await ws.python('print(1)')", "await th.ask('Totals')", "wb", "ws"]
    cells += ["forgotten = await connect()", "async with connect() as closed: await closed.workspaces()"]
    for _ in range(3):
        for cell in cells:
            kernel.value(cell)
    before = held(kernel)
    for _ in range(5):
        for cell in cells:
            kernel.value(cell)
    after = held(kernel)
    # Something may be open for just a moment; a leak in each round would add five.
    assert all(now < once + 4 for now, once in zip(after, before, strict=True)), (before, after)
    engines = "from cfo_kernel.workbench import engine\nlen(engine._engines), ws._engine is forgotten._engine"
    assert kernel.value(engines) == "(1, True)"


@pytest.fixture
def answering(serve: Serve) -> ScriptedServer:
    """A model that queries the data for the first question and never answers the second."""
    return serve(Stall(), ANSWER, Stall(), ANSWER)


def test_interrupting_a_cell_stops_what_it_waits_for(kernels: Kernels, root: Path, answering: ScriptedServer) -> None:
    kernel = kernels(answering.base_url)
    kernel.value(OPEN)
    asking = kernel.run("await th.ask('Stop me')", interrupt_when=lambda: answering.turns_taken == 1)
    assert (asking.error, statuses(root)) == ("CancelledError", ["cancelled"])
    assert MESSAGE in kernel.value("await th.ask('Again')")

    kernel.value("%load_ext cfo_kernel")
    asking = kernel.run("%%ask -w tiny\nStop me too", interrupt_when=lambda: answering.turns_taken == 3)
    assert (asking.error, asking.last.split(":")[0], statuses(root)[-1]) == ("", "cancelled", "cancelled")
    assert MESSAGE in kernel.run("%%ask\nAgain").last

    kernel.value("await ws.sql('FROM ledger')")
    kernel.value("await ws.python('print(1)')")

    def at_work() -> bool:
        return any(is_at_work(pid) for pid in processes_of(kernel.pid))

    for slow in (
        f"await ws.sql({ENDLESS!r})",
        "await ws.python('while True: pass')",
        f"await th.ask('SQL: {ENDLESS}')",
    ):
        stopped = kernel.run(slow, interrupt_when=at_work)
        assert stopped.error == "CancelledError", slow
        again = kernel.run("await ws.sql('FROM ledger')")
        assert "6 rows" in again.last
        until(lambda: not at_work())


def test_interrupting_a_cell_stops_what_it_waits_for_at_a_server(kernels: Kernels, root: Path, serve: Serve) -> None:
    """The run is on the server, so only the client itself can wake the loop."""
    model = serve(Stall(), ANSWER)
    with Served(settings(root, model)) as server:
        kernel = kernels(CFO_URL=server.url)
        kernel.value(OPEN)
        asking = kernel.run("await th.ask('Stop me')", interrupt_when=lambda: model.turns_taken == 1)
        assert (asking.error, statuses(root)) == ("CancelledError", ["cancelled"])
        before = processor_time()
        # The kernel itself is idle meanwhile, and the processor time is more than a worker needs to start.
        slow = kernel.run(f"await ws.sql({ENDLESS!r})", interrupt_when=lambda: processor_time() > before + 1)
        assert slow.error == "CancelledError"
        assert MESSAGE in kernel.value("await th.ask('Again')")
        kernel.shut_down()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "shut_down"])
def test_another_kernel_continues_what_a_first_one_left(kernels: Kernels, root: Path, serve: Serve, end: str) -> None:
    server = serve(QUERY, Stall(), ANSWER)
    kernel = kernels(server.base_url)
    kernel.value(OPEN)
    run = sent(kernel, server)
    until(lambda: server.turns_taken == 2)
    workers = processes_of(kernel.pid)
    assert workers
    getattr(kernel, end)()
    until(lambda: not workers & processes_of(None))
    assert statuses(root) == ["running"]

    again = kernels(server.base_url)
    again.value("from cfo_kernel import connect\nwb = await connect()")
    until(lambda: rows(root, "SELECT attempt FROM run") == [(2,)])
    until(lambda: statuses(root) == ["succeeded"])
    again.value(f"run = await wb.run({run!r})\nth = await wb.thread(run.thread_id)")
    shown = again.value("[(m.who, m.status) for m in await th.messages()]")
    assert shown == "[('person', None), ('agent', 'succeeded')]"
    assert MESSAGE in again.value("await run.reply()")
    assert server.turns_taken == 3


@pytest.mark.slow
def test_a_restarted_kernel_continues(kernels: Kernels, root: Path, serve: Serve) -> None:
    server = serve(QUERY, Stall(), ANSWER)
    kernel = kernels(server.base_url)
    kernel.value(OPEN)
    run = sent(kernel, server)
    until(lambda: server.turns_taken == 2)
    kernel.restart()
    assert statuses(root) == ["running"]
    kernel.value(OPEN)
    assert MESSAGE in kernel.value(f"await (await wb.run({run!r})).reply()")


@pytest.mark.slow
def test_two_notebooks_on_one_root_see_each_others_runs(kernels: Kernels, root: Path, serve: Serve) -> None:
    server = serve(QUERY, Stall(), ANSWER)
    one, two = kernels(server.base_url), kernels(server.base_url)
    one.value(OPEN)
    two.value(OPEN)
    run = sent(one, server, "What did it cost?")
    until(lambda: server.turns_taken == 2)
    owner = rows(root, "SELECT owner, attempt FROM run")
    assert "What did it cost?" in two.value("(await ws.threads())[0].title")
    assert two.value(f"other = await wb.run({run!r})\nawait other.status()") == "'running'"
    live = "async for n in other.events():\n    seen.append(n.event.type)\n    if seen[-1] == 'tool_result': break"
    assert two.value(f"seen = []\n{live}\nseen") == "['run_started', 'tool_call', 'tool_result']"
    two.value("await other.cancel()")
    assert "cancelled" in one.value("(await run.finished()).status")
    assert owner == rows(root, "SELECT owner, attempt FROM run")
    assert MESSAGE in two.value("await (await wb.thread(other.thread_id)).ask('Again')")
    assert one.value("len(await th.messages())") == "4"


def test_another_root_in_the_same_kernel_is_an_error_of_one_line(kernels: Kernels, tmp_path: Path) -> None:
    kernel = kernels()
    kernel.value(OPEN)
    kernel.value("from cfo_kernel import Settings")
    other = f"await connect(settings=Settings(root={str(tmp_path / 'other')!r})).workspaces()"
    cell = kernel.run(other)
    assert cell.error == "OtherRoot"
    assert cell.traceback.startswith("other_root: This process already has ")
    assert cell.traceback.endswith("Close that workbench, or use another process.")
    assert "\n" not in cell.traceback
    assert kernel.run("await wb.workspace('nope')").traceback.startswith("workspace_not_found: ")
    assert "ValueError" in kernel.run("raise ValueError('mine') from None").traceback
    kernel.value("await wb.close()")
    assert kernel.run(other).error == ""


@pytest.mark.slow
def test_commands_beside_a_notebook_leave_its_runs_alone(kernels: Kernels, root: Path, serve: Serve) -> None:
    server = serve(Stall(), ANSWER)
    kernel = kernels(server.base_url)
    kernel.value(OPEN)
    sent(kernel, server)
    before = rows(root, "SELECT * FROM run")
    environment = {**os.environ, "CFO_ROOT": str(root), "CFO_MODEL": "openai:scripted", "CFO_BASE_URL": server.base_url}
    for command in (
        ["threads", "-w", "tiny", "--json"],
        ["datasets", "-w", "tiny", "--json"],
        ["sql", "FROM ledger", "-w", "tiny", "--json"],
    ):
        done = subprocess.run(
            [str(Path(sys.executable).parent / "cfo"), *command], env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)
    assert rows(root, "SELECT * FROM run") == before
    assert kernel.value("await run.status()") == "'running'"
    kernel.value("await run.cancel()")
    assert kernel.value("(await run.finished()).status") == "'cancelled'"


def test_resources_left_open_are_released_with_the_kernel(kernels: Kernels, root: Path, serve: Serve) -> None:
    server = serve(Stall())
    kernel = kernels(server.base_url)
    kernel.value(OPEN)
    kernel.value(
        "inside = connect()\nawait inside.__aenter__()\nawait ws.sql('FROM ledger')\nawait ws.python('print(1)')"
    )
    kernel.value("%load_ext cfo_kernel\n%cfo use tiny")
    sent(kernel, server)
    assert len(list((root / ".cfo" / "owners").iterdir())) == 2  # the magics have a loop of their own
    kernel.shut_down()
    assert not list((root / ".cfo" / "owners").iterdir())
    assert statuses(root) == ["running"]
