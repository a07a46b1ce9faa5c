"""Files as finance people export them, for the pictures of how they were read."""

from pathlib import Path

import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

_TEXTS = {
    "profit_and_loss.csv": """Acme Holding Ltd;;;
Profit and loss;;;
in thousands;;;
;2024;2023;Change
Revenue;12.450,5;11.900,0;4,6%
Other income;(120,0);85,0;-
Total income;12.330,5;11.985,0;2,9%
Personnel;5.100,0-;4.900,0-;4,1%
Rent;910,2-;880,0-;3,4%
Total expenses;6.010,2-;5.780,0-;4,0%
Profit;6.320,3;6.205,0;1,9%
Unaudited;;;
""",
    "trial_balance.csv": """Account,Name,Debit,Credit
0100,Cash,"1,200.50",
0200,Receivables,"3,000.00",-
0300,Equity,,"2,100.25"
0400,Sales,,"2,100.25 "
TOTAL,,"4,200.50","4,200.50"
""",
    "ar_ageing.csv": """AR ageing as of 31.12.2025;;;;;;
Customer no;Customer;Invoice date;Current;1-30;31-60;Total
00012;Alpha GmbH;03.04.2025;1.200,50;-;(300,00);900,50
00034;Beta AG;11.12.2025;€ 400,00;100,00;TBD;500,00
00112;Gamma, Söhne;28.11.2025;2.000,00;50,00;-;2.050,00
Summe;;;3.600,50;150,00;(300,00);3.450,50
Printed on 02.01.2026;;;;;;
""",
    "bank_statement.csv": """Date,Text,Amount,Balance
,Opening balance,,1000.00
03/04/2025,Rent,"(1,200.00)",-200.00
05/04/2025,Sales,5000.00,4800.00
07/04/2025,Fees,12.50-,4787.50
,Closing balance,,4787.50
""",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_messy_files(folder: Path) -> None:
    for name, text in _TEXTS.items():
        (folder / name).write_text(text, encoding="cp1252")
    _write_wide_budget(folder / "plan_by_month.xlsx")


def _write_wide_budget(path: Path) -> None:
    """Two years of months under merged years, with a subtotal, a hidden column and a row of notes."""
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("Budget")
        sheet.write(0, 0, "Budget, in EUR")
        for i, year in enumerate((2025, 2026)):
            sheet.merge_range(2, 1 + 12 * i, 2, 12 + 12 * i, year)
        sheet.write_row(3, 0, ["Cost centre", *_MONTHS, *_MONTHS])
        rows = [[f"CC{n}", *(100 * n + month for month in range(24))] for n in range(1, 6)]
        for i, row in enumerate(rows):
            sheet.write_row(4 + i, 0, row)
        sheet.write_row(9, 0, ["Total", *(sum(row[month] for row in rows) for month in range(1, 25))])
        sheet.write(11, 0, "Approved by the board")
        sheet.set_column(12, 12, None, None, {"hidden": True})
