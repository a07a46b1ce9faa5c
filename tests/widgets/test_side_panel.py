"""The pickers and the data panel, as their pages use them, over the embedded workbench."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cfo_widgets import second_look, thread_watcher, uploads
from cfo_widgets.data_panel import DataPanel
from cfo_widgets.thread_picker import ThreadPicker
from cfo_widgets.workspace_picker import WorkspacePicker

from cfo_kernel import Workbench, Workspace
from cfo_kernel.errors import ServerUnavailable
from tests.conftest import LEDGER, Opened
from tests.models.scripted_server import Stall
from tests.replies import ANSWER, Serve, wait_for_event
from tests.widgets.fake_page import FakePage, until


@pytest.fixture
async def tiny(opened: Opened) -> Workspace:
    return await opened(model="offline")


@pytest.fixture
async def panel(tiny: Workspace) -> AsyncIterator[DataPanel]:
    panel = DataPanel()
    await panel.show(tiny)
    yield panel
    panel.close()


@pytest.fixture
async def threads(tiny: Workspace) -> AsyncIterator[ThreadPicker]:
    picker = ThreadPicker()
    await picker.show(tiny)
    yield picker
    picker.close()


# Workspaces


async def test_the_workspace_of_the_last_visit_opens_or_else_the_one_changed_last(
    make_workbench: Callable[..., Workbench],
) -> None:
    wb = make_workbench(model="offline")
    await wb.create_workspace("Acme")
    for remembered, expected in (("tiny", "tiny"), ("gone", "acme"), ("", "acme")):
        picker, picked = WorkspacePicker(wb), []
        picker.on_pick(lambda workspace, picked=picked: picked.append(workspace.id))
        page = FakePage(picker)
        await asyncio.gather(*(page.ask("begin", remembered=remembered) for _ in range(2)))
        assert (picker.workspace_id, picked) == (expected, [expected])
        assert [workspace["id"] for workspace in picker.workspaces or []] == ["acme", "tiny"]


async def test_a_new_workspace_is_opened_and_a_name_in_use_is_refused(make_workbench: Callable[..., Workbench]) -> None:
    picker, picked = WorkspacePicker(make_workbench(model="offline")), []
    picker.on_pick(lambda workspace: picked.append(workspace.name))
    page = FakePage(picker)
    await page.ask("create", name="Acme AG")
    assert (picker.workspace_id, picked) == ("acme_ag", ["Acme AG"])
    assert await page.error("create", name="Acme AG") == "workspace_exists"
    assert await page.error("create", name="a/b") == "invalid_name"
    assert await page.error("pick", workspace_id="unknown") == "workspace_not_found"
    assert picker.workspace_id == "acme_ag"


# Threads


async def test_a_thread_is_picked_renamed_and_deleted(tiny: Workspace, threads: ThreadPicker) -> None:
    thread = await tiny.thread()
    await thread.ask("how many rows are in ledger")
    page, picked = FakePage(threads), []

    async def opened(thread: Any) -> None:
        picked.append(thread and thread.id)

    threads.on_pick(opened)
    threads.select(thread.id)
    await page.ask("rename", thread_id=thread.id, title="Rows")
    assert [(t["id"], t["title"], t["running"]) for t in threads.threads or []] == [(thread.id, "Rows", False)]
    assert await page.error("rename", thread_id=thread.id, title=" ") == "invalid_name"
    await page.ask("pick", thread_id="")
    await page.ask("pick", thread_id=thread.id)
    assert await page.error("pick", thread_id="nothing") == "thread_not_found"
    assert threads.thread_id == thread.id  # as before
    assert await page.error("delete", workspace_id="another", thread_id=thread.id) == "invalid_input"
    await page.ask("delete", workspace_id="tiny", thread_id=thread.id)
    assert (threads.threads, threads.thread_id) == ([], "")
    assert picked == [None, thread.id, None]
    assert list(await tiny.threads()) == []


async def test_changes_made_elsewhere_are_listed(opened: Opened, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_watcher, "VISIBLE_INTERVAL", 0.05)
    tiny = await opened(serve(Stall(), ANSWER))
    threads, changed = ThreadPicker(), []
    await threads.show(tiny)
    threads.on_change(changed.append)
    await FakePage(threads).ask("look")
    run = await (await tiny.thread()).send("first")
    await wait_for_event(run, "run_started")
    await until(lambda: threads.threads and threads.threads[0]["running"])
    assert set(changed) == {run.thread_id}
    await run.cancel()
    await until(lambda: threads.threads and not threads.threads[0]["running"])
    threads.close()


async def test_a_lost_server_is_reported_and_polled_again(
    tiny: Workspace, threads: ThreadPicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_watcher, "VISIBLE_INTERVAL", 0.05)
    monkeypatch.setattr(thread_watcher, "_POLL_TIMEOUT", 0.3)
    monkeypatch.setattr(second_look, "PAUSE", 0.05)
    page = FakePage(threads)

    async def away() -> Any:
        raise ServerUnavailable("The server does not answer.")

    async def silent() -> Any:
        await asyncio.sleep(60)

    async def broken() -> Any:
        raise RuntimeError

    for threads_call, words in ((away, "does not answer."), (silent, "Nothing is lost"), (broken, "internal error")):
        with monkeypatch.context() as patched:
            patched.setattr(tiny, "threads", threads_call)
            await page.ask("look")
            await until(lambda words=words: words in threads.connection)
            assert threads.threads == []  # the list stays as it was
        await until(lambda: not threads.connection)


async def test_a_server_that_is_back_at_the_second_look_is_not_reported(
    tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_watcher, "VISIBLE_INTERVAL", 0.05)
    monkeypatch.setattr(second_look, "PAUSE", 0.01)
    looks: Counter[str] = Counter()

    def restarting(name: str, look: Any) -> Any:
        async def alternate(**options: Any) -> Any:
            looks[name] += 1
            if looks[name] % 2:
                raise ServerUnavailable("The server does not answer.")
            return await look(**options)

        return alternate

    for name in ("threads", "datasets"):
        monkeypatch.setattr(tiny, name, restarting(name, getattr(tiny, name)))
    threads, data, reported = ThreadPicker(), DataPanel(), []
    for part in (threads, data):
        part.observe(lambda change: reported.append(change.new), "connection")
    await threads.show(tiny)
    await data.show(tiny)
    await until(lambda: looks["threads"] >= 6)
    assert (reported, threads.threads, len(data.datasets or [])) == ([], [], 1)
    threads.close()
    data.close()


async def test_an_update_for_a_workspace_that_is_no_longer_shown_is_ignored(
    make_workbench: Callable[..., Workbench], threads: ThreadPicker, tiny: Workspace
) -> None:
    await (await tiny.thread()).ask("how many rows are in ledger")
    other = await make_workbench(model="offline").create_workspace("Other")
    await asyncio.gather(threads.show(tiny), threads.show(other))
    assert (threads.workspace_id, threads.threads) == ("other", [])


# Data

CHUNK = uploads.CHUNK


async def send(page: FakePage, content: bytes, name: str, id: str = "u", **more: Any) -> Any:
    """Uploads as a page does, and returns the last answer."""
    about = {"workspace_id": "tiny", "upload_id": id, "name": name, "size": len(content), **more}
    answer: Any = None
    for offset in range(0, max(len(content), 1), CHUNK):
        answer = await page.message("upload", offset=offset, buffers=[content[offset : offset + CHUNK]], **about)
        if answer["type"] == "problem":
            return answer["problem"]["code"]
    return answer["value"]


async def test_a_file_arrives_in_chunks_and_is_listed(panel: DataPanel, root: Path) -> None:
    page = FakePage(panel)
    content = b"at,amount\n" + b"2024-01-05,1.25\n" * 200_000
    done = await send(page, content, "large.csv")
    assert (done["received"], done["dataset"]["tables"][0]["row_count"]) == (len(content), 200_000)
    assert [(d["file"], d["problem"]) for d in panel.datasets or []] == [("large.csv", None), ("ledger.csv", None)]
    assert (root / "tiny" / "data" / "large.csv").read_bytes() == content
    assert not panel._uploads._uploads
    assert not panel._uploads._idle_timers


async def test_a_refused_upload_leaves_nothing_behind(panel: DataPanel, root: Path) -> None:
    page = FakePage(panel)
    more = {"workspace_id": "tiny", "name": "x.csv", "size": 10}
    assert await send(page, b"not a workbook", "x.xlsx") == "unreadable_file"
    assert await send(page, b"", "x.csv") == "empty_file"
    assert await send(page, b"a\n1\n", "../x.csv") == "invalid_name"
    assert await send(page, b"a\n1\n", "x.csv", workspace_id="another") == "invalid_input"
    assert (
        await page.error("upload", upload_id="1", **{**more, "size": 3 << 30}, offset=0, buffers=[b"1"])
        == "file_too_large"
    )
    for offset, chunk in ((5, b"12345"), (0, b"0" * 11), (0, b""), (0, b"0" * (CHUNK + 1))):
        given = {**more, "size": 2 * CHUNK} if len(chunk) > CHUNK else more
        assert await page.error("upload", upload_id="2", **given, offset=offset, buffers=[chunk]) == "invalid_input"
    await page.ask("upload", upload_id="3", **more, offset=0, buffers=[b"12345"])
    assert await page.error("upload", upload_id="3", **more, offset=3, buffers=[b"45678"]) == "invalid_input"  # a gap
    assert await page.error("upload", upload_id="3", **more, offset=5, buffers=[b"67890"]) == "invalid_input"  # ended
    assert not panel._uploads._uploads
    assert [path.name for path in (root / "tiny" / "data").iterdir()] == ["ledger.csv"]
    assert not list((root / "tiny").glob(".scratch/*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_reported(panel: DataPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.tempfile, "TemporaryFile", partial(Path("/dev/full").open, "wb"))
    page, more = FakePage(panel), {"workspace_id": "tiny", "name": "x.csv", "offset": 0}
    for size in (5, 10):  # the whole file, and its first half
        given = {**more, "upload_id": str(size), "size": size}
        assert await page.error("upload", **given, buffers=[b"12345"]) == "storage_failed"
    assert not panel._uploads._uploads


async def test_an_upload_ends_when_it_is_cancelled_or_idle_or_the_panel_closes(
    panel: DataPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = FakePage(panel)
    more = {"workspace_id": "tiny", "name": "x.csv", "size": 10, "offset": 0, "buffers": [b"12345"]}
    await page.ask("upload", upload_id="cancelled", **more)
    file = panel._uploads._uploads["cancelled"]._file
    await page.ask("cancel_upload", upload_id="cancelled")
    assert (file.closed, panel._uploads._uploads) == (True, {})
    monkeypatch.setattr(uploads, "_IDLE_TIMEOUT", 0.05)
    await page.ask("upload", upload_id="silent", **more)
    await until(lambda: not panel._uploads._uploads)
    monkeypatch.setattr(uploads, "_IDLE_TIMEOUT", 60)
    await page.ask("upload", upload_id="open", **more)
    file = panel._uploads._uploads["open"]._file
    panel.close()
    assert file.closed


async def test_a_thread_with_new_messages_is_not_deleted(tiny: Workspace, threads: ThreadPicker) -> None:
    page = FakePage(threads)
    await threads.show(tiny)
    thread = await tiny.thread()
    await thread.ask("SQL: SELECT 1 AS n")
    last = await page.ask("last_change", thread_id=thread.id)
    await thread.ask("SQL: SELECT 2 AS n")
    command = {"workspace_id": "tiny", "thread_id": thread.id, "last_change": last}
    assert await page.error("delete", **command) == "invalid_input"
    last = await page.ask("last_change", thread_id=thread.id)
    await page.ask("delete", **{**command, "last_change": last})
    assert list(await tiny.threads()) == []


async def test_a_file_is_downloaded_and_deleted_and_a_table_previewed(panel: DataPanel, tiny: Workspace) -> None:
    page = FakePage(panel)
    rows = await page.ask("preview", workspace_id="tiny", table="ledger")
    assert (rows["row_count"], rows["rows"][0]) == (6, ["Salaries", "Sales", "2012-01-31", 1000.1])
    wanted = {"workspace_id": "tiny", "key": "k", "file": "ledger.csv"}
    content, chunk = b"", {"is_done": False}
    while not chunk["is_done"]:
        answer, buffers = await page.answer("download", **wanted, **{"from": len(content)})
        chunk = answer["value"]
        content += b"".join(buffers)
    assert (content.decode(), chunk["size"], chunk["name"]) == (LEDGER, len(LEDGER), "ledger.csv")
    assert await page.error("download", **wanted, **{"from": len(content)}) == "invalid_input"
    assert await page.error("download", **{**wanted, "file": "../x", "from": 0}) == "file_not_found"
    assert await page.error("delete_file", workspace_id="another", file="ledger.csv") == "invalid_input"
    await page.ask("delete_file", workspace_id="tiny", file="ledger.csv")
    assert panel.datasets == []
    assert list(await tiny.files()) == []


async def files_read(panel: DataPanel) -> None:
    """Waits until the panel lists no file that is being read. It looks again on its own."""
    while any(dataset["reading"] for dataset in panel.datasets or []):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.05)


async def test_files_of_one_form_are_put_together_and_kept_apart(panel: DataPanel, root: Path) -> None:
    page = FakePage(panel)
    for year in ("2023", "2024"):
        (root / "tiny" / "data" / f"sales_{year}.csv").write_text(f"region,amount,y{year}\nEMEA,{year},1\n")
    (root / "tiny" / "data" / "scan.pdf").write_bytes(b"%PDF-1.7")
    await page.ask("look")
    await files_read(panel)
    ledger, first, second, scan = panel.datasets
    assert (ledger["proposal"], second["proposal"], scan["document"]) == (None, None, "PDF")
    assert first["proposal"] == {"name": "sales", "files": ["sales_2023.csv", "sales_2024.csv"]}
    await page.ask("unite", workspace_id="tiny", **first["proposal"])
    await files_read(panel)
    assert [table["files"] for table in panel.datasets[2]["tables"]] == [["sales_2023.csv", "sales_2024.csv"]]
    await page.ask("unite", workspace_id="tiny", name="sales", files=[])
    await files_read(panel)
    assert [table["name"] for table in panel.datasets[2]["tables"]] == ["sales_2024"]


async def test_a_question_is_passed_on_and_an_invalid_glossary_does_not_empty_the_list(
    panel: DataPanel, root: Path
) -> None:
    page, questions = FakePage(panel), []
    panel.on_question(questions.append)
    await page.ask("ask", workspace_id="tiny", question="how many rows are in ledger")
    assert questions == ["how many rows are in ledger"]
    assert panel.glossary["questions"]
    (root / "tiny" / "data" / "datasets.yaml").write_text("tables: {ledgers: {}}")
    await page.ask("look")
    assert "datasets.yaml, line 1" in panel.glossary["problems"][0]
    assert [d["file"] for d in panel.datasets or []] == ["ledger.csv"]
