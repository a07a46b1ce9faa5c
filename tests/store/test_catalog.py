"""The catalog's rows follow folders that appear, disappear and move."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cfo_kernel import Workbench, connect
from cfo_kernel.errors import StorageFailed, ThreadNotFound, WorkspaceExists, WorkspaceNotFound
from cfo_kernel.store import catalog as catalogs
from cfo_kernel.store.catalog import Catalog, ThreadRow, WorkspaceRow
from cfo_kernel.store.database import LOCK_TIMEOUT, set_lock_timeout, sqlite_engine
from cfo_kernel.store.schemas import CATALOG
from tests.conftest import settings
from tests.models.scripted_server import ToolCall
from tests.replies import Serve

ASK = ToolCall("user_interaction", {"message": "Go on."})


def look(path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


def test_a_new_catalog_has_two_tables_and_nothing_else(tmp_path: Path) -> None:
    Catalog(sqlite_engine(tmp_path / "c.db")).close()
    Catalog(sqlite_engine(tmp_path / "c.db")).close()  # opening it again changes nothing
    tables = look(tmp_path / "c.db", "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
    assert tables == [("alembic_version",), ("thread",), ("workspace",)]
    assert look(tmp_path / "c.db", "SELECT version_num FROM alembic_version") == [(CATALOG.head,)]
    assert look(tmp_path / "c.db", "PRAGMA journal_mode") == [("wal",)]
    for model in (WorkspaceRow, ThreadRow):
        columns = look(tmp_path / "c.db", f"SELECT name FROM pragma_table_info('{model.__tablename__}')")
        assert {name for (name,) in columns} == set(model.model_fields)


def test_a_copied_workspace_may_hold_the_same_thread_ids(tmp_path: Path) -> None:
    catalog = Catalog(sqlite_engine(tmp_path / "c.db"))
    for folder in ("w", "copy"):
        catalog.add_workspace(WorkspaceRow(id=folder, name=folder, workspace_dir=folder))
        catalog.add_thread(ThreadRow(id="t", workspace_id=folder, title="Costs", thread_dir=f"{folder}/threads/t"))
    catalog.rename_thread("copy", "t", "Copied")
    assert (catalog.thread("w", "t").title, catalog.thread("copy", "t").title) == ("Costs", "Copied")
    catalog.remove_thread("w", "t")
    assert [t.workspace_id for t in (*catalog.threads("w"), *catalog.threads("copy"))] == ["copy"]
    catalog.close()


def test_a_workspace_without_folder_is_replaced(tmp_path: Path) -> None:
    catalog = Catalog(sqlite_engine(tmp_path / "c.db"))
    for folder in ("acme", "other"):
        catalog.add_workspace(WorkspaceRow(id=folder, name=folder, workspace_dir=folder))
        catalog.add_thread(ThreadRow(id="t", workspace_id=folder, thread_dir=f"{folder}/threads/t"))
    again = WorkspaceRow(id="acme", name="other", workspace_dir="acme")
    with pytest.raises(WorkspaceExists):
        catalog.add_workspace(again, is_gone=lambda row: row.id == "acme")
    assert [w.name for w in catalog.workspaces()] == ["acme", "other"]
    assert len(catalog.threads("acme")) == 1
    again = WorkspaceRow(id="acme", name="other", workspace_dir="acme")
    catalog.add_workspace(again, is_gone=lambda _: True)
    assert [(w.id, w.name) for w in catalog.workspaces()] == [("acme", "other")]
    assert catalog.threads("acme") == []
    catalog.close()


def test_a_locked_catalog_can_be_read_and_refuses_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(sqlite_engine(tmp_path / "c.db"))
    catalog.add_workspace(WorkspaceRow(id="w", name="W", workspace_dir="w"))
    catalog.add_thread(ThreadRow(id="t", workspace_id="w", thread_dir="w/threads/t"))
    other = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    timeouts: list[int] = []
    monkeypatch.setattr(
        catalogs, "set_lock_timeout", lambda connection, ms: timeouts.append(ms) or set_lock_timeout(connection, ms)
    )
    catalog.touch_thread("w", "t")  # gives up soon, which is not an error
    for write in (lambda: catalog.rename_thread("w", "t", "x"), lambda: catalog.remove_thread("w", "t")):
        with pytest.raises(StorageFailed, match=r"database is locked.*try again"):
            write()
    assert timeouts == [LOCK_TIMEOUT // 10, LOCK_TIMEOUT, LOCK_TIMEOUT]
    assert [t.title for t in catalog.threads("w")] == [None]
    Catalog(sqlite_engine(tmp_path / "c.db")).close()  # opening it needs no lock
    other.close()
    catalog.rename_thread("w", "t", "x")
    catalog.close()


@pytest.mark.parametrize("name", ["a?b", "a%20b#c"])
def test_a_path_may_have_characters_that_have_a_meaning_in_urls(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    Catalog(sqlite_engine(tmp_path / name / "c.db")).close()
    assert {path.name for path in tmp_path.rglob("*")} == {name, "c.db"}


async def test_a_copied_workspace_holds_the_same_threads(
    make_workbench: Callable[..., Workbench], serve: Serve, root: Path
) -> None:
    wb = make_workbench(serve(ASK, repeat_last=True))
    place = await wb.workspace("tiny")
    thread = await place.thread()
    await thread.ask("Hello")
    shutil.copytree(root / "tiny", root / "copy")
    copied = await wb.workspace("copy")
    (there,) = await copied.threads()
    assert (there.id, there.title) == (thread.id, "Hello")
    await there.ask("Only here")
    assert [len(await t.messages()) for t in (thread, there)] == [2, 4]
    await there.delete()
    assert not await copied.threads()
    assert [t.id for t in await place.threads()] == [thread.id]


def test_a_newer_catalog_is_left_alone(tmp_path: Path) -> None:
    Catalog(sqlite_engine(tmp_path / "c.db")).close()
    look(tmp_path / "c.db", "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageFailed, match=r"has revision 9999.*Update cfo_kernel, or run `cfo db downgrade catalog"):
        Catalog(sqlite_engine(tmp_path / "c.db"))
    assert look(tmp_path / "c.db", "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_thread_needs_its_workspace(tmp_path: Path) -> None:
    from sqlalchemy.exc import IntegrityError, NoResultFound

    catalog = Catalog(sqlite_engine(tmp_path / "c.db"))
    with pytest.raises((IntegrityError, NoResultFound)):
        catalog.add_thread(ThreadRow(id="t", workspace_id="missing", thread_dir="missing/threads/t"))
    catalog.add_workspace(WorkspaceRow(id="w", name="W", workspace_dir="w"))
    catalog.add_thread(ThreadRow(id="t", workspace_id="w", thread_dir="w/threads/t"))
    with pytest.raises(WorkspaceExists):
        catalog.add_workspace(WorkspaceRow(id="w2", name="W", workspace_dir="w2"))
    for wrong in ("x", "\ud800", "a\0b", ""):
        with pytest.raises(ThreadNotFound):
            catalog.thread("w", wrong)
        with pytest.raises(WorkspaceNotFound):
            catalog.workspace(wrong)
    with pytest.raises(ThreadNotFound):
        catalog.thread("other", "t")
    catalog.close()


def test_several_programs_open_a_new_root_at_once(tmp_path: Path) -> None:
    (tmp_path / "acme" / "data").mkdir(parents=True)
    code = (
        "import asyncio, pathlib, sys; from cfo_kernel import Settings, connect\n"
        "async def main():\n"
        "    async with connect(settings=Settings(root=pathlib.Path(sys.argv[1]), model='offline')) as wb:\n"
        "        print([w.id for w in await wb.workspaces()])\n"
        "sys.stdin.readline(); asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    assert [process.communicate("go\n")[0:2] for process in started] == [("['acme']\n", "")] * 3


async def test_folders_without_rows_are_adopted(
    make_workbench: Callable[..., Workbench], serve: Serve, root: Path, tmp_path: Path
) -> None:
    wb = make_workbench(serve(ASK))
    thread = await (await wb.workspace("tiny")).thread()
    await thread.ask("What did it cost?\nIn 2012")
    await wb.close()
    (root / ".cfo" / "catalog.db").unlink()
    (root / "tiny" / "threads" / "notes").mkdir()
    (root / "no_data").mkdir()
    (root / "other" / "data").mkdir(parents=True)
    root = root.rename(tmp_path / "moved")  # and the root has moved, too
    async with connect(settings=settings(root, "http://127.0.0.1:9/v1")) as again:
        assert [w.id for w in await again.workspaces()] == ["other", "tiny"]
        place = await again.workspace("tiny")
        assert [(t.id, t.title) for t in await place.threads()] == [(thread.id, "What did it cost?")]
        assert len(await (await place.thread(thread.id)).messages()) == 2
        (root / "late" / "data").mkdir(parents=True)
        assert (await again.workspace("late")).name == "late"


async def test_a_folder_is_adopted_though_its_name_is_taken(
    make_workbench: Callable[..., Workbench], root: Path
) -> None:
    wb = make_workbench()
    await wb.create_workspace("Acme")
    (root / "Acme" / "data").mkdir(parents=True)
    assert [(w.id, w.name) for w in await wb.workspaces()][:2] == [("acme", "Acme"), ("Acme", "Acme (adopted)")]


async def test_a_missing_folder_is_not_listed_until_it_is_back(
    make_workbench: Callable[..., Workbench], serve: Serve, root: Path
) -> None:
    wb = make_workbench(serve(ASK))
    place = await wb.workspace("tiny")
    thread = await place.thread()
    await thread.ask("Hello")
    folder = thread.thread_dir
    aside = folder.rename(root / "aside")
    assert not await place.threads()
    with pytest.raises(ThreadNotFound, match="Put it back"):
        await thread.messages()
    assert not folder.exists()
    aside.rename(folder)
    assert [t.title for t in await place.threads()] == ["Hello"]
    (root / "tiny").rename(root / ".tiny")
    assert not await wb.workspaces()
    with pytest.raises(WorkspaceNotFound, match="Put it back"):
        await place.datasets()
    (root / ".tiny").rename(root / "tiny")
    assert [w.id for w in await wb.workspaces()] == ["tiny"]
