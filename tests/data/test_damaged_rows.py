"""Tables are rendered as text files in random dialects and with random damage, and read again.

Whatever the damage, all other rows stay as they are, and a decision names the damaged row. Where the damage can be
undone from the types of the cells, the row is as it was.
"""

import contextlib
import csv
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data import csv_reader, staging
from cfo_kernel.data.csv_dialect import find_dialect
from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Records
from cfo_kernel.data.csv_rows import write_even
from cfo_kernel.errors import CfoError

NAMES = ["Date", "Branch", "Qty", "Account", "Amount", "Text"]
WORDS = ["rent", "paid late", "by road", "O'Neill", 'size 5" x', "two, pallets", "see; letter"]


def table_of(seed: int) -> list[list[str]]:
    """Some rows with typed columns."""
    r = random.Random(seed)  # drawing each cell with hypothesis would take seconds
    return [
        [
            f"{r.randint(1, 28):02}/{r.randint(1, 12):02}/{r.randint(1990, 2030)}",
            r.choice(["Cork", "Delft", "Bergen"]),
            str(r.randint(0, 99)),
            f"{r.choice('KLM')}-{r.randint(1000, 9999)}",
            f"{r.randint(100, 99999) / 100:.2f}",
            ", ".join(r.sample(WORDS, r.randint(1, 3))),
        ]
        for _ in range(r.randint(20, 30))
    ]


TABLES = st.integers(0, 1 << 32).map(table_of)
NUMBERED = st.integers(0, 19)


@dataclass(frozen=True)
class Style:
    """How cells are written."""

    dialect: Dialect
    space: str = ""
    always: bool = False

    def line(self, cells: list[str]) -> str:
        return (self.dialect.delimiter + self.space).join(map(self._cell, cells))

    def _cell(self, cell: str) -> str:
        delimiter, quote = self.dialect.delimiter, self.dialect.quote
        if not (self.always or delimiter in cell or quote in cell or (delimiter == " " and " " in cell)):
            return cell
        escaped = "\\" + quote if self.dialect.has_escapes else quote * 2
        return quote + cell.replace(quote, escaped) + quote


STYLES = st.builds(
    Style,
    st.sampled_from(
        [
            *(Dialect(delimiter) for delimiter in ",;\t|^ "),
            Dialect(",", "'"),
            Dialect(";", "'"),
            Dialect(",", has_escapes=True),
        ]
    ),
    always=st.booleans(),
)
COMMA = Style(Dialect(","))


@settings(max_examples=60, deadline=None)
@given(TABLES, STYLES, st.booleans())
def test_a_table_is_read_from_every_dialect(table: list[list[str]], style: Style, is_spaced: bool) -> None:
    if is_spaced and style.dialect.delimiter in ",;":
        style = Style(style.dialect, " ", style.always)
    lines = [style.line(row) for row in [NAMES, *table]]
    found = find_dialect(lines)
    assert found is not None
    assert [[cell.strip() for cell in record.cells or []] for record in Records(lines, found.dialect)] == [
        NAMES,
        *table,
    ]


def read(lines: list[str]) -> tuple[list[list[str]], dict[int, str]]:
    """The rows of a table without a header, and the note on each line that is named."""
    with tempfile.TemporaryDirectory() as folder:
        body, even = Path(folder) / "body.csv", Path(folder) / "even.csv"
        body.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = write_even("file.csv", body, Dialect(","), len(NAMES), 0, even)
        with even.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    return rows, {row: decision.text for decision in found.decisions for row in decision.rows}


def check(table: list[list[str]], at: int, damaged: str, *, is_undone: bool) -> None:
    lines = [COMMA.line(row) for row in table]
    rows, named = read([*lines[:at], damaged, *lines[at + 1 :]])
    assert len(rows) == len(table)
    assert [row[: len(NAMES)] for i, row in enumerate(rows) if i != at] == [
        row for i, row in enumerate(table) if i != at
    ]
    assert list(named) == [at + 1]
    if is_undone:
        assert rows[at] == table[at]


@settings(max_examples=40, deadline=None)
@given(TABLES, NUMBERED, st.integers(0, len(NAMES)))
def test_an_empty_cell_too_many_is_left_out(table: list[list[str]], at: int, column: int) -> None:
    check(table, at, COMMA.line([*table[at][:column], "", *table[at][column:]]), is_undone=True)


@settings(max_examples=40, deadline=None)
@given(TABLES, NUMBERED, st.integers(0, len(NAMES) - 2))
def test_a_missing_separator_is_restored_where_types_meet(table: list[list[str]], at: int, column: int) -> None:
    row = table[at]
    damaged = COMMA.line(row[: column + 1]) + COMMA.line(row[column + 1 :])
    check(table, at, damaged, is_undone=column in (1, 3))


@settings(max_examples=40, deadline=None)
@given(TABLES, NUMBERED, st.integers(0, len(NAMES) - 1))
def test_a_stray_quotation_mark_costs_at_most_its_cell(table: list[list[str]], at: int, column: int) -> None:
    cells = [COMMA.line([cell]) for cell in table[at]]
    cells[column] = f'"{cells[column]}'
    check(table, at, ",".join(cells), is_undone=column < len(NAMES) - 1)


@settings(max_examples=20, deadline=None)
@given(TABLES, NUMBERED)
def test_a_comma_in_an_unquoted_text_is_part_of_it(table: list[list[str]], at: int) -> None:
    table[at][1] = "Smith, John"
    check(table, at, ",".join([*table[at][:5], COMMA.line([table[at][5]])]), is_undone=False)


@settings(max_examples=20, deadline=None)
@given(TABLES, NUMBERED, st.sampled_from(";\t| "))
def test_a_row_with_another_separator_is_read_with_it(table: list[list[str]], at: int, delimiter: str) -> None:
    check(table, at, Style(Dialect(delimiter)).line(table[at]), is_undone=True)


@settings(max_examples=30, deadline=None)
@given(TABLES, NUMBERED, st.integers(1, len(NAMES) - 1))
def test_a_row_that_ends_early_is_named(table: list[list[str]], at: int, count: int) -> None:
    check(table, at, COMMA.line(table[at][:count]), is_undone=False)


@settings(max_examples=20, deadline=None)
@given(TABLES, st.integers(0, 18))
def test_rows_that_stray_marks_join_are_separated(table: list[list[str]], at: int) -> None:
    table[at][5], table[at + 1][0] = "rent", "01/02/2024"
    lines = [COMMA.line(row) for row in table]
    lines[at] = ",".join([*table[at][:5], '"rent'])
    lines[at + 1] = ",".join(['01/02/2024"', *(COMMA.line([c]) for c in table[at + 1][1:])])
    rows, named = read(lines)
    assert len(rows) == len(table)
    assert {at + 1, at + 2} <= {*named}
    assert [row[2:5] for row in rows] == [row[2:5] for row in table]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([",", ";", '"', "'", "\n", "\\", " ", "a", "1", "2024-01-01", "x y"]), max_size=80))
def test_no_text_is_read_with_an_error_without_a_name(parts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, staging.connect(Path(folder)) as connection:
        path = Path(folder) / "file.csv"
        path.write_text("".join(parts), encoding="utf-8")
        with contextlib.suppress(CfoError):
            csv_reader.load(connection, csv_reader.open_table(path, Path(folder)), Path(folder))
