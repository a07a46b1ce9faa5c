"""A text column of the staging table, and the tests that determine its type."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import duckdb

from cfo_kernel.data import exact_types
from cfo_kernel.data.column_blocks import FEW_ROWS, batches, figures
from cfo_kernel.data.decisions import MAX_ROWS, Decision
from cfo_kernel.data.number_grammar import PADDED_DASH, SPACES
from cfo_kernel.data.read_limits import MAX_CELL
from cfo_kernel.data.type_changes import TypeChanges
from cfo_kernel.data.vocabulary import EMPTY_WORDS
from cfo_kernel.sql_text import quoted, text_literal

_SAMPLE = 2000
_JUDGED = 200
_CLEAN = text_literal(f"([^{SPACES}'#].*)?[0-9](.*[^{SPACES}])?")  # no placeholder has a digit, except after #
_LIKELY = re.compile(
    r"[^a-z]{0,3}[a-z]{0,3}[^a-z]{0,5}\d|(true|false|[-+]?inf(inity)?)$|([a-z]{3,13}[ .,-]{0,3}){1,2}\d", re.IGNORECASE
)
_EMPTY = f"[{SPACES}]*({EMPTY_WORDS})?[{SPACES}]*"
_EMPTY_CELL, _ZERO_CELL = (re.compile(pattern, re.IGNORECASE) for pattern in (_EMPTY, PADDED_DASH))


@lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


def fits(pattern: str, cell: str) -> bool:
    """Whether the cell matches the pattern, ignoring case."""
    return _compiled(pattern).fullmatch(cell) is not None


@dataclass(frozen=True)
class TextColumn:
    """A column of strings.

    `sample` has some of its cells. If one of them rules out a pattern, no query is needed, nor if the sample has all
    cells (`is_whole`) and all of them match.

    `filled` cells have a value, `empty` ones hold only spaces or a placeholder such as `-` or `n/a`, and `zeros` are
    dashes that stand for zero. `spaced` cells have outer spaces, and `protected` ones begin with an apostrophe that
    keeps a spreadsheet from reading a signed figure as a formula. `odd` are other cells that are read as empty. `types`
    are the types to which the column is converted, at the latest together with the other `changes` to its table.
    """

    changes: TypeChanges
    name: str
    sample: list[str]
    is_whole: bool = False
    filled: int = 0
    empty: int = 0
    zeros: int = 0
    spaced: int = 0
    protected: int = 0
    odd: tuple[str, ...] = ()
    types: list[str] = field(default_factory=list[str])

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database."""
        return self.changes.connection

    @property
    def table(self) -> str:
        """The table of the column: `staging` or a block of it."""
        return self.changes.table

    @property
    def trimmed(self) -> str:
        """SQL for the text without outer spaces."""
        column = quoted(self.name)
        return f"trim({column}, '{SPACES}')" if self.spaced else column

    @property
    def value(self) -> str:
        """SQL for the trimmed text, or null for an empty cell, a placeholder or an odd cell."""
        column, value = quoted(self.name), self.trimmed
        cases: list[str] = []
        if self.zeros:
            cases.append(f"WHEN {_is_zero(column)} THEN '0'")
        if self.empty:
            cases.append(f"WHEN {_is_empty(column)} THEN NULL")
        if self.odd:
            cases.append(f"WHEN {value} IN ({', '.join(map(text_literal, self.odd))}) THEN NULL")
        if self.protected:
            cases.append(f"WHEN {_is_protected(value)} THEN ltrim(substr({value}, 2), '=')")
        if cases and not self.odd:  # none of these cells begins with a digit, which is quicker to see
            cases.insert(0, f"WHEN {column} >= '0' AND {column} < ':' THEN {value}")
        return f"CASE {' '.join(cases)} ELSE {value} END" if cases else value

    def matches(self, pattern: str) -> bool:
        """Whether every cell matches the pattern."""
        if not self.may_match(pattern):
            return False
        return self.is_whole or self.holds(f"regexp_full_match({self.value}, {text_literal(pattern)}, 'i')")

    def may_match(self, pattern: str) -> bool:
        """Whether every cell of the sample matches the pattern."""
        matched = _compiled(pattern).fullmatch
        return all(matched(cell) is not None for cell in self.sample)

    def holds(self, condition: str) -> bool:
        """Whether the SQL condition is true for every cell."""
        others = f"SELECT 1 FROM {self.table} WHERE {self.value} IS NOT NULL AND ({condition}) IS NOT TRUE LIMIT 1"  # noqa: S608 - built here
        return not self.connection.execute(others).fetchall()

    def figure(self, aggregate: str) -> Any:
        """The value of an SQL aggregate over the rows of the table."""
        return self.connection.execute(f"SELECT {aggregate} FROM {self.table}").fetchall()[0][0]  # noqa: S608 - built here

    def counts(self, condition: str, most: int) -> list[tuple[str, int]]:
        """The cells for which the SQL condition is true, each with its number of rows, most frequent first."""
        found = f"SELECT {self.value} AS cell, count(*) FROM {self.table} WHERE {condition}"  # noqa: S608 - built here
        return self.connection.execute(f"{found} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most}").fetchall()

    def empty_cells(self) -> tuple[list[str], list[int]]:
        """The placeholders, and the rows that contain them."""
        column = quoted(self.name)
        where = f"{_is_empty(column)} AND {self.trimmed} <> ''" + (f" AND NOT {_is_zero(column)}" if self.zeros else "")
        texts = f"SELECT DISTINCT {self.trimmed} FROM {self.table} WHERE {where} ORDER BY 1 LIMIT 3"  # noqa: S608 - quoted
        return [text for (text,) in self.connection.execute(texts).fetchall()], self.rowids(where)

    def rowids(self, condition: str) -> list[int]:
        """The first rows for which the SQL condition is true."""
        found = f"SELECT rowid FROM {self.table} WHERE {condition} ORDER BY 1 LIMIT {MAX_ROWS}"  # noqa: S608 - built here
        return [rowid for (rowid,) in self.connection.execute(found).fetchall()]

    def is_text(self) -> bool:
        """Whether the column is still text."""
        return not self.types

    def example(self, pattern: str) -> str:
        """A cell that contains the pattern. At least one must exist."""
        found = f"FROM {self.table} WHERE regexp_matches({self.value}, '{pattern}')"
        return self.connection.execute(f"SELECT min({self.value}) {found}").fetchall()[0][0]

    def as_floats(self, value: str) -> list[Decision]:
        """Converts the column to the most exact type that can hold the doubles of the SQL `value`.

        Returns decisions.
        """
        self.types.append("DOUBLE")
        return exact_types.float_column(self.connection, self.table, self.name, value)

    def retype(self, kind: str, value: str) -> None:
        """Converts the column to a type, with the SQL `value` as its cells.

        Other columns of the table are converted with it.
        """
        self.types.append(kind)
        self.changes.add(self.name, kind, value)


def text_columns(changes: TypeChanges) -> Iterator[TextColumn]:
    """The text columns that may be figures or dates: not empty, and without a cell that is too long for either."""
    connection, table = changes.connection, changes.table
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - a name of ours
    texts = [name for name, kind, *_ in described if kind == "VARCHAR"]
    for names in batches(texts) if rows > FEW_ROWS else filter(None, [texts]):
        heads = dict(zip(names, _heads(connection, table, names), strict=True))
        likely = [name for name in names if _may_have_a_type(heads[name])]
        facts = figures(connection, likely, _facts, table, rows=rows) if likely else []
        found = {
            name: (filled, unclean, heads[name])
            for name, (length, filled, unclean) in zip(likely, facts, strict=True)
            if 0 < (length or 0) <= MAX_CELL
        }
        # Nearly all cells of most columns are short and clean, so the costly tests are made only for the others.
        unclean = [name for name, (_, count, _) in found.items() if count]
        more = dict(zip(unclean, _more_facts(connection, table, unclean, rows), strict=True))
        for name, (filled, _, head) in found.items():
            empty, zeros, spaced, protected = more.get(name, (0, 0, 0, 0))
            column = TextColumn(
                changes, name, [], filled=filled - empty + zeros, empty=empty, zeros=zeros, spaced=spaced,
                protected=protected,
            )  # fmt: skip
            column = _sampled(column, head, rows)
            if column.sample:
                yield column


def _facts(cell: str) -> list[str]:
    """SQL for the length of the longest cell, the number of cells with text, and the number that are not clean."""
    return [f"max(length({cell}))", f"count({cell})", f"count(*) FILTER ({_is_unclean(cell)})"]


def _is_unclean(cell: str) -> str:
    """SQL for whether a cell may be empty, be zero, have outer spaces, or be protected."""
    obvious = f"{cell} >= '0' AND {cell} < ':' AND {cell}[-1] BETWEEN '!' AND '~'"
    return f"CASE WHEN {obvious} THEN false ELSE NOT regexp_full_match({cell}, {_CLEAN}) END"  # AND would try both


def _heads(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> list[set[str]]:
    """The distinct cells of each column in the first rows."""
    columns = ", ".join(map(quoted, names))
    rows = connection.execute(f"SELECT {columns} FROM {table} LIMIT {_SAMPLE}").fetchall()  # noqa: S608 - quoted
    return [{cell for cell in cells if cell is not None} for cells in zip(*rows, strict=True)] or [set() for _ in names]


def _may_have_a_type(raw: set[str]) -> bool:
    """Whether enough of these cells look like figures, dates or booleans, so that the others may be odd ones."""
    values = list(islice((value for value in map(_value, sorted(raw)) if value is not None), _JUDGED))
    return 2 * sum(_LIKELY.match(value) is not None for value in values) >= len(values) - 1


def _more_facts(
    connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: int
) -> list[tuple[int, ...]]:
    """The numbers of cells that are empty or zero, are zero, have outer spaces, and are protected, for each column."""
    if rows <= FEW_ROWS:
        return figures(
            connection, names, lambda cell: [f"count(*) FILTER ({one})" for one in _unclean(cell)], table, rows=rows
        )
    wanted = ", ".join(f"coalesce(sum(n) FILTER ({one}), 0)" for one in _unclean("v"))
    found: list[tuple[int, ...]] = []
    for cell in map(quoted, names):  # each different cell once
        cells = f"SELECT {cell} AS v, count(*) AS n FROM {table} WHERE {_is_unclean(cell)} GROUP BY 1"  # noqa: S608 - quoted
        found += connection.execute(f"SELECT {wanted} FROM ({cells})").fetchall()  # noqa: S608 - built here
    return found


def _unclean(cell: str) -> tuple[str, ...]:
    """SQL for whether a cell is empty or zero, is zero, has outer spaces, and is protected."""
    short = f"{_is_unclean(cell)} AND length({cell}) < 40 AND"
    return (
        f"{short} ({_is_empty(cell)} OR {_is_zero(cell)})",
        f"{short} {_is_zero(cell)}",
        f"regexp_matches({cell}, '^[{SPACES}]|[{SPACES}]$')",
        _is_protected(f"ltrim({cell})"),
    )


def _sampled(column: TextColumn, raw: set[str], rows: int) -> TextColumn:
    cells = sorted({value for value in map(_value, raw) if value is not None})
    if not cells and column.filled:  # the column begins with many empty cells or placeholders
        some = f"SELECT {column.value} AS v FROM {column.table} WHERE {column.value} IS NOT NULL LIMIT {_SAMPLE}"  # noqa: S608
        cells = [cell for (cell,) in column.connection.execute(f"SELECT DISTINCT v FROM ({some})").fetchall()]  # noqa: S608
    is_whole = rows <= _SAMPLE and not any(
        "\v" in cell for cell in cells
    )  # Python counts it as a space, DuckDB does not
    return replace(column, sample=cells, is_whole=is_whole)


def _value(cell: str) -> str | None:
    """The value of a cell, as in `TextColumn.value`."""
    value = cell.strip(SPACES)
    if value[:1].isdigit():
        return value
    if _ZERO_CELL.fullmatch(cell):
        return "0"
    if _EMPTY_CELL.fullmatch(cell):
        return None
    return value[1:].lstrip("=") if value[:1] == "'" and value[1:2] in {*"-+=("} else value


def _is_empty(column: str) -> str:
    return f"regexp_full_match({column}, {text_literal(_EMPTY)}, 'i')"


def _is_zero(column: str) -> str:
    has_dash = " OR ".join(f"contains({column}, '{dash}')" for dash in "-–—")
    return f"(({has_dash}) AND regexp_full_match({column}, {text_literal(PADDED_DASH)}, 'i'))"


def _is_protected(value: str) -> str:
    return f"(starts_with({value}, '''') AND regexp_matches({value}, '^''[-+=(]'))"
