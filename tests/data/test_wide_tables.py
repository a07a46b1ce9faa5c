"""Small tables with many columns are read by different statements than large ones, with the same result."""

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data import amounts, column_blocks, staging
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.data.type_changes import TypeChanges

KINDS = {
    "BIGINT": lambda i: str(i * 7),
    "DECIMAL(18,2)": lambda i: f"{i}.25",
    "DATE": lambda i: f"{1 + i % 28:02}.{1 + i % 12:02}.2024",
    "VARCHAR": lambda i: f"Name {i}",
    "DECIMAL(18,1)": lambda i: f'"{1 + i % 9}.000,5 €"',
}


def test_a_table_of_3000_columns_has_their_types_and_profiles(ingest: Any) -> None:
    count, kinds = 3000, list(KINDS)
    lines = [",".join(KINDS[kinds[i % 5]](i + row) for i in range(count)) for row in range(3)]
    [found] = ingest("wide.csv", "\n".join([",".join(f"c{i}" for i in range(count)), *lines]))
    assert [c.type for c in found.table.columns] == [kinds[i % 5] for i in range(count)]
    assert {(c.nulls, c.distinct) for c in found.table.columns if c.type != "DATE"} == {(0, 3)}
    assert found.table.columns[2998].values == {"Name 2998": 1, "Name 2999": 1, "Name 3000": 1}


def test_figures_are_the_same_for_few_and_many_rows() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE staging AS SELECT i AS a, i % 3 AS b, NULL::BIGINT AS "c c" FROM range(90) t(i)'
        )

        def read(rows: int) -> list[tuple[Any, ...]]:
            return column_blocks.figures(
                connection, ["a", "c c", "b"], lambda c: [f"count({c})", f"max({c})", f"count(DISTINCT {c})"], rows=rows
            )

        assert read(90) == read(10**6) == [(90, 89, 90), (0, None, 0), (90, 2, 3)]


CELLS = (
    "1.234,56 €",
    "EUR 5",
    "(12)",
    "-3,5",
    "1 000",
    "7 Cr",
    "8,25 Dr.",
    "US$ 4.5",
    "€ 0,125",
    "9-",
    "1'000.5",
    "3 S",
)


@settings(max_examples=30, deadline=None)
@given(cells=st.lists(st.sampled_from(CELLS), min_size=1, max_size=4), mark=st.sampled_from([".", ","]))
@pytest.mark.parametrize("has_sides", [True, False])
def test_the_shape_of_amounts_is_the_same_in_small_tables(cells: list[str], mark: Any, *, has_sides: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE staging (a VARCHAR)")
        connection.executemany("INSERT INTO staging VALUES (?)", [[cell] for cell in cells])
        shapes = [
            amounts._shape(
                TextColumn(TypeChanges(connection, "staging"), "a", cells, is_whole=is_whole), mark, has_sides=has_sides
            )
            for is_whole in (True, False)
        ]
    few, many = ([sorted(part) if isinstance(part, list) else part for part in shape] for shape in shapes)
    assert few == many


def test_a_table_without_text_is_read() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE staging AS SELECT 1 AS a, 2.5::DOUBLE AS b")
        assert staging.settle_types(connection, SourceRows()) == []


def test_rows_of_a_wide_table_keep_their_numbers_and_headings_if_empty_rows_are_left_out(ingest: Any) -> None:
    head = ["Account", *(f"c{i}" for i in range(59))]
    rows = [f"{4000 + i},{','.join(str(10 * i + k) for k in range(59))}" for i in range(6)]
    blocks = [f"Cost centre: {name}{',' * 59}" for name in ("1000 Sales", "2000 Plant")]
    empty = "," * 59
    lines = [
        ",".join(head),
        blocks[0],
        *rows[:3],
        empty,
        empty,
        blocks[1],
        *rows[3:5],
        rows[5].replace(",57,", ",#N/A,"),
    ]
    [found] = ingest("wide.csv", "\n".join(lines))
    assert [d.rows for d in found.table.decisions if d.column == "c7"] == [(11,)]
    assert found.column("Cost centre") == ["1000 Sales"] * 3 + ["2000 Plant"] * 3
