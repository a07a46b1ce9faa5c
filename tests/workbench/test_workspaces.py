"""Workspaces are renamed and removed from the root, and their threads and runs are found from the workbench."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from cfo_kernel import Workbench
from cfo_kernel.errors import (
    FileNotFound,
    InvalidName,
    RunNotFound,
    StorageFailed,
    ThreadAmbiguous,
    ThreadBusy,
    ThreadNotFound,
    WorkspaceExists,
    WorkspaceNotFound,
)
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import Catalog
from tests.conftest import Opened
from tests.models.scripted_server import ToolCall
from tests.replies import ANSWER, QUERY, Serve

SLOW = ToolCall("run_sql", {"sql": "SELECT max(hash(x)) FROM range(20000000000) t(x)", "purpose": "The largest."})


async def test_a_workspace_takes_another_name_and_keeps_its_folder(make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench()
    place = await wb.workspace("tiny")
    other = await wb.create_workspace("Acme AG")
    made, changed = other.created_at, other.updated_at
    assert made.tzinfo is UTC
    await other.rename("  Acme   Holding ")
    assert (other.name, other.id, other.created_at) == ("Acme Holding", "acme_ag", made)
    assert other.updated_at > changed
    assert (await wb.workspace("Acme Holding")).id == "acme_ag"
    with pytest.raises(WorkspaceExists):
        await place.rename("Acme Holding")
    with pytest.raises(InvalidName):
        await place.rename("a/b")
    assert [w.name for w in await wb.workspaces()] == ["Acme Holding", "tiny"]


async def test_a_deleted_workspace_is_in_the_trash_of_the_root(
    serve: Serve, make_workbench: Callable[..., Workbench], root: Path
) -> None:
    wb = make_workbench(serve(QUERY, ANSWER))
    place = await wb.workspace("tiny")
    thread = await place.thread()
    run = await thread.send("Totals")
    await run.reply()
    await place.delete()
    assert list(await wb.workspaces()) == []
    [kept] = (root / ".trash").iterdir()
    assert kept.name.endswith("-tiny")
    assert (kept / "data" / "ledger.csv").is_file()
    assert (kept / "threads" / thread.id / "message_history.json").is_file()
    assert not (root / "tiny").exists()
    for use in (place.datasets(), place.delete(), wb.workspace("tiny")):
        with pytest.raises(WorkspaceNotFound):
            await use
    with pytest.raises(ThreadNotFound):
        await wb.thread(thread.id)
    with pytest.raises(RunNotFound):
        await wb.run(run.id)
    again = await wb.create_workspace("tiny")
    assert list(await again.threads()) == []
    # The trash looks like a workspace if a user puts a `data` folder directly into it.
    (root / ".trash" / "data").mkdir()
    assert [w.id for w in await wb.workspaces()] == ["tiny"]


async def test_what_runs_in_a_workspace_is_stopped_before_it_goes(
    serve: Serve, make_workbench: Callable[..., Workbench]
) -> None:
    wb = make_workbench(serve(SLOW))
    place = await wb.workspace("tiny")
    run = await (await place.thread()).send("The largest, please")
    queued = await (await place.thread()).send("And again")
    ends = asyncio.gather(run.finished(), queued.finished())
    await place.delete()
    assert [end.status for end in await ends] == ["cancelled", "cancelled"]


async def test_a_workspace_in_which_another_program_answers_stays(
    serve: Serve, make_workbench: Callable[..., Workbench], root: Path
) -> None:
    one, other = make_workbench(serve(SLOW)), make_workbench(serve(ANSWER))
    run = await (await (await one.workspace("tiny")).thread()).send("The largest, please")
    own = await other.workspace("tiny")
    with pytest.raises(ThreadBusy):
        await own.delete()
    assert (root / "tiny" / "data").is_dir()
    assert await run.status() in ("queued", "running")
    await run.cancel()
    await run.finished()
    await own.delete()
    assert list(await one.workspaces()) == []


async def test_a_workspace_that_cannot_be_moved_to_the_trash_stays(
    make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    wb = make_workbench()
    place = await wb.workspace("tiny")
    with monkeypatch.context() as patch:
        patch.setattr(folders, "to_trash", full)
        with pytest.raises(StorageFailed, match="No space left"):
            await place.delete()
        with pytest.raises(StorageFailed, match="No space left"):
            await place.delete_file("ledger.csv")
    assert (await place.sql("FROM ledger")).row_count == 6


async def test_a_workspace_whose_row_cannot_be_removed_stays_whole(
    make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("The disk is full.")

    wb = make_workbench()
    place = await wb.workspace("tiny")
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "remove_workspace", full)
        with pytest.raises(StorageFailed, match="full"):
            await place.delete()
    assert (await place.sql("FROM ledger")).row_count == 6


@pytest.mark.parametrize("name", ["data", "threads"])
async def test_a_workspace_with_a_link_in_place_of_a_folder_is_refused(
    make_workbench: Callable[..., Workbench], root: Path, tmp_path: Path, name: str
) -> None:
    wb = make_workbench()
    place = await wb.workspace("tiny")
    (root / "tiny" / name).mkdir(exist_ok=True)
    (root / "tiny" / name).rename(tmp_path / "elsewhere")
    (root / "tiny" / name).symlink_to(tmp_path / "elsewhere")
    for attempt in (place.datasets, place.files, place.threads, lambda: place.delete_file("ledger.csv")):
        if name == "data" or attempt != place.threads:
            with pytest.raises(StorageFailed, match=f"{name}/ of the workspace tiny is a link"):
                await attempt()
    assert [each.name for each in await wb.workspaces()] == ["tiny"]


async def test_threads_and_runs_are_found_without_their_workspace(
    serve: Serve, make_workbench: Callable[..., Workbench], root: Path
) -> None:
    wb = make_workbench(serve(QUERY, ANSWER))
    thread = await (await wb.workspace("tiny")).thread()
    assert thread.created_at is None
    run = await thread.send("Totals")
    await run.reply()
    found = await wb.thread(thread.id)
    assert (found.id, found.workspace_id, found.title) == (thread.id, "tiny", "Totals")
    assert found.created_at
    assert found.updated_at
    assert found.created_at.tzinfo is UTC
    assert found.created_at <= found.updated_at
    again = await wb.run(run.id)
    assert (again.id, again.thread_id, await again.status()) == (run.id, thread.id, "succeeded")
    assert len(await (await again.reply()).df()) == 2
    for name in ("20260101-000000-000000000000", "../tiny", "", "a\0b", "\ud800", "x" * 300):
        with pytest.raises(ThreadNotFound):
            await wb.thread(name)
        with pytest.raises(RunNotFound):
            await wb.run(name)
    shutil.copytree(root / "tiny", root / "copied")
    with pytest.raises(ThreadAmbiguous, match="copied, tiny"):
        await wb.thread(thread.id)
    assert (await wb.run(run.id)).thread_id == thread.id
    assert (await (await wb.workspace("copied")).thread(thread.id)).workspace_id == "copied"
    await (await wb.workspace("tiny")).delete()
    assert (await wb.thread(thread.id)).workspace_id == "copied"


async def test_who_stops_waiting_for_an_answer_stops_its_run(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(SLOW))).thread()
    begun = await thread.send("First")
    asking = asyncio.create_task(thread.ask("The largest, please"))
    await begun.cancel()
    await begun.finished()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    [run_id] = {message.run_id for message in await thread.messages()} - {begun.id}
    assert (await (await thread.run(run_id)).finished()).status == "cancelled"


async def test_who_stops_while_the_message_is_taken_stops_its_run(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(SLOW))).thread()
    asking = asyncio.create_task(thread.ask("The largest, please"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [message.who for message in await thread.messages()][:1] == ["person"]
    run_id = (await thread.messages())[0].run_id
    assert (await (await thread.run(run_id)).finished()).status == "cancelled"


async def test_files_are_listed_read_and_moved_to_the_trash(opened: Opened, root: Path, tmp_path: Path) -> None:
    place = await opened()
    changed = place.updated_at
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n" * 200_000)
    await place.upload(tmp_path / "notes.csv")
    assert place.updated_at > changed
    assert [(file.name, file.size) for file in await place.files()] == [
        ("ledger.csv", (root / "tiny" / "data" / "ledger.csv").stat().st_size),
        ("notes.csv", 1_600_000),
    ]
    assert all(file.modified_at.tzinfo is UTC for file in await place.files())
    read = await place.download("notes.csv")
    assert (read.name, read.size, read.media_type) == ("notes.csv", 1_600_000, "text/csv")
    await place.delete_file("notes.csv")
    chunks = [chunk async for chunk in read.chunks]  # work in progress runs to its end
    assert len(chunks) > 1
    assert b"".join(chunks) == (tmp_path / "notes.csv").read_bytes()
    assert [file.name for file in await place.files()] == ["ledger.csv"]
    assert [d.id for d in await place.datasets()] == ["ledger"]
    [kept] = (root / "tiny" / ".trash").iterdir()
    assert kept.name.endswith("-notes.csv")


async def test_only_files_of_the_folder_are_read_or_moved_to_the_trash(
    opened: Opened, root: Path, tmp_path: Path
) -> None:
    place = await opened()
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    data = root / "tiny" / "data"
    (data / "link.csv").symlink_to(secret)
    (data / "folder").mkdir()
    (data / "outside").symlink_to(tmp_path)
    names = ["", ".", "..", "../data/ledger.csv", "none.csv", "link.csv", "folder", "outside/secret.csv", "a\0b"]
    for name in [*names, "\ud800", str(secret), str(data / "ledger.csv") + "/", "x" * 300, "outside"]:
        with pytest.raises(FileNotFound, match="There is no file"):
            await place.download(name)
        with pytest.raises(FileNotFound, match="There is no file"):
            await place.delete_file(name)
    assert secret.read_text() == "secret"
    assert [file.name for file in await place.files()] == ["ledger.csv"]


async def test_results_and_tables_can_be_taken_away(serve: Serve, opened: Opened, root: Path, tmp_path: Path) -> None:
    place = await opened(serve(QUERY, ANSWER))
    thread = await place.thread()
    reply = await thread.ask("Totals")
    read = await thread.download("analysis/query_001.parquet")
    assert read.media_type == "application/vnd.apache.parquet"
    (tmp_path / "copy.parquet").write_bytes(b"".join([chunk async for chunk in read.chunks]))
    assert read.size == (tmp_path / "copy.parquet").stat().st_size
    assert (await place.upload(tmp_path / "copy.parquet")).tables[0].row_count == len(await reply.df())
    table = await place.table("LEDGER").download()
    assert table.name == "ledger.parquet"
    assert table.size == len(b"".join([chunk async for chunk in table.chunks]))
