"""A column of texts in the table `staging` of the ingest worker, and the questions that decide its type."""

import re
from dataclasses import dataclass

import duckdb

from cfo_kernel.sql_text import quoted

_EMPTY = r"\s*(-|–|—|n/?a|nan|null|none|\.)?\s*"


@dataclass(frozen=True)
class TextColumn:
    """A column of texts. `sample` are some of its cells: what they rule out need not be asked of all the others."""

    connection: duckdb.DuckDBPyConnection
    name: str
    sample: list[str]

    @property
    def value(self) -> str:
        """SQL of the trimmed text, null for an empty cell and for the usual signs of one."""
        column = quoted(self.name)
        return f"CASE WHEN NOT regexp_full_match({column}, '{_EMPTY}', 'i') THEN trim({column}) END"

    def all(self, pattern: str) -> bool:
        """Whether every cell matches."""
        if not all(re.fullmatch(pattern, cell, re.IGNORECASE) for cell in self.sample):
            return False
        return self.every(f"regexp_full_match({self.value}, '{pattern}', 'i')")

    def every(self, condition: str) -> bool:
        """Whether the SQL condition holds for every cell."""
        return not self.one(f"count(*) FILTER ({self.value} IS NOT NULL AND ({condition}) IS NOT TRUE)")

    def one(self, figure: str) -> int:
        return self.connection.execute(f"SELECT {figure} FROM staging").fetchall()[0][0]  # noqa: S608 - our own SQL

    def example(self, part: str) -> str:
        """A cell in which that pattern occurs; there must be one."""
        found = f"FROM staging WHERE regexp_matches({self.value}, '{part}')"
        return self.connection.execute(f"SELECT min({self.value}) {found}").fetchall()[0][0]

    def retype(self, kind: str, value: str) -> None:
        """Gives the column its type, with the SQL `value` for its cells."""
        cast = f"CAST({value} AS {kind})"
        self.connection.execute(f"ALTER TABLE staging ALTER {quoted(self.name)} TYPE {kind} USING {cast}")
