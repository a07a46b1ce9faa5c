"""Dates that are probably not meant literally are named in a decision."""

from pathlib import Path

import pytest

from tests.data.conftest import Ingest


@pytest.mark.parametrize(
    ("dates", "said", "needs_check"),
    [
        (["2024-01-05", "9999-12-31"], "1 cell has the date 9999-12-31, which probably means that there is no", False),
        (
            ["2567-01-05", "2567-02-05"],
            "2 cells have dates such as 2567-01-05, which may be years of the",
            True,
        ),
        (["2024-01-05", "0204-01-05"], "1 cell has the date 0204-01-05, far from today", True),
        (["2024-01-05", "1955-12-31"], "", False),
    ],
)
def test_a_date_far_from_today(ingest: Ingest, tmp_path: Path, dates: list[str], said: str, needs_check: bool) -> None:
    path = tmp_path / "dates.csv"
    path.write_text("Item,End\n" + "".join(f"x,{date}\n" for date in dates))
    [table] = ingest(path)
    found = [decision for decision in table.table.decisions if decision.column == "End"]
    assert [d.needs_check for d in found] == ([needs_check] if said else [])
    assert all(said in decision.text for decision in found)
