"""The history file is always complete, can be read by people, and is set aside if it is broken."""

import asyncio
import errno
import fcntl
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import TaskResult
from cfo_kernel.errors import StorageFailed, ThreadReadOnly
from cfo_kernel.store.folders import make_thread
from cfo_kernel.store.history import History, MessageEntry, RunEntry, run_to_completion
from tests.conftest import Opened
from tests.models.scripted_server import ToolCall
from tests.replies import QUERY, Serve

HANG = 30.0  # seconds after which a test that hangs fails
ASK = ToolCall("user_interaction", {"message": "Geht’s weiter? 📈"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_thread(tmp_path / "thread")
    History(tmp_path / "thread").append(MessageEntry(run_id="1", text="Hallo, Größe \u2028 \t?"))
    return tmp_path / "thread"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_people_can_read_it_and_it_is_read_back(folder: Path) -> None:
    history = History(folder)
    answer = RunEntry(
        run_id="1", status="succeeded", reply=TaskResult(message="42"), model_messages=[{"a": [1.5, None]}]
    )
    history.append(answer)
    text = (folder / "message_history.json").read_text()
    assert "Hallo, Größe" in text
    assert text.count("\n") > 20
    assert json.loads(text)["format"] == 1
    assert history.entries()[1] == answer
    assert [e.run_id for e in history.entries()] == ["1", "1"]
    history.append(answer, MessageEntry(run_id="1", text="again"))  # each once
    assert (folder / "message_history.json").read_text() == text


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before = (folder / "message_history.json").read_bytes()

    def fail(*_: object, **__: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], fail)
        with pytest.raises(StorageFailed, match="No space left on device"):
            History(folder).append(MessageEntry(run_id="2", text="x"))
    assert (folder / "message_history.json").read_bytes() == before
    History(folder).append(MessageEntry(run_id="2", text="x"))
    assert [e.run_id for e in History(folder).entries()] == ["1", "2"]


def test_text_that_is_not_valid_is_refused(folder: Path) -> None:
    with pytest.raises(StorageFailed, match="not valid text"):
        History(folder).append(MessageEntry(run_id="2", text="\ud800"))
    assert len(History(folder).entries()) == 1


BROKEN = {
    "half": '{"format": 1, "thread_id": "t", "entr',
    "not JSON": "hello",
    "empty": "",
    "bytes": "\udcff",
    "a list": "[]",
    "no entries": '{"format": 1}',
    "an object": '{"format": 1, "entries": {}}',
    "no run": '{"format": 1, "entries": [{"type": "message"}]}',
    "numbers": '{"format": 1, "entries": [1]}',
    "format": '{"format": "one", "entries": []}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_set_aside_until_it_is_fixed(folder: Path, name: str) -> None:
    whole = (folder / "message_history.json").read_bytes()
    broken = BROKEN[name].encode(errors="surrogateescape")
    (folder / "message_history.json").write_bytes(broken)
    history = History(folder)
    for use in (history.entries, history.entries, lambda: history.append(MessageEntry(run_id="2", text="x"))):
        with pytest.raises(ThreadReadOnly, match=r"Fix it and name it message_history.json"):
            use()
    (aside,) = folder.glob("message_history.unreadable-*.json")
    assert aside.read_bytes() == broken
    assert aside.name in (history.notice() or "")
    assert names(folder) == ["memory.json", aside.name]
    (folder / "message_history.json").write_bytes(whole)
    assert history.notice() is None
    assert len(history.entries()) == 1


def test_a_newer_file_is_left_where_it_is(folder: Path) -> None:
    (folder / "message_history.json").write_text('{"format": 2, "anything": []}')
    with pytest.raises(ThreadReadOnly, match=r"newer version. Update"):
        History(folder).entries()
    assert names(folder) == ["memory.json", "message_history.json"]


def test_fields_of_a_later_version_are_ignored_and_stay_in_the_file(folder: Path) -> None:
    history = History(folder)
    history.append(RunEntry(run_id="1", status="succeeded", reply=TaskResult(message="42")))
    file = json.loads((folder / "message_history.json").read_text())
    file["entries"][0]["mood"] = "good"
    file["entries"][1]["reply"]["mood"] = "better"
    (folder / "message_history.json").write_text(json.dumps(file))
    message, answer = history.entries()
    assert isinstance(message, MessageEntry)
    assert isinstance(answer, RunEntry)
    assert answer.reply == TaskResult(message="42")
    history.append(MessageEntry(run_id="2", text="x"))
    kept = json.loads((folder / "message_history.json").read_text())["entries"]
    assert kept[:2] == file["entries"]


def test_an_unreadable_entry_affects_only_itself(folder: Path) -> None:
    file = json.loads((folder / "message_history.json").read_text())
    odd: list[dict[str, Any]] = [
        {"type": "run", "run_id": "1", "status": "succeeded", "reply": {"kind": "poem", "lines": 3}},
        {"type": "message", "run_id": "2", "text": 3},
        {"type": "note", "run_id": "3"},
    ]
    file["entries"] += odd
    (folder / "message_history.json").write_text(json.dumps(file))
    history = History(folder)
    assert history.notice() is None
    first, answer, message = history.entries()
    assert isinstance(first, MessageEntry)
    assert isinstance(answer, RunEntry)
    assert answer.error
    assert "cannot read this history entry" in answer.error.message
    assert isinstance(message, MessageEntry)
    assert "cannot read this history entry" in message.text
    history.append(MessageEntry(run_id="4", text="x"))
    assert json.loads((folder / "message_history.json").read_text())["entries"][1:4] == odd
    assert names(folder) == ["memory.json", "message_history.json"]


async def test_a_thread_with_a_broken_history_is_read_only(serve: Serve, opened: Opened) -> None:
    server = serve(ASK, repeat_last=True)
    place = await opened(server)
    thread, other = await place.thread(), await place.thread()
    await thread.ask("Hello")
    await other.ask("Hello, too")
    file = thread.thread_dir / "message_history.json"
    whole = file.read_text()
    file.write_text(whole[:-20])
    assert {t.id for t in await place.threads()} == {thread.id, other.id}
    again = await place.thread(thread.id)
    assert "read-only" in (await again.notice() or "")
    for use in (again.messages, lambda: again.send("More")):
        with pytest.raises(ThreadReadOnly):
            await use()
    await other.ask("Still here")
    assert server.turns_taken == 3
    file.write_text(whole)
    assert await again.notice() is None
    await again.ask("Fixed")
    assert len(await again.messages()) == 4


async def test_a_failing_disk_refuses_the_message_and_keeps_the_thread(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await (await opened(serve(ASK, repeat_last=True))).thread()
    await thread.ask("Hello")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(StorageFailed, match="Input/output error"):
            await thread.send("Lost?", idempotency_key="k")
    await (await thread.send("Lost?", idempotency_key="k")).reply()
    assert [m.text for m in await thread.messages() if m.who == "person"] == ["Hello", "Lost?"]


async def test_a_history_that_breaks_during_a_run_ends_the_run(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(QUERY, ASK, ASK))).thread()
    run = await thread.send("Hello")
    async for numbered in run.events():
        if numbered.event.type == "tool_call":
            file = thread.thread_dir / "message_history.json"
            whole = file.read_text()
            file.write_text("{")
    finished = await run.finished()
    assert finished.error
    assert finished.error.code == "thread_read_only"
    file.write_text(whole)
    await thread.ask("Fixed")


def test_the_memory_file_is_created_once(folder: Path) -> None:
    assert (folder / "memory.json").read_text() == "{}\n"
    (folder / "memory.json").write_text('{"kept": true}')
    make_thread(folder)
    assert (folder / "memory.json").read_text() == '{"kept": true}'


async def test_only_one_task_holds_the_lock(folder: Path) -> None:
    inside: list[int] = []

    async def work(number: int) -> None:
        async with History(folder).locked():
            inside.append(number)
            for _ in range(3):
                await asyncio.sleep(0)
            assert inside[-1] == number

    await asyncio.gather(*(work(number) for number in range(5)))


async def test_a_cancelled_writer_holds_the_lock_until_it_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = History._write  # pyright: ignore[reportPrivateUsage]
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(self: History, file: dict[str, Any]) -> None:
        begun.set()
        assert may_go_on.wait(HANG)
        write(self, file)

    monkeypatch.setattr(History, "_write", slow)

    async def add(run_id: str) -> None:
        history = History(folder)
        async with history.locked():
            await run_to_completion(history.append, MessageEntry(run_id=run_id, text="x"))

    first = asyncio.create_task(add("2"))
    assert await asyncio.to_thread(begun.wait, HANG)
    for _ in range(2):
        first.cancel()
        await asyncio.sleep(0)
    second = asyncio.create_task(add("3"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not first.done()
    with pytest.raises(BlockingIOError), (folder / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    may_go_on.set()
    await second
    assert first.cancelled()
    assert [e.run_id for e in History(folder).entries()] == ["1", "2", "3"]


def test_two_writers_use_different_temporary_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Path] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (used.append(self), replace(self, target))[1])
    for run_id in ("2", "3"):
        History(folder).append(MessageEntry(run_id=run_id, text="x"))
    assert len(set(used)) == 2
    assert names(folder) == ["memory.json", "message_history.json"]


async def test_a_link_instead_of_the_lock_file_is_refused_and_its_target_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("all of it")
    (folder / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageFailed, match=r"\.lock is a link"):
        async with History(folder).locked():
            pass
    assert (tmp_path / "precious").read_text() == "all of it"


def test_a_long_thread_is_read_and_written_quickly(folder: Path) -> None:
    history = History(folder)
    messages = [{"kind": "response", "parts": [{"content": "x" * 500}] * 20}]
    history.append(*(MessageEntry(run_id=f"r{n}", text="What did it cost?") for n in range(1000)))
    history.append(*(RunEntry(run_id=f"r{n}", status="failed", model_messages=messages) for n in range(1000)))
    assert (folder / "message_history.json").stat().st_size > 10_000_000
    started = time.process_time()
    assert len(history.entries()) == 2001
    history.append(MessageEntry(run_id="last", text="x"))
    assert time.process_time() - started < 1.5  # a tenth of this, but machines differ
