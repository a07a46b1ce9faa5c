"""No folder or file name leads out of the root."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.errors import InvalidName, StorageFailed
from cfo_kernel.store import folders

HOSTILE = [
    "",
    " ",
    "..",
    "../x",
    "/etc",
    "a/b",
    "a\\b",
    ".cfo",
    ".hidden",
    "a\0b",
    "a\nb",
    "\u202ex",
    "\ud800",
    "x" * 300,
]
ANYTHING = st.text(st.characters(), max_size=300) | st.sampled_from(HOSTILE)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="is not a valid workspace name") as raised:
        folders.workspace_name(name)
    assert raised.value.message.isprintable()


@given(ANYTHING)
def test_the_folder_of_an_accepted_name_is_in_the_root(name: str) -> None:
    try:
        tidy = folders.workspace_name(name)
    except InvalidName:
        return
    assert folders.workspace_name(tidy) == tidy
    slug = folders.workspace_id(tidy)
    assert folders.is_id(slug)
    root = Path("/base/of/all")
    assert (root / slug).resolve().parent == root


@given(ANYTHING)
def test_an_id_names_a_folder_directly_below(text: str) -> None:
    if folders.is_id(text):
        assert (Path("/here") / text).resolve() == Path("/here") / text
        assert len(text) <= 100
        assert not text.startswith(".")


@pytest.mark.parametrize("name", ["Müller & Söhne GmbH", "Acme (2012)", "con", "NUL", "日本", "📈", "a" * 100])
def test_real_company_names_are_accepted(name: str) -> None:
    assert folders.workspace_name(f"  {name} ") == name
    assert folders.is_id(folders.workspace_id(name))


def test_new_ids_are_valid_and_differ() -> None:
    made = {folders.new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(map(folders.is_id, made))


def test_the_trash_keeps_two_files_with_the_same_name(tmp_path: Path) -> None:
    for content in ("one", "two"):
        (tmp_path / "a.csv").write_text(content)
        folders.to_trash(tmp_path, tmp_path / "a.csv")
    assert sorted(p.read_text() for p in (tmp_path / ".trash").iterdir()) == ["one", "two"]


@pytest.mark.parametrize("name", ["analysis", "results", "memory.json"])
def test_a_link_in_a_thread_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "thread").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "thread" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match=f"{name} in the folder of thread thread is a link"):
        folders.make_thread(tmp_path / "thread")


def test_only_an_unused_thread_is_removed(tmp_path: Path) -> None:
    for name in ("empty", "used", "history"):
        folders.make_thread(tmp_path / name)
        (tmp_path / name / ".lock").touch()
    (tmp_path / "used" / "results" / "table.parquet").touch()
    (tmp_path / "history" / "message_history.json").touch()
    for name in ("empty", "used", "history", "none"):
        folders.remove_unused_thread(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history", "used"]
    assert (tmp_path / "used" / "results" / "table.parquet").is_file()
    assert (tmp_path / "history" / "memory.json").is_file()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Adventure Works", "adventure_works", True),
        ("adventure-works.", "Adventure  Works", True),
        ("GRÖSSE AG", "Größe AG", True),
        ("Ａcme", "acme", True),
        ("adventure", "adventure_works", False),
        ("Grosse", "Große", True),
        ("Grösse", "Grosse", False),
        ("...", "---", False),
        ("../tiny", "tiny", False),
    ],
)
def test_names_that_differ_only_in_case_spaces_and_punctuation(one: str, other: str, same: bool) -> None:
    assert folders.is_same_name(one, other) is same


def test_a_root_is_in_use_once_it_has_a_workspace_or_databases(tmp_path: Path) -> None:
    assert not folders.is_in_use(tmp_path / "missing")
    assert not folders.is_in_use(tmp_path)
    (tmp_path / "notes").mkdir()
    assert not folders.is_in_use(tmp_path)
    (tmp_path / "acme" / "data").mkdir(parents=True)
    assert folders.is_in_use(tmp_path)
    (tmp_path / "other" / ".cfo").mkdir(parents=True)
    assert folders.is_in_use(tmp_path / "other")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        folders.is_in_use(tmp_path / "file")
