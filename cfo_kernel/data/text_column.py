"""A text column of the staging table, and the tests that determine its type."""

import re
from dataclasses import dataclass

import duckdb

from cfo_kernel.sql_text import quoted

_PLACEHOLDER = r"\s*(-|–|—|n/?a|nan|null|none|\.)?\s*"


@dataclass(frozen=True)
class TextColumn:
    """A column of strings. `sample` has some of its cells: if one of them rules out a pattern, no query is needed."""

    connection: duckdb.DuckDBPyConnection
    name: str
    sample: list[str]

    @property
    def value(self) -> str:
        """SQL for the trimmed text, which is null for an empty cell and for a placeholder such as `-` or `n/a`."""
        column = quoted(self.name)
        return f"CASE WHEN NOT regexp_full_match({column}, '{_PLACEHOLDER}', 'i') THEN trim({column}) END"

    def matches(self, pattern: str) -> bool:
        """Whether every cell matches the pattern."""
        if not all(re.fullmatch(pattern, cell, re.IGNORECASE) for cell in self.sample):
            return False
        return self.holds(f"regexp_full_match({self.value}, '{pattern}', 'i')")

    def holds(self, condition: str) -> bool:
        """Whether the SQL condition is true for every cell."""
        return not self.figure(f"count(*) FILTER ({self.value} IS NOT NULL AND ({condition}) IS NOT TRUE)")

    def figure(self, aggregate: str) -> int:
        """The value of an SQL aggregate over the rows of the table."""
        return self.connection.execute(f"SELECT {aggregate} FROM staging").fetchall()[0][0]  # noqa: S608 - built here

    def example(self, pattern: str) -> str:
        """A cell that contains the pattern. At least one must exist."""
        found = f"FROM staging WHERE regexp_matches({self.value}, '{pattern}')"
        return self.connection.execute(f"SELECT min({self.value}) {found}").fetchall()[0][0]

    def retype(self, kind: str, value: str) -> None:
        """Converts the column to the type, with the SQL `value` for its cells."""
        cast = f"CAST({value} AS {kind})"
        self.connection.execute(f"ALTER TABLE staging ALTER {quoted(self.name)} TYPE {kind} USING {cast}")
