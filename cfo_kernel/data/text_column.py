"""A text column of the staging table, and the tests that determine its type."""

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from cfo_kernel.data.decisions import MAX_ROWS
from cfo_kernel.sql_text import quoted

_PLACEHOLDER = r"\s*(-|–|—|n/?a|nan|null|none|\.)?\s*"


@dataclass(frozen=True)
class TextColumn:
    """A column of strings of `table`, which is `staging` or a block of it.

    `sample` has some of its cells: if one of them rules out a pattern, no query is needed. Nor is it needed for a
    pattern that all cells match if the sample has all of them (`is_whole`).
    """

    connection: duckdb.DuckDBPyConnection
    table: str
    name: str
    sample: list[str]
    is_whole: bool = False

    @property
    def value(self) -> str:
        """SQL for the trimmed text, which is null for an empty cell and for a placeholder such as `-` or `n/a`."""
        column = quoted(self.name)
        return f"CASE WHEN NOT regexp_full_match({column}, '{_PLACEHOLDER}', 'i') THEN trim({column}) END"

    def matches(self, pattern: str) -> bool:
        """Whether every cell matches the pattern."""
        if not all(re.fullmatch(pattern, cell, re.IGNORECASE | re.ASCII) for cell in self.sample):
            return False
        return self.is_whole or self.holds(f"regexp_full_match({self.value}, '{pattern}', 'i')")

    def holds(self, condition: str) -> bool:
        """Whether the SQL condition is true for every cell."""
        return not self.figure(f"count(*) FILTER ({self.value} IS NOT NULL AND ({condition}) IS NOT TRUE)")

    def figure(self, aggregate: str) -> Any:
        """The value of an SQL aggregate over the rows of the table."""
        return self.connection.execute(f"SELECT {aggregate} FROM {self.table}").fetchall()[0][0]  # noqa: S608 - built here

    def rowids(self, condition: str) -> list[int]:
        """The first rows for which the SQL condition is true."""
        found = f"SELECT rowid FROM {self.table} WHERE {condition} ORDER BY 1 LIMIT {MAX_ROWS}"  # noqa: S608 - built here
        return [rowid for (rowid,) in self.connection.execute(found).fetchall()]

    def is_text(self) -> bool:
        """Whether the column is still text."""
        [(kind,)] = self.connection.execute(
            f"SELECT typeof({quoted(self.name)}) FROM {self.table} LIMIT 1"  # noqa: S608 - quoted
        ).fetchall()
        return kind == "VARCHAR"

    def example(self, pattern: str) -> str:
        """A cell that contains the pattern. At least one must exist."""
        found = f"FROM {self.table} WHERE regexp_matches({self.value}, '{pattern}')"
        return self.connection.execute(f"SELECT min({self.value}) {found}").fetchall()[0][0]

    def retype(self, kind: str, value: str) -> None:
        """Converts the column to the type, with the SQL `value` for its cells."""
        cast = f"CAST({value} AS {kind})"
        self.connection.execute(f"ALTER TABLE {self.table} ALTER {quoted(self.name)} TYPE {kind} USING {cast}")
