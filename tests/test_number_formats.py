"""The format of the numbers in a column depends on its name, its type and all its values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.number_formats import MOST_DECIMALS, NumberFormat, number_format, values_of

MONEY = "DECIMAL(38,2)"
CODES = [4711, 10000, 80331]
FRACTIONS = [0.05, 0.125, 0.4]
POINTS = [5.0, 12.5, 64.48]

CASES: dict[str, tuple[str, list[float], list[str]]] = {
    "code": ("BIGINT", [*CODES], [
        "account", "account_no", "Account Number", "AccountNumber", "account_key", "accounts_id", "parentAccountKey",
        "id", "employee_id", "EmployeeID", "customer_id_2", "invoice_no", "invoice_number", "Invoice #", "zip",
        "zip_code", "postal_code", "PLZ", "Postleitzahl", "cost_center", "CostCentre", "Kostenstelle", "sku", "phone",
        "tax_id", "vat_id", "iban", "fiscal_period", "period", "Kontonummer", "Konto", "Rechnungsnummer", "Beleg-Nr.",
        "numero_factura", "número_de_cuenta", "código_postal", "cuenta", "id_cliente", "numero_compte", "code_postal",
        "no_facture", "date_key", "sort_code", "EAN", "order_number", "department_code", "Tax ID", "vendor no.",
    ]),
    "count": (MONEY, [12, 250, 1234], [
        "headcount", "Headcount", "number_of_employees", "num_orders", "no_of_items", "NumberOfStaff", "employees",
        "order_count", "count", "quantity", "qty", "units", "days_overdue", "transactions", "Mitarbeiteranzahl",
        "Anzahl", "Anzahl Kunden", "Menge", "número_de_empleados", "cantidad", "nombre_de_clients", "effectif", "FTE",
        "total_headcount", "square_footage", "headcount_budget", "heads",
    ]),
    "year": ("BIGINT", [2011, 2012, 2013], [
        "year", "fiscal_year", "FiscalYear", "calendar year", "Jahr", "Geschäftsjahr", "año", "ejercicio", "année",
        "exercice", "FY",
    ]),
    "percent": ("DOUBLE", FRACTIONS, [
        "discount_pct", "DiscountPercent", "discount rate", "tax_rate", "vat_rate", "gross_margin_pct", "net margin %",
        "margin_rate", "percentage_of_ownership", "utilization_rate", "Steuersatz", "Margenprozent", "tasa_descuento",
        "porcentaje_descuento", "taux_tva", "taux_de_remise",
    ]),
    "rate": ("DOUBLE", [0.8531, 1.1742, 0.5], [
        "exchange_rate", "fx_rate", "average_rate", "end_of_day_rate", "EUR/USD rate", "Wechselkurs", "Kurs",
        "tipo_de_cambio", "rate", "taux", "current_ratio", "quick ratio",
    ]),
    "amount": (MONEY, [10.5, 2000.25, -3], [
        "amount", "revenue", "actual", "budget", "variance", "account_balance", "unit_price", "cost_per_unit", "x",
        "sales_2012", "FY2012", "2012", "prior_year", "sales_this_year", "invoice_amount", "phone_expense", "Betrag",
        "Umsatz", "importe", "montant", "gross_margin", "earnings_per_share", "Vorjahr", "cost_of_sales",
    ]),
    "points": ("DOUBLE", POINTS, [
        "pct", "variance_percent", "discount_pct", "Prozent", "Rate %", "Margin (%)", "Tax in %", "Growth Pct",
    ]),
    "number": ("DOUBLE", POINTS, [
        "share", "tax_rate", "growth", "fte", "percentage_points", "spread_bps", "score", "temperature", "years",
        "days",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, (_, _, names) in CASES.items() for name in names]
)  # fmt: skip
def test_the_role_of_a_column(role: str, name: str) -> None:
    kind, values, _ = CASES[role]
    found = number_format(name, kind, values_of(values), is_source=True)
    assert found is not None
    assert found.role == role


@pytest.mark.parametrize(
    "name", ["pct", "growth_pct", "inflation_rate", "interest_rate", "market_share", "yoy", "share"]
)
def test_values_that_may_be_fractions_or_percent_are_shown_as_they_are(name: str) -> None:
    found = number_format(name, "DOUBLE", values_of([0.3, 0.25, -0.1, 0.9]), is_source=True)
    assert found
    assert found.role in ("number", "rate")


@pytest.mark.parametrize(
    ("name", "values", "is_fraction"),
    [
        ("share", [0.25, 0.75], True),
        ("share", [25, 75.0], False),
        ("share", [0.25, 0.5], False),
        ("share_of_revenue", [0.2, 0.3, 0.5], False),  # not at the end, so it may be a figure about a share
        ("discount_pct", [0, 0.02, 0.4], True),
        ("discount_pct", [0, 0.02, 1.5], False),
        ("growth_pct", [0.02, 0.1, 2.5, 0.2, 0.3, -0.1], False),
        ("discount_pct", [0, 0.02], False),
        ("discount_pct", [0, 1, 1], False),  # flags
        ("margin_pct", [-0.35, 0.5], True),
        ("margin_pct", [], False),
        ("exchange_rate", [0.25, 0.75], False),
        ("discount_points", [0.25, 0.75], False),
    ],
)
def test_fractions_are_found_in_all_values(name: str, values: list[float], is_fraction: bool) -> None:
    found = number_format(name, "DOUBLE", values_of(values), is_source=True)
    assert found
    assert (found.role == "percent") == is_fraction


def test_rows_of_a_result_may_look_like_fractions() -> None:
    some = values_of([0.25, 0.5])  # of a discount_pct from 0.25 to 60
    assert number_format("discount_pct", "DOUBLE", some, is_source=True) == NumberFormat(role="percent", decimals=1)
    assert number_format("discount_pct", "DOUBLE", some) == NumberFormat(role="number", decimals=2)
    assert number_format("share", "DOUBLE", values_of([0.25, 0.75]), "number") == NumberFormat(
        role="number", decimals=2
    )


def test_what_the_query_computed_decides_before_the_name() -> None:
    values = values_of([0.6448275862, -12.5, 3])
    assert number_format("x", "DOUBLE", values, "percent") == NumberFormat(role="percent", decimals=1)
    assert number_format("amount", MONEY, values_of([181, 268]), "count") == NumberFormat(role="count")
    assert number_format("amount", MONEY, values_of([181, 268.5]), "count") == NumberFormat(role="amount", decimals=2)


@pytest.mark.parametrize("kind", ["VARCHAR", "DATE", "BOOLEAN", "BIGINT[]", "STRUCT(a BIGINT)"])
def test_only_numbers_have_a_format(kind: str) -> None:
    assert number_format("share", kind, values_of([])) is None


@pytest.mark.parametrize(
    ("name", "kind", "values", "decimals"),
    [
        ("fte", MONEY, [12, 0.5], 1),
        ("fte", MONEY, [12, 3], 0),
        ("amount", MONEY, [12, 3], 2),
        ("amount", "DECIMAL(18,4)", [12, "0.1234"], 4),
        ("amount", "DECIMAL(38,0)", [12, 3], 0),
        ("price", "DOUBLE", [1.2345, 1000], 4),
        ("average_cost", "DOUBLE", [1 / 3, 1000], 2),
        ("fx_rate", "DOUBLE", [0.86703, 0.93], 4),
        ("fx_rate", "DOUBLE", [117.123456, 1200], 2),
        ("x", "DOUBLE", [0.0000012, 0.00003], 7),
        ("share", "DOUBLE", [0.00001, 0.99999], 1),
    ],
)
def test_decimals(name: str, kind: str, values: list[float | str], decimals: int) -> None:
    found = number_format(name, kind, values_of(values))
    assert found
    assert found.decimals == decimals


@given(
    name=st.text(max_size=30), values=st.lists(st.floats() | st.integers() | st.decimals(allow_nan=True) | st.none())
)
def test_no_name_and_no_value_raises_an_error(name: str, values: list[float | Decimal | None]) -> None:
    for kind in ("DOUBLE", "BIGINT", MONEY):
        found = number_format(name, kind, values_of(values))
        assert found
        assert 0 <= found.decimals <= MOST_DECIMALS
