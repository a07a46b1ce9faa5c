"""Cleans the cells of columns that stay text: removes outer spaces, and the marks that protect codes.

Runs in the ingest worker, on the table `staging`, after the types are inferred. Spaces around a name would turn it into
a different name. Spreadsheets need `="00123"` or an apostrophe before a code to keep its leading zeros.
"""

import duckdb

from cfo_kernel.data.column_blocks import figures
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.number_grammar import SPACES
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.sql_text import quoted, text_literal

_PROTECTED = r"""=\s*"([^"]*)"|'([0-9][^']*)"""


def clean_text(connection: duckdb.DuckDBPyConnection, rows: SourceRows, table: str) -> list[Decision]:
    """Cleans the cells in place. Returns decisions."""
    decisions: list[Decision] = []
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    names = [name for name, kind, *_ in described if kind == "VARCHAR"]
    if not names:
        return []
    [(count,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - a name of ours
    found = figures(connection, names, _counts, table, rows=count)
    for name, (spaced, protected) in zip(names, found, strict=True):
        column = quoted(name)
        if spaced:
            decisions.append(_decision(connection, rows, table, name, spaced, 0))
            _update(connection, table, name, f"nullif(trim({column}, '{SPACES}'), '')", _is(_CONDITIONS[0], column))
        if protected:
            decisions.append(_decision(connection, rows, table, name, protected, 1))
            bare = f"regexp_replace({column}, {text_literal(f'^({_PROTECTED})$')}, '\\2\\3')"
            _update(connection, table, name, bare, _is(_CONDITIONS[1], column))
    return decisions


_CONDITIONS = (  # CASE, because AND would try the pattern on each cell
    f"CASE WHEN {{0}} >= '!' AND {{0}} < '\x7f' AND {{0}}[-1] BETWEEN '!' AND '~' THEN false"
    f" ELSE regexp_matches({{0}}, '^[{SPACES}]|[{SPACES}]$') END",
    "CASE WHEN starts_with({0}, '=') OR starts_with({0}, '''') THEN regexp_full_match({0}, {1}) ELSE false END",
)
_TEXTS = (
    "leading and trailing spaces were removed from {}.",
    'the marks around codes (="..." or an apostrophe) were removed from {}.',
)


def _counts(column: str) -> list[str]:
    return [f"count(*) FILTER ({_is(condition, column)})" for condition in _CONDITIONS]


def _is(condition: str, column: str) -> str:
    return condition.format(column, text_literal(_PROTECTED))


def _update(connection: duckdb.DuckDBPyConnection, table: str, name: str, value: str, where: str) -> None:
    connection.execute(f"UPDATE {table} SET {quoted(name)} = {value} WHERE {where}")  # noqa: S608 - quoted


def _decision(
    connection: duckdb.DuckDBPyConnection, rows: SourceRows, table: str, name: str, count: int, which: int
) -> Decision:
    where = _is(_CONDITIONS[which], quoted(name))
    found = connection.execute(f"SELECT rowid FROM {table} WHERE {where} ORDER BY 1 LIMIT {MAX_ROWS}").fetchall()  # noqa: S608
    cells = "1 cell" if count == 1 else f"{count:,} cells"
    kind = DecisionKind.CODES if which else DecisionKind.FORMAT
    text = f"{name}: {_TEXTS[which].format(cells)}"
    return Decision(kind=kind, text=text, column=name, rows=rows.of([rowid for (rowid,) in found]), count=count)
