"""The ingest worker writes Parquet files and profiles. Its folder gets either all tables of a file or nothing."""

import gc
import re
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cfo_kernel.data import csv_body, csv_reader, ingest_worker, parquet_reader
from cfo_kernel.errors import FileTooLarge, StorageFailed, UnreadableFile, UnsupportedFile
from tests.data.conftest import Ingest


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_keeps_its_types_and_money_becomes_exact(ingest: Ingest, tmp_path: Path) -> None:
    [table] = ingest(
        parquet(
            tmp_path / "p.parquet",
            code=["1", "2"],
            amount=[657203.80000000005, 0.1],
            at=pa.array([datetime(2024, 1, 31), datetime(2024, 2, 1)], pa.timestamp("ns")),
            exact=pa.array([Decimal("1.5"), None], pa.decimal128(38, 10)),
        )
    )
    assert table.types == {"code": "VARCHAR", "amount": "DECIMAL(18,1)", "at": "DATE", "exact": "DECIMAL(38,10)"}
    assert table.column("amount") == [Decimal("657203.8"), Decimal("0.1")]


def test_parquet_with_nested_and_odd_columns(ingest: Ingest, tmp_path: Path) -> None:
    sql = """SELECT {'a': 1} AS s, [1, 2] AS l, MAP {'k': 1} AS m, '\\xFF'::BLOB AS b, TIME '10:00' AS t, uuid() AS u,
             true AS f, 1 AS "A", 2 AS "a ", NULL AS n, 'inf'::DOUBLE AS i, 1e300 AS h"""
    duckdb.sql(f"COPY ({sql}) TO '{tmp_path / 'odd.parquet'}'")
    [table] = ingest(tmp_path / "odd.parquet")
    assert list(table.types) == ["s_a", "l", "m", "b", "t", "u", "f", "A", "a_2", "n", "i", "h"]
    assert table.types["i"] == table.types["h"] == "DOUBLE"
    assert (table.types["l"], table.column("l"), table.column("m")) == ("VARCHAR", ["[1,2]"], ['{"k":1}'])
    assert table.notes[0] == "Structs became separate columns: s_a."


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("text.parquet", b"a,b\n1,2\n", UnreadableFile),
        ("cut.parquet", b"PAR1" + bytes(50), UnreadableFile),
        ("notes.pdf", b"%PDF-1.7", UnsupportedFile),
        ("old.xls", b"\xd0\xcf\x11\xe0", UnreadableFile),
    ],
)
def test_an_unreadable_file_is_refused_by_name(
    ingest: Ingest, name: str, content: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=name):
        ingest(name, content)


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_damaged_file_is_refused_in_plain_words(
    ingest: Ingest, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The damage is not at the beginning of the file, which still matches the suffix."""
    monkeypatch.setattr(csv_body, "MAX_LINE", 64)
    path = tmp_path / f"ledger.{suffix}"
    if suffix == "csv":
        path.write_text("a,b\n1,2\n" + "x" * 100 + ",2\n")
    elif suffix == "xlsx":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("xl/workbook.xml", "<workbook")
    else:
        duckdb.sql(f"COPY (SELECT i, i::VARCHAR || 'x' AS t FROM range(1000) r(i)) TO '{path}' (FORMAT parquet)")
        whole = path.read_bytes()
        path.write_bytes(whole[:20] + bytes(2000) + whole[2020:])
    with pytest.raises(UnreadableFile) as refused:
        ingest(path)
    message = str(refused.value)
    assert re.fullmatch(rf"ledger\.{suffix} [a-z ,:]+\. (Export|Save) [a-zA-Z ,.]+\.", message), message


def test_a_failed_ingest_leaves_no_files(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        ingest("a.csv", 'a,b\n1,"open,2,3,4\n' + "2,x\n" * 50)
    assert list((tmp_path / ".cache").iterdir()) == []


def test_the_folder_holds_only_the_tables(ingest: Ingest, tmp_path: Path) -> None:
    ingest("a.csv", "a,b\n1,2\n".encode("utf-16"))
    assert [p.name for p in (tmp_path / ".cache" / "a.csv").iterdir()] == ["0.parquet"]
    assert [p.name for p in (tmp_path / ".cache").iterdir()] == ["a.csv"]


def test_the_version_depends_on_the_content_alone(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    first, second = (ingest_worker.file_version(str(tmp_path / name))["version"] for name in ("a.csv", "b.csv"))
    (tmp_path / "b.csv").write_text("a,b\n1,3\n")
    assert first == second
    assert ingest_worker.file_version(str(tmp_path / "b.csv"))["version"] != first


def test_the_profile_of_a_column(ingest: Ingest) -> None:
    [table] = ingest("a.csv", "dept,amount,posted\nSales,1.5,2024-01-31\nSales,-2,2024-01-01\n,3,\n")
    dept, amount, posted = table.table.columns
    assert (dept.nulls, dept.distinct, dept.values) == (1, 1, {"Sales": 2})
    assert (amount.minimum, amount.maximum, amount.nulls, amount.values) == ("-2.0", "3.0", 0, None)
    assert (posted.minimum, posted.maximum, posted.nulls) == ("2024-01-01", "2024-01-31", 1)


def test_long_or_many_values_are_not_listed(ingest: Ingest) -> None:
    [table] = ingest("a.csv", "memo,code\n" + "".join(f"{'x' * 201},c{i}\n" for i in range(1001)))
    memo, code = table.table.columns
    assert memo.values is None
    assert len(memo.maximum or "") == 200
    assert code.values is None
    assert code.distinct == 1001


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT repeat('x', 1000) AS a FROM range(2000)", "2,000 rows of 0.0 GB"),
        ("SELECT encode(repeat('x', 1000)) AS a FROM range(2000)", "2,000 rows"),
        ("SELECT 1 AS a, 2 AS b FROM range(100000)", "100,000 rows"),
    ],
)
def test_a_parquet_file_that_unpacks_to_too_much_is_refused(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, says: str
) -> None:
    monkeypatch.setattr(parquet_reader, "MAX_UNPACKED", 1_000_000)
    duckdb.sql(f"COPY ({sql}) TO '{tmp_path / 'packed.parquet'}'")
    assert (tmp_path / "packed.parquet").stat().st_size < 10_000
    with pytest.raises(FileTooLarge, match=rf"packed\.parquet unpacks to {says}.*Split the file"):
        ingest(tmp_path / "packed.parquet")
    assert not [*(tmp_path / ".cache").glob("*")]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (duckdb.OutOfMemoryException("full"), MemoryError, ""),
        (OSError(28, "No space left on device"), StorageFailed, "The disk is too full to read a.csv"),
        (duckdb.IOException("No space left on device"), StorageFailed, "The disk is too full to read a.csv"),
        (OSError(27, "File too large"), FileTooLarge, "a.csv takes more than 8 GB on disk"),
        (PermissionError(13, "Permission denied"), StorageFailed, "a.csv cannot be read"),
        (OverflowError("too large"), UnreadableFile, r"a.csv cannot be read \(OverflowError\)"),
        (BaseException("a panic of Rust"), UnreadableFile, "a.csv cannot be read"),
    ],
)
def test_what_a_library_raises_is_a_problem_of_the_file_or_of_the_disk(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: BaseException, kind: type[Exception], says: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(csv_reader, "load", fail)
    with pytest.raises(kind, match=says):
        ingest("a.csv", "a,b\n1,2\n")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("op", "written", "arguments"),
    [
        ("write_csv", "made.rows", {}),
        ("write_csv", "made", {}),
        ("write_workbook", ".made.part", {"sheet": "S"}),
        ("write_sheet", ".made.part", {"sheet": "S", "workbook": "none.xlsx", "mode": "create"}),
    ],
)
def test_an_export_onto_a_full_disk_says_so(tmp_path: Path, op: str, written: str, arguments: dict[str, str]) -> None:
    source = parquet(tmp_path / "p.parquet", a=list(range(5000)))
    (tmp_path / written).symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match="disk is too full to write the file"):
        ingest_worker.HANDLERS[op](source=str(source), to=str(tmp_path / "made"), **arguments)
    gc.collect()  # The archive is closed a second time here, and not during another test.
