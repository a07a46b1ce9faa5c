"""Errors for SQL in another database's dialect suggest the correction, and list the existing columns."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cfo_kernel.errors import QueryError, UnknownColumn
from cfo_kernel.executors.sql_worker import SqlWorker

TRUNC = "date_trunc('month', day)"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorker]:
    folder = tmp_path_factory.mktemp("tables")
    wide = ", ".join(f"{i} AS c{i}" for i in range(40))
    queries = {"ledger": "'Rent' AS account, DATE '2012-01-31' AS day, 1.5 AS amount", "wide": wide}
    for name, columns in queries.items():
        duckdb.sql(f"COPY (SELECT {columns}) TO '{folder}/{name}.parquet'")
    made = SqlWorker()
    made.open({name: str(folder / f"{name}.parquet") for name in ("ledger", "wide")})
    yield made
    made.connection.close()


def said(worker: SqlWorker, sql: str) -> str:
    with pytest.raises(QueryError) as caught:
        worker.check(sql)
    return caught.value.message


@pytest.mark.parametrize(
    ("sql", "repair"),
    [
        ("SELECT TOP 5 * FROM ledger", "LIMIT 5"),
        ("select distinct top (3) account from ledger", "LIMIT 5"),
        ("SELECT account FROM ledger LIMIT 5, 10", "LIMIT 10 OFFSET 5"),
        ("SELECT date_trunc(month, day) FROM ledger", TRUNC),
        ("SELECT DATETRUNC(MONTH, day) FROM ledger", TRUNC),
        ("SELECT date_trunc(day, 'month') FROM ledger", TRUNC),
        ("SELECT date_trunc('month', account) FROM ledger", "CAST"),
        ("SELECT datepart(year, day) FROM ledger", "date_part('month', day)"),
        ("SELECT datediff(month, day, day) FROM ledger", "date_diff('month', first, last)"),
        ("SELECT dateadd(month, 1, day) FROM ledger", "day + INTERVAL 1 MONTH"),
        ("SELECT nvl(amount, 0) FROM ledger", "coalesce(amount, 0)"),
        ("SELECT to_char(day, 'YYYY-MM') FROM ledger", "strftime(day, '%Y-%m')"),
        ("SELECT account + 'x' FROM ledger", "Concatenate strings with ||."),
    ],
)
def test_sql_of_another_database_is_answered_with_the_repair(sql: str, repair: str, worker: SqlWorker) -> None:
    message = said(worker, sql)
    assert repair in message
    assert "Did you mean" not in message
    assert len(message) < 700


@pytest.mark.parametrize("sql", ["SELECT 'SELECT TOP 5' FROM ledgr", "SELECT sum(account) FROM ledger"])
def test_another_error_gets_no_such_advice(sql: str, worker: SqlWorker) -> None:
    assert not [word for word in ("LIMIT", "date_trunc", "||") if word in said(worker, sql)]


@pytest.mark.parametrize("sql", ["SELECT amont FROM ledger", "SELECT ledger.amont FROM ledger AS l, ledger"])
def test_an_unknown_column_is_answered_with_all_columns_where_they_are_few(sql: str, worker: SqlWorker) -> None:
    assert "The tables' columns are: account, day, amount." in said(worker, sql)
    assert "columns are" not in said(worker, "SELECT amont FROM wide")


def test_the_details_of_the_error_stay(worker: SqlWorker) -> None:
    with pytest.raises(UnknownColumn) as caught:
        worker.check("SELECT amont FROM ledger")
    assert caught.value.details["nearest"][0] == "amount"
    assert caught.value.details["retryable"] is True


def test_an_unknown_column_of_a_file_that_is_gone_is_still_that_error(tmp_path: Path) -> None:
    file = tmp_path / "gone.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS n) TO '{file}'")
    worker = SqlWorker()
    worker.open({"gone": str(file)})
    file.write_bytes(b"")
    with pytest.raises(QueryError):
        worker.check("SELECT amont FROM gone")
    worker.connection.close()
