"""Uploads that fail midway: `data/` keeps its files, and the error is a `CfoError`."""

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import pytest

from cfo_kernel import upload_source
from cfo_kernel.errors import CfoError, FileTooLarge, InvalidInput, StorageFailed, UnreadableFile
from cfo_kernel.store import folders
from cfo_kernel.workbench import uploads
from tests.conftest import LEDGER, Opened

MORE = LEDGER + "Rent,Sales,2012-03-31,1.00\n"


def full(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("place", "name"), [(Path, "replace"), (folders, "to_trash"), (shutil, "move"), (uploads, "copy")]
)
async def test_a_replacing_upload_that_fails_leaves_the_old_file(
    opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    workspace = await opened()
    await workspace.datasets(wait=60)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, full)
        with pytest.raises(StorageFailed, match=r"ledger.csv cannot be stored \(No space left on device\)"):
            await workspace.upload(io.BytesIO(MORE.encode()), "ledger.csv")
    assert (root / "tiny" / "data" / "ledger.csv").read_text() == LEDGER
    assert not list((root / "tiny").glob(".scratch/*"))
    assert (await workspace.sql("FROM ledger")).row_count == 6


async def test_an_upload_replaces_where_there_are_no_hard_links(
    opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened()
    monkeypatch.setattr(os, "link", full)
    await workspace.upload(io.BytesIO(MORE.encode()), "ledger.csv")
    assert (root / "tiny" / "data" / "ledger.csv").read_text() == MORE
    assert [kept.read_text() for kept in (root / "tiny" / ".trash").iterdir()] == [LEDGER]


async def test_an_upload_whose_file_disappears_says_so(
    opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened()
    put = uploads.put_in_place

    def put_and_lose(path: Path, target: Path, folder: Path) -> None:
        put(path, target, folder)
        target.unlink()

    monkeypatch.setattr(uploads, "put_in_place", put_and_lose)
    with pytest.raises(UnreadableFile, match=r"more.csv was removed from data/ in the meantime"):
        await workspace.upload(io.BytesIO(MORE.encode()), "more.csv")


async def test_a_file_beyond_the_limit_is_refused(
    opened: Opened, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await opened()
    assert upload_source.MAX_BYTES == 2 << 30
    monkeypatch.setattr(upload_source, "MAX_BYTES", 1 << 20)
    (tmp_path / "large.csv").write_text("a,b\n" + "1,2\n" * (1 << 18))
    with pytest.raises(FileTooLarge, match="larger than"):
        await workspace.upload(tmp_path / "large.csv")
    with (tmp_path / "large.csv").open("rb") as stream, pytest.raises(FileTooLarge):
        await workspace.upload(stream)
    assert [path.name for path in (root / "tiny" / "data").iterdir()] == ["ledger.csv"]


class Broken(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def shut() -> BinaryIO:
    stream = io.BytesIO(LEDGER.encode())
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (io.StringIO(LEDGER), InvalidInput),
        (LEDGER.encode(), InvalidInput),
        (None, InvalidInput),
        ("a\0b.csv", InvalidInput),
        ("x" * 5000, InvalidInput),
        (Broken(), UnreadableFile),
        (shut(), UnreadableFile),
    ],
)
async def test_what_cannot_be_read_is_refused(opened: Opened, source: object, error: type[CfoError]) -> None:
    with pytest.raises(error):
        await (await opened()).upload(cast("BinaryIO", source), "more.csv")


async def test_a_file_that_may_not_be_read_is_refused(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more.csv").write_text(LEDGER)
    workspace = await opened()
    opened_path = Path.open

    def refused(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == tmp_path / "more.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened_path(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UnreadableFile, match="Permission denied"):
        await workspace.upload(tmp_path / "more.csv")
