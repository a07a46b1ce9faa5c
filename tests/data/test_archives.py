"""Archives of one data file are read; all others are refused by name and reason, and nothing is written outside."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from cfo_kernel.data import archives, file_formats
from cfo_kernel.errors import EmptyFile, FileProblem, FileTooLarge, UnreadableFile
from tests.data import hostile_files
from tests.data.conftest import Ingest

CSV = b"account,amount\n00400,12.55\n"


def packed(*files: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made.getvalue()


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link.csv")
    entry.external_attr = 0o120777 << 16
    return entry


ONE = packed(("ledger.csv", CSV))

READ = {
    "ledger.csv.gz": gzip.compress(CSV),
    "two_parts.csv.gz": gzip.compress(CSV) + gzip.compress(b"00500,1\n"),
    "ledger.zip": ONE,
    "in_a_folder.zip": packed(("export/2024/ledger.CSV", CSV)),
    "from_a_mac.zip": packed(("ledger.csv", CSV), ("__MACOSX/._ledger.csv", b"x"), (".DS_Store", b"x")),
    "book.zip": packed(("book.xlsx", hostile_files.book(hostile_files.sheet()))),
    "records.json.gz": gzip.compress(b'[{"account": "00400", "amount": 12.55}]'),
}


@pytest.mark.parametrize("name", READ)
def test_an_archive_of_one_data_file_is_read(ingest: Ingest, name: str) -> None:
    [table] = ingest(name, READ[name])
    assert [str(cell) for cell in table.rows[0]] == (["1", "2"] if name == "book.zip" else ["00400", "12.55"])


REFUSED: dict[str, tuple[bytes, type[FileProblem], str]] = {
    "two.zip": (packed(("a.csv", CSV), ("b.csv", CSV)), UnreadableFile, r"contains 2 files \(a\.csv, b\.csv\)"),
    "none.zip": (packed(("folder/", b"")), EmptyFile, "contains no file"),
    "empty.zip": (packed(), EmptyFile, "contains no file"),
    "nested.zip": (packed(("inner.zip", ONE)), UnreadableFile, r"another archive: inner\.zip"),
    "nested.csv.gz.gz": (gzip.compress(gzip.compress(CSV)), UnreadableFile, "another archive"),
    "tape.tar.gz": (gzip.compress(CSV), UnreadableFile, "another archive"),
    "unnamed.gz": (gzip.compress(CSV), UnreadableFile, "does not show that it is a table"),
    "picture.zip": (packed(("a.png", b"x")), UnreadableFile, r"contains a\.png"),
    "up.zip": (packed(("../../up.csv", CSV)), UnreadableFile, "points outside the archive"),
    "up_in_windows.zip": (packed(("..\\up.csv", CSV)), UnreadableFile, "points outside the archive"),
    "absolute.zip": (packed(("/tmp/up.csv", CSV)), UnreadableFile, "points outside the archive"),
    "drive.zip": (packed(("C:/up.csv", CSV)), UnreadableFile, "points outside the archive"),
    "hidden.zip": (packed((".hidden.csv", CSV)), UnreadableFile, "cannot be used"),
    "link.zip": (packed((link(), b"/etc/passwd")), UnreadableFile, "a link"),
    "password.zip": (hostile_files.encrypted(ONE), UnreadableFile, "is password-protected"),
    "unusual.zip": (packed(("a.csv", CSV), compression=zipfile.ZIP_LZMA), UnreadableFile, "an unusual way"),
    "says_less.zip": (hostile_files.unpacking_to(5, ONE, b"ledger.csv"), UnreadableFile, "cannot be unpacked"),
    "says_more.zip": (
        hostile_files.unpacking_to(500, ONE, b"ledger.csv"),
        UnreadableFile,
        "not the size that|unpacked",
    ),
    "says_far_more.zip": (hostile_files.unpacking_to(3 << 30, ONE, b"ledger.csv"), FileTooLarge, "more than 2 GB"),
    "cut.zip": (ONE[:-30], UnreadableFile, "the end of its ZIP archive is missing"),
    "cut.csv.gz": (gzip.compress(CSV)[:-6], UnreadableFile, "damaged or incomplete"),
    "changed.csv.gz": (gzip.compress(CSV)[:-8] + bytes(8), UnreadableFile, "damaged or incomplete"),
    "text.csv.gz": (CSV, UnreadableFile, "is not an archive"),
    "workbook.zip": (packed(("[Content_Types].xml", b"<a/>"), ("b.xml", b"")), UnreadableFile, "an office document"),
    "inside_empty.zip": (packed(("a.csv", b"")), EmptyFile, r"a\.csv is empty"),
    "inside_other.zip": (packed(("a.xlsx", CSV)), UnreadableFile, r"a\.xlsx is not a workbook"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_archive_is_refused_for_its_reason(ingest: Ingest, tmp_path: Path, name: str) -> None:
    content, kind, says = REFUSED[name]
    with pytest.raises(kind, match=says):
        ingest(name, content)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".cache"] == [name]


@pytest.mark.parametrize("name", ["endless.csv.gz", "endless.zip"])
def test_an_archive_without_end_is_stopped(ingest: Ingest, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_BYTES", 1 << 20)
    content = CSV + bytes(2 << 20)
    made = gzip.compress(content) if name.endswith("gz") else packed(("a.csv", content))
    with pytest.raises(FileTooLarge, match="unpacks to more than"):
        ingest(name, made)


def test_a_table_is_named_without_the_suffixes() -> None:
    names = {"ledger.csv.gz": "ledger", "ledger.zip": "ledger", "v1.2.zip": "v1.2", "a.b.csv": "a.b"}
    assert {name: file_formats.table_stem(Path(name)) for name in names} == names
