"""File names that differ only in a period are recognized as a series."""

from datetime import date

import pytest

from cfo_kernel.data.file_series import series_name

SERIES: dict[tuple[str, ...], tuple[str, list[date | None]]] = {
    ("sales_2023", "sales_2024"): ("sales", [date(2023, 1, 1), date(2024, 1, 1)]),
    ("GL Jan", "GL Feb", "gl März"): ("gl", [None, None, None]),
    ("GL Jan-24", "GL_February 2024"): ("gl", [date(2024, 1, 1), date(2024, 2, 1)]),
    ("2024-01 sales", "2024-02 sales"): ("sales", [date(2024, 1, 1), date(2024, 2, 1)]),
    ("sales_202401", "sales_202402"): ("sales", [date(2024, 1, 1), date(2024, 2, 1)]),
    ("sales 01-2024", "sales 02-2024"): ("sales", [date(2024, 1, 1), date(2024, 2, 1)]),
    ("bank_20240131", "bank_20240229"): ("bank", [date(2024, 1, 31), date(2024, 2, 29)]),
    ("AR aging 2024_12_31", "AR aging 2025-01-31"): ("ar aging", [date(2024, 12, 31), date(2025, 1, 31)]),
    ("Q1 2024 P&L", "Q4 2024 P&L"): ("p l", [date(2024, 1, 1), date(2024, 10, 1)]),
    ("budget FY24", "budget FY2025"): ("budget", [date(2024, 1, 1), date(2025, 1, 1)]),
    ("plan 2023-24", "plan 2024-25"): ("plan", [date(2023, 1, 1), date(2024, 1, 1)]),
    ("31 Jan 2024 bank", "29 Feb 2024 bank"): ("bank", [date(2024, 1, 31), date(2024, 2, 29)]),
    ("TB P03", "TB P12"): ("tb", [None, None]),
    ("export_1", "export_12"): ("export", [None, None]),
    ("2023", "2024"): ("", [date(2023, 1, 1), date(2024, 1, 1)]),
}


@pytest.mark.parametrize("stems", SERIES)
def test_names_that_differ_only_in_the_period_have_one_form(stems: tuple[str, ...]) -> None:
    form, starts = SERIES[stems]
    found = [name for stem in stems if (name := series_name(stem))]
    assert [(name.form, name.start) for name in found] == [(form, start) for start in starts]
    assert len({name.kinds for name in found}) == 1


@pytest.mark.parametrize("stem", ["ledger", "report_v2", "report (1)", "report_2024_v2", "ledger copy 2023", "a 40210"])
def test_versions_copies_and_codes_are_no_series(stem: str) -> None:
    assert series_name(stem) is None


def test_a_year_and_its_months_are_different_series() -> None:
    year, month = series_name("sales 2024"), series_name("sales 2024-01")
    assert year
    assert month
    assert (year.form, year.kinds) != (month.form, month.kinds)


@pytest.mark.parametrize("stem", ["x 20241345", "x 2024-02-31", "1Q24 x", "12", "", "売上 2024年1月", "٣ ٢٠٢٤", "²"])
def test_any_name_can_be_read(stem: str) -> None:
    series_name(stem)


def test_months_without_a_year_are_in_order() -> None:
    found = [name for month in ("Dez", "März", "Feb", "Jan") if (name := series_name(f"GL {month}"))]
    assert [name.place for name in sorted(found, key=lambda name: name.order)] == ["jan", "feb", "marz", "dez"]
