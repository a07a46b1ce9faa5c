"""The trash keeps deleted items for a while, within limits of age and size, and removes nothing that is in use."""

import fcntl
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cfo_kernel.store import folders, trash

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def put(folder: Path, name: str, days: float, size: int = 4096) -> Path:
    """A file that was deleted this many days ago."""
    file = folder / f"{NOW - timedelta(days=days):%Y%m%d-%H%M%S}-abc123-{name}"
    file.write_bytes(b"x" * size)
    return file


def names(folder: Path) -> list[str]:
    return sorted(path.name.split("-", 3)[-1] for path in folder.iterdir())


def test_what_is_older_than_thirty_days_is_removed(tmp_path: Path) -> None:
    for name, days in {"new": 0, "young": 29.9, "old": 30.1, "ancient": 4000}.items():
        put(tmp_path, name, days)
    thread = put(tmp_path, "thread", 31)
    thread.unlink()
    (thread / "results").mkdir(parents=True)
    (thread / "results" / "a.csv").write_text("1")
    trash.prune(tmp_path, now=NOW)
    assert names(tmp_path) == ["new", "young"]


def test_above_the_limit_of_size_the_oldest_go_first(tmp_path: Path) -> None:
    for days in (1, 5, 2, 4, 3):
        put(tmp_path, f"{days}.csv", days, size=100_000)
    trash.prune(tmp_path, max_bytes=250_000, now=NOW)
    assert names(tmp_path) == ["1.csv", "2.csv"]


def test_what_was_deleted_last_stays_however_large_it_is(tmp_path: Path) -> None:
    put(tmp_path, "small.csv", 1)
    put(tmp_path, "large.csv", 0, size=100_000)
    trash.prune(tmp_path, max_bytes=10_000, now=NOW)
    assert names(tmp_path) == ["large.csv"]


def test_names_that_people_chose_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "20200101").mkdir()
    put(tmp_path, "x", 0).rename(tmp_path / "99999999-999999-abc123-not a time")
    outside = tmp_path.parent / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("1")
    (tmp_path / f"{NOW - timedelta(days=99):%Y%m%d-%H%M%S}-abc123-link").symlink_to(outside)
    trash.prune(tmp_path, max_bytes=0, now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20200101",
        "99999999-999999-abc123-not a time",
        "notes.txt",
    ]
    assert (outside / "a.csv").exists()


def test_a_thread_in_which_a_program_works_stays(tmp_path: Path) -> None:
    thread = tmp_path / f"{NOW - timedelta(days=99):%Y%m%d-%H%M%S}-abc123-workspace" / "threads" / "one"
    thread.mkdir(parents=True)
    with (thread / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        trash.prune(tmp_path, max_bytes=0, now=NOW)
        assert thread.exists()
    trash.prune(tmp_path, max_bytes=0, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_thing_that_is_still_arriving_is_not_removed_for_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move from another disk is a copy, during which another engine may prune the trash."""
    file = tmp_path / "ledger.csv"
    file.write_text("1")
    seen: list[str] = []
    move = shutil.move

    def slow(source: Path, target: Path) -> None:
        move(source, target)
        put(target.parent, "newer", -1)
        trash.prune(target.parent, max_bytes=0)
        seen.extend(names(target.parent))

    monkeypatch.setattr(shutil, "move", slow)
    folders.to_trash(tmp_path, file)
    assert seen == ["ledger.csv", "newer"]
    assert names(tmp_path / ".trash") == ["ledger.csv", "newer"]


def test_a_removal_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    (tmp_path / ".removing-1" / "data").mkdir(parents=True)
    trash.prune(tmp_path, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_every_trash_of_a_root_is_pruned(tmp_path: Path) -> None:
    for parent in (tmp_path, tmp_path / "one", tmp_path / "two"):
        (parent / ".trash").mkdir(parents=True)
        put(parent / ".trash", "old", 9999)
    trash.prune_root(tmp_path)
    assert [*tmp_path.rglob("*old")] == []


@pytest.mark.parametrize("file", ["docs/data.md", "docs/security.md", "widgets/js/src/shared/undo.tsx"])
def test_people_see_how_long_it_takes(file: str) -> None:
    assert f"{trash.DAYS} days" in (ROOT / file).read_text()
