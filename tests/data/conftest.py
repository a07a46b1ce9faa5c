"""Fixtures for files that are ingested in the test's process, and for a small company to run plans on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cfo_kernel.data import ingest_worker
from cfo_kernel.data.compiler import compile_plan
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.executors.sql_worker import SqlWorker

LEDGER = """account_key,dept,posted,at,amount,units,flag
1,Sales,2024-01-31,2024-01-31 10:00:00,100.10,1,true
1,Finance,2024-01-31,2024-01-31 23:59:59,200.20,2,false
2,Sales,2024-01-31,2024-01-31 00:00:00,50.00,,true
1,Sales,2024-02-29,2024-02-29 12:00:00,110.00,3,false
1,Finance,2024-02-29,2024-02-29 12:00:00,220.00,4,true
2,Finance,2024-03-31,2024-03-31 12:00:00,-60.05,5,false
1,Sales,2024-04-30,2024-04-30 08:00:00,0.00,6,true
9,,2024-04-30,2024-04-30 09:30:00,5.00,7,false
"""
ACCOUNTS = 'account_key,account,group_key\n1,Salaries,1\n2,Rent,2\n3,"Bank\'s ""own""",2\n'
GROUPS = """group_key,group_name
1,People
2,Places
"""


@dataclass(frozen=True)
class Ingested:
    """A table that was read from a file."""

    table: Table
    file: Path

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.table.columns}

    @property
    def notes(self) -> tuple[str, ...]:
        return self.table.notes

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return duckdb.read_parquet(str(self.file)).fetchall()

    def column(self, name: str) -> list[Any]:
        return [row[list(self.types).index(name)] for row in self.rows]


Ingest = Callable[..., list[Ingested]]


def read_file(path: Path, folder: Path) -> list[Ingested]:
    """Ingests a file in this process. `folder` is created for its tables."""
    return [
        Ingested(
            Table(
                name=raw["sheet"] or path.stem,
                dataset=path.stem,
                sheet=raw["sheet"],
                row_count=raw["row_count"],
                columns=tuple(Column.model_validate(column) for column in raw["columns"]),
                decisions=tuple(Decision.model_validate(decision) for decision in raw["decisions"]),
                notes=tuple(raw["notes"]),
            ),
            folder / raw["file"],
        )
        for raw in ingest_worker.ingest(str(path), str(folder))["tables"]
    ]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    """Ingests a file, given as its path or as its name and content."""

    def run(file: Path | str, content: str | bytes = b"") -> list[Ingested]:
        path = tmp_path / file
        if isinstance(file, str):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_file(path, tmp_path / ".cache" / path.name)

    return run


@pytest.fixture
def ingest_csv(ingest: Ingest) -> Callable[..., Ingested]:
    """Ingests a text file, and returns its only table."""

    def run(content: str | bytes, name: str = "file.csv") -> Ingested:
        [table] = ingest(name, content)
        return table

    return run


@dataclass(frozen=True)
class Company:
    """Tables, and a worker that runs SQL on them under the policy."""

    tables: Tables
    worker: SqlWorker

    def rows(self, plan: QueryPlan) -> list[list[Any]]:
        return self.worker.query(compile_plan(plan, self.tables), 1000, None)["rows"]


def opened(folder: Path, files: dict[str, str] | None = None) -> Company:
    """Creates a `Company` with `files`, or with a small default ledger. Writes the files to `folder`."""
    made: list[Ingested] = []
    files = files or {"ledger": LEDGER, "accounts": ACCOUNTS, "account_groups": GROUPS}
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_text(content)
        made += read_file(path, folder / name)
    sql_worker = SqlWorker()
    sql_worker.open({one.table.name: str(one.file) for one in made})
    return Company(Tables(one.table for one in made), sql_worker)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = opened(tmp_path_factory.mktemp("company"))
    yield company
    company.worker.connection.close()
