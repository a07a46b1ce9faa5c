"""Tests the notes on the dates that `last_of` reads, and on dates with clearly fewer rows than the previous date."""

from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from tests.data.conftest import opened

Json = dict[str, Any]

ACTUAL = [{"column": "scenario", "value": "Actual"}]


def notes(
    folder: Path, rows: list[tuple[str, str, int]], *, where: list[Json] | None = None, **fields: Any
) -> list[str]:
    """The notes on a plan that reads the last date, with this many rows for each scenario and date."""
    lines = [f"{scenario},{day},{i}.50" for scenario, day, count in rows for i in range(count)]
    company = opened(folder, {"cash": "\n".join(["scenario,posted,amount", *lines, ""])})
    figure = {"fn": "sum", "column": "amount", "where": where or []}
    usual = {"table": "cash", "last_of": {"column": "posted"}, "select": [{"name": "x", "expression": figure}]}
    plan = QueryPlan.model_validate({**usual, **fields})
    closing_dates = prepare(plan, company.tables, GlossaryFile(), {}).closing_dates
    assert closing_dates is not None
    found = closing_dates.notes(company.worker.query(closing_dates.sql, 1000, None)["rows"])
    company.worker.connection.close()
    return found


@pytest.mark.parametrize(("count", "is_few"), [(4, False), (3, False), (2, True)])
def test_a_date_with_less_than_three_quarters_of_the_rows_is_noted(count: int, is_few: bool, tmp_path: Path) -> None:
    few = (
        f"2024-02-29 has {count} rows, while the previous date (2024-01-31) has 4, so it may contain only adjustments."
    )
    read = "Read at the last date with rows: 2024-02-29."
    assert notes(tmp_path, [("Actual", "2024-01-31", 4), ("Actual", "2024-02-29", count)]) == [read, *[few] * is_few]


def test_only_rows_that_a_figure_takes_are_counted(tmp_path: Path) -> None:
    rows = [
        ("Actual", "2024-01-31", 4),
        ("Actual", "2024-02-29", 1),
        ("Budget", "2024-02-29", 4),
        ("Budget", "2024-03-31", 4),
    ]
    few = "2024-02-29 has 1 row, while the previous date (2024-01-31) has 4, so it may contain only adjustments."
    assert notes(tmp_path, rows, where=ACTUAL) == ["Read at the last date with rows: 2024-02-29.", few]


def test_a_figure_that_takes_every_row_makes_every_row_count(tmp_path: Path) -> None:
    """The first figure counts only actual rows; because of the second, the last date of all rows is read."""
    figures = [{"fn": "count", "where": ACTUAL}, {"fn": "count"}]
    select = [{"name": f"x{i}", "expression": figure} for i, figure in enumerate(figures)]
    rows = [("Actual", "2024-01-31", 1), ("Budget", "2024-02-29", 1)]
    assert notes(tmp_path, rows, select=select) == ["Read at the last date with rows: 2024-02-29."]


def test_the_date_before_may_be_one_that_a_filter_leaves_out(tmp_path: Path) -> None:
    after = [{"column": "posted", "op": ">", "value": "2024-01-31"}]
    found = notes(tmp_path, [("Actual", "2024-01-31", 4), ("Actual", "2024-02-29", 1)], filters=after)
    assert "the previous date (2024-01-31) has 4" in found[1]


def test_many_dates_are_counted_and_few_are_named(tmp_path: Path) -> None:
    """Seven months are read, and every other month has a single row."""
    rows = [("Actual", f"2024-0{month}-01", 4 if month % 2 else 1) for month in range(1, 10)]
    found = notes(tmp_path, rows, last_of={"column": "posted", "grain": "month"})
    assert found[0].endswith("2024-01-01, 2024-02-01, 2024-03-01, 2024-04-01, 2024-05-01, 2024-06-01 and 3 more.")
    assert [note[:10] for note in found[1:4]] == ["2024-02-01", "2024-04-01", "2024-06-01"]
    assert found[4] == "1 more date has similarly few rows or entities."
