"""Every function of the installed DuckDB has been reviewed. A new version with new functions fails here until they are.

If it fails, look at what each new function reads. Deny it in `sql_policy_functions` if that is settings, the
environment, files, paths, the catalog, sequences or DuckDB's internal state, or if it runs SQL, waits, or keeps state.
Then rewrite the list and read the difference:

    CFO_GOLDEN=write python -m pytest tests/executors/test_sql_policy_functions.py
"""

import os
from pathlib import Path

import duckdb
import pytest

from cfo_kernel.errors import QueryError
from cfo_kernel.executors import sql_policy
from cfo_kernel.executors.sql_policy_functions import DENIED_FUNCTIONS, TABLE_FUNCTIONS, is_denied
from tests.executors.conftest import Company

REVIEWED = Path(__file__).with_name("reviewed_functions.txt")
WRITE = os.environ.get("CFO_GOLDEN") == "write"
_KINDS = ("aggregate", "macro", "pragma", "scalar", "table", "table_macro", "window")


def installed() -> list[str]:
    """The kind, decision and name of every function. Collations count as one."""
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT function_type, function_name FROM duckdb_functions()").fetchall()
    assert {kind for kind, _ in rows} <= set(_KINDS), "a new kind of function: how is it called, and what may it do?"
    found: set[str] = set()
    for kind, name in rows:
        is_table = kind in ("table", "table_macro", "pragma")
        is_allowed = name in TABLE_FUNCTIONS if is_table else not is_denied(name.lower())
        shown = "collate_*" if name.startswith("collate_") else name
        found.add(f"{kind} {'allowed' if is_allowed else 'denied'} {shown}")
    return sorted(found)


def test_every_function_has_been_reviewed() -> None:
    found = installed()
    if WRITE:
        REVIEWED.write_text("\n".join(found) + "\n")
    reviewed = set(REVIEWED.read_text().splitlines())
    new = sorted(set(found) - reviewed)
    assert not new, f"review these functions, see the top of this file: {new}"


_CALLS: tuple[str, ...] = ("SELECT {f}()", "SELECT {f}('x')", "SELECT main.{f}(1)")
_CALLS += ("FROM ledger ORDER BY {f}(memo)",)
_CALLS += ("SELECT (SELECT {f}(1))", "SELECT sum({f}(1)) FROM ledger", "SELECT 1 FROM ledger HAVING {f}(1)")
_FROM = ("FROM {f}('x')", "SELECT (FROM {f}(1))", "WITH c AS (FROM {f}(1)) FROM c", "FROM ledger, LATERAL {f}(memo)")


def test_a_denied_function_is_refused_everywhere_in_a_query(company: Company) -> None:
    denied = [line.split(" ", 2) for line in REVIEWED.read_text().splitlines() if " denied " in line]
    functions = DENIED_FUNCTIONS | {name for kind, _, name in denied if kind in ("scalar", "macro", "aggregate")}
    tables = {name for kind, _, name in denied if kind in ("table", "table_macro", "pragma")}
    calls = [(name, call) for name in functions for call in _CALLS]
    for name, call in calls + [(name, call) for name in tables for call in _FROM]:
        with pytest.raises(QueryError):
            sql_policy.check(call.format(f=f'"{name}"'), {"ledger"}, company.plain)


def test_functions_that_read_settings_or_run_sql_are_denied() -> None:
    with duckdb.connect() as connection:
        suspicious = connection.execute(
            """SELECT DISTINCT function_name FROM duckdb_functions()
               WHERE function_type IN ('scalar', 'macro') AND (regexp_matches(coalesce(macro_definition, ''),
               '(duckdb_[a-z]+|pragma_[a-z_]+|current_setting|getenv|query)\\(')
               OR regexp_matches(function_name, 'setting|getenv|secret|sleep|sql|nextval|currval|setval|variable'))"""
        ).fetchall()
    assert suspicious
    assert {name for (name,) in suspicious if not is_denied(name)} == set()
