"""Tests the journal: one contract for both implementations, and files of earlier versions."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cfo_kernel.errors import EventsPruned, IdempotencyMismatch, RunNotFound, WorkbenchClosed
from cfo_kernel.events import Done, Event, RunStarted, Token
from cfo_kernel.runs.journal import Journal, Record, RunRow
from cfo_kernel.runs.journal_sqlite import SqliteJournal

PAGE = 3
DONE = Done(run_id="r", status="failed")
STARTED = RunStarted(run_id="r", thread_id="t")
Open = Callable[[], Awaitable[Journal]]


def row(run_id: str, workspace: str = "w", owner: str = "o", message: str = "x") -> RunRow:
    return RunRow(n=0, id=run_id, workspace_id=workspace, thread_id="t", message=message, owner=owner)


@pytest.fixture(params=["sqlite", "postgres"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens journals on the same database, each as if in another process."""
    journals: list[Journal] = []
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres")

        def make() -> Journal:
            from cfo_kernel.runs.journal_postgres import PostgresJournal
            from cfo_kernel.runs.postgres import Database
            from cfo_kernel.store.database_postgres import Target

            return PostgresJournal(Database(Target(url)))
    else:

        def make() -> Journal:
            return SqliteJournal(tmp_path / "j.db")

    async def open_() -> Journal:
        journals.append(journal := make())
        await journal.open()
        return journal

    yield open_
    for journal in journals:
        await journal.close()


@pytest.fixture
async def journal(opened: Open) -> Journal:
    return await opened()


@pytest.fixture
def small_pages(opened: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    for module in ("journal_sqlite", "journal_postgres"):
        monkeypatch.setattr(f"cfo_kernel.runs.{module}._PAGE", PAGE)
    return opened


async def numbers(journal: Journal, run_id: str) -> list[int]:
    return [n.number for n in await journal.events(run_id)]


async def test_only_the_next_event_of_an_open_run_is_accepted(journal: Journal) -> None:
    run = await journal.add_run(row("r"), None)
    assert (run.status, run.attempt, run.owner, run.ended) == ("queued", 1, "o", False)
    assert await journal.put(run, 1, STARTED) == 0
    assert await journal.put(run, 0, STARTED) == 1
    assert await journal.put(run, 0, STARTED) == 0
    assert await journal.put(run, 2, STARTED) == 0
    last, ended = journal.put(run, 1, DONE), journal.end(run, "failed")
    assert (await last, await ended) == (1, 1)
    assert await journal.put(run, 2, STARTED) == 0
    assert await journal.end(run, "succeeded") == 0
    assert await numbers(journal, "r") == [0, 1]
    assert (await journal.run("r")).status == "failed"


async def test_writes_of_one_loop_iteration_are_stored_in_order(journal: Journal) -> None:
    run = await journal.add_run(row("r"), None)
    stored = [journal.put(run, n, Token(text=str(n))) for n in range(100)]
    assert await asyncio.gather(*stored) == [1] * 100
    assert [n.event for n in await journal.events("r", 97)] == [Token(text="98"), Token(text="99")]


async def test_a_claim_succeeds_once_and_fences_the_earlier_attempt(opened: Open) -> None:
    journal, other = await opened(), await opened()
    run = await journal.add_run(row("r"), None)
    assert await journal.put(run, 0, STARTED) == 1
    claims = await asyncio.gather(*(j.claim(run, name, died=True) for j, name in ((journal, "a"), (other, "b"))))
    [taken] = [c for c in claims if c]
    assert (taken.attempt, taken.deaths, taken.owner in ("a", "b")) == (2, 1, True)
    record = Record(kind="tool", key="1", data=1)
    assert (
        await asyncio.gather(journal.put(run, 1, DONE), journal.keep(run, record), journal.end(run, "failed"))
        == [0] * 3
    )
    await journal.start(run)
    assert (await other.run("r")).status == "queued"
    assert await other.put(taken, 1, DONE) == 1
    assert await other.claim(run, "c") is None
    await other.end(taken, "failed")
    assert await journal.claim(await journal.run("r"), "d") is None


async def test_two_writing_processes_leave_no_gap_and_no_duplicate(opened: Open) -> None:
    journals = [await opened(), await opened()]
    run = await journals[0].add_run(row("r"), None)

    async def write(journal: Journal) -> int:
        return sum([await journal.put(run, n, Token(text="")) for n in range(30)])

    assert sum(await asyncio.gather(*map(write, journals))) == 30
    assert await numbers(journals[0], "r") == list(range(30))


async def test_a_record_is_stored_by_key_and_counts_as_progress(journal: Journal) -> None:
    run = await journal.add_run(row("r"), None)
    await journal.start(run)
    claimed = await journal.claim(run, "p", died=True)
    assert claimed is not None
    assert (claimed.deaths, claimed.status) == (1, "queued")  # until it starts
    first = Record(kind="response", key="1", data={"a": ["\0", 1.5, None]}, event=3)
    assert await journal.keep(claimed, first.model_copy(update={"data": 2})) == 1
    assert await journal.keep(claimed, first) == 1
    assert await journal.keep(claimed, Record(kind="tool", key="1", data="x", event=1)) == 1
    assert await journal.records("r") == [Record(kind="tool", key="1", data="x", event=1), first]
    assert (await journal.run("r")).deaths == 0


async def test_an_owner_releases_its_open_runs(journal: Journal) -> None:
    for name in ("1", "2"):
        await journal.add_run(row(name), None)
    await journal.add_run(row("3", owner="other"), None)
    await journal.end(await journal.run("2"), "failed")
    await journal.release("o")
    assert [(r.id, r.owner) for r in await journal.open_runs()] == [("1", ""), ("3", "other")]
    assert (await journal.run("2")).owner == "o"


async def test_an_idempotency_key_finds_its_run(opened: Open) -> None:
    journal, other = await opened(), await opened()
    runs = await asyncio.gather(journal.add_run(row("1"), "k"), other.add_run(row("2"), "k"))
    assert len({run.id for run in runs}) == 1
    assert await journal.by_key("w", "t", "k") == runs[0]
    assert await journal.by_key("w", "t", None) is None
    with pytest.raises(IdempotencyMismatch):
        await journal.add_run(row("3", workspace="copy of w"), "k")


async def test_equal_thread_ids_in_two_workspaces_are_different_threads(journal: Journal) -> None:
    await journal.add_run(row("1"), "k")
    await journal.add_run(row("2", workspace="copy of w"), None)
    assert [run.id for run in await journal.open_runs("w", "t")] == ["1"]
    assert await journal.by_key("copy of w", "t", "k") is None
    assert [run.id for run in await journal.open_runs()] == ["1", "2"]
    await journal.retract("1")
    with pytest.raises(RunNotFound):
        await journal.run("1")


async def test_any_text_is_stored_unchanged_and_an_odd_id_finds_no_run(journal: Journal) -> None:
    message = "a \0 b \\ ' % %s \N{PILE OF POO}"
    await journal.add_run(row("r", message=message), None)
    assert (await journal.run("r")).message == message
    for text in ("\0", "", "' OR 1=1"):
        with pytest.raises(RunNotFound):
            await journal.run(text)
    assert await journal.put(await journal.run("r"), 0, Token(text=message)) == 1
    assert [n.event for n in await journal.events("r")] == [Token(text=message)]


async def test_a_cancel_request_is_visible_to_others_until_the_run_ends(opened: Open) -> None:
    journal, other = await opened(), await opened()
    run = await journal.add_run(row("r"), None)
    await other.request_cancel("r")
    await other.request_cancel("r")
    assert await journal.cancels() == {"r"}
    await journal.end(run, "cancelled")
    assert await other.cancels() == set()


async def test_a_subscriber_receives_events_of_another_process(opened: Open) -> None:
    journal, other = await opened(), await opened()
    run = await journal.add_run(row("r"), None)
    received: asyncio.Queue[Event] = asyncio.Queue()

    async def listen() -> list[int]:
        numbers: list[int] = []
        async for numbered in other.subscribe("r", 0):
            numbers.append(numbered.number)
            received.put_nowait(numbered.event)
        return numbers

    listening = asyncio.create_task(listen())
    await journal.put(run, 0, STARTED)
    for number in range(1, 6):
        await journal.put(run, number, Token(text=str(number)))
        async with asyncio.timeout(5):
            assert await received.get() == Token(text=str(number))
    await asyncio.gather(journal.put(run, 6, DONE), journal.end(run, "failed"))
    async with asyncio.timeout(5):
        assert await listening == [1, 2, 3, 4, 5, 6]
    assert [n.number async for n in journal.subscribe("r")] == list(range(7))


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, 2 * PAGE, 2 * PAGE + 1])
async def test_a_subscriber_reads_page_after_page(small_pages: Open, count: int) -> None:
    journal, other = await small_pages(), await small_pages()
    run = await journal.add_run(row("r"), None)
    texts = [Token(text=str(n)) for n in range(count - 1)]
    await asyncio.gather(*(journal.put(run, n, event) for n, event in enumerate([*texts, DONE])))
    reading = other.subscribe("r")
    read = [await anext(reading)]
    await journal.end(run, "failed")
    async with asyncio.timeout(5):
        read += [n async for n in reading]
        later = [n async for n in other.subscribe("r", after=count - 2)]
    assert read == await journal.events("r")
    assert [n.number for n in read] == list(range(count))
    assert later == read[-1:]


async def test_a_subscriber_reads_no_further_than_its_page(small_pages: Open) -> None:
    journal = await small_pages()
    run = await journal.add_run(row("r"), None)
    await asyncio.gather(*(journal.put(run, n, Token(text="")) for n in range(3 * PAGE)))
    await journal.end(run, "failed")
    reading = journal.subscribe("r")
    received = [(await anext(reading)).number]
    await journal.prune(datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(EventsPruned):  # noqa: PT012 - what was received before the error is checked as well
        async for numbered in reading:
            received.append(numbered.number)
    assert received == list(range(PAGE))


async def test_a_subscriber_gets_an_error_when_the_journal_closes(journal: Journal) -> None:
    await journal.add_run(row("r"), None)

    async def listen() -> None:
        async for _ in journal.subscribe("r"):
            pass

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)  # it has subscribed
    await journal.close()
    async with asyncio.timeout(15):
        with pytest.raises(WorkbenchClosed):
            await listening
    with pytest.raises(WorkbenchClosed):
        await journal.add_run(row("2"), None)


async def test_pending_writes_are_committed_before_the_journal_closes(opened: Open) -> None:
    journal, other = await opened(), await opened()
    run = await journal.add_run(row("r"), None)
    stored = journal.put(run, 0, STARTED)
    await journal.close()
    assert await stored == 1
    assert await numbers(other, "r") == [0]


async def test_pruned_runs_lose_their_events_but_keep_their_rows(journal: Journal) -> None:
    for name in ("1", "2"):
        run = await journal.add_run(row(name), None)
        await journal.put(run, 0, STARTED)
        await journal.keep(run, Record(kind="tool", key="1", data=1))
    await journal.end(await journal.run("1"), "failed")
    assert await journal.prune(datetime.now(UTC) - timedelta(days=1)) == 0
    assert await journal.prune(datetime.now(UTC) + timedelta(days=1)) == 1
    assert (await numbers(journal, "1"), await journal.records("1")) == ([], [])
    assert (await numbers(journal, "2"), len(await journal.records("2"))) == ([0], 1)
    assert (await journal.run("1")).status == "failed"


async def test_a_journal_of_the_first_version_is_migrated(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "j.db") as older:
        older.executescript("""
            CREATE TABLE run (
                n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL,
                thread_id TEXT NOT NULL, message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT,
                owner TEXT NOT NULL, status TEXT NOT NULL, accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
                ended_at TEXT, UNIQUE (thread_id, idempotency_key));
            CREATE TABLE event (
                run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number))
                WITHOUT ROWID;
            INSERT INTO run (id, workspace_id, thread_id, message, owner, status)
            VALUES ('1', 'w', 't', 'x', 'o', 'queued');
            INSERT INTO event VALUES ('1', 0, '{"type": "token", "text": "a"}');
        """)
    older.close()
    journal = SqliteJournal(tmp_path / "j.db")
    await journal.open()
    run = await journal.run("1")
    assert (run.attempt, run.deaths, run.parent_run_id, run.owner) == (1, 0, None, "o")
    assert await journal.put(run, 1, DONE) == 1
    await journal.request_cancel("1")
    assert await journal.cancels() == {"1"}
    await journal.close()


async def test_unknown_fields_of_an_event_are_ignored(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    await journal.open()
    with sqlite3.connect(tmp_path / "j.db") as newer:
        data = '{"type": "done", "run_id": "r", "status": "failed", "price": 3}'
        newer.execute("INSERT INTO event VALUES ('r', 0, ?)", (data,))
    newer.close()
    assert [n.event for n in await journal.events("r")] == [DONE]
    await journal.close()
