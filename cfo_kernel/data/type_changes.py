"""Changes the types of several columns of a table in one statement.

Runs in the ingest worker. DuckDB would plan each change separately, and use a single thread for it.
"""

from dataclasses import dataclass, field

import duckdb

from cfo_kernel.sql_text import quoted, text_literal

_COMMENTS = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? AND comment IS NOT NULL"


@dataclass(frozen=True)
class TypeChanges:
    """Type changes that `apply` makes together. Until then, the columns of `table` keep their text."""

    connection: duckdb.DuckDBPyConnection
    table: str
    _changes: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def add(self, name: str, kind: str, value: str) -> None:
        """Adds a change of a column's type, with the SQL `value` for its cells."""
        self._changes[name] = kind, f"CAST({value} AS {kind})"

    def apply(self) -> None:
        """Makes the changes. Row ids stay the same."""
        changes = dict(self._changes)
        self._changes.clear()
        if len(changes) > 1 and not self._has_gaps():
            self._rewrite(changes)
            return
        for name, (kind, value) in changes.items():
            self.connection.execute(f"ALTER TABLE {self.table} ALTER {quoted(name)} TYPE {kind} USING {value}")

    def _has_gaps(self) -> bool:
        """Whether rows were deleted, so that a copy of the table would have other row ids."""
        ids = f"SELECT coalesce(max(rowid) + 1, 0) <> count(*) FROM {self.table}"  # noqa: S608 - a name of ours
        return self.connection.execute(ids).fetchall()[0][0]

    def _rewrite(self, changes: dict[str, tuple[str, str]]) -> None:
        names = [name for name, *_ in self.connection.execute(f"DESCRIBE {self.table}").fetchall()]
        cells = [f"{changes[name][1]} AS {quoted(name)}" if name in changes else quoted(name) for name in names]
        comments = self.connection.execute(_COMMENTS, [self.table]).fetchall()
        self.connection.execute(f"CREATE TABLE changed AS SELECT {', '.join(cells)} FROM {self.table}")  # noqa: S608 - quoted
        self.connection.execute(f"DROP TABLE {self.table}")
        self.connection.execute(f"ALTER TABLE changed RENAME TO {self.table}")
        for name, comment in comments:
            self.connection.execute(f"COMMENT ON COLUMN {self.table}.{quoted(name)} IS {text_literal(comment)}")
