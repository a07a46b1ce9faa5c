"""Every type that DuckDB can write to Parquet is read, profiled, selected and exported."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cfo_kernel.data import csv_writer, ingest_worker, workbook_writer
from cfo_kernel.errors import SqlInvalid, UnreadableFile
from cfo_kernel.executors.sql_worker import SqlWorker
from cfo_kernel.executors.sql_worker_errors import to_query_error

NOT_IN_PARQUET = {"STRUCT"}  # an empty one


def test_every_type_can_be_read_selected_and_exported(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        described = connection.execute("DESCRIBE FROM test_all_types()").fetchall()
        kinds = {name: kind for name, kind, *_ in described if kind not in NOT_IN_PARQUET}
        assert {"TIMESTAMPTZ_NS", "TIMESTAMP[]", "TIME_NS", "DECIMAL(38,10)"} <= set(kinds.values())
        columns = ", ".join(f'"{name}"' for name in kinds)
        file = tmp_path / "all.parquet"
        connection.execute(f"COPY (SELECT {columns} FROM test_all_types()) TO '{file}' (FORMAT parquet)")
    [table] = ingest_worker.ingest(str(file), str(tmp_path / "cache"))["tables"]
    read = {column["name"]: column["type"] for column in table["columns"]}
    stored = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE FROM '{file}'").fetchall()}
    structs = {name for name, kind in stored.items() if kind.startswith("STRUCT") and kind.endswith(")")}
    assert [name for name in kinds if name not in structs] == [name for name in read if name in kinds]
    assert {"struct_a", "struct_of_arrays_b"} <= set(read)
    assert not [kind for kind in read.values() if kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]")]
    worker = SqlWorker()
    worker.open({"everything": str(file)})  # with its nested columns, which results may have too
    result = tmp_path / "result.parquet"
    found = worker.query("SELECT * FROM everything", 10, str(result))
    assert len(found["rows"]) == found["row_count"] == 3
    assert found["rows"][2] == [None] * len(kinds)
    assert csv_writer.write_csv(str(result), str(tmp_path / "result.csv")) == {"rows": 3}
    assert workbook_writer.write_workbook(str(result), "Everything", str(tmp_path / "result.xlsx"))["rows"] == 3


def test_nanoseconds_with_a_zone_are_not_cut_off(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        moments = "['2024-01-01 00:00:00.123456789+00', '2024-01-01 00:00:00+00']::TIMESTAMPTZ_NS[]"
        connection.execute(f"COPY (SELECT unnest({moments}) AS moment) TO '{tmp_path}/at.parquet' (FORMAT parquet)")
    worker = SqlWorker()
    worker.open({"t": f"{tmp_path}/at.parquet"})
    rows = worker.query("SELECT moment FROM t", 10, None)["rows"]
    assert "00:00:00.123456789" in rows[0][0]
    assert rows[1][0].startswith("2024-01-01T00:00:00")


@pytest.mark.parametrize(
    ("kind", "is_read"),
    [
        ("INTEGER" + "[]" * 12, True),
        ("INTEGER" + "[]" * 13, False),
        ('STRUCT("a)(" ' * 13 + "INTEGER" + ")" * 13, False),
        ("STRUCT(a INTEGER[])[]" + "[]" * 10, False),
        (f"STRUCT({', '.join(f'c{i} INTEGER[]' for i in range(30))})", True),
    ],
)
def test_types_nested_too_deeply_are_refused(tmp_path: Path, kind: str, is_read: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT NULL::{kind} AS x) TO '{tmp_path}/deep.parquet' (FORMAT parquet)")
    if is_read:
        assert ingest_worker.ingest(f"{tmp_path}/deep.parquet", f"{tmp_path}/cache")["tables"][0]["row_count"] == 1
    else:
        with pytest.raises(UnreadableFile, match=r"The column x of deep\.parquet is nested more than 12 levels deep"):
            ingest_worker.ingest(f"{tmp_path}/deep.parquet", f"{tmp_path}/cache")


def test_a_result_nested_too_deeply_says_so(tmp_path: Path) -> None:
    worker = SqlWorker()
    assert worker.query(f"SELECT {'[' * 12}1{']' * 12} AS x", 10, str(tmp_path / "x.parquet"))["row_count"] == 1
    with pytest.raises(SqlInvalid, match="The column x is nested more than 12 levels deep"):
        worker.query(f"SELECT {'[' * 13}1{']' * 13} AS x", 10, None)


def test_too_many_open_files_are_not_a_lost_table() -> None:
    error = duckdb.IOException('IO Error: Cannot open file "/x/t.parquet": Too many open files')
    assert isinstance(to_query_error(error), SqlInvalid)


def test_the_unit_of_durations_is_noted(tmp_path: Path) -> None:
    spans = {unit: pa.array([1, None], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")}
    pq.write_table(pa.table({**spans, "n": [1, 2]}), tmp_path / "spans.parquet")
    [table] = ingest_worker.ingest(f"{tmp_path}/spans.parquet", f"{tmp_path}/cache")["tables"]
    assert [note.partition(":")[0] for note in table["notes"]] == ["s", "ms", "us", "ns"]
    assert "us: durations were read as whole numbers of microseconds." in table["notes"]
