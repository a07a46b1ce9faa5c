"""The journal by itself: what it refuses, and files of an earlier version."""

import sqlite3
from pathlib import Path

from cfo_kernel.events import Done, RunStarted
from cfo_kernel.runs.journal import Journal, RunRow

DONE = Done(run_id="r", status="failed")


def row(workspace: str, run_id: str) -> RunRow:
    return RunRow(
        n=0, id=run_id, workspace_id=workspace, thread_id="t", message="x", in_reply_to=None, owner="o", status="queued"
    )


async def test_an_event_is_the_next_one_of_a_run_that_goes_on_or_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    await journal.add_run(row("w", "r"), None)
    started = RunStarted(run_id="r", thread_id="t")
    assert await journal.put("r", 1, started) == 0
    assert await journal.put("r", 0, started) == 1
    assert await journal.put("r", 2, started) == 0
    stored = journal.put("r", 1, DONE)
    await journal.end("r", "failed")
    assert stored.result() == 1
    assert await journal.put("r", 2, started) == 0
    assert [n.number for n in journal.recorded("r")] == [0, 1]
    journal.close()


async def test_threads_of_one_id_in_two_workspaces_are_two(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    await journal.add_run(row("w", "1"), "k")
    second = await journal.add_run(row("copy of w", "2"), None)
    assert [run.id for run in journal.open_runs("w", "t")] == ["1"]
    assert journal.open_before(second) == []
    assert journal.by_key("copy of w", "t", "k") is None
    assert [run.id for run in journal.open_runs()] == ["1", "2"]
    journal.close()


async def test_a_journal_of_the_first_version_is_taken_up(tmp_path: Path) -> None:
    Journal(tmp_path / "j.db").close()
    with sqlite3.connect(tmp_path / "j.db") as older:
        older.execute("DROP TABLE cancel_requested")
        older.execute(
            "INSERT INTO run (id, workspace_id, thread_id, message, owner, status)"
            " VALUES ('1', 'w', 't', 'x', 'o', 'queued')"
        )
    older.close()
    journal = Journal(tmp_path / "j.db")
    assert not journal.cancel_requested("1")
    await journal.request_cancel("1")
    await journal.request_cancel("1")
    assert journal.cancel_requested("1")
    journal.close()


async def test_fields_that_a_later_version_added_to_an_event_are_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    with sqlite3.connect(tmp_path / "j.db") as newer:
        data = '{"type": "done", "run_id": "r", "status": "failed", "price": 3}'
        newer.execute("INSERT INTO event VALUES ('r', 0, ?)", (data,))
    newer.close()
    assert [n.event for n in journal.recorded("r")] == [DONE]
    journal.close()
