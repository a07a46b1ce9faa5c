"""The SQL policy. Hostile statements are judged by their effect, legitimate ones by their rows."""

import os
from pathlib import Path

import pytest

from cfo_kernel.errors import QueryError, SqlInvalid, SqlPolicyViolation, UnknownTable
from cfo_kernel.executors import json_cells, sql_policy
from tests.executors.conftest import Company
from tests.executors.hostile_statements import HOSTILE, RUNAWAY, SECRET, filled
from tests.executors.legitimate_queries import LEGITIMATE


@pytest.fixture(scope="module", autouse=True)
def _hidden() -> object:
    os.environ["HIDDEN_FROM_SQL"] = SECRET
    yield
    del os.environ["HIDDEN_FROM_SQL"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_statement_has_no_effect(name: str, company: Company, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in company.folder.iterdir()}
    sql = filled(name, company, tmp_path)
    with pytest.raises(QueryError) as caught:
        company.worker.query(sql, 10, None)
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert {path: path.read_bytes() for path in company.folder.iterdir()} == before
    assert company.worker.query("SELECT count(*) FROM ledger", 10, None)["rows"] == [[6]]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_policy_alone_refuses_a_hostile_statement(name: str, company: Company, tmp_path: Path) -> None:
    """Tests the first barrier: the syntax tree is enough, even if nothing is locked down."""
    with pytest.raises((SqlPolicyViolation, UnknownTable, SqlInvalid)) as caught:
        sql_policy.check(filled(name, company, tmp_path), company.files.keys(), company.plain)
    assert isinstance(caught.value.details["retryable"], bool)


def test_the_locks_of_duckdb_alone_keep_files_closed(company: Company, tmp_path: Path) -> None:
    """Tests the second barrier: without the policy, DuckDB itself opens only the workspace's files, and writes none."""
    import duckdb

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with company.worker.connection.cursor() as cursor:
        for sql in (
            f"FROM '{secret}'",
            f"FROM read_text('{secret}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out'}'",
            f"ATTACH '{tmp_path / 'out'}' AS other",
            "SET enable_external_access = true",
            "RESET allowed_paths",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                cursor.execute(sql).fetchall()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sql", LEGITIMATE)
def test_a_legitimate_query_returns_the_rows_of_plain_duckdb(sql: str, company: Company) -> None:
    answer = company.worker.query(sql, 100, None)
    expected = company.plain.execute(sql)
    names = [column[0] for column in expected.description or []]
    assert answer["rows"] == [[json_cells.to_json(cell) for cell in row] for row in expected.fetchall()]
    assert [column["name"].lower() for column in answer["columns"]][: len(set(names))] or not names


def test_there_are_enough_statements_of_both_kinds() -> None:
    assert len(HOSTILE) + len(RUNAWAY) >= 150
    assert len(set(LEGITIMATE)) >= 150


def test_an_unknown_table_names_the_nearest(company: Company) -> None:
    with pytest.raises(UnknownTable, match=r"There is no table 'acounts'\. Did you mean accounts\?"):
        company.worker.check("FROM acounts")


def test_a_policy_error_says_what_to_do(company: Company) -> None:
    with pytest.raises(SqlPolicyViolation, match="Send exactly one SELECT"):
        company.worker.check("SELECT 1; SELECT 2")
    with pytest.raises(SqlPolicyViolation, match="List the columns with IN"):
        company.worker.check("PIVOT ledger ON account USING sum(amount)")
    with pytest.raises(SqlPolicyViolation, match="COPY"):
        company.worker.check("COPY ledger TO 'x'")


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("SELECT 1; -- end", "SELECT 1"),
        ("SELECT 1;\n/* a; b */ ;;\n-- end", "SELECT 1"),
        ("-- start\nSELECT 'ä'; -- end", "-- start\nSELECT 'ä'"),
        ("SELECT 1 -- ; end", "SELECT 1 -- ; end"),
        ("SELECT '; -- x'", "SELECT '; -- x'"),
        ('SELECT 1 AS "; -- x"', 'SELECT 1 AS "; -- x"'),
        ("SELECT $$; -- x$$", "SELECT $$; -- x$$"),
        ("SELECT 1; SELECT 2; -- end", "SELECT 1; SELECT 2"),
        ("SELECT 1; -- a\nSELECT 2", "SELECT 1; -- a\nSELECT 2"),
        ("SELECT 1; /* open", "SELECT 1; /* open"),
        ("SELECT 1; 'open", "SELECT 1; 'open"),
        ("; -- only", ""),
        ("", ""),
    ],
)
def test_comments_after_the_last_semicolon_are_dropped(sql: str, kept: str) -> None:
    assert sql_policy.without_trailing_comments(sql) == kept
