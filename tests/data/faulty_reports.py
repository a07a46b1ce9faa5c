"""Writes known tables as reports in which several things are unusual at once, one of each class of faults at most."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from openpyxl import Workbook

from tests.data.known_tables import Column, KnownTable, make_table

Write = Callable[[Any], str]


@dataclass
class Line:
    """A line of a report. `values` are the values of a row or a total, and `cells` are written unchanged."""

    values: list[Any] = field(default_factory=list[Any])
    cells: list[str] | None = None
    index: int | None = None
    changed: dict[int, str] = field(default_factory=dict[int, str])


@dataclass
class Report:
    """A report to be written. `write` contains the functions that write the columns' values."""

    known: KnownTable
    r: random.Random
    write: list[Write]
    lines: list[Line]
    header: list[list[str]]
    above: list[list[str]] = field(default_factory=list[list[str]])
    below: list[list[str]] = field(default_factory=list[list[str]])
    delimiter: str = ","
    quote: str = '"'
    quotes_all: bool = False
    escapes: bool = False
    end: str = "\n"
    encoding: str = "utf-8"
    suffix: str = "csv"
    damage: Callable[[list[str]], list[str]] | None = None
    damaged: int = -1

    def columns(self, *kinds: str) -> list[int]:
        return [i for i, column in enumerate(self.known.columns) if column.kind in kinds]

    def texts(self) -> list[list[str]]:
        """The cells of all lines. Records which line each row is on."""
        rows = [*self.above, *self.header]
        self.known.lines, self.known.others = [0] * self.known.height, {}
        for line in self.lines:
            cells = line.cells
            if cells is None:
                cells = ["" if v is None else w(v) for w, v in zip(self.write, line.values, strict=True)]
                cells = [line.changed.get(i, cell) for i, cell in enumerate(cells)]
            rows.append(cells)
            if line.index is not None:
                self.known.lines[line.index] = len(rows)
            elif line.values:
                self.known.others[str(line.values[0] if line.values[0] is not None else "None")] = len(rows)
        for cells in self.below:
            rows.append(cells)
            self.known.others[cells[0] if cells else ""] = len(rows)
        return rows


def plain(kind: str) -> Write:
    match kind:
        case "flag":
            return lambda value: str(value).lower()
        case "moment":
            return lambda value: f"{value:%Y-%m-%d %H:%M:%S}"
        case _:
            return str


def make_report(seed: int, faults: dict[str, str]) -> tuple[Report, str, bytes]:
    """The report with these faults, by class, and the suffix and content of its file."""
    r = random.Random(seed)
    known = make_table(
        r, r.sample(["amount", "amount", "whole", "rate", "percent", "date", "code", "text"], r.randint(2, 6))
    )
    lines = [
        Line(list(values), index=i) for i, values in enumerate(zip(*(c.values for c in known.columns), strict=True))
    ]
    header = [[column.name for column in known.columns]]
    report = Report(known, r, [plain(column.kind) for column in known.columns], lines, header)
    for kind, known_faults in FAULTS.items():
        if name := faults.get(kind):
            known_faults[name](report)
    if report.suffix == "xlsx":  # where each cell has an address
        report.damage = None
    texts = report.texts()
    return report, report.suffix, WRITERS.get(report.suffix, as_text)(report, texts)


# Numbers


def _notation(group: str, point: str, negative: str = "-{}", shown: str = "{}") -> Callable[[Report], None]:
    def write(value: Decimal) -> str:
        text = f"{abs(value):,}".replace(".", "\0").replace(",", group).replace("\0", point)
        return negative.format(shown.format(text)) if value < 0 else shown.format(text)

    def apply(report: Report) -> None:
        for i in report.columns("amount", "rate"):
            report.write[i] = write

    return apply


NUMBERS = {
    "grouped": _notation(",", "."),
    "german": _notation(".", ","),
    "german with euros": _notation(".", ",", shown="{} €"),
    "french": _notation("\u202f", ","),
    "spaces": _notation(" ", ","),
    "Swiss": _notation("'", "."),
    "in brackets": _notation(",", ".", negative="({})"),
    "in dollars": _notation(",", ".", negative="({})", shown="${}"),
    "sign behind": _notation(",", ".", negative="{}-"),
    "long dash": _notation(",", ".", negative="−{}"),
    "with a code": _notation(",", ".", shown="USD {}"),
}  # fmt: skip


# Percent


def _percent_signs(report: Report) -> None:
    for i in report.columns("percent"):
        comma = report.write[report.columns("amount")[0]](Decimal("1.5")).count(",")
        report.write[i] = lambda value, comma=comma: f"{value * 100:.1f}%".replace(".", "," if comma else ".")


# Codes


def _codes(form: str) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        for i in report.columns("code"):
            report.write[i] = form.format

    return apply


# Dates


def _dates(form: str) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        for i in report.columns("date"):
            report.write[i] = lambda value: value.strftime(form)

    return apply


def _serials(report: Report) -> None:
    for i in report.columns("date"):
        report.write[i] = lambda value: str((value - date(1899, 12, 30)).days)


# Odd cells


def _odd(word: str) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        column = report.r.choice(report.columns("amount", "rate", "date"))
        line = report.r.choice(report.lines[1:])
        line.changed[column], line.values[column] = word, None
        if line.index is not None:
            report.known.columns[column].values[line.index] = None

    return apply


def _gaps(report: Report) -> None:
    for i in report.columns("amount", "rate", "date", "code"):
        line = report.r.choice(report.lines[1:])
        line.values[i] = None
        if line.index is not None:
            report.known.columns[i].values[line.index] = None


# Totals


def _total_of(report: Report, lines: list[Line], label: str | None) -> Line:
    sums = [
        sum((line.values[i] for line in lines if line.values[i] is not None), Decimal(0))
        if column.kind in ("amount", "whole")
        else None
        for i, column in enumerate(report.known.columns)
    ]
    return Line([label, *sums[1:]])


def _total_below(label: str | None) -> Callable[[Report], None]:
    return lambda report: report.lines.append(_total_of(report, report.lines, label))


def _total_above(report: Report) -> None:
    report.lines.insert(0, _total_of(report, report.lines, "Total"))


def _subtotals(report: Report) -> None:
    half = len(report.lines) // 2
    first, second = report.lines[:half], report.lines[half:]
    report.lines = [
        *first,
        _total_of(report, first, "Subtotal first half"),
        *second,
        _total_of(report, second, "Subtotal second half"),
        _total_of(report, report.lines, "Grand total"),
    ]


# Headers


def _titles(report: Report) -> None:
    report.above += [["Contoso Ltd"], ["Trial balance as of 31 December 2024"], []]


def _metadata(report: Report) -> None:
    report.above += [["Company:", "Contoso Ltd"], ["Period:", "2024"], ["Currency:", "EUR"], []]


def _two_rows(report: Report) -> None:
    """Two amounts for each year, with column names in two rows."""
    names = [("2023", "Actual"), ("2023", "Budget"), ("2024", "Actual"), ("2024", "Budget")]
    left = len(report.known.columns)
    upper = [""] * left
    for i, (year, measure) in enumerate(names):
        values = [Decimal(report.r.randint(-(10**6), 10**7)).scaleb(-2) for _ in range(report.known.height)]
        report.known.columns.append(Column(f"{year} {measure}", "amount", values))
        report.write.append(str)
        upper.append(year if i % 2 == 0 else "")
        report.header[-1].append(measure)
        for line, value in zip(report.lines, values, strict=True):
            line.values.append(value)
    report.header.insert(0, upper)


def _units(report: Report) -> None:
    report.header.append(["EUR" if c.kind in ("amount", "rate") else "" for c in report.known.columns])


def _repeated(report: Report) -> None:
    """The header at the top of a second page."""
    for row in report.header:
        report.lines.insert(len(report.lines) // 2, Line(cells=row))


# Shifted rows


def _damage(how: Callable[[Report, list[str]], list[str]]) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        rows = [i for i, line in enumerate(report.lines) if line.index is not None]
        report.damaged = report.r.choice(rows[1:-1])
        report.damage = lambda cells: how(report, cells)

    return apply


def _cell_more(report: Report, cells: list[str]) -> list[str]:
    place = report.r.randint(1, len(cells) - 1)
    return [*cells[:place], "", *cells[place:]]


def _cell_fewer(report: Report, cells: list[str]) -> list[str]:
    place = report.r.randint(1, len(cells) - 1)
    return [*cells[:place], *cells[place + 1 :]]


# Blocks


def _footnote(report: Report) -> None:
    report.below += [[], ["Source: general ledger, printed on 3 March 2025"]]


def _printed(report: Report) -> None:
    report.below += [["Printed on 2025-03-03 10:15 by C. Meyer"]]


def _empty_lines(report: Report) -> None:
    report.lines.insert(len(report.lines) // 2, Line(cells=[""] * len(report.known.columns)))


# Text


def _spaces(report: Report) -> None:
    for i in report.columns("text", "label"):
        write = report.write[i]
        report.write[i] = lambda value, write=write: f"{write(value)}{report.r.choice(['', ' ', '  '])}"


def _set(**values: Any) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        for name, value in values.items():
            setattr(report, name, value)

    return apply


def _separators_in_texts(report: Report) -> None:
    for i in report.columns("text"):
        write = report.write[i]
        report.write[i] = lambda value, write=write: f'{write(value)}, "{report.delimiter}" and more'
        column = report.known.columns[i]
        column.values[:] = [None if v is None else f'{v}, "{report.delimiter}" and more' for v in column.values]
        for line in report.lines:
            line.values[i] = line.values[i] and line.values[i]


FAULTS: dict[str, dict[str, Callable[[Report], None]]] = {
    "numbers": NUMBERS,
    "dates": {
        **{f: _dates(f) for f in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%y", "%Y%m%d", "%d %B %Y", "%Y/%m/%d")},
        "serials": _serials,
    },
    "codes": {"formula": _codes('="{}"'), "apostrophe": _codes("'{}")},
    "percent": {"signs": _percent_signs},
    "headers": {"titles": _titles, "metadata": _metadata, "two rows": _two_rows, "units": _units},
    "cells": {w: _odd(w) for w in ("#N/A", "TBD", "(null)", "open", "-", "n/a", "#REF!")} | {"gaps": _gaps},
    "totals": {
        "below": _total_below("Total"),
        "unlabelled": _total_below(None),
        "German": _total_below("Gesamtsumme"),
        "above": _total_above,
        "subtotals": _subtotals,
    },
    "pages": {"repeated": _repeated, "empty": _empty_lines},
    "shifts": {"more": _damage(_cell_more), "fewer": _damage(_cell_fewer)},
    "blocks": {"footnote": _footnote, "printed": _printed},
    "text": {"spaces": _spaces},
    "dialect": {
        **{repr(d): _set(delimiter=d) for d in (";", "\t", "|", "^")},
        "quoted": _set(quotes_all=True),
        "single quotes": _set(quotes_all=True, quote="'"),
        "escapes": _set(escapes=True, delimiter=";"),
    },
    "encoding": {e: _set(encoding=e) for e in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32")}
    | {"CRLF": _set(end="\r\n")},
    "format": {s: _set(suffix=s) for s in ("txt", "csv.gz", "csv.zip", "xlsx", "tsv")},
}  # fmt: skip
"""The faults by class, in the order in which they are applied."""


# Files


def as_text(report: Report, texts: list[list[str]]) -> bytes:
    first = len(report.above) + len(report.header)
    written: list[str] = []
    for i, cells in enumerate(texts):
        changed = report.damage(cells) if report.damage and i - first == report.damaged else cells
        written.append(report.delimiter.join(_quoted(report, cell) for cell in changed) + report.end)
    text = "".join(written)
    for lost, kept in (("\u202f", "\xa0"), ("−", "–")):
        text = text.replace(lost, kept) if report.encoding == "cp1252" else text
    return text.encode(report.encoding)


def _quoted(report: Report, cell: str) -> str:
    quote = report.quote
    if not (report.quotes_all or report.delimiter in cell or quote in cell or "\n" in cell):
        return cell
    return quote + cell.replace(quote, f"\\{quote}" if report.escapes else quote * 2) + quote


def _as_gzip(report: Report, texts: list[list[str]]) -> bytes:
    return gzip.compress(as_text(report, texts))


def _as_zip(report: Report, texts: list[list[str]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("file.csv", as_text(report, texts))
    return file.getvalue()


def _as_workbook(report: Report, texts: list[list[str]]) -> bytes:
    """A workbook in which every cell is text, as written by programs without types."""
    book, file = Workbook(), io.BytesIO()
    first = len(report.above) + len(report.header)
    for i, cells in enumerate(texts):
        changed = report.damage(cells) if report.damage and i - first == report.damaged else cells
        for j, cell in enumerate(changed):
            if cell:
                written = book.worksheets[0].cell(i + 1, j + 1, cell)
                written.data_type = "s"
    book.save(file)
    return file.getvalue()


WRITERS = {"csv.gz": _as_gzip, "csv.zip": _as_zip, "xlsx": _as_workbook}
