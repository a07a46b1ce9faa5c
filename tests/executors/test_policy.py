"""The SQL policy: hostile statements are judged by what they would have done, legitimate ones by their rows."""

# ruff: noqa: E501 - one statement a line reads best
import os
from pathlib import Path

import pytest

from cfo_kernel.errors import QueryError, SqlInvalid, SqlPolicyViolation, UnknownTable
from cfo_kernel.executors import wire
from tests.executors.conftest import Company

SECRET = "the-secret-of-this-test"

HOSTILE = {
    "copy out": "COPY ledger TO '{out}'",
    "copy in a CTE": "WITH x AS (COPY ledger TO '{out}') FROM x",
    "copy in a CTE over a table": "WITH x AS (COPY ledger TO '{ledger}' (FORMAT parquet)) SELECT 1",
    "copy in a nested CTE": "SELECT * FROM (WITH x AS (COPY ledger TO '{out}') FROM x)",
    "copy in a subquery's CTE": "SELECT (WITH x AS (COPY ledger TO '{out}') SELECT 1)",
    "copy in a CTE of a CTE": "WITH y AS (WITH x AS (COPY ledger TO '{out}') FROM x) FROM y",
    "copy from": "COPY ledger FROM '{secret}'",
    "copy database": "COPY FROM DATABASE memory TO other",
    "insert": "INSERT INTO ledger SELECT * FROM ledger",
    "insert in a CTE": "WITH x AS (INSERT INTO ledger VALUES (1, 1, NULL, 1, 'x') RETURNING *) FROM x",
    "update in a CTE": "WITH x AS (UPDATE ledger SET amount = 0 RETURNING *) FROM x",
    "delete in a CTE": "WITH x AS (DELETE FROM ledger RETURNING *) FROM x",
    "merge in a CTE": "WITH x AS (MERGE INTO ledger USING accounts ON true WHEN MATCHED THEN DELETE RETURNING *) FROM x",
    "create": "CREATE TABLE stolen AS FROM ledger",
    "create or replace": "CREATE OR REPLACE VIEW ledger AS SELECT 1",
    "create macro": "CREATE MACRO f(x) AS x + 1",
    "create secret": "CREATE SECRET s (TYPE s3)",
    "drop": "DROP VIEW ledger",
    "alter": "ALTER TABLE ledger RENAME TO x",
    "truncate": "TRUNCATE ledger",
    "attach": "ATTACH '{out}' AS other",
    "detach": "DETACH memory",
    "use": "USE memory",
    "pragma": "PRAGMA database_list",
    "pragma as a table": "FROM pragma_database_list()",
    "set": "SET enable_external_access = true",
    "reset": "RESET memory_limit",
    "set variable": "SET VARIABLE x = 1",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "export": "EXPORT DATABASE '{out}'",
    "import": "IMPORT DATABASE '{out}'",
    "call": "CALL pragma_version()",
    "checkpoint": "CHECKPOINT",
    "begin": "BEGIN TRANSACTION",
    "prepare": "PREPARE p AS SELECT 1",
    "execute": "EXECUTE p",
    "explain": "EXPLAIN ANALYZE SELECT 1",
    "two statements": "SELECT 1; SELECT 2",
    "a second statement in a comment's shadow": "SELECT 1 /* ; */; COPY ledger TO '{out}' --",
    "no statement": " -- nothing",
    "empty": "",
    "file as a table": "FROM '{secret}'",
    "file as a quoted table": 'SELECT * FROM "{secret}"',
    "file in a subquery": "SELECT (SELECT max(column0) FROM '{secret}')",
    "file in EXISTS": "SELECT 1 WHERE EXISTS (FROM '{secret}')",
    "file in a join": "FROM ledger JOIN '{secret}' ON true",
    "file in a set operation": "SELECT memo FROM ledger UNION ALL FROM '{secret}'",
    "file in a lateral join": "FROM ledger, LATERAL (FROM '{secret}')",
    "file under a CTE's name": 'WITH "{secret}" AS (FROM \'{secret}\') FROM "{secret}"',
    "file under a recursive CTE's name": (
        'WITH RECURSIVE "{secret}" AS (FROM \'{secret}\' UNION ALL SELECT * FROM "{secret}" WHERE false) FROM "{secret}"'
    ),
    "file under the name of a later CTE": "WITH a AS (FROM '{secret}'), \"{secret}\" AS (SELECT 1) FROM a",
    "file under the name of an inner CTE": 'SELECT * FROM (WITH "{secret}" AS (SELECT 1) FROM "{secret}") t, "{secret}" u',
    "file with a schema": 'FROM main."{secret}"',
    "file in a pivot": "PIVOT '{secret}' ON column0 IN ('a')",
    "glob": "FROM '{folder}/*.parquet'",
    "read_csv": "FROM read_csv('{secret}')",
    "read_text": "FROM read_text('{secret}')",
    "read_text in upper case": "FROM READ_TEXT('{secret}')",
    "read_blob": "SELECT content FROM read_blob('{secret}')",
    "read_parquet of an allowed file": "FROM read_parquet('{ledger}')",
    "glob function": "FROM glob('/etc/*')",
    "sniff_csv": "FROM sniff_csv('{secret}')",
    "parquet_metadata": "FROM parquet_metadata('{ledger}')",
    "sqlite_scan": "FROM sqlite_scan('{secret}', 't')",
    "query": "FROM query('SELECT 1')",
    "query_table": "FROM query_table('ledger')",
    "query_table of a file": "FROM query_table('{secret}')",
    "json_execute_serialized_sql": "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "settings": "FROM duckdb_settings()",
    "setting": "SELECT current_setting('temp_directory')",
    "setting in a filter": "SELECT memo FROM ledger WHERE memo <> current_setting('memory_limit')",
    "setting in a window": "SELECT sum(amount) OVER (PARTITION BY current_setting('threads')) FROM ledger",
    "setting in a lambda": "SELECT list_transform([1], lambda x: current_setting('threads'))",
    "getenv": "SELECT getenv('HIDDEN_FROM_SQL')",
    "getenv with a schema": "SELECT system.main.getenv('HIDDEN_FROM_SQL')",
    "getvariable": "SELECT getvariable('x')",
    "databases": "FROM duckdb_databases()",
    "views": "SELECT sql FROM duckdb_views()",
    "information_schema": "FROM information_schema.tables",
    "pg_catalog": "FROM pg_catalog.pg_class",
    "sqlite_master": "FROM sqlite_master",
    "other catalog": "FROM system.information_schema.schemata",
    "show": "SHOW TABLES",
    "show all": "SHOW ALL TABLES",
    "describe in FROM": "FROM (SHOW TABLES)",
    "sequence": "SELECT nextval('s')",
    "log": "SELECT write_log('x')",
    "dynamic pivot": "PIVOT ledger ON account USING sum(amount)",
    "unicode look-alike": "FROM ‘{secret}’",
    "zero-width keyword": "COPY\u200b ledger TO '{out}'",
    "lone surrogate": "SELECT '\ud800'",
    "NUL in a text": "SELECT '\0'",
    "a second statement behind a NUL": "SELECT 1 \0; COPY ledger TO '{out}'",
    "unknown table": "FROM payroll",
}

LEGITIMATE = [
    "SELECT 1",
    "SELECT * FROM ledger ORDER BY id;",
    "FROM ledger ORDER BY id -- the ledger",
    "FROM ledger SELECT memo WHERE id = 1",
    'SELECT "memo" FROM "LEDGER" WHERE id IN (1, 2) ORDER BY 1',
    "SELECT * FROM main.accounts ORDER BY id",
    "SELECT count(*), sum(amount), avg(amount), median(amount), mode(account) FROM ledger",
    "SELECT account, sum(amount) FROM ledger GROUP BY ALL ORDER BY ALL",
    "SELECT account, sum(amount) AS s FROM ledger GROUP BY 1 HAVING s > 5 ORDER BY 1",
    "SELECT account, sum(amount) FILTER (WHERE id > 2) FROM ledger GROUP BY account ORDER BY 1",
    "SELECT account, id, sum(amount) FROM ledger GROUP BY GROUPING SETS ((account), (id), ()) ORDER BY ALL",
    "SELECT account, sum(amount), grouping(account) FROM ledger GROUP BY ROLLUP (account) ORDER BY ALL",
    "SELECT account, id % 2 AS odd, sum(amount) FROM ledger GROUP BY CUBE (account, odd) ORDER BY ALL",
    "SELECT id, sum(amount) OVER (ORDER BY posted) FROM ledger ORDER BY id",
    "SELECT id, lag(amount, 1, 0) OVER w, rank() OVER w FROM ledger WINDOW w AS (PARTITION BY account ORDER BY id) ORDER BY id",
    "SELECT id, avg(amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM ledger ORDER BY id",
    "SELECT id, sum(amount) OVER (ORDER BY posted RANGE BETWEEN INTERVAL 2 MONTH PRECEDING AND CURRENT ROW) FROM ledger ORDER BY 1",
    "SELECT id, amount FROM ledger QUALIFY row_number() OVER (PARTITION BY account ORDER BY amount DESC) = 1 ORDER BY id",
    "PIVOT (SELECT account, id % 2 AS odd, amount FROM ledger) ON odd IN (0, 1) USING sum(amount) ORDER BY account",
    "FROM ledger PIVOT (sum(amount) FOR account IN (1, 2)) ORDER BY id",
    "UNPIVOT (SELECT id, amount, CAST(account AS DECIMAL(18, 2)) AS account FROM ledger) ON amount, account ORDER BY ALL",
    "SELECT l.id, p.price FROM ledger l ASOF JOIN prices p ON l.posted >= p.since ORDER BY 1",
    "SELECT l.id, p.price FROM ledger l ASOF LEFT JOIN prices p ON l.posted >= p.since ORDER BY 1",
    "SELECT name, sum(amount) FROM ledger JOIN accounts ON account = accounts.id GROUP BY name ORDER BY name",
    "SELECT name, l.memo FROM accounts a LEFT JOIN ledger l ON a.id = l.account ORDER BY ALL",
    "SELECT name FROM accounts ANTI JOIN (SELECT account AS id FROM ledger) USING (id)",
    "SELECT name FROM accounts SEMI JOIN (SELECT account AS id FROM ledger) USING (id) ORDER BY 1",
    "SELECT a.name, b.name FROM accounts a CROSS JOIN accounts b ORDER BY ALL",
    "SELECT a.name, b.kind FROM accounts a POSITIONAL JOIN accounts b ORDER BY ALL",
    "SELECT name, t.total FROM accounts a, LATERAL (SELECT sum(amount) AS total FROM ledger WHERE account = a.id) t ORDER BY 1",
    "SELECT name, (SELECT max(amount) FROM ledger WHERE account = a.id) FROM accounts a ORDER BY name",
    "SELECT name FROM accounts a WHERE EXISTS (FROM ledger WHERE account = a.id AND amount > 5) ORDER BY 1",
    "SELECT name FROM accounts WHERE id NOT IN (SELECT account FROM ledger)",
    "SELECT name FROM accounts WHERE id = ANY (SELECT account FROM ledger) ORDER BY 1",
    "WITH t AS (SELECT account, sum(amount) AS s FROM ledger GROUP BY 1) SELECT * FROM t ORDER BY 1",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) FROM a UNION ALL FROM b ORDER BY x",
    "WITH a AS MATERIALIZED (FROM ledger) SELECT count(*) FROM a, a AS b",
    "WITH ledger AS (SELECT 7 AS id) FROM ledger",
    "WITH RECURSIVE months(m) AS (SELECT 1 UNION ALL SELECT m + 1 FROM months WHERE m < 12) SELECT list(m) FROM months",
    "WITH RECURSIVE t(id, depth) AS (SELECT id, 0 FROM accounts UNION SELECT id, depth + 1 FROM t WHERE depth < 2) FROM t ORDER BY ALL",
    "SELECT * FROM (WITH x AS (SELECT 5 AS n) FROM x) t, (WITH y AS (SELECT 6 AS n) FROM y) u",
    "SELECT id FROM ledger UNION SELECT id FROM accounts ORDER BY 1",
    "SELECT id FROM ledger INTERSECT SELECT id FROM accounts ORDER BY 1",
    "SELECT id FROM ledger EXCEPT SELECT id FROM accounts ORDER BY 1",
    "SELECT id, name FROM accounts UNION ALL BY NAME SELECT memo AS name FROM ledger ORDER BY ALL",
    "SELECT DISTINCT ON (account) account, memo FROM ledger ORDER BY account, id DESC",
    "SELECT list_transform([1, 2, 3], lambda x: x * 2), list_filter([1, 2, 3], lambda x: x > 1)",
    "SELECT list_reduce([1, 2, 3], lambda a, b: a + b)",
    "SELECT s, s.a, s.b[1] FROM (SELECT {'a': 1, 'b': [1, 2]} AS s)",
    "SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1]",
    "SELECT unnest([1, 2, 3]) AS n",
    "SELECT * FROM unnest([1, 2]) t(n)",
    "SELECT * FROM range(3) t(n)",
    "SELECT n::DATE FROM generate_series(DATE '2024-01-01', DATE '2024-03-01', INTERVAL 1 MONTH) t(n)",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, s)",
    "VALUES (1, 'a'), (2, 'b')",
    "SUMMARIZE accounts",
    "SELECT column_name, column_type FROM (DESCRIBE ledger)",
    "SELECT COLUMNS('^a') FROM ledger ORDER BY ALL",
    "SELECT * EXCLUDE (memo) REPLACE (amount * 2 AS amount) FROM ledger ORDER BY id",
    "SELECT CASE WHEN amount > 3 THEN 'big' ELSE 'small' END AS size, count(*) FROM ledger GROUP BY size ORDER BY 1",
    "SELECT strftime(posted, '%Y-%m') AS month, sum(amount) FROM ledger GROUP BY month ORDER BY month",
    "SELECT date_trunc('quarter', posted) AS q, sum(amount) FROM ledger GROUP BY q ORDER BY q",
    "SELECT string_agg(memo, ', ' ORDER BY id DESC) FROM ledger",
    "SELECT arg_max(memo, amount), quantile_cont(amount, 0.5), histogram(account) FROM ledger",
    "SELECT regexp_replace(memo, '\\d', 'x'), memo LIKE 'row%', memo ILIKE 'ROW%' FROM ledger ORDER BY id",
    "SELECT TRY_CAST(memo AS INTEGER), coalesce(NULL, 1), nullif(1, 1) FROM ledger LIMIT 1",
    "SELECT memo FROM ledger ORDER BY amount DESC NULLS LAST LIMIT 2 OFFSET 1",
    "SELECT count(*) FROM ledger USING SAMPLE 100 PERCENT",
    "SELECT 'COPY ledger TO file; DROP TABLE x' AS text",
]


@pytest.fixture(scope="module", autouse=True)
def _hidden() -> object:
    os.environ["HIDDEN_FROM_SQL"] = SECRET
    yield
    del os.environ["HIDDEN_FROM_SQL"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_statement_has_no_effect(name: str, company: Company, tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text(f"a,b\n{SECRET},1\n")
    before = {path: path.read_bytes() for path in company.folder.iterdir()}
    sql = HOSTILE[name].format(secret=secret, out=out, folder=company.folder, ledger=company.files["ledger"])
    with pytest.raises(QueryError) as caught:
        company.worker.query(sql, 10, None)
    assert SECRET not in str(caught.value)
    assert caught.value.message.endswith((".", "?", "]", ")")) or isinstance(caught.value, SqlInvalid)
    assert not out.exists()
    assert {path: path.read_bytes() for path in company.folder.iterdir()} == before
    assert company.worker.query("SELECT count(*) FROM ledger", 10, None)["rows"] == [[6]]


@pytest.mark.parametrize("name", [n for n in HOSTILE if " CTE" in n or n.startswith(("file", "read", "getenv"))])
def test_the_policy_alone_refuses_it(name: str, company: Company, tmp_path: Path) -> None:
    """Two walls: also where nothing is locked down, the syntax tree is enough to say no."""
    from cfo_kernel.executors import policy

    secret = tmp_path / "secret.csv"
    secret.write_text(f"a,b\n{SECRET},1\n")
    sql = HOSTILE[name].format(
        secret=secret, out=tmp_path / "out", folder=company.folder, ledger=company.files["ledger"]
    )
    with pytest.raises((SqlPolicyViolation, UnknownTable, SqlInvalid)):
        policy.check(sql, {"ledger", "accounts", "prices"}, company.plain)


def test_the_locks_alone_keep_files_closed(company: Company, tmp_path: Path) -> None:
    """The other wall: past the policy, DuckDB itself opens no file but those of the workspace and writes none."""
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
def test_a_legitimate_query_gives_the_rows_of_plain_duckdb(sql: str, company: Company) -> None:
    answer = company.worker.query(sql, 100, None)
    expected = company.plain.execute(sql)
    names = [column[0] for column in expected.description or []]
    assert answer["rows"] == [[wire.plain(cell) for cell in row] for row in expected.fetchall()]
    assert [column["name"].lower() for column in answer["columns"]][: len(set(names))] or not names


def test_there_are_enough_of_both() -> None:
    assert len(HOSTILE) >= 60
    assert len(LEGITIMATE) >= 60


def test_an_unknown_table_names_the_nearest(company: Company) -> None:
    with pytest.raises(UnknownTable, match=r"There is no table acounts\. There is: accounts"):
        company.worker.check("FROM acounts")


def test_a_policy_error_says_what_to_do(company: Company) -> None:
    with pytest.raises(SqlPolicyViolation, match="Send exactly one SELECT"):
        company.worker.check("SELECT 1; SELECT 2")
    with pytest.raises(SqlPolicyViolation, match="A PIVOT needs IN"):
        company.worker.check("PIVOT ledger ON account USING sum(amount)")
    with pytest.raises(SqlPolicyViolation, match="COPY"):
        company.worker.check("COPY ledger TO 'x'")
