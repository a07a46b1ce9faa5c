"""Fiscal periods are sorted chronologically, however they are written."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.fiscal_periods import ordered

STYLES = {
    "quarter": (
        4,
        [
            *("FY{y:02} Q{n}", "Q{n} FY{y:02}", "{Y}-Q{n}", "{n}Q{y:02}", "Q{n}/{Y}", "T{n} {Y}", "{n}. Quartal {Y}"),
            *("Q{n}'{y:02}", "{n}er trimestre {Y}", "kvartal {n} {Y}", "第{n}四半期{Y}年", "Q{n} {Y}/{z:02}"),
        ],
    ),
    "half": (2, ["H{n} {Y}", "{Y} H{n}", "{n}. Halbjahr {Y}", "S{n} {Y}", "{n}º semestre {Y}"]),
    "period": (12, ["{Y}/P{n:02}", "{Y}.{n:03}", "{n:03}.{Y}", "P{n} FY{y:02}", "Periode {n} {Y}", "{Y}P{n:02}"]),
    "week": (52, ["{Y}-W{n:02}", "KW {n}/{Y}", "W{n} {Y}", "Week {n}, {Y}"]),
    "year": (1, ["{Y}/{z:02}", "FY{y:02}", "FY {Y}", "GJ {Y}/{z:02}", "{Y}-{z:02}", "Exercice {Y}"]),
}


@given(data=st.data(), style=st.sampled_from([(most, style) for most, styles in STYLES.values() for style in styles]))
def test_periods_are_sorted_by_year_and_number(data: st.DataObject, style: tuple[int, str]) -> None:
    most, text = style
    pairs = st.tuples(st.integers(1995, 2060), st.integers(1, most))
    periods = sorted(data.draw(st.sets(pairs, min_size=2, max_size=30)))
    texts = [text.format(Y=year, y=year % 100, z=(year + 1) % 100, n=number) for year, number in periods]
    texts = list(dict.fromkeys(texts))
    assert ordered("x", random.Random(0).sample(texts, len(texts))) == (tuple(texts) if len(texts) > 1 else ())


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("Period", ["P10", "P3", "P01"], ("P01", "P3", "P10")),
        ("Week", ["Week 10", "Week 9"], ("Week 9", "Week 10")),
        ("x", ["Q3", "Q1"], ("Q1", "Q3")),
        ("Project", ["P10", "P3", "P01"], ()),  # codes
        ("Period", ["P01", "X12"], ()),
        ("Period", ["P01", "H2"], ()),
        ("Period", ["P01", "P17"], ()),
        ("Period", ["P01"], ()),
        ("Amount", ["2024.5", "1999.1"], ()),
        ("Amount", ["2024", "2023"], ()),
        ("Period", ["2024-01", "2024-02"], ()),  # months, which are dates
        ("Date", ["2022/24", "2023/25"], ()),
        ("Room", ["Q1 left", "Q2 right"], ()),
        ("x", ["", "Q1"], ()),
    ],
)
def test_other_texts_are_no_periods(name: str, texts: list[str], expected: tuple[str, ...]) -> None:
    assert ordered(name, texts) == expected
