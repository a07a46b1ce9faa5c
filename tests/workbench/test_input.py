"""Invalid input is refused with a clear error, and changes nothing."""

import asyncio
import contextlib
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cfo_kernel import Settings, Workbench, connect
from cfo_kernel.errors import (
    CfoError,
    EmptyFile,
    EmptyMessage,
    InputError,
    InvalidName,
    InvalidSettings,
    MessageTooLong,
    OtherLoop,
    OtherRoot,
    StorageFailed,
    ThreadNotFound,
    UnknownTable,
    UnreadableFile,
    UnsupportedFile,
    WorkspaceExists,
    WorkspaceNotFound,
)
from cfo_kernel.settings import load
from tests.conftest import LEDGER, Opened, settings
from tests.models.scripted_server import ToolCall
from tests.replies import Serve

ASK = ToolCall("user_interaction", {"message": "Go on."})
NOWHERE = "http://127.0.0.1:9/v1"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# messages


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", EmptyMessage),
        ("  \n\t ", EmptyMessage),
        ("x" * 1_000_001, MessageTooLong),
        ("é" * 50_001, MessageTooLong),
        ("half a character \ud83d", InputError),
    ],
)
async def test_a_message_that_is_none_creates_nothing(
    opened: Opened, root: Path, text: str, error: type[CfoError]
) -> None:
    place = await opened()
    with pytest.raises(error):
        await (await place.thread()).send(text)
    assert list(await place.threads()) == []
    assert list((root / "tiny" / "threads").iterdir()) == []


async def test_a_message_that_is_none_changes_no_thread(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(ASK, ASK))).thread()
    await thread.ask("x" * 100_000)
    before = files(thread.thread_dir / "results"), (thread.thread_dir / "message_history.json").read_bytes()
    for text, key in (("x" * 100_001, None), ("  ", None), ("ok", ""), ("ok", "x" * 201), ("ok", "\ud800")):
        with pytest.raises(InputError):
            await thread.send(text, idempotency_key=key)
    assert before == (files(thread.thread_dir / "results"), (thread.thread_dir / "message_history.json").read_bytes())


async def test_what_is_unknown_is_named(opened: Opened, make_workbench: Callable[..., Workbench]) -> None:
    place = await opened()
    for wrong in ("nope", "", "../tiny", "\ud800", "a\0b", "x" * 300, "tin"):
        with pytest.raises(WorkspaceNotFound, match="The workspaces are: tiny"):
            await make_workbench().workspace(wrong)
        with pytest.raises(ThreadNotFound, match="List its threads"):
            await place.thread(wrong)
    with pytest.raises(UnknownTable, match="ledger"):
        await place.table("legder").df()
    with pytest.raises(UnknownTable, match="ledger"):
        await place.schema("legder")


async def test_the_workspace_must_be_named_if_there_are_two(make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench()
    assert (await wb.workspace()).id == "tiny"
    made = await wb.create_workspace("Acme & Co")
    assert (made.id, made.name) == ("acme_co", "Acme & Co")
    assert (await wb.workspace("Acme & Co")).id == (await wb.workspace("acme_co")).id
    with pytest.raises(WorkspaceNotFound, match="Choose one of: acme_co, tiny"):
        await wb.workspace()
    for name, error in (("Acme & Co", WorkspaceExists), ("acme co", WorkspaceExists), ("../x", InvalidName)):
        with pytest.raises(error):
            await wb.create_workspace(name)
    assert len(await wb.workspaces()) == 2


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(), max_size=300))
def test_no_name_of_a_workspace_or_file_leaves_the_root(tmp_path: Path, name: str) -> None:
    async def use() -> None:
        async with connect(settings=settings(tmp_path / "root", NOWHERE)) as wb:
            with contextlib.suppress(InvalidName, WorkspaceExists):
                await wb.create_workspace(name)
            assert all(w.workspace_dir.parent == wb.root for w in await wb.workspaces())

    asyncio.run(use())
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


# uploads


async def test_an_upload_that_is_no_table_leaves_data_as_it_was(opened: Opened, tmp_path: Path, root: Path) -> None:
    place = await opened()
    before = files(root / "tiny" / "data")
    png = b"\x89PNG\r\n\x1a\n" + bytes(200)
    wrong: list[tuple[str, bytes, type[CfoError]]] = [
        ("ledger.csv", b"", EmptyFile),
        ("ledger.csv", png, UnreadableFile),
        ("book.xlsx", png, UnreadableFile),
        ("book.xlsx", LEDGER.encode(), UnreadableFile),
        ("table.parquet", LEDGER.encode(), UnreadableFile),
        ("table.parquet", b"PAR1" + bytes(50), UnreadableFile),
        ("notes.pdf", LEDGER.encode(), UnreadableFile),
        ("letter.docx", b"PK", UnsupportedFile),
        ("datasets.yaml", b"a: 1", UnsupportedFile),
        ("ledger", LEDGER.encode(), UnsupportedFile),
    ]
    for name, content, error in wrong:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(error) as raised:
            await place.upload(tmp_path / name)
        assert name in raised.value.message
        if name.endswith(".yaml"):
            assert "put it into the workspace's data/ folder as datasets.yaml" in raised.value.message
    assert files(root / "tiny" / "data") == before
    assert [d.file for d in await place.datasets()] == ["ledger.csv"]
    assert not (root / "tiny" / ".trash").exists()
    assert not list((root / "tiny").glob(".scratch/*"))


@pytest.mark.parametrize(
    "name",
    ["../x.csv", "/tmp/x.csv", ".x.csv", "~x.csv", "a/b.csv", "a\\b.csv", "x\n.csv", "x" * 300 + ".csv", " ", ".."],
)
async def test_an_upload_with_a_hostile_name_is_refused(opened: Opened, root: Path, name: str) -> None:
    place = await opened()
    before = sorted(path for path in root.parent.rglob("*") if ".cfo" not in path.parts)
    with pytest.raises(InvalidName):
        await place.upload(io.BytesIO(LEDGER.encode()), name)
    assert sorted(path for path in root.parent.rglob("*") if ".cfo" not in path.parts) == before


async def test_an_upload_needs_a_file_and_a_name(opened: Opened, tmp_path: Path) -> None:
    place = await opened()
    with pytest.raises(InputError, match="There is no file"):
        await place.upload(tmp_path / "none.csv")
    with pytest.raises(InputError, match="There is no file"):
        await place.upload(tmp_path)
    with pytest.raises(InvalidName):
        await place.upload(io.BytesIO(b"a,b\n1,2\n"))


async def test_an_upload_replaces_and_the_old_file_is_kept(opened: Opened, tmp_path: Path, root: Path) -> None:
    place = await opened()
    (tmp_path / "ledger.csv").write_text(LEDGER + "Rent,Sales,2012-03-31,1.00\n")
    with (tmp_path / "ledger.csv").open("rb") as stream:
        dataset = await place.upload(stream)  # a stream that reads a file has its name
    assert [(t.name, t.row_count) for t in dataset.tables] == [("ledger", 7)]
    assert (await place.sql("SELECT count(*) FROM ledger")).rows == ((7,),)
    (old,) = (root / "tiny" / ".trash").iterdir()
    assert old.read_text() == LEDGER
    assert (tmp_path / "ledger.csv").exists()
    assert len(await place.table("ledger").df()) == 7
    assert (await place.table("ledger").head()).row_count == 7


async def test_a_query_without_a_thread_returns_a_thousand_rows_and_counts_the_others(opened: Opened) -> None:
    table = await (await opened()).sql("FROM range(1_002)")
    assert (len(table.rows), table.row_count) == (1_000, 1_002)


# settings and roots


async def test_a_process_works_on_one_root(make_workbench: Callable[..., Workbench], tmp_path: Path) -> None:
    first, same = make_workbench(), make_workbench()
    await first.workspaces()
    await same.workspaces()
    other = connect(settings=settings(tmp_path / "other", NOWHERE))
    for _ in range(2):
        with pytest.raises(OtherRoot, match="Close that workbench"):
            await other.workspaces()
        await first.close()
    await same.close()
    assert list(await other.workspaces()) == []
    await other.close()


def test_a_workbench_follows_into_the_next_loop(root: Path) -> None:
    wb = connect(settings=settings(root, NOWHERE))
    for _ in range(2):
        assert [w.id for w in asyncio.run(wb.workspaces())] == ["tiny"]
    asyncio.run(wb.close())
    assert not list((root / ".cfo" / "owners").iterdir())


def test_a_run_of_an_ended_loop_continues_in_the_next(root: Path, serve: Serve) -> None:
    wb = connect(settings=settings(root, serve(ASK, repeat_last=True)))

    async def send() -> tuple[str, str]:
        thread = await (await wb.workspace("tiny")).thread()
        return thread.id, (await thread.send("Hello")).id

    async def look(thread_id: str, run_id: str) -> list[str | None]:
        thread = await (await wb.workspace("tiny")).thread(thread_id)
        await (await thread.run(run_id)).finished()
        await thread.ask("Again")
        return [m.status for m in await thread.messages() if m.who == "agent"]

    statuses = asyncio.run(look(*asyncio.run(send())))
    assert statuses == ["succeeded", "succeeded"]
    asyncio.run(wb.close())


async def test_a_workbench_in_use_in_another_loop_says_so(make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench()
    await wb.workspaces()
    with pytest.raises(OtherLoop, match=r"Call connect\(\)"):
        await asyncio.to_thread(asyncio.run, wb.workspaces())
    assert len(await wb.workspaces()) == 1


async def test_awaiting_and_with_work_alike(root: Path) -> None:
    wb = await connect(settings=settings(root, NOWHERE))
    assert "tiny" not in str(wb._repr_mimebundle_())
    await wb.close()
    async with connect(settings=settings(root, NOWHERE)) as again:
        assert len(await again.workspaces()) == 1


async def test_a_root_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "broken" / ".cfo").mkdir(parents=True)
    (tmp_path / "broken" / ".cfo" / "catalog.db").write_text("no database" * 100)
    (tmp_path / "newer" / ".cfo").mkdir(parents=True)
    with sqlite3.connect(tmp_path / "newer" / ".cfo" / "catalog.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    for name in ("file", "broken", "newer"):
        with pytest.raises(StorageFailed):
            await connect(settings=settings(tmp_path / name, NOWHERE)).workspaces()


def test_settings_come_from_the_environment_and_say_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def loaded(**environment: Any) -> Settings:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return load()

    assert loaded(CFO_ROOT="~/x").resolved_root() == Path("~/x").expanduser()
    (tmp_path / "workspaces").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert loaded().resolved_root() == tmp_path / "workspaces"
    for name, value in {"CFO_MODEL_TIMEOUT": "0", "CFO_REQUEST_LIMIT": "many", "CFO_MODEL_RETRIES": "99"}.items():
        with pytest.raises(InvalidSettings, match=name):
            loaded(**{name: value})
    for name in ("OPENAI_API_KEY", "CFO_OPENAI_API_KEY"):
        made = loaded(**{name: "sk-secret"})
        assert made.openai_api_key
        assert made.openai_api_key.get_secret_value() == "sk-secret"
        assert "sk-secret" not in repr(made)
    with pytest.raises(InvalidSettings, match="CFO_ROOT"):
        loaded(CFO_ROOT="~nobody-of-that-name/x").resolved_root()
    assert loaded(OPENAI_BASE_URL="http://a").openai_base_url == "http://a"
    assert loaded(OPENAI_BASE_URL="http://a").base_url is None  # which an Anthropic key would be sent to
    with pytest.raises(InvalidSettings, match="CFO_URL is not a valid address"):
        connect("example.com")


def test_an_unreadable_environment_file_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("CFO_MODEL=büro".encode("latin-1"))
    with pytest.raises(InvalidSettings, match=r"\.env is not UTF-8"):
        load()
    (tmp_path / ".env").write_text("CFO_MODEL=offline")
    assert load().model == "offline"
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", _refused)
        with pytest.raises(InvalidSettings, match="Permission denied"):
            load()


def _refused(*_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied")
