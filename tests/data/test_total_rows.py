"""Total rows are removed if arithmetic proves that they are totals, and otherwise kept with a note."""

from collections.abc import Callable
from decimal import Decimal

import duckdb
import pytest

from cfo_kernel.data import total_rows
from cfo_kernel.data.decisions import DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from tests.data.conftest import Ingested

Csv = Callable[..., Ingested]


def after(
    rows: list[tuple[object, ...]], types: str = "region VARCHAR, item VARCHAR, amount DECIMAL(18, 2), n INTEGER"
):
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE staging ({types})")
    connection.executemany(f"INSERT INTO staging VALUES ({', '.join('?' * len(rows[0]))})", rows)
    decisions = total_rows.remove_total_rows(connection, SourceRows())
    return connection.execute("FROM staging").fetchall(), [found.text for found in decisions]


NORTH, SOUTH = ("North", "a", 10, 1), ("South", "b", 20.5, 2)


@pytest.mark.parametrize("label", ["Total", "TOTAL:", "Grand total", "Totals", "Summe", "Gesamtsumme"])
def test_a_total_that_adds_up_is_removed(label: str) -> None:
    rows, notes = after([NORTH, SOUTH, (label, None, 30.5, 3)])
    assert len(rows) == 2
    assert label in notes[0]


def test_subtotals_are_removed_with_their_total() -> None:
    rows, notes = after(
        [NORTH, ("Subtotal", None, 10, 1), SOUTH, ("Sub-total", None, 20.5, 2), ("Total", None, 30.5, 3)]
    )
    assert [row[0] for row in rows] == ["North", "South"]
    assert "3 rows" in notes[0]


def test_a_total_without_a_first_cell_is_found() -> None:
    rows, _ = after([NORTH, SOUTH, (None, "Total", 30.5, None)])
    assert len(rows) == 2


def test_a_total_that_is_not_the_last_row_is_kept_with_a_note() -> None:
    """The last row happens to be the sum of all rows except the total, which proves nothing about the total."""
    data = [("North", "a", 10, 1), ("Total", None, 99, 9), ("North", "b", -10, -1), ("South", "c", 30.5, 3)]
    rows, notes = after(data)
    assert [row[0] for row in rows] == ["North", "Total", "North", "South"]
    assert "the figures do not prove it" in notes[0]


def test_a_total_that_does_not_add_up_is_kept_with_a_note() -> None:
    rows, notes = after([NORTH, SOUTH, ("Total", None, 31, 3)])
    assert len(rows) == 3
    assert "the figures do not prove it" in notes[0]


@pytest.mark.parametrize(
    "last", [("Total Wine Ltd", "c", 30.5, 3), ("South", "Total", 30.5, 3), ("Totally", None, 30.5, 3)]
)
def test_a_name_that_only_contains_the_word_total_is_kept(last: tuple[object, ...]) -> None:
    rows, _ = after([NORTH, ("South", "b", 1, 1), last])
    assert len(rows) == 3


def test_a_list_of_accounts_is_unchanged() -> None:
    rows, notes = after([("Total Cost of Sales", 1), ("Total", 2)], "name VARCHAR, account_key INTEGER")
    assert (len(rows), notes) == (2, [])


def test_a_subtotal_is_removed_although_another_row_does_not_add_up() -> None:
    """Each row needs a proof of its own."""
    rows, notes = after([NORTH, NORTH, ("Subtotal", None, 20, 2), SOUTH, ("Total", None, 99, 9)])
    assert [row[0] for row in rows] == ["North", "North", "South", "Total"]
    assert len(notes) == 2


def test_a_row_without_a_name_is_a_total_if_all_of_its_figures_add_up() -> None:
    rows, notes = after([NORTH, SOUTH, (None, None, 30.5, 3)])
    assert len(rows) == 2
    assert notes == ["1 row is the total of other rows (without a name). It was left out, since it would count twice."]
    assert len(after([NORTH, SOUTH, (None, None, 30.5, 4)])[0]) == 3


def test_a_price_is_no_sum_but_follows_from_the_other_figures() -> None:
    types = "item VARCHAR, quantity INTEGER, amount DECIMAL(18, 2), price DECIMAL(18, 2)"
    data = [("a", 2, 3, 1.5), ("b", 4, 10, 2.5), ("c", 10, 20, 2)]
    assert len(after([*data, ("Total", 16, 33, 2.06)], types)[0]) == 3
    assert len(after([*data, ("Total", 16, 33, 2.5)], types)[0]) == 4


def test_a_named_line_that_adds_up_others_is_kept_with_a_note() -> None:
    types = "line VARCHAR, this_year INTEGER, last_year INTEGER"
    data = [("Assets", 91_204, 88_157), ("Liabilities", -45_113, -52_209), ("Net assets", 46_091, 35_948)]
    rows, notes = after([*data, ("Share capital", 1_204, 1_310)], types)
    assert len(rows) == 4
    assert notes == [
        "1 row adds up other rows (Net assets). It was kept, so a sum over the table counts those rows twice."
    ]


@pytest.mark.parametrize("columns", [1, 2])
def test_each_subtotal_of_a_chain_is_named(columns: int) -> None:
    """Each of them adds up the one before it, as in an income statement."""
    lines = ("Revenue", "Cost of sales", "Gross profit", "Operating expenses", "EBIT", "Tax", "Net income")
    now = ("12450.37", "-7310.22", "5140.15", "-2911.08", "2229.07", "-560.55", "1668.52")
    before = ("11200.12", "-6900.45", "4299.67", "-2700.33", "1599.34", "-410.22", "1189.12")
    types = ", ".join(["line VARCHAR", "a DECIMAL(18, 2)", "b DECIMAL(18, 2)"][: columns + 1])
    rows, notes = after([line[: columns + 1] for line in zip(lines, now, before, strict=True)], types)
    assert len(rows) == len(lines)
    assert "3 rows add up other rows (Gross profit; EBIT; Net income)" in notes[0]


def test_balances_among_movements_are_named() -> None:
    types = "day DATE, what VARCHAR, amount DECIMAL(18, 2)"
    data = [("2024-01-01", "Opening balance", 500), ("2024-01-02", "Sale", 100), ("2024-01-31", "Closing balance", 600)]
    rows, notes = after(data, types)
    assert len(rows) == 3
    assert "Opening balance; Closing balance" in notes[0]


def test_a_dash_is_zero_if_a_total_of_its_column_proves_it(ingest_csv: Csv) -> None:
    lines = "account,q1,q2\nRent,12.50,-\nPay,-,n/a\nFees,10.25,7.75\nTotal,{},{}"
    unproven = ingest_csv(lines.format("22.75", "9.00"))
    assert unproven.column("q1")[1] is None
    proven = ingest_csv(lines.format("22.75", "7.75"))
    assert proven.rows == [("Rent", Decimal("12.5"), 0), ("Pay", 0, None), ("Fees", Decimal("10.25"), Decimal("7.75"))]
    assert "q1: 1 dash was read as zero, because a total of the column proves it." in proven.notes
    assert "q2: 1 cell without a value was read as empty, apart from dashes." in proven.notes


def test_a_word_for_totals_among_dates_labels_its_row(ingest_csv: Csv) -> None:
    lines = [f"2024-01-{day:02},Sale {day},{day}.25" for day in range(1, 29)]
    table = ingest_csv("\n".join(["date,text,amount", *lines, "Total,,999.00"]))
    assert table.types["date"] == "DATE"
    assert table.notes[-1].startswith("1 row looks like a total (Total), but the figures do not prove it")


def test_a_company_with_a_word_for_totals_in_its_name_is_kept() -> None:
    rows, notes = after([("North", "a", 10, 1), ("South", "b", 20, 2), ("Total Wine Ltd", "c", 30, 3)])
    assert (len(rows), notes) == (3, [])


def test_a_total_apart_from_rounding_is_removed() -> None:
    rows, notes = after([*(("North", "a", 33.33, 0),) * 3, ("Total", None, 100, None)])
    assert len(rows) == 3
    assert notes[0].startswith("1 row is the total of other rows, apart from rounding (Total).")


@pytest.mark.parametrize("name", ["Cost centre", "Account", "Year", "Konto", "Ref"])
def test_a_total_below_numbers_that_are_names_is_removed(ingest_csv: Csv, name: str) -> None:
    table = ingest_csv(f"{name},Amount\n1000,523.10\n2000,847.25\n3000,112.90\nTOTAL,1483.25\n")
    assert [row[0] for row in table.rows] == [1000, 2000, 3000]
    assert "1 row is the total of other rows (TOTAL)." in table.notes[-1]


def test_a_total_of_accounts_with_names_is_called_by_its_label(ingest_csv: Csv) -> None:
    table = ingest_csv("Account,Name,Amount\n4000,Sales,1234.50\n5000,Cost,-456.25\n6000,Rent,-300.10\nTotal,,478.15\n")
    assert len(table.rows) == 3
    assert "(Total)" in table.notes[-1]


@pytest.mark.parametrize(
    "names",
    [
        ("Total income", "Total cost of sales", "Total operating expenses"),
        ("Sales total", "Ops total", "Admin total"),
        ("4000 TOTAL", "5000 TOTAL", "6000 TOTAL"),
        ("Tail Bond", "Tail Stock", "Total World"),
    ],
)
def test_a_line_with_the_word_total_in_its_name_is_kept_but_named(names: tuple[str, ...]) -> None:
    amounts = (12500, 4500, 8000) if names[0] == "Total income" else (10, 20, 30)
    rows, notes = after([*zip(names, amounts, strict=True)], "line VARCHAR, amount INTEGER")
    assert len(rows) == 3
    assert len(notes) == 1


def test_a_customer_whose_amount_equals_the_one_above_is_kept_but_named() -> None:
    data = [("Acme", 100.5), ("Brown", 250.75), ("Sum Holdings", 250.75), ("Zed", 10)]
    rows, notes = after(data, "customer VARCHAR, amount DECIMAL(18, 2)")
    assert [row[0] for row in rows] == ["Acme", "Brown", "Sum Holdings", "Zed"]
    assert notes[-1].startswith("1 row looks like a total (Sum Holdings)")


@pytest.mark.parametrize("last", [("Total rent", 1000), ("Total premises", 1000)])
def test_a_total_of_one_row_is_removed_if_its_name_or_another_total_proves_it(last: tuple[str, int]) -> None:
    data = [("Fees", 37.5), ("Charges", 22.5), ("Total bank", 60), ("Rent", 1000), last, ("Total", 1060)]
    assert len(after(data, "line VARCHAR, amount DECIMAL(18, 2)")[0]) == 3
    assert len(after(data[:2] + data[3:5], "line VARCHAR, amount DECIMAL(18, 2)")[0]) == 4 - (last[0] == "Total rent")


def test_periods_and_groups_of_all_are_named() -> None:
    data = [("Q1", 100), ("Q2", 200), ("H1", 300), ("Q3", 150), ("Q4", 250), ("H2", 400), ("FY", 700)]
    assert "3 rows add up other rows (H1; H2; FY)" in after(data, "period VARCHAR, amount INTEGER")[1][0]
    data = [("All regions", 600), ("North", 100), ("South", 200), ("West", 300)]
    assert "(All regions)" in after(data, "region VARCHAR, amount INTEGER")[1][0]


@pytest.mark.parametrize(
    "label", ["SOLDE PRECEDENT", "SOLDE AU 31/01/2024", "Vortrag", "Kontostand", "SOLDE DE CLOTURE"]
)
def test_balances_are_named_without_accents_and_in_capitals(label: str) -> None:
    _, notes = after([("Sale", 100), (label, 600), ("Rent", 70)], "what VARCHAR, amount INTEGER")
    assert notes == [
        f"1 row is a balance rather than a movement ({label}). It was kept, so a sum over the table counts it."
    ]


def test_the_totals_of_a_statement_with_years_side_by_side_are_kept_with_a_note() -> None:
    types = 'line VARCHAR, "2023" INTEGER, "2024" INTEGER'
    data = [("Product revenue", 91_204, 88_157), ("Service revenue", 45_113, 52_209), ("Total", 136_317, 140_366)]
    rows, notes = after(data, types)
    assert len(rows) == 3
    assert notes == ["1 row adds up other rows (Total). It was kept, so a sum over the table counts those rows twice."]


def test_round_subtotals_without_a_label_are_named(ingest_csv: Csv) -> None:
    head = "Balance sheet;2024;2023\nProperty;8200;7950\nIntangibles;1300;1400\nNon-current assets;9500;9350\n"
    rest = "Inventories;2100;1980\nReceivables;3400;3120\nCash;900;750\n"
    rest += "Current assets;6400;5850\nTotal assets;15900;15200\n"
    table = ingest_csv(head + rest)
    assert "Non-current assets; Current assets" in table.notes[-1]


def test_rows_with_asterisks_are_totals_if_they_add_up(ingest_csv: Csv) -> None:
    head = ";CoCd;Document;Amount;Curr\n"
    head += ";1000;1900000012;-1190,00;EUR\n;1000;1900000013;-2380,00;EUR\n*;1000;;-3570,00;EUR\n"
    table = ingest_csv(head + ";2000;1900000014;-59,50;EUR\n*;2000;;-59,50;EUR\n**;;;-3629,50;EUR\n")
    assert len(table.rows) == 3


def test_a_running_balance_does_not_stop_the_proof_of_a_total(ingest_csv: Csv) -> None:
    rows = (
        "Date,Text,Debit,Credit,Balance\nBank Fees,,,,\n05 Jan 2024,Fee,15.00,,15.00\n19 Jan 2024,Wire,22.50,,37.50\n"
    )
    table = ingest_csv(rows + "Total Bank Fees,,37.50,,37.50\n08 Jan 2024,Rent,1000.00,,1000.00\n")
    assert "1 row is the total of other rows (Total Bank Fees)." in "\n".join(table.notes)


def test_the_totals_of_a_statement_are_kept_because_its_lines_add_up_anyway(ingest_csv: Csv) -> None:
    lines = "Design,5000.25\nLabor,1100.10\nTotal income,6100.35\nRent,1500.00\nPower,595.60\nTotal expenses,2095.60\n"
    table = ingest_csv(f"Line,Amount\n{lines}Net income,4004.75\n")
    assert len(table.rows) == 7
    assert table.notes[-2].startswith("2 rows add up other rows (Total income; Total expenses). They were kept")
    assert table.notes[-1].startswith("1 row is the difference of other rows (Net income). It was kept")


@pytest.mark.parametrize("first", ["Consideration,445.70\n", ""])
def test_the_totals_of_both_sides_are_kept_if_their_difference_is_a_line_or_none(ingest_csv: Csv, first: str) -> None:
    assets = "Cash,300.50\nStock,240.10\nTotal assets,540.60\n"
    debts = "Payables,12.20\nLoans,82.70\nTotal liabilities,94.90\n" if first else ""
    debts = debts or "Loans,140.60\nCapital,400.00\nTotal liabilities and equity,540.60\n"
    table = ingest_csv(f"Line,Amount\n{first}{assets}{debts}")
    assert len(table.rows) == 6 + bool(first)
    assert "2 rows add up other rows" in table.notes[-1]


def test_a_total_of_a_list_with_years_side_by_side_is_removed(ingest_csv: Csv) -> None:
    rows = "CC100,Salaries,100.25,120.75\nCC100,Travel,10.50,11.25\nCC200,Salaries,80.75,85.50\nTotal,,191.50,217.50\n"
    assert len(ingest_csv(f"Cost centre,Account,2024,2025\n{rows}").rows) == 3


def test_the_shares_of_a_total_are_left_out_with_it(ingest_csv: Csv) -> None:
    rows = (
        'Bayside,1200.00,,350.00,1550.00\nCity,,"2,310.50",,"2,310.50"\nTotal,"1,200.00","2,310.50",350.00,"3,860.50"\n'
    )
    shares = "Percentage of total,31.08%,{},9.07%,100.00%\n"
    proven = ingest_csv("Contact,Current,Older,Late,Total\n" + rows + shares.format("59.85%"))
    assert [*proven.types.values()][1:] == ["DECIMAL(18,2)", "DECIMAL(18,2)", "DECIMAL(18,0)", "DECIMAL(18,2)"]
    assert proven.notes[-1] == (
        "1 row shows the shares of a total in percent (Percentage of total). It was left out with the total."
    )
    assert len(ingest_csv("Contact,Current,Older,Late,Total\n" + rows + shares.format("61.00%")).rows) == 3


def test_a_line_of_percentages_does_not_stop_the_proof_of_a_result(ingest_csv: Csv) -> None:
    head = (
        "Revenue,12450.10,11320.20\nCost of sales,-7480.40,-6905.60\nGross profit,4969.70,4414.60\nMargin,39.9%,39.0%\n"
    )
    rest = "Distribution,-640.30,-602.70\nOperating profit,4329.40,3811.90\n"
    table = ingest_csv("Line,Now,Before\n" + head + rest)
    assert "2 rows add up other rows (Gross profit; Operating profit)" in table.notes[-1]


ROUND = [
    [("Sales", 1000), ("Returns", -50), ("Net sales", 950), ("COGS", 400), ("Gross profit", 550), ("Opex", 300),
     ("EBIT", 250)],
    [("Group", 700), ("EMEA", 400), ("Germany", 250), ("France", 150), ("Americas", 300), ("US", 210), ("Brazil", 90)],
]  # fmt: skip


@pytest.mark.parametrize("lines", ROUND, ids=["chain", "hierarchy"])
def test_round_figures_prove_totals_together_if_no_row_is_left_over(lines: list[tuple[str, int]]) -> None:
    types = "line VARCHAR, amount INTEGER"
    named = {"Net sales", "Gross profit", "EBIT"} if lines[0][0] == "Sales" else {"Group", "EMEA", "Americas"}
    assert all(name in " ".join(after(lines, types)[1]) for name in named)
    assert not all(name in " ".join(after([*lines[:-1], (lines[-1][0], 95)], types)[1]) for name in named)


def test_ascending_numbers_of_lines_do_not_stop_the_proof_of_a_result(ingest_csv: Csv) -> None:
    rows = "1020;Umsatz;10000,20;12000,10\n1060;Material;4000,10;4500,30\n1080;Rohertrag;6000,10;7499,80\n"
    table = ingest_csv("Zeile;Bezeichnung;Jan;Feb\n" + rows)
    assert "1 row is the difference of other rows (Rohertrag)" in table.notes[-1]


def test_differences_are_told_apart_from_totals(ingest_csv: Csv) -> None:
    rows = "Sales,5000.25\nLicences,1100.10\nTotal revenue,6100.35\nCosts,2095.60\nGross profit,4004.75\n"
    table = ingest_csv(f"Line,Amount\n{rows}").table
    found = {d.kind: (d.text, d.rows) for d in table.decisions}
    assert ("(Total revenue)" in found[DecisionKind.TOTALS][0], found[DecisionKind.TOTALS][1]) == (True, (4,))
    assert ("(Gross profit)" in found[DecisionKind.RESULTS][0], found[DecisionKind.RESULTS][1]) == (True, (6,))


def test_a_header_that_is_repeated_is_no_total() -> None:
    data = [(name, None, None, None, 10 + i) for i, name in enumerate("abcdefgh")]
    head = ("Grade", "U1", "U2", "TOTAL", 5000)
    types = "name VARCHAR, u1 VARCHAR, u2 VARCHAR, total VARCHAR, n INTEGER"
    assert after([*data, head], types)[1] == []


@pytest.mark.parametrize("columns", [3, 4])
@pytest.mark.parametrize(("total", "is_named"), [(45.5, True), (31, False)])
def test_a_total_without_a_name_is_named_although_one_of_its_parts_is_missing(
    columns: int, total: float, *, is_named: bool
) -> None:
    types = ", ".join(["region VARCHAR", "item VARCHAR", "amount DECIMAL(18, 2)", "n INTEGER"][:columns])
    data = [*(NORTH, SOUTH), ("South", "c", None, 5), ("South", "d", 7.75, 6), (None, None, total, 14)]
    rows, notes = after([row[:columns] for row in data], types)
    assert len(rows) == 5
    assert [note.startswith("1 row looks like a total (without a name)") for note in notes] == [True] * is_named
