"""Changes of the glossary: one after the other, kept, and undone one by one."""

import asyncio
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cfo_kernel import Workbench
from cfo_kernel.data import workspace_data
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import MeaningChanged, NothingToUndo, StorageFailed
from cfo_kernel.workbench.glossary_versions import MOST_VERSIONS, GlossaryVersions, difference, version_of

Make = Callable[..., Workbench]
FIRST = "# ours\ncompany: Tiny\n"


@pytest.fixture
def versions(tmp_path: Path) -> GlossaryVersions:
    (tmp_path / "data").mkdir()
    (tmp_path / ".glossary").mkdir()
    return GlossaryVersions(tmp_path)


def test_undo_goes_back_one_change_at_a_time(versions: GlossaryVersions, tmp_path: Path) -> None:
    file = tmp_path / "data" / "datasets.yaml"
    versions.replace("a", "b", "edit")
    versions.replace("b", "c", "edit")
    versions.replace("by hand", "d", "edit")
    for text, earlier in (("d", "by hand"), ("by hand", "c"), ("c", "b"), ("b", "a")):
        assert versions.before_last_edit(text) == earlier
        versions.replace(text, earlier, "undo")
        assert file.read_text() == earlier
    with pytest.raises(NothingToUndo):
        versions.before_last_edit("a")
    assert versions.before_last_edit("changed since") == "a"
    versions.replace("a", "e", "edit")
    assert versions.before_last_edit("e") == "a"
    assert versions.text_of(version_of("c")) == "c"


def test_a_number_of_versions_is_kept(versions: GlossaryVersions) -> None:
    for i in range(MOST_VERSIONS + 5):
        versions.replace(str(i), str(i + 1), "edit")
    kept = [version.text() for version in versions.stored()]
    assert kept == [str(i) for i in range(6, MOST_VERSIONS + 6)]


def test_a_full_disk_changes_nothing(
    versions: GlossaryVersions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions.replace("a", "b", "edit")
    target = tmp_path / "data" / "datasets.yaml"
    real = Path.replace

    def fail(self: Path, to: Path) -> Path:
        if to == target:
            raise OSError(28, "No space left on device")
        return real(self, to)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        versions.replace("b", "c", "edit")
    assert target.read_text() == "b"
    assert [version.text() for version in versions.stored()] == ["a", "b"]


async def test_two_editors_and_a_file_that_is_edited_by_hand(root: Path, make_workbench: Make) -> None:
    file = root / "tiny" / "data" / "datasets.yaml"
    file.write_text(FIRST)
    async with make_workbench() as wb:
        ws = await wb.workspace("tiny")
        seen = (await ws.meaning()).version
        results = await asyncio.gather(
            *(ws.set_meaning({"company": f"No. {i}"}, version=seen) for i in range(4)), return_exceptions=True
        )
        refused = [error for error in results if isinstance(error, MeaningChanged)]
        assert len(refused) == 3
        assert "-company: Tiny" in refused[0].message
        assert file.read_text().startswith("# ours\ncompany: No. ")
        # The same change again is no conflict: its answer may have been lost.
        again = await ws.set_meaning({"company": file.read_text().strip().rpartition(": ")[2]}, version=seen)
        file.write_text("company: By hand\n")
        with pytest.raises(MeaningChanged, match=re.escape("+company: By hand")):
            await ws.set_meaning({"company": "x"}, version=again.version)
        with pytest.raises(MeaningChanged, match=re.escape('are now: {"company": "By hand"}')):
            await ws.set_meaning({"company": "x"}, version="unknown")
        now = await ws.undo_meaning(version=(await ws.meaning()).version)
        now = await ws.undo_meaning(version=now.version)
        assert (now.text, file.read_text()) == (FIRST, FIRST)
        with pytest.raises(NothingToUndo):
            await ws.undo_meaning(version=now.version)
        history = await ws.meaning_history()
        assert [entry.origin for entry in history] == ["undo", "undo", "file", "edit", "file"]
        assert "+company: Tiny" in history[0].difference


async def test_links_are_not_followed(root: Path, tmp_path: Path, make_workbench: Make) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "tiny" / ".glossary").symlink_to(elsewhere)
    async with make_workbench() as wb:
        ws = await wb.workspace("tiny")
        with pytest.raises(StorageFailed, match="is a link"):
            await ws.set_meaning({"company": "x"}, version=(await ws.meaning()).version)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("entry", ["2024-01-01: x", "!!binary aGk=: x", "1.5: x", "null: x"])
async def test_a_conflict_shows_entries_with_any_keys(root: Path, make_workbench: Make, entry: str) -> None:
    (root / "tiny" / "data" / "datasets.yaml").write_text(f"company: Tiny\ntables:\n  {entry}\n")
    async with make_workbench() as wb:
        ws = await wb.workspace("tiny")
        with pytest.raises(MeaningChanged, match="The same entries are now"):
            await ws.set_meaning({"tables": None}, version="0" * 16)


def test_a_difference_of_thousands_of_repeated_lines_is_not_aligned() -> None:
    """difflib would take minutes for it."""
    old = [f"#{i % 110}" for i in range(20_000)]
    new = [line.replace("7", "x") for line in old]
    shown = difference("\n".join(old), "\n".join(new)).splitlines()
    assert shown[0].startswith("@@ -7,")
    assert shown[2] == "-#7"
    assert "+#x" in shown
    assert len(shown) == 61
    assert shown[-1].endswith("more lines")


def test_a_difference_names_the_lines_of_the_whole_text_and_cuts_long_ones() -> None:
    old = "".join(f"line {i}\n" for i in range(3_000))
    new = old.replace("line 1500\n", f"{'x' * 5_000}\n")
    head, *lines = difference(old, new).splitlines()
    assert head == "@@ -1500,3 +1500,3 @@"
    assert lines == [" line 1499", "-line 1500", f"+{'x' * 299}...", " line 1501"]
    assert difference(old, old) == ""
    assert difference("", "a") == "@@ -0,0 +1 @@\n+a"


async def test_joins_that_take_long_to_check_do_not_stall_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question waits for these checks, so together they take little more than one query may take."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n1,2\n2,3\n")
    (tmp_path / "data" / "b.csv").write_text("x,z\n1,5\n2,6\n")
    (tmp_path / "data" / "datasets.yaml").write_text("tables: {a: {joins: [{to: b, by: x}, {to: b, by: x}]}}")
    clock = SimpleNamespace(monotonic=itertools.count(0, 20).__next__)
    monkeypatch.setattr(workspace_data, "time", clock)
    data = WorkspaceData(tmp_path, query_timeout=30, ingest_timeout=60)
    try:
        schema = await data.schema()
    finally:
        await data.close()
    assert len(schema.joins) == 1
    assert "cannot be checked" in schema.glossary_problems[0]
    assert "too long" in schema.glossary_problems[0]
