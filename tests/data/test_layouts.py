"""Known tables in random layouts are read as they were: titles, headers of several rows, units, sections, footers."""

import csv
import io
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, note, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cfo_kernel.data import ingest_worker

Row = list[Any]
LABELS = ["Cash", "Bank", "Trade receivables", "Rent", "Salaries", "Sales", "Interest income", "Tax", "Fees", "Loans"]
TITLES: list[Row] = [
    ["Trial balance"],
    ["Company: Alpha Ltd", "Currency: EUR"],
    ["Period", "2024-03"],
    ["Report", "Budget"],
    ["($ in millions)"],
]
FOOTERS: list[Row] = [["Printed by user 4"], ["Source: ledger"], ["* unaudited"], ["Page 1 of 1"]]
UNITS = ["EUR", "$'000", "%", "€m"]


@dataclass
class Layout:
    """The rows of a file, and the names and rows of the table in it."""

    names: list[str]
    rows: list[tuple[str, list[Decimal]]]
    header: list[Row]
    above: list[Row] = field(default_factory=list[Row])
    sections: dict[int, str] = field(default_factory=dict[int, str])
    below: list[Row] = field(default_factory=list[Row])
    page_break: int | None = None

    def lines(self) -> list[Row]:
        lines = [*self.above, *self.header]
        for i, (label, figures) in enumerate(self.rows):
            if i == self.page_break:
                lines += [[], *self.header]
            if i in self.sections:
                lines.append([self.sections[i]])
            lines.append([label, *figures])
        return [*lines, *self.below]


@st.composite
def headers(draw: st.DrawFn, width: int) -> tuple[list[str], list[Row]]:
    """Names for this many columns of figures, and header rows that contain them."""
    label = draw(st.sampled_from(["Account", "Konto", None]))
    kind = draw(st.sampled_from(["words", "years", "months", "numbers", "days", "groups", "centred"]))
    year = draw(st.integers(2010, 2030))
    match kind:
        case "words":
            names = draw(st.permutations(["Debit", "Credit", "Balance", "Budget", "Prior year", "Q1"]))[:width]
        case "years":
            names = [str(year - i) for i in range(width)]
        case "months":
            names = [f"{year}{i + 1:02}" for i in range(width)]
        case "numbers":
            names = [str(i + 1) for i in range(width)]
        case "days":
            names = [str(30 * (i + 1)) for i in range(width)]
        case "groups":
            lower = ["Actual", "Budget"] * (width // 2)
            groups = [str(year - i // 2) for i in range(2 * (width // 2))]
            upper = [group if i % 2 == 0 else None for i, group in enumerate(groups)]
            names = [f"{group} {name}" for group, name in zip(groups, lower, strict=True)]
            return names, [[label, *upper], [None, *lower]]
        case _:
            title, years = "Year ended 31 March", [str(year - i) for i in range(width)]
            upper = [title if i == width // 2 else None for i in range(width)]
            return [f"{title} {name}" for name in years], [[None, *upper], [label, *years]]
    header: list[Row] = [[label if kind in ("words", "years") else label or "Account", *names]]
    if draw(st.booleans()):
        header.append([None, *draw(st.lists(st.sampled_from(UNITS), min_size=width, max_size=width))])
    return names, header


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    width = draw(st.sampled_from([2, 4]))
    names, header = draw(headers(width))
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=2, max_size=8, unique=True))
    figure = st.decimals(Decimal("0.01"), Decimal("9999999"), places=2).filter(lambda d: d % 1 != 0)
    figures = st.lists(figure, min_size=len(names), max_size=len(names))
    layout = Layout(names, [(label, draw(figures)) for label in labels], header)
    titles = draw(st.lists(st.sampled_from(TITLES), max_size=3, unique_by=str))
    # A pair directly above a header without a label may be a part of it.
    is_apart = header[-1][0] is None or header[0][0] is None or draw(st.booleans())
    layout.above = [[*title] for title in titles] + ([[]] if titles and is_apart else [])
    if draw(st.booleans()):
        layout.sections = {0: "Assets:", len(labels) - 1: "Liabilities:"}
    if draw(st.booleans()):
        layout.page_break = draw(st.integers(1, len(labels) - 1))
    if below := draw(st.lists(st.sampled_from(FOOTERS), max_size=2, unique_by=str)):
        layout.below = [[], *below]
    return layout


def read(path: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    with tempfile.TemporaryDirectory() as folder:
        [table] = ingest_worker.ingest(str(path), f"{folder}/tables")["tables"]
        rows = duckdb.read_parquet(f"{folder}/tables/{table['file']}").fetchall()
        return [column["name"] for column in table["columns"]], rows


def check(layout: Layout, path: Path) -> None:
    names, rows = read(path)
    note(repr(layout.lines()))
    assert names[1:] == layout.names
    assert [(row[0], list(row[1:])) for row in rows if any(cell is not None for cell in row[1:])] == layout.rows
    assert {row[0] for row in rows} - {label for label, _ in layout.rows} == {*layout.sections.values()}


@settings(max_examples=15, deadline=None)
@given(layouts())
def test_a_table_in_any_layout_of_a_text_file(layout: Layout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.csv")
        text = io.StringIO()
        width = len(layout.names) + 1
        csv.writer(text).writerows([*row, *[None] * (width - len(row))] if row else [] for row in layout.lines())
        path.write_text(text.getvalue())
        check(layout, path)


@settings(max_examples=8, deadline=None)
@given(layouts())
def test_a_table_in_any_layout_of_a_sheet(layout: Layout) -> None:
    workbook = Workbook()
    for row in layout.lines():
        workbook.worksheets[0].append(row or [None])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.xlsx")
        workbook.save(path)
        check(layout, path)
