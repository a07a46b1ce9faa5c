"""Tables whose values are known, and their comparison with what was read from a file."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cfo_kernel.data.decisions import Decision
from tests.data.conftest import Ingested

PARTS = ["Rent", "Salaries", "Travel", "Licences", "Insurance", "Energy", "Postage", "Training", "Audit", "Freight"]
PLACES = ["Cork", "Delft", "Bergen", "Porto", "Gdynia", "Turin", "Osaka", "Lyon"]
WORDS = ["paid late", "by road", "O'Neill", "see letter", "two pallets", "Müller", "ordered again", "Zoë"]


@dataclass(frozen=True)
class Column:
    """A column with its kind, and the values that a controller would type."""

    name: str
    kind: str
    values: list[Any]


@dataclass
class KnownTable:
    """A table whose column `label` has a different value in each row.

    `lines` contains the numbers of the file's rows, counted from 1, that contain the table's rows. `others` maps the
    labels of further rows in the file to their numbers.
    """

    columns: list[Column]
    lines: list[int] = field(default_factory=list[int])
    others: dict[str, int] = field(default_factory=dict[str, int])
    label: int = 0

    @property
    def height(self) -> int:
        return len(self.columns[0].values)

    def index(self, kind: str) -> int | None:
        """The first column of the kind."""
        return next((i for i, column in enumerate(self.columns) if column.kind == kind), None)


def _figure(r: random.Random, digits: int, places: int) -> Decimal:
    sign = -1 if r.random() < 0.2 else 1
    return sign * Decimal(r.randint(1, 10**digits)).scaleb(-places)


MAKERS: dict[str, tuple[tuple[str, ...], Callable[[random.Random, int], Any]]] = {
    "amount": (("Amount", "Balance", "Net value", "Betrag"), lambda r, _: _figure(r, r.randint(4, 9), 2)),
    "whole": (("Units", "Quantity", "Pieces"), lambda r, _: r.randint(0, 900)),
    "rate": (("Price", "Unit cost"), lambda r, _: abs(_figure(r, 6, 4))),
    "percent": (("Share", "Margin", "Growth"), lambda r, _: _figure(r, 3, 3)),
    "date": (("Posting date", "Due date", "Datum"), lambda r, _: date(2023, 1, 1) + timedelta(r.randint(0, 700))),
    "moment": (
        ("Booked at", "Created"),
        lambda r, _: datetime(2023, 1, 1) + timedelta(minutes=r.randint(0, 10**6)),
    ),
    "code": (("Account no", "Cost centre", "SKU"), lambda r, _: f"{r.randint(1, 9999):06}"),
    "text": (("Comment", "Text"), lambda r, i: f"{r.choice(WORDS)} {chr(97 + i % 26)}"),
    "flag": (("Open", "Posted"), lambda r, i: r.random() < 0.5 if i > 1 else bool(i)),
}
"""For each kind of column, names and a function that makes a value."""


def make_table(r: random.Random, kinds: Sequence[str] = (), height: int = 0) -> KnownTable:
    """A table with a column of names, and columns of these kinds or of random kinds."""
    height = height or r.randint(5, 24)
    names = [f"{r.choice(PARTS)} {place} {i // len(PLACES) + 1}" for i in range(height) for place in [PLACES[i % 8]]]
    wanted = list(kinds) or r.sample(sorted(MAKERS), r.randint(2, 6))
    if "amount" not in wanted:
        wanted.append("amount")
    columns = [Column(r.choice(("Name", "Account", "Cost type", "Position")), "label", names)]
    for kind in wanted:
        titles, value = MAKERS[kind]
        free = [title for title in titles if title not in {column.name for column in columns}]
        columns.append(Column(r.choice(free), kind, [value(r, i) for i in range(height)]))
    return KnownTable(columns)


def to_json(known: KnownTable) -> Any:
    columns = [[c.name, c.kind, [None if v is None else str(v) for v in c.values]] for c in known.columns]
    return {"columns": columns, "lines": known.lines, "others": known.others, "label": known.label}


def from_json(stored: Any) -> KnownTable:
    columns = [Column(name, kind, [_value(v, kind) for v in values]) for name, kind, values in stored["columns"]]
    return KnownTable(columns, stored["lines"], stored["others"], stored["label"])


def _value(text: str | None, kind: str) -> Any:
    match kind:
        case _ if text is None:
            return None
        case "label" | "text" | "code":
            return text
        case "flag":
            return text == "True"
        case "date" | "moment":
            return datetime.fromisoformat(text or "")
        case _:
            return Decimal(text or "")


def differences(known: KnownTable, read: Ingested) -> tuple[list[str], list[str]]:
    """The differences between the table as read and the known table, without a decision that names them, and with one.

    A row that is kept as it stands, with a decision that names it, may have cells behind the last column, and lack the
    name that identifies it.
    """
    names = [column.name for column in known.columns]
    named_rows = {row for decision in read.table.decisions for row in decision.rows}
    more = list(read.types)[len(names) :]
    if list(read.types)[: len(names)] != names or (more and not (named_rows and _are_unnamed(more))):
        return [f"columns {list(read.types)}, not {names}"], []
    found = _Differences(known, read, named_rows)
    labels = list(map(str, known.columns[known.label].values))
    rows = {str(row[known.label]).strip(): row for row in read.rows}
    if len(rows) != len(read.rows):
        found.silent.append("rows with the same name")
    missing = [line for label, line in zip(labels, known.lines, strict=True) if label not in rows]
    for line in missing:
        found.add(f"row {line} is missing", is_named=line in named_rows)
    torn = sum(line in named_rows for line in missing)
    for label, row in rows.items():
        if label not in labels:
            line = known.others.get(label)
            is_torn, torn = line is None and torn > 0, torn - (line is None)
            found.add(f"{label} (row {line}) is kept: {row}", is_named=line in named_rows or is_torn)
    for i, line in enumerate(known.lines):
        if labels[i] in rows:
            found.compare(i, line, rows[labels[i]])
    return found.silent, found.named


class _Differences:
    """Collects the differences of a table."""

    def __init__(self, known: KnownTable, read: Ingested, named_rows: set[int]) -> None:
        self.silent: list[str] = []
        self.named: list[str] = []
        self._known, self._read, self._named_rows = known, read, named_rows

    def add(self, text: str, *, is_named: bool) -> None:
        (self.named if is_named else self.silent).append(text)

    def compare(self, i: int, line: int, row: Sequence[Any]) -> None:
        for column, cell in zip(self._known.columns, row, strict=False):
            if not equal(column.values[i], cell, column.kind):
                decisions = self._read.table.decisions
                is_named = any(_names(d, column.name, line, column.values[i], cell) for d in decisions)
                self.add(f"{column.name}, row {line}: {column.values[i]!r} was read as {cell!r}", is_named=is_named)


def _are_unnamed(names: Sequence[str]) -> bool:
    return all(name.startswith("column_") for name in names)


def equal(value: Any, cell: Any, kind: str) -> bool:
    """Whether the cell that was read has the value. Workbooks keep 15 digits of a figure."""
    if value is None or cell is None:
        return value is cell
    match kind:
        case "label" | "text" | "code":
            return isinstance(cell, str) and cell.strip() == value
        case "flag":
            return isinstance(cell, bool | int) and cell == value
        case "date" | "moment":
            return isinstance(cell, date) and _moment(cell) == _moment(value)
        case _:
            if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
                return False
            return abs(Decimal(str(cell)) - Decimal(value)) <= abs(Decimal(value)).scaleb(-14)


def _moment(value: date) -> datetime:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return moment.replace(tzinfo=None)


def _names(decision: Decision, column: str, line: int, value: Any, cell: Any) -> bool:
    """Whether the decision says why the cell of this column and row was read as another value.

    A decision about a whole column explains that its values stay text, or are missing, but another figure only if it
    asks a person to check it.
    """
    if line in decision.rows:
        return decision.column in (None, column)
    if decision.column != column:
        return False
    if isinstance(cell, str) and not isinstance(value, str):
        return decision.needs_check
    is_whole = not decision.rows or decision.count > len(decision.rows)
    return is_whole and (cell is None or decision.needs_check)
