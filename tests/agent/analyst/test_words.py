import pytest

from cfo_kernel.agent.analyst.numbers import number_at
from cfo_kernel.agent.analyst.words import key, split


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Land & Improvements", "land and improvements"),
        ("Head count", "Headcount"),
        ("Salaries", "salary"),
        ("Taxes", "tax"),
        ("Organisation", "organizations"),
        ("Gain/Loss on Sales of Asset", "gain loss on sales of assets"),
        ("Germany's", "Germany"),
        ("Málaga", "malaga"),
    ],
)
def test_two_spellings_of_a_name_have_one_key(one: str, other: str) -> None:
    assert key(split(one)) == key(split(other))


@pytest.mark.parametrize(
    ("text", "value", "length", "percent"),
    [
        ("1,000,000", 1_000_000, 1, False),
        ("1.5m", 1_500_000, 1, False),
        ("500k", 500_000, 1, False),
        ("2 million", 2_000_000, 2, False),
        ("$5,000", 5000, 1, False),
        ("5000 dollars", 5000, 2, False),
        ("20%", 20, 2, True),
        ("five", 5, 1, False),
        ("0.25", 0.25, 1, False),
    ],
)
def test_numbers(text: str, value: float, length: int, percent: bool) -> None:
    found = number_at(split(text), 0)
    assert found is not None
    assert (found[0].value, found[1], found[0].percent) == (value, length, percent)


@pytest.mark.parametrize("text", ["many", "q1", "2012-03"])
def test_not_numbers(text: str) -> None:
    assert number_at(split(text), 0) is None


def test_a_huge_text_is_cut_in_linear_time() -> None:
    assert len(split("1,1," * 25_000)) == 50_000
