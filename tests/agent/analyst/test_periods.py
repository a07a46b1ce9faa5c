from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.agent.analyst.period_words import period_at
from cfo_kernel.agent.analyst.periods import Fiscal, Part, Period, before, name_of, span
from cfo_kernel.agent.analyst.words import split
from cfo_kernel.data.plan import Grain


@pytest.mark.parametrize(
    ("text", "start", "end", "length"),
    [
        ("2012", date(2012, 1, 1), date(2012, 12, 31), 1),
        ("the year 2012", date(2012, 1, 1), date(2012, 12, 31), None),
        ("Q1 2012", date(2012, 1, 1), date(2012, 3, 31), 2),
        ("2012 Q3", date(2012, 7, 1), date(2012, 9, 30), 2),
        ("first quarter of 2012", date(2012, 1, 1), date(2012, 3, 31), 4),
        ("3rd quarter 2013", date(2013, 7, 1), date(2013, 9, 30), 3),
        ("H2 2012", date(2012, 7, 1), date(2012, 12, 31), 2),
        ("first half of 2011", date(2011, 1, 1), date(2011, 6, 30), 4),
        ("Feb 2012", date(2012, 2, 1), date(2012, 2, 29), 2),
        ("2012-03", date(2012, 3, 1), date(2012, 3, 31), 1),
        ("2012-03-30", date(2012, 3, 30), date(2012, 3, 30), 1),
        ("30 March 2012", date(2012, 3, 30), date(2012, 3, 30), 3),
        ("March 30th, 2012", date(2012, 3, 30), date(2012, 3, 30), 3),
        ("may 2012", date(2012, 5, 1), date(2012, 5, 31), 2),
    ],
)
def test_periods(text: str, start: date, end: date, length: int | None) -> None:
    words = split(text)
    at = 0 if length else 1
    found = period_at(words, at)
    assert found is not None
    period, taken = found
    assert isinstance(period, Period)
    assert (period.start, period.end) == (start, end)
    assert taken == (length or len(words) - at)


@pytest.mark.parametrize(
    "text", ["2012-13", "2012-13-01", "30 February 2012", "Q5 2012", "1850", "may", "2,012", "$2012"]
)
def test_no_periods(text: str) -> None:
    assert period_at(split(text), 0) is None


def test_parts_wait_for_their_year() -> None:
    assert period_at(split("Q1"), 0) == (Part(3, 1), 1)
    assert period_at(split("March"), 0) == (Part(1, 3), 1)


@pytest.mark.parametrize(
    ("text", "fiscal"),
    [
        ("FY12", Fiscal(2012)),
        ("fiscal year 2012", Fiscal(2012)),
        ("fiscal Q1 2012", Fiscal(2012, 1)),
        ("Q2 FY2013", Fiscal(2013, 2)),
        ("fiscal quarter 3 of 2012", Fiscal(2012, 3)),
    ],
)
def test_fiscal_periods(text: str, fiscal: Fiscal) -> None:
    found = period_at(split(text), 0)
    assert found is not None
    assert found[0] == fiscal


@given(st.integers(1901, 2099), st.integers(0, 3))
def test_four_quarters_are_the_year(year: int, quarter: int) -> None:
    period = span(year, quarter * 3 + 1, 3)
    assert period.label == f"Q{quarter + 1} {year}"
    earlier = before(period, Grain.YEAR)
    assert earlier is not None
    assert earlier.label == f"Q{quarter + 1} {year - 1}"


def test_labels_of_results() -> None:
    assert name_of("2012-03", Grain.MONTH) == "March 2012"
    assert name_of("2012-Q1", Grain.QUARTER) == "Q1 2012"
    assert name_of(2012, Grain.YEAR) == "2012"
