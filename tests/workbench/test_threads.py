"""Threads with a damaged or missing folder, and threads that were never started."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cfo_kernel import TaskResult, Thread, Workbench
from cfo_kernel.errors import InvalidName, ResultNotFound, StorageFailed, ThreadNotFound, UnreadableFile
from cfo_kernel.store import folders
from cfo_kernel.store.catalog import Catalog
from cfo_kernel.store.history import History
from tests.conftest import LEDGER, Opened
from tests.replies import ANSWER, QUERY, Serve


def full(*_: Any, **__: Any) -> NoReturn:
    raise OSError(28, "No space left on device")


def refused(*_: Any, **__: Any) -> NoReturn:
    raise StorageFailed("The disk is full.")


@pytest.mark.parametrize(
    ("place", "name", "fails"),
    [(History, "append", refused), (folders, "make_thread", full), (Catalog, "add_thread", refused)],
)
async def test_a_first_message_that_is_refused_leaves_no_thread(
    serve: Serve, opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch, place: object, name: str, fails: object
) -> None:
    workspace = await opened(serve(ANSWER))
    thread = await workspace.thread()
    with monkeypatch.context() as patch:
        patch.setattr(place, name, fails)
        with pytest.raises(StorageFailed):
            await thread.send("Totals")
    assert list(await workspace.threads()) == []
    assert list((root / "tiny" / "threads").iterdir()) == []
    assert isinstance(await thread.ask("Totals"), TaskResult)
    assert [t.title for t in await workspace.threads()] == ["Totals"]


async def test_a_later_message_that_is_refused_leaves_the_thread(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened(serve(ANSWER))
    thread = await workspace.thread()
    await thread.ask("Totals")
    with monkeypatch.context() as patch:
        patch.setattr(History, "append", refused)
        with pytest.raises(StorageFailed):
            await thread.send("Again")
    assert [t.id for t in await workspace.threads()] == [thread.id]
    assert len(await thread.messages()) == 2


async def test_a_title_is_not_empty(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(ANSWER))).thread()
    await thread.ask("Totals")
    for title in ("", "  ", "\n\t", "\ud800", "a\0b"):
        with pytest.raises(InvalidName, match="title is empty"):
            await thread.rename(title)
    assert thread.title == "Totals"
    await thread.rename("  Rent \n and more")
    assert thread.title == "Rent"


async def test_a_thread_that_cannot_be_moved_to_the_trash_stays(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened(serve(ANSWER))
    thread = await workspace.thread()
    await thread.ask("Totals")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "move", full)
        with pytest.raises(StorageFailed, match="No space left"):
            await thread.delete()
    assert [t.title for t in await workspace.threads()] == ["Totals"]
    await thread.delete()
    assert list(await workspace.threads()) == []


async def test_a_thread_whose_row_cannot_be_removed_stays_whole(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened(serve(ANSWER))
    thread = await workspace.thread()
    await thread.ask("Totals")
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "remove_thread", refused)
        with pytest.raises(StorageFailed, match="full"):
            await thread.delete()
    assert len(await thread.messages()) == 2
    await thread.delete()
    assert list(await workspace.threads()) == []


Prepare = Callable[[Path, Path], object]
NAMES: dict[str, Prepare] = {
    "{root}/tiny/.cache/secret.parquet": lambda _, __: None,
    "../../.cache/secret.parquet": lambda _, __: None,
    "results/../../../.cache/secret.parquet": lambda _, __: None,
    "results/../analysis/query_001.parquet": lambda _, __: None,
    "results": lambda _, __: None,
    "results/": lambda _, __: None,
    "results/.": lambda _, __: None,
    "message_history.json": lambda _, __: None,
    "results/none.parquet": lambda _, __: None,
    "results/a\0b": lambda _, __: None,
    "results/link.parquet": lambda thread, secret: (thread / "results" / "link.parquet").symlink_to(secret),
    "results/deep/secret.parquet": lambda thread, secret: (thread / "results" / "deep").symlink_to(secret.parent),
    "": lambda _, __: None,
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_from_elsewhere_reads_no_file_from_elsewhere(
    serve: Serve, opened: Opened, root: Path, name: str
) -> None:
    workspace = await opened(serve(QUERY, ANSWER))
    thread = await workspace.thread()
    reply = await thread.ask("Totals")
    assert isinstance(reply, TaskResult)
    assert len(await reply.df()) == 2
    secret = root / "tiny" / ".cache" / "secret.parquet"
    shutil.copy(thread.thread_dir / "analysis" / "query_001.parquet", secret)
    NAMES[name](thread.thread_dir, secret)
    with pytest.raises(ResultNotFound, match="There is no file"):
        await _reply(thread, reply, name.replace("{root}", str(root)))


async def test_a_folder_of_results_that_leads_elsewhere_is_not_followed(
    serve: Serve, opened: Opened, root: Path, tmp_path: Path
) -> None:
    workspace = await opened(serve(QUERY, ANSWER))
    thread = await workspace.thread()
    reply = await thread.ask("Totals")
    assert isinstance(reply, TaskResult)
    folder = thread.thread_dir / "analysis"
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises((ResultNotFound, StorageFailed)):
        await reply.df()


async def _reply(thread: Thread, reply: TaskResult, file: str) -> object:
    """The rows of the reply, as if the thread's history named another file."""
    assert reply.result
    changed = reply.model_copy(update={"result": reply.result.model_copy(update={"file": file})})
    changed.bind(thread._loader())
    return await changed.df()


async def test_files_that_went_or_broke_are_errors_of_ours(serve: Serve, opened: Opened, root: Path) -> None:
    workspace = await opened(serve(QUERY, ANSWER))
    reply = await (await workspace.thread()).ask("Totals")
    [file] = (root / "tiny" / "threads").glob("*/analysis/*.parquet")
    file.write_text("no Parquet")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        await reply.df()
    file.unlink()
    with pytest.raises(ResultNotFound):
        await reply.df()
    shutil.rmtree(root / "tiny" / ".cache")
    assert len(await workspace.table("LEDGER").df()) == len(LEDGER.splitlines()) - 1


async def test_a_folder_that_cannot_be_made_is_an_error_of_ours(
    serve: Serve, opened: Opened, make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened(serve(ANSWER))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        for use in (
            workspace.datasets(),
            (await workspace.thread()).send("Totals"),
            make_workbench().create_workspace("Acme"),
        ):
            with pytest.raises(StorageFailed, match="No space left"):
                await use
    assert (await make_workbench().create_workspace("Acme")).id == "acme"


async def test_a_thread_and_a_file_can_be_deleted_twice_at_once(serve: Serve, opened: Opened, root: Path) -> None:
    place = await opened(serve(ANSWER))
    thread = await place.thread()
    await thread.ask("Totals")
    ends = await asyncio.gather(*(thread.delete() for _ in range(4)), return_exceptions=True)
    assert None in ends
    assert {type(end) for end in ends} <= {type(None), ThreadNotFound}, ends
    assert list(await place.threads()) == []
    shutil.rmtree(root / "tiny" / ".trash")
    folders.discard(root / "tiny", root / "tiny" / "data" / "gone.csv")
    assert list((root / "tiny" / ".trash").iterdir()) == []
