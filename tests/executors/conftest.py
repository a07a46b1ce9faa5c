"""Fixtures: a small company as Parquet files, and a SQL worker over it in the test's process."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from cfo_kernel.executors.sql_worker import SqlWorker

_TABLES = {
    "ledger": """SELECT i AS id, 1 + i % 2 AS account, DATE '2024-01-31' + INTERVAL (i) MONTH AS posted,
                 CAST(i * 1.25 AS DECIMAL(18, 2)) AS amount, 'row ' || i AS memo FROM range(6) t(i)""",
    "accounts": """SELECT * FROM (VALUES (1, 'Salaries', 'cost'), (2, 'Rent', 'cost'), (3, 'Bank', 'asset'))
                   t(id, name, kind)""",
    "prices": """SELECT * FROM (VALUES (DATE '2024-01-01', 1.5), (DATE '2024-03-01', 2.5)) t(since, price)""",
}


@dataclass(frozen=True)
class Company:
    """The files, and the same tables in an unguarded DuckDB for comparison."""

    folder: Path
    files: dict[str, str]
    plain: duckdb.DuckDBPyConnection
    worker: SqlWorker


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    files = {name: str(folder / f"{name}.parquet") for name in _TABLES}
    plain = duckdb.connect()
    for name, sql in _TABLES.items():
        plain.execute(f"COPY ({sql}) TO '{files[name]}' (FORMAT parquet)")
        plain.execute(f"CREATE VIEW {name} AS FROM '{files[name]}'")
    worker = SqlWorker()
    worker.open(files)
    yield Company(folder, files, plain, worker)
    worker.connection.close()
    plain.close()


def commands() -> Iterator[bytes]:
    """The command lines of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended meanwhile
            yield path.read_bytes()
