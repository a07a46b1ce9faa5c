"""A workbench and its objects work until it is closed, and only in its own event loop."""

import asyncio
import gc
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cfo_kernel import Run, TaskResult, Thread, Workbench, Workspace, connect
from cfo_kernel.errors import OtherLoop, WorkbenchClosed, WorkspaceExists, WorkspaceNotFound
from cfo_kernel.interface import Direct
from cfo_kernel.workbench import EmbeddedTable
from tests.conftest import LEDGER, settings
from tests.models.scripted_server import ScriptedServer
from tests.replies import ANSWER, QUERY, Serve

NOWHERE = "http://127.0.0.1:9/v1"
Taken = tuple[Workspace, EmbeddedTable, Thread, Thread, Run]


async def _events(run: Run) -> None:
    async for _ in run.events():
        pass


USES: dict[str, Callable[[Taken], Awaitable[object]]] = {
    "workspace.upload": lambda taken: taken[0].upload("ledger.csv"),
    "workspace.datasets": lambda taken: taken[0].datasets(),
    "workspace.schema": lambda taken: taken[0].schema("ledger"),
    "workspace.sql": lambda taken: taken[0].sql("FROM ledger"),
    "workspace.rename": lambda taken: taken[0].rename("Again"),
    "workspace.delete": lambda taken: taken[0].delete(),
    "workspace.files": lambda taken: taken[0].files(),
    "workspace.download": lambda taken: taken[0].download("ledger.csv"),
    "workspace.delete_file": lambda taken: taken[0].delete_file("ledger.csv"),
    "workspace.unite": lambda taken: taken[0].unite("ledger", []),
    "workspace.query": lambda taken: taken[0].query(Direct(sql="FROM ledger")),
    "workspace.threads": lambda taken: taken[0].threads(),
    "workspace.thread": lambda taken: taken[0].thread(),
    "table.describe": lambda taken: taken[1].describe(),
    "table.df": lambda taken: taken[1].df(),
    "table.head": lambda taken: taken[1].head(),
    "table.download": lambda taken: taken[1].download(),
    "thread.send": lambda taken: taken[2].send("Again"),
    "thread.ask": lambda taken: taken[2].ask("Again"),
    "thread.run": lambda taken: taken[2].run(taken[4].id),
    "thread.messages": lambda taken: taken[2].messages(),
    "thread.notice": lambda taken: taken[2].notice(),
    "thread.rename": lambda taken: taken[2].rename("Again"),
    "thread.delete": lambda taken: taken[2].delete(),
    "thread.page": lambda taken: taken[2].page("results/result_001.parquet"),
    "thread.download": lambda taken: taken[2].download("results/result_001.parquet"),
    "new thread.send": lambda taken: taken[3].send("Again"),
    "new thread.messages": lambda taken: taken[3].messages(),
    "run.status": lambda taken: taken[4].status(),
    "run.events": lambda taken: _events(taken[4]),
    "run.finished": lambda taken: taken[4].finished(),
    "run.reply": lambda taken: taken[4].reply(),
    "run.cancel": lambda taken: taken[4].cancel(),
}


async def take(wb: Workbench) -> Taken:
    place = await wb.workspace("tiny")
    thread = await place.thread()
    run = await thread.send("Totals")
    await run.reply()
    await place.sql("FROM ledger")
    return place, place.table("ledger"), thread, await place.thread(), run


def ours() -> set[int]:
    """The worker processes of this process."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            line = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"cfo_kernel" in line:
            found.add(int(status.parent.name))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """The objects of a closed workbench. They have no effect, so several tests can share them."""
    root = tmp_path_factory.mktemp("closed")
    (root / "tiny" / "data").mkdir(parents=True)
    (root / "tiny" / "data" / "ledger.csv").write_text(LEDGER)
    with ScriptedServer([ANSWER]) as server:
        wb = connect(settings=settings(root, server))
        taken = await take(wb)
        await wb.close()
    return taken


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("use", USES)
async def test_after_the_close_nothing_starts_again(closed: Taken, use: str) -> None:
    Path("ledger.csv").write_text(LEDGER)
    root = closed[0].workspace_dir.parent
    before, files = ours(), sorted(root.rglob("*"))
    with pytest.raises(WorkbenchClosed, match=r"Call connect\(\) again"):
        await USES[use](closed)
    assert ours() == before
    assert sorted(root.rglob("*")) == files


async def test_what_was_given_can_still_be_looked_at(root: Path, serve: Serve) -> None:
    async with connect(settings=settings(root, serve(QUERY, ANSWER))) as wb:
        thread = await (await wb.workspace("tiny")).thread()
        reply = await thread.ask("Totals")
    assert thread.thread_dir.is_dir()
    assert thread.title == "Totals"
    assert isinstance(reply, TaskResult)
    assert len(await reply.df()) == 2


def test_in_another_loop_everything_says_so(root: Path, serve: Serve) -> None:
    wb = connect(settings=settings(root, serve(ANSWER)))
    taken = asyncio.run(take(wb))
    for use in USES.values():
        with pytest.raises(OtherLoop, match="Open it again"):
            asyncio.run(_awaited(use(taken)))
    assert asyncio.run(_awaited(wb.workspaces()))
    asyncio.run(wb.close())


async def _awaited(what: Awaitable[object]) -> object:
    return await what


def test_a_loop_that_ends_leaves_nothing_behind(root: Path) -> None:
    """Scripts and notebooks often do not close their workbench."""
    wb = connect(settings=settings(root, NOWHERE))

    async def look() -> None:
        place = await wb.workspace("tiny")
        await place.upload(root / "tiny" / "data" / "ledger.csv", "copy.csv")
        assert (await place.sql("FROM copy")).row_count == 6

    before, open_files = ours(), 0
    for turn in range(4):
        asyncio.run(look())
        gc.collect()
        assert ours() <= before
        assert not list((root / ".cfo" / "owners").iterdir())
        if turn == 0:
            open_files = len(list(Path("/proc/self/fd").iterdir()))
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_files
    asyncio.run(wb.close())


async def test_a_workspace_whose_folder_was_taken_away_can_be_created_again(root: Path) -> None:
    async with connect(settings=settings(root, NOWHERE)) as wb:
        made = await wb.create_workspace("Acme AG")
        shutil.rmtree(made.workspace_dir)
        with pytest.raises(WorkspaceNotFound):
            await made.datasets()
        again = await wb.create_workspace("Acme AG")
        assert (again.id, again.name) == ("acme_ag", "Acme AG")
        assert list(await again.datasets()) == []
        assert [w.id for w in await wb.workspaces()] == ["acme_ag", "tiny"]
        with pytest.raises(WorkspaceExists):
            await wb.create_workspace("Acme AG")


def test_an_unusable_thread_does_not_affect_the_others(root: Path, serve: Serve, tmp_path: Path) -> None:
    wb = connect(settings=settings(root, serve(ANSWER, repeat_last=True)))

    async def send_and_leave() -> Thread:
        thread = await (await wb.workspace("tiny")).thread()
        await thread.send("Totals")
        return thread

    folder = asyncio.run(send_and_leave()).thread_dir
    shutil.rmtree(folder / "results")
    (folder / "results").symlink_to(tmp_path)
    assert [w.id for w in asyncio.run(_listed(wb))] == ["tiny"]
    asyncio.run(wb.close())


async def _listed(wb: Workbench) -> list[Workspace]:
    return list(await wb.workspaces())
