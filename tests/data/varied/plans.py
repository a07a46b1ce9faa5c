"""Plans of workbooks: known tables with what people and programs do to sheets, for any library to write.

A feature is a function that changes a plan. Each plan has a seed and a few features, so that a writer makes the same
workbook again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from openpyxl.utils import get_column_letter

from tests.data.known_tables import Column, KnownTable, make_table

Formula = Callable[[str, int], str]
"""A formula, from the letter of its column and its row."""


@dataclass(frozen=True)
class Cell:
    """A cell to be written. `error` is the error that a formula has as its value."""

    value: Any = None
    format: str = ""
    formula: Formula | None = None
    is_array: bool = False
    is_calculated: bool = True
    error: str = ""
    comment: str = ""
    link: str = ""
    is_rich: bool = False
    is_bold: bool = False


EMPTY = Cell()


@dataclass
class Area:
    """A table in a sheet: rows above its header, the header, its rows, and rows below them."""

    known: KnownTable
    above: list[list[Cell]] = field(default_factory=list[list[Cell]])
    header: list[list[Cell]] = field(default_factory=list[list[Cell]])
    body: list[list[Cell]] = field(default_factory=list[list[Cell]])
    below: list[list[Cell]] = field(default_factory=list[list[Cell]])
    merged: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])
    """Merged areas of the header, relative to its first cell."""
    merged_down: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """First and last row of the body, and column."""
    top: int = 0
    left: int = 0

    @property
    def first(self) -> int:
        """The row of the sheet, counted from zero, with the first row of the body."""
        return self.top + len(self.above) + len(self.header)

    @property
    def bottom(self) -> int:
        return self.first + len(self.body) + len(self.below)

    def change(self, column: int, how: Callable[[Cell], Cell], rows: slice = slice(None)) -> None:
        for row in self.body[rows]:
            row[column] = how(row[column])

    def cells(self) -> list[tuple[int, int, Cell]]:
        """All cells, each with its row and column in the sheet."""
        rows = [*self.above, *self.header, *self.body, *self.below]
        return [(self.top + i, self.left + j, cell) for i, row in enumerate(rows) for j, cell in enumerate(row)]


@dataclass
class Sheet:
    name: str
    areas: list[Area] = field(default_factory=list[Area])
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: list[int] = field(default_factory=list[int])
    options: set[str] = field(default_factory=set[str])


@dataclass
class Plan:
    """A workbook to be written. `lost` are columns whose cells have no values, as a decision has to say."""

    name: str
    r: random.Random
    sheets: list[Sheet]
    options: set[str] = field(default_factory=set[str])
    suffix: str = "xlsx"

    @property
    def area(self) -> Area:
        return self.sheets[0].areas[0]

    def known(self) -> list[KnownTable]:
        """The tables of the workbook, with the rows that they occupy."""
        tables: list[KnownTable] = []
        for area in (area for sheet in self.sheets for area in sheet.areas):
            lines = [area.first + i + 1 for i in range(len(area.body)) if area.body[i][0].value in _names(area.known)]
            rows = [(i, row) for i, row in enumerate([*area.body, *area.below]) if row and row[0].value]
            others = {
                str(row[0].value): area.first + i + 1 for i, row in rows if row[0].value not in _names(area.known)
            }
            tables.append(replace(area.known, lines=lines, others=others))
        return tables


def _names(known: KnownTable) -> list[Any]:
    return known.columns[0].values


def area_of(known: KnownTable) -> Area:
    """The table as plain cells below one row of names."""
    rows = zip(*([Cell(value, _PLAIN.get(c.kind, "")) for value in c.values] for c in known.columns), strict=True)
    return Area(known, header=[[Cell(c.name) for c in known.columns]], body=[list(row) for row in rows])


_PLAIN = {"date": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm"}
Feature = Callable[[Plan], None]
FEATURES: dict[str, Feature] = {}
"""The features by their names. They are applied in this order."""


def feature(function: Feature) -> Feature:
    FEATURES[function.__name__] = function
    return function


def make_plan(name: str, seed: int, features: list[str], suffix: str = "xlsx") -> Plan:
    r = random.Random(seed)
    known = make_table(r, KINDS.get(features[0], ()) if features else ())
    plan = Plan(name, r, [Sheet("Sheet1", [area_of(known)])], suffix=suffix)
    for known_feature, apply in FEATURES.items():
        if known_feature in features:
            apply(plan)
    return plan


KINDS: dict[str, tuple[str, ...]] = {
    "amount_formats": ("amount", "amount", "whole", "amount"),
    "percent_format": ("percent", "amount"),
    "odd_formats": ("rate", "whole", "amount"),
    "date_formats": ("date", "amount", "moment"),
    "dates_as_text": ("date", "amount"),
    "serial_dates": ("date", "amount"),
    "epoch_1904": ("date", "moment", "amount"),
    "durations": ("amount",),
    "masked_codes": ("amount",),
    "texts_as_numbers": ("amount", "whole"),
    "flags": ("flag", "amount"),
}
"""The kinds of columns that a feature is about."""


def _pick(plan: Plan, *kinds: str) -> int | None:
    """A column of the first table with one of the kinds."""
    found = [i for i, column in enumerate(plan.area.known.columns) if column.kind in kinds]
    return plan.r.choice(found) if found else None


def _append(plan: Plan, column: Column, cells: list[Cell]) -> None:
    area = plan.area
    area.known.columns.append(column)
    area.header[-1].append(Cell(column.name))
    for row, cell in zip(area.body, cells, strict=True):
        row.append(cell)


AMOUNT_FORMATS = [
    '_-* #,##0.00 "€"_-;-* #,##0.00 "€"_-;_-* "-"?? "€"_-;_-@_-',
    '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)',
    "#,##0;[Red]-#,##0",
    "#,##0.00;[Red](#,##0.00)",
    "[$CHF-807] #,##0.00",
    '#,##0,"k"',
    '0.0,,"m"',
    "0.00E+00",
    '"Dr" 0.00;"Cr" 0.00',
    "[>=1000]#,##0;[<1000]0.00",
    "0",
    "@",
    "General",
]


@feature
def amount_formats(plan: Plan) -> None:
    for i, column in enumerate(plan.area.known.columns):
        if column.kind in ("amount", "whole", "rate"):
            chosen = plan.r.choice(AMOUNT_FORMATS)
            plan.area.change(i, lambda cell, chosen=chosen: replace(cell, format=chosen))


@feature
def mixed_formats(plan: Plan) -> None:
    if (i := _pick(plan, "amount", "whole")) is not None:
        plan.area.change(i, lambda cell: replace(cell, format=plan.r.choice(AMOUNT_FORMATS)))


@feature
def odd_formats(plan: Plan) -> None:
    """Fractions, text after the number, and formats that hide the number."""
    if (i := _pick(plan, "rate", "whole", "amount")) is not None:
        chosen = plan.r.choice(["# ?/?", '0.0 "pcs"', '#,##0.00_);"negative"', ";;;", "0.###", '"EUR" 0.00'])
        plan.area.change(i, lambda cell: replace(cell, format=chosen))


@feature
def percent_format(plan: Plan) -> None:
    for i, column in enumerate(plan.area.known.columns):
        if column.kind == "percent":
            chosen = plan.r.choice(["0%", "0.0%", "0.00%;[Red]-0.00%"])
            plan.area.change(i, lambda cell, chosen=chosen: replace(cell, format=chosen))


DATE_FORMATS = ["mm-dd-yy", "dd.mm.yyyy", "d-mmm-yy", "mmm-yy", "[$-407]d. mmmm yyyy", "yyyy", "dddd", 'd"th of" mmmm']


@feature
def date_formats(plan: Plan) -> None:
    for i, column in enumerate(plan.area.known.columns):
        if column.kind in ("date", "moment"):
            chosen = plan.r.choice(DATE_FORMATS)
            plan.area.change(i, lambda cell, chosen=chosen: replace(cell, format=chosen))


@feature
def dates_as_text(plan: Plan) -> None:
    if (i := _pick(plan, "date")) is not None:
        form = plan.r.choice(["%d.%m.%Y", "%Y-%m-%d", "%d %B %Y", "%Y%m%d", "%d-%b-%Y"])
        plan.area.change(i, lambda cell: Cell(cell.value.strftime(form)))


@feature
def serial_dates(plan: Plan) -> None:
    """Dates without the format of a date, which are numbers."""
    if (i := _pick(plan, "date")) is not None and "epoch_1904" not in plan.options:
        plan.area.change(i, lambda cell: Cell((cell.value - date(1899, 12, 30)).days) if cell.format else cell)


@feature
def some_dates_as_text(plan: Plan) -> None:
    if (i := _pick(plan, "date")) is not None:
        plan.area.change(
            i,
            lambda cell: Cell(cell.value.strftime("%d.%m.%Y")) if isinstance(cell.value, date) else cell,
            slice(None, None, 3),
        )


@feature
def epoch_1904(plan: Plan) -> None:
    plan.options.add("epoch_1904")


@feature
def durations(plan: Plan) -> None:
    minutes = [plan.r.randint(0, 5000) for _ in plan.area.body]
    values = [Decimal(m) / 60 for m in minutes]
    _append(plan, Column("Hours", "hours", values), [Cell(timedelta(minutes=m), "[h]:mm") for m in minutes])


@feature
def masked_codes(plan: Plan) -> None:
    numbers = [plan.r.randint(1, 999_999) for _ in plan.area.body]
    _append(plan, Column("Cost object", "code", [f"{n:07}" for n in numbers]), [Cell(n, "0000000") for n in numbers])


@feature
def texts_as_numbers(plan: Plan) -> None:
    """Figures that were typed or pasted as text, in a whole column or in some cells."""
    if (i := _pick(plan, "amount", "whole")) is not None:
        step = plan.r.choice([1, 3])
        write = plan.r.choice([str, lambda v: f"{v:,}", lambda v: f"{v:,} "])
        plan.area.change(i, lambda cell: Cell(write(cell.value)), slice(None, None, step))


@feature
def gaps(plan: Plan) -> None:
    """Empty cells, and cells with an empty text."""
    for i, column in enumerate(plan.area.known.columns[1:], 1):
        for row in plan.r.sample(range(1, len(plan.area.body)), len(plan.area.body) // 4):
            column.values[row] = None
            plan.area.body[row][i] = plan.r.choice([EMPTY, EMPTY, Cell("")])


@feature
def flags(plan: Plan) -> None:
    pass


@feature
def long_text(plan: Plan) -> None:
    texts = ["x" * 32_767, *("line 1\nline 2; “quoted” 1,5" for _ in plan.area.body[1:])]
    _append(plan, Column("Remarks", "text", texts), [Cell(text) for text in texts])


@feature
def numbers_of_any_size(plan: Plan) -> None:
    values = [plan.r.choice([0, 1, -1, 1e15, 123456789012345, 0.1, 1e-7, -0.005, 99999999.99]) for _ in plan.area.body]
    known = [Decimal(str(value)) for value in values]
    _append(plan, Column("Figure", "amount", known), [Cell(value) for value in values])


@feature
def formulas(plan: Plan) -> None:
    """A column of formulas with their values."""
    if (i := _pick(plan, "amount", "whole")) is not None:
        source = plan.area.known.columns[i].values
        values = [None if value is None else value * 2 for value in source]
        letter = get_column_letter(i + 1)
        cells = [Cell(v, formula=lambda _, row, a=letter: f"={a}{row}*2") if v is not None else EMPTY for v in values]
        _append(plan, Column("Double", "amount", values), cells)


@feature
def array_formulas(plan: Plan) -> None:
    if (i := _pick(plan, "amount")) is not None:
        plan.area.change(
            i,
            lambda cell: (
                cell
                if cell.value is None or isinstance(cell.value, str)
                else replace(cell, formula=lambda _, __, v=cell.value: f"=SUM({{{v},0}}*1)", is_array=True)
            ),
            slice(1, 4),
        )


@feature
def uncalculated(plan: Plan) -> None:
    """Formulas without values, as in workbooks that programs write."""
    amounts = [Decimal(plan.r.randint(1, 10**6)).scaleb(-2) for _ in plan.area.body]
    cells = [Cell(v, formula=lambda _, __, v=v: f"={v}+0", is_calculated=False) for v in amounts]
    _append(plan, Column("Planned", "uncalculated", [None] * len(amounts)), cells)


@feature
def errors(plan: Plan) -> None:
    if (i := _pick(plan, "amount", "rate")) is not None:
        row = plan.r.randrange(2, len(plan.area.body))
        plan.area.known.columns[i].values[row] = None
        plan.area.body[row][i] = plan.r.choice(
            [Cell(formula=lambda _, __: "=1/0", error="#DIV/0!"), Cell(formula=lambda _, __: "=NA()", error="#N/A")]
        )


@feature
def odd_cell(plan: Plan) -> None:
    if (i := _pick(plan, "amount", "rate", "date")) is not None:
        row = plan.r.randrange(2, len(plan.area.body))
        plan.area.known.columns[i].values[row] = None
        plan.area.body[row][i] = Cell(plan.r.choice(["TBD", "n/a", "open", "-"]))


@feature
def comments(plan: Plan) -> None:
    for row in plan.area.body[::3]:
        row[-1] = replace(row[-1], comment="Checked: 1,234.00")


@feature
def links(plan: Plan) -> None:
    plan.area.change(0, lambda cell: replace(cell, link="https://example.com/"), slice(None, None, 2))


@feature
def rich_text(plan: Plan) -> None:
    plan.area.change(0, lambda cell: replace(cell, is_rich=True), slice(None, None, 2))


@feature
def bold_labels(plan: Plan) -> None:
    for row in plan.area.header:
        row[:] = [replace(cell, is_bold=True) for cell in row]
    plan.area.change(0, lambda cell: replace(cell, is_bold=True))


@feature
def totals_row(plan: Plan) -> None:
    area, height = plan.area, len(plan.area.body)
    row = [Cell(plan.r.choice(["Total", "Grand total", "Summe"]), is_bold=True)]
    for i, column in enumerate(area.known.columns[1:], 1):
        values = [value for value in column.values if value is not None]
        total = Cell(
            sum(values, Decimal(0)) if column.kind == "amount" else None,
            area.body[0][i].format,
            formula=lambda letter, here: f"=SUM({letter}{here - height}:{letter}{here - 1})",
        )
        row.append(total if column.kind == "amount" else EMPTY)
    area.below.insert(0, row)


@feature
def footnote(plan: Plan) -> None:
    plan.area.below += [[], [Cell("Source: general ledger, printed on 3 March 2025")]]


@feature
def merged_labels(plan: Plan) -> None:
    """A column whose cells are merged downwards."""
    size = 3
    values = [f"Region {chr(65 + i // size)}" for i in range(len(plan.area.body))]
    cells = [Cell(v) if i % size == 0 else EMPTY for i, v in enumerate(values)]
    _append(plan, Column("Region", "text", values), cells)
    last = len(plan.area.body) - 1
    column = len(plan.area.known.columns) - 1
    plan.area.merged_down += [
        (i, min(i + size - 1, last), column) for i in range(0, last + 1, size) if min(i + size - 1, last) > i
    ]


@feature
def two_header_rows(plan: Plan) -> None:
    _side_by_side(plan, [("2023", "Actual"), ("2023", "Budget"), ("2024", "Actual"), ("2024", "Budget")])


@feature
def three_header_rows(plan: Plan) -> None:
    _side_by_side(
        plan,
        [
            ("Europe", "2023", "Actual"),
            ("Europe", "2023", "Budget"),
            ("Europe", "2024", "Actual"),
            ("Asia", "2023", "Actual"),
            ("Asia", "2024", "Actual"),
        ],
    )


def _side_by_side(plan: Plan, names: list[tuple[str, ...]]) -> None:
    area = plan.area
    if len(area.header) > 1:
        return
    depth, left = len(names[0]), len(area.known.columns)
    rows = [[EMPTY] * left for _ in range(depth - 1)] + area.header
    for name in names:
        values = [Decimal(plan.r.randint(-(10**6), 10**7)).scaleb(-2) for _ in area.body]
        area.known.columns.append(Column(" ".join(name), "amount", values))
        for row, part in zip(rows, name, strict=True):
            row.append(Cell(part))
        for row, value in zip(area.body, values, strict=True):
            row.append(Cell(value))
    for level in range(depth - 1):
        start = 0
        for i in range(1, len(names) + 1):
            if i == len(names) or names[i][: level + 1] != names[start][: level + 1]:
                for j in range(start + 1, i):
                    rows[level][left + j] = EMPTY
                if i - start > 1:
                    area.merged.append((level, left + start, level, left + i - 1))
                start = i
    area.header = rows


@feature
def titles(plan: Plan) -> None:
    lines = [["Contoso Ltd"], ["Trial balance", "as of 31 December 2024"], ["Currency", "EUR"], []]
    plan.area.above = [[Cell(text) for text in line] for line in lines[plan.r.randrange(3) :]]


@feature
def shifted(plan: Plan) -> None:
    plan.area.top, plan.area.left = plan.r.randint(1, 5), plan.r.randint(1, 3)


@feature
def hidden(plan: Plan) -> None:
    sheet, area = plan.sheets[0], plan.area
    sheet.hidden_rows += [area.first + i for i in range(1, len(area.body), 4)]
    sheet.hidden_columns.append(area.left + len(area.known.columns) - 1)


@feature
def empty_rows(plan: Plan) -> None:
    """An empty row between the rows of the table."""
    plan.area.body.insert(len(plan.area.body) // 2, [EMPTY] * len(plan.area.known.columns))


def _option(name: str) -> None:
    def apply(plan: Plan) -> None:
        plan.sheets[0].options.add(name)

    apply.__name__ = name
    feature(apply)


for _name in (
    "list_object", "auto_filter", "frozen", "right_to_left", "print_titles", "validation", "conditional", "protected",
    "zoomed", "grouped", "chart", "image", "styled_empty_cells",
):  # fmt: skip
    _option(_name)


def _book_option(name: str) -> None:
    def apply(plan: Plan) -> None:
        plan.options.add(name)

    apply.__name__ = name
    feature(apply)


for _name in ("defined_name", "chart_sheet", "macros", "inline_strings"):
    _book_option(_name)


@feature
def hidden_sheet(plan: Plan) -> None:
    plan.sheets.append(Sheet("Archive", [area_of(make_table(plan.r, ["amount", "date"]))], options={"hidden"}))


@feature
def empty_sheets(plan: Plan) -> None:
    plan.sheets += [Sheet("Empty"), Sheet("Notes 2")]


NAMES = ["Übersicht 2024", "P&L <Q1>", "it's", "データ", "a" * 31, " Jan ", "1", "Sheet1!x", "50%", "=SUM", "😀 ledger"]


@feature
def sheet_names(plan: Plan) -> None:
    for name in plan.r.sample(NAMES, 3):
        plan.sheets.append(Sheet(name, [area_of(make_table(plan.r, ["amount", "text"]))]))


@feature
def stacked(plan: Plan) -> None:
    second = area_of(make_table(plan.r, ["amount", "date"], 6))
    second.top, second.left = plan.area.bottom + 2, plan.area.left
    plan.sheets[0].areas.append(second)


@feature
def side_by_side(plan: Plan) -> None:
    second = area_of(make_table(plan.r, ["amount", "whole"], 5))
    second.top, second.left = plan.area.top, plan.area.left + len(plan.area.known.columns) + 1
    plan.sheets[0].areas.append(second)


def moment_of(value: Any) -> Any:
    """A value that a library can write."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value
