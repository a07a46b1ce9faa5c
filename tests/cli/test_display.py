"""Checks how values are displayed to people."""

from decimal import Decimal
from typing import Any, get_args

import pytest

from cfo_kernel.agent.analyst.wording import figure, percent
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.display import cell
from cfo_kernel.number_formats import NumberFormat, Role, is_number, number_format, values_of


@pytest.mark.parametrize(
    ("value", "kind", "name", "shown"),
    [
        (1234567, "BIGINT", "units", "1,234,567"),
        (1234567, "UINTEGER", "units", "1,234,567"),
        (1234567, "BIGINT", "account_key", "1234567"),
        (2012, "BIGINT", "fiscal_year", "2012"),
        (2012, "USMALLINT", "Year", "2012"),
        (2012.0, "DOUBLE", "fiscal_year", "2012"),
        (2012, "DECIMAL(18,0)", "fiscal_year", "2012"),
        (1234567, "HUGEINT", "sales_this_year", "1,234,567"),
        ("2012.00", "DECIMAL(18,2)", "sales_this_year", "2,012.00"),
        (3.5, "DOUBLE", "years", "3.5"),
        (0.0122594, "DOUBLE", "share", "0.0123"),
        (1234.5678, "DOUBLE", "amount", "1,234.5678"),
        (1234.56789, "DOUBLE", "amount", "1,234.57"),
        ("4400.5", "DECIMAL(38,2)", "amount", "4,400.50"),
        ("4400", "DECIMAL(38,0)", "amount", "4,400"),
        (float("inf"), "DOUBLE", "amount", "inf"),
        (float("nan"), "DOUBLE", "year", "nan"),
        (True, "BOOLEAN", "year", "True"),
        ("[1, 2]", "DECIMAL(18,2)[]", "amounts", "[1, 2]"),
        ("2012", "VARCHAR", "year", "2012"),
        (None, "BIGINT", "year", ""),
    ],
)
def test_a_cell(value: Any, kind: str, name: str, shown: str) -> None:
    assert cell(value, number_format(name, kind, values_of([value]))) == shown


@pytest.mark.parametrize("value", [-0.0, -0.0004, -0.004999, "-0.0000001", Decimal("-0.00"), Decimal("-0.001")])
@pytest.mark.parametrize("role", [role for role in get_args(Role) if role != "month"])  # those of numbers
def test_a_number_that_rounds_to_zero_has_no_sign(value: Any, role: Role) -> None:
    for decimals in (0, 2):
        shown = cell(
            Decimal(str(value)).scaleb(-2) if role == "percent" else value, NumberFormat(role=role, decimals=decimals)
        )
        assert shown.removesuffix("%") == ("0.00" if decimals else "0")
    assert figure(float(value), 2) == "0.00"
    assert percent(float(value) / 100) == "0.0 %"


def test_a_percentage() -> None:
    assert cell(0.6448275862, NumberFormat(role="percent", decimals=1)) == "64.5%"
    assert cell(-12.5, NumberFormat(role="percent", decimals=1)) == "-1,250.0%"
    assert cell("0.0725", NumberFormat(role="percent", decimals=2)) == "7.25%"


@pytest.mark.parametrize("kind", ["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BIGINT", "DECIMAL(4,1)"])
def test_what_is_a_number_is_one_everywhere(kind: str) -> None:
    assert is_number(kind)
    assert Column(name="x", type=kind).kind is Kind.NUMBER
    assert not is_number(f"{kind}[]")
