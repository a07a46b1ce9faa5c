"""Converts values of every type to JSON and Parquet, and checks the wording of errors."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from cfo_kernel.errors import (
    QueryError,
    QueryFailed,
    QueryOutOfMemory,
    QueryTimeout,
    SqlInvalid,
    SqlPolicyViolation,
    UnknownColumn,
    WorkerLost,
)
from cfo_kernel.executors import framing, json_cells, sql_worker
from cfo_kernel.executors.sql_worker import SqlWorker
from cfo_kernel.executors.sql_worker_errors import to_query_error
from tests.executors.conftest import Company

VALUES = {
    "CAST('12345678901234567890123456.1234567891' AS DECIMAL(38, 10))": "12345678901234567890123456.1234567891",
    "CAST(1250.50 AS DECIMAL(18, 2))": 1250.5,
    "CAST('170141183460469231731687303715884105727' AS HUGEINT)": "170141183460469231731687303715884105727",
    "sum(5)": 5,
    "CAST('340282366920938463463374607431768211455' AS UHUGEINT)": "340282366920938463463374607431768211455",
    "9007199254740993": "9007199254740993",
    "CAST('nan' AS DOUBLE)": None,
    "1 / 0": None,
    "CAST(0.1 AS DOUBLE)": 0.1,
    "NULL": None,
    "true": True,
    "DATE '2024-01-31'": "2024-01-31",
    "DATE '0044-03-15 (BC)'": "0044-03-15 (BC)",
    "TIMESTAMP '2024-01-31 10:00:00.5'": "2024-01-31T10:00:00.500000",
    "TIMESTAMPTZ '2024-01-31 10:00:00+02'": "2024-01-31T08:00:00+00:00",
    "TIME '10:30:00'": "10:30:00",
    "TIMETZ '10:30:00+02'": "10:30:00+02",
    "INTERVAL '1 month 2 days 3 hours'": "1 month 2 days 03:00:00",
    "'\\xFF\\x00'::BLOB": "ff00",
    "{'a': 1, 'b': CAST('inf' AS DOUBLE)}": {"a": 1, "b": None},
    "[1, 2, NULL]": [1, 2, None],
    "MAP {'k': CAST(1.5 AS DECIMAL(9, 2))}": {"k": 1.5},
    "CAST('00000000-0000-0000-0000-000000000001' AS UUID)": "00000000-0000-0000-0000-000000000001",
    "CAST('a' AS ENUM('a', 'b'))": "a",
    "union_value(x := 1)": "1",
    "'101'::BIT": "101",
    "[INTERVAL 1 MONTH]": "[1 month]",
    "'a line\nand \"quotes\"'": 'a line\nand "quotes"',
}


@pytest.mark.parametrize("sql", VALUES)
def test_a_value_is_exact_in_json_and_in_the_file(sql: str, company: Company, tmp_path: Path) -> None:
    file = tmp_path / "result.parquet"
    alone = company.worker.query(f"SELECT {sql} AS v", 10, None)
    filed = company.worker.query(f"SELECT {sql} AS v", 10, str(file))
    assert alone["rows"] == filed["rows"] == [[VALUES[sql]]]
    assert framing.pack(filed)
    [(kept,)] = duckdb.sql(f"SELECT v FROM '{file}'").fetchall()
    assert json_cells.to_json(kept) == VALUES[sql]
    assert list(tmp_path.iterdir()) == [file]


def test_money_stays_decimal_in_the_file(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "result.parquet"
    company.worker.query("SELECT sum(amount) AS total, DATE '2024-01-31' AS d, sum(id) AS n FROM ledger", 10, str(file))
    [row] = pq.read_table(file).to_pylist()
    assert row == {"total": Decimal("18.75"), "d": date(2024, 1, 31), "n": Decimal(15)}


def test_values_beyond_the_range_of_python_become_text(company: Company, tmp_path: Path) -> None:
    answer = company.worker.query("SELECT 'infinity'::DATE AS d, 'infinity'::TIMESTAMP AS t", 10, str(tmp_path / "r"))
    assert answer["rows"] == [["infinity", "infinity"]]


def test_the_rows_are_capped_and_counted(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "result.parquet"
    for target in (None, str(file)):
        answer = company.worker.query("SELECT n FROM range(120000) t(n)", 3, target)
        assert answer["rows"] == [[0], [1], [2]]
        assert answer["row_count"] == 120000
        assert answer["truncated"]
    assert pq.read_metadata(file).num_rows == 120000
    whole = company.worker.query("SELECT n FROM range(3) t(n)", 3, None)
    assert (whole["row_count"], whole["truncated"]) == (3, False)


def test_no_rows_still_have_columns(company: Company, tmp_path: Path) -> None:
    answer = company.worker.query("SELECT id, amount FROM ledger WHERE false", 5, str(tmp_path / "result.parquet"))
    assert [(column["name"], column["type"]) for column in answer["columns"]] == [
        ("id", "BIGINT"),
        ("amount", "DECIMAL(18,2)"),
    ]
    assert (answer["rows"], answer["row_count"]) == ([], 0)
    assert pq.read_table(tmp_path / "result.parquet").num_rows == 0


def test_columns_of_the_same_name_are_numbered(company: Company, tmp_path: Path) -> None:
    sql = "SELECT a.id, b.id, a.id AS ID FROM accounts a JOIN accounts b USING (id) ORDER BY 1 LIMIT 1"
    answer = company.worker.query(sql, 5, str(tmp_path / "result.parquet"))
    assert [c["name"] for c in answer["columns"]] == ["id", "id_2", "ID_3"]
    assert pq.read_table(tmp_path / "result.parquet").column_names == ["id", "id_2", "ID_3"]


def test_notes_name_values_that_json_cannot_show(company: Company) -> None:
    sql = "SELECT CAST('nan' AS DOUBLE) AS rate, 9007199254740993 AS code, 5 AS plain"
    assert company.worker.query(sql, 5, None)["notes"] == [
        "rate: NaN or infinity is shown as empty.",
        "code: numbers too long for a double are shown as text, to keep every digit.",
    ]


def test_notes_cover_values_in_lists_and_structs(company: Company) -> None:
    sql = """SELECT [CAST(n AS DOUBLE)] AS a, {'x': CASE WHEN n = 90 THEN CAST('inf' AS FLOAT) ELSE 1 END} AS b,
             MAP {'k': CASE WHEN n = 90 THEN CAST('nan' AS DOUBLE) ELSE 1 END} AS c, [9007199254740993] AS d
             FROM range(100) t(n) ORDER BY n"""
    assert company.worker.query(sql, 5, None)["notes"] == [
        "b: NaN or infinity is shown as empty.",
        "c: NaN or infinity is shown as empty.",
        "d: numbers too long for a double are shown as text, to keep every digit.",
    ]


@pytest.mark.parametrize(
    ("sql", "kind", "says"),
    [
        ("SELECT amont FROM ledger", UnknownColumn, 'Candidate bindings: "amount"'),
        ("SELECT ledger.nope FROM ledger", UnknownColumn, "nope"),
        ("SELEC 1", SqlInvalid, "does not parse"),
        ("SELECT nope(1)", SqlInvalid, "nope"),
        ("SELECT CAST('x' AS INTEGER)", SqlInvalid, "Could not convert string 'x'"),
        ("SELECT sum(memo) FROM ledger", SqlInvalid, "sum"),
        ("SELECT list(n) FROM range(300000000) t(n)", QueryOutOfMemory, "Filter it"),
    ],
)
def test_an_error_says_what_is_wrong(sql: str, kind: type[QueryError], says: str, company: Company) -> None:
    with pytest.raises(kind, match=says) as caught:
        company.worker.query(sql, 5, None)
    assert "pg_" not in caught.value.message


def test_a_failed_query_leaves_no_file(company: Company, tmp_path: Path) -> None:
    sql = "SELECT CASE WHEN n = 90000 THEN CAST('x' || n AS INTEGER) ELSE 1 END AS v FROM range(100000) t(n)"
    with pytest.raises(SqlInvalid):
        company.worker.query(sql, 5, str(tmp_path / "result.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_check_reads_no_row(company: Company) -> None:
    assert company.worker.check("SELECT CAST(memo AS INTEGER) AS number FROM ledger") == {
        "columns": [{"name": "number", "type": "INTEGER"}]
    }
    with pytest.raises(UnknownColumn):
        company.worker.check("SELECT nope FROM ledger")


def test_opening_again_replaces_all_tables(company: Company, tmp_path: Path) -> None:
    worker = SqlWorker()
    strange = tmp_path / 'it\'s [1] *? "x".parquet'
    duckdb.sql("SELECT 7 AS n").write_parquet(str(tmp_path / "plain.parquet"))
    (tmp_path / "plain.parquet").rename(strange)
    worker.open(company.files)
    worker.open({'odd "name"': str(strange)})
    assert worker.query('FROM "odd ""name"""', 5, None)["rows"] == [[7]]
    with pytest.raises(QueryError, match="There is no table 'ledger'"):
        worker.check("FROM ledger")
    with pytest.raises(QueryError):
        worker.check(f"FROM '{company.files['ledger']}'")


def test_duckdb_stops_a_late_query_on_its_own(company: Company) -> None:
    worker = SqlWorker()
    worker.open(company.files, seconds=0.2)
    with pytest.raises(QueryTimeout):
        worker.query("SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3", 5, None)
    assert worker.query("SELECT count(*) FROM ledger", 5, None)["rows"] == [[6]]
    worker.connection.close()


@pytest.mark.parametrize(
    ("sql", "retryable", "says"),
    [
        ("SELECT amont FROM ledger", True, "amount"),
        ("PIVOT ledger ON account USING sum(amount)", True, "with IN"),
        ("FROM read_csv('x')", True, "Read the tables of the workspace by name"),
        ("DROP VIEW ledger", False, "DROP is not allowed"),
        ("WITH x AS (DELETE FROM ledger RETURNING *) FROM x", False, "DELETE is not allowed inside"),
        ("SELECT current_setting('threads')", False, "current_setting is not allowed"),
        ("SELECT 1; SELECT 2", True, "exactly one SELECT"),
        ("SELECT $1", True, "Write the value itself"),
        ("UPDATE EXTENSIONS", False, "not allowed"),
    ],
)
def test_an_error_says_whether_other_sql_may_help(sql: str, retryable: bool, says: str, company: Company) -> None:
    with pytest.raises(QueryError, match=says) as caught:
        company.worker.query(sql, 5, None)
    assert caught.value.details["retryable"] is retryable


def test_the_error_for_a_wrong_column_names_the_nearest(company: Company) -> None:
    with pytest.raises(UnknownColumn) as caught:
        company.worker.query("SELECT amont FROM ledger", 5, None)
    assert caught.value.details["nearest"][0] == "amount"


def test_a_permission_error_becomes_a_policy_violation() -> None:
    error = to_query_error(duckdb.PermissionException("Permission Error: /secret/path"))
    assert isinstance(error, SqlPolicyViolation)
    assert "/secret" not in error.message


@pytest.mark.parametrize(
    "text",
    [
        "IO Error: x", "Permission Error", "Out of Memory Error", "INTERRUPT Error", "No space left", "bad_alloc",
        "Table with name ledger does not exist", "Referenced column", "INTERNAL Error",
    ],
)  # fmt: skip
def test_a_value_that_reads_like_an_error_is_not_taken_for_one(text: str, company: Company) -> None:
    for sql in (f"SELECT CAST('{text}' AS INTEGER)", f"SELECT CAST(memo AS INTEGER) FROM (SELECT '{text}' AS memo)"):
        with pytest.raises(SqlInvalid, match=f"Could not convert string '{text}'"):
            company.worker.query(sql, 5, None)
    with pytest.raises(SqlInvalid):
        company.worker.query(f"SELECT error('{text}')", 5, None)


def test_a_broken_duckdb_is_replaced() -> None:
    """After an internal error DuckDB refuses every query, so its process must be replaced."""
    error = to_query_error(duckdb.FatalException("FATAL Error: Failed: database has been invalidated"))
    assert type(error) is WorkerLost
    assert "Rewrite the query" in error.message


@pytest.mark.parametrize(("part", "most"), [("[", 9000), ("- ", 2000), ("abs(", 9000)])  # signs take cubic time
def test_sql_that_is_too_deep_says_so(part: str, most: int, company: Company) -> None:
    for count in (600, most):
        with pytest.raises(SqlInvalid) as caught:
            company.worker.query("SELECT " + part * count, 5, None)
        assert "SET " not in caught.value.message
        assert "Memory" not in caught.value.message


def test_a_result_that_would_fill_the_disk_is_stopped(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_worker, "MAX_RESULT", 1 << 20)
    worker = SqlWorker()
    worker.open(company.files)
    file = tmp_path / "result.parquet"
    with pytest.raises(QueryFailed, match=r"more than 1,048,576 bytes on the disk\. Filter it to fewer rows") as caught:
        worker.query("SELECT hash(x) AS h FROM range(100000000) t(x)", 5, str(file))
    assert caught.value.details["retryable"] is True
    assert list(tmp_path.iterdir()) == []
    assert worker.query("SELECT count(*) FROM ledger", 5, str(file))["rows"] == [[6]]
    [(spill,)] = worker.connection.execute("SELECT current_setting('temp_directory')").fetchall()
    assert spill == ""  # nothing is written beside the result
