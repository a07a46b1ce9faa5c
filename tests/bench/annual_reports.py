"""Measures how many figures of annual reports are in the tables as read, under the right row and column.

Run `python -m tests.bench.annual_reports FOLDER`, where FOLDER has `questions.json` and the folders `csv` and `xlsx`
with the tables of TAT-QA. The figures are those of each question's derivation, or of its answer if that is a cell. A
figure is found if a number in the table as read has its value, the texts of its row contain the row's label, and the
name of its column contains the year and the last words above it. The misses of both formats are listed with reasons.
"""

import csv
import io
import json
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import ingest_worker

_YEAR = re.compile(r"(?<![\d,.])(?:19|20)\d\d(?![\d,.])")
_FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_CELL = re.compile(r"[^\w(.−–—-]*([(−–-]?)[^\w(.−–-]*(\d[\d,]*(?:\.\d+)?)\s*\)?\s*(%?)\s*\)?\s*%?")
_UNITS = ("us", "usd", "rmb", "eur", "m", "bn", "in", "of", "million", "millions", "thousand", "thousands", "dollars",
          "years", "000", "u", "s", "shares", "except", "percentages")  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A table as read."""

    names: list[str]
    rows: list[tuple[Any, ...]]
    notes: list[str]


@dataclass(frozen=True)
class Place:
    """A figure in the raw table: its value, the label of its row, and the words that the column's name must contain."""

    value: Decimal
    is_percent: bool
    label: str
    words: list[str]


def main(folder: str) -> None:
    """Prints the share of figures found, for both formats."""
    questions = json.loads(Path(folder, "questions.json").read_text())
    for form in ("csv", "xlsx"):
        reasons: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        whole = 0
        for name in sorted({question["table"] for question in questions}):
            raw = [
                [cell.strip() for cell in row]
                for row in csv.reader(io.StringIO(Path(folder, "csv", f"{name}.csv").read_text()))
            ]
            tables = _read(Path(folder, form, f"{name}.{form}"))
            for question in (q for q in questions if q["table"] == name):
                found = [_judge(figure, raw, tables) for figure in _figures(question)]
                reasons.update(found)
                whole += all(reason in ("found", "not in the raw table") for reason in found)
                lost.update(
                    {f"{name}: {reason}": 1 for reason in found if reason not in ("found", "not in the raw table")}
                )
        total = sum(reasons.values()) - reasons["not in the raw table"]
        print(
            f"{form}: {reasons['found']} of {total} figures ({reasons['found'] / total:.1%}),"
            f" {whole} of {len(questions)} questions ({whole / len(questions):.1%})",
            dict(reasons),
        )
        for table, count in sorted(lost.items()):
            print("   ", table, count)


def _read(path: Path) -> list[Read]:
    with tempfile.TemporaryDirectory() as folder:
        tables: list[Read] = []
        for table in ingest_worker.ingest(str(path), folder + "/t")["tables"]:
            rows = duckdb.read_parquet(f"{folder}/t/{table['file']}").fetchall()
            tables.append(Read([column["name"] for column in table["columns"]], rows, table["notes"]))
        return tables


def _figures(question: dict[str, Any]) -> list[Decimal]:
    text = question["derivation"] if question["checked"] in ("derivation", "order") else str(question["answer"])
    if question["answer_type"] == "count":
        return []
    return [Decimal(token.replace(",", "")) for token in _FIGURE.findall(text)]


def _number(cell: str) -> tuple[Decimal, bool] | None:
    if not (found := _CELL.fullmatch(cell)):
        return None
    value = Decimal(found[2].replace(",", ""))
    return (-value if found[1] else value), "%" in cell


def _places(figure: Decimal, raw: list[list[str]]) -> list[Place]:
    first = next((i for i, row in enumerate(raw) if any(_is_data(cell) for cell in row[1:])), 0)
    places: list[Place] = []
    for r, row in enumerate(raw):
        for c, cell in enumerate(row):
            if r >= first and c and (number := _number(cell)) and abs(number[0]) == figure:
                label = next((other for other in row[:c] if other and not _number(other)), "")
                places.append(Place(*number, label, _words(raw, r, c, first)))
    return places


def _is_data(cell: str) -> bool:
    return _number(cell) is not None and not re.fullmatch(r"(19|20)\d\d( ?\(\d\))?", cell)


def _words(raw: list[list[str]], r: int, c: int, first: int) -> list[str]:
    above = [row[c] for row in raw[:first] if row[c] and (_YEAR.search(row[c]) or not _is_unit(row[c]))]
    years = [cell for cell in above if _YEAR.search(cell)]
    if not years:  # the year is at the left end of its group
        years = [left[-1] for row in raw[:first] if (left := [x for x in row[1:c] if _YEAR.search(x)]) and not row[c]][
            :1
        ]
    return [_YEAR.search(years[-1])[0], *above[-1:]] if years else above[-1:]  # pyright: ignore[reportOptionalSubscript]


def _is_unit(text: str) -> bool:
    return all(word in _UNITS for word in re.findall(r"\w+", text.lower()))


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _judge(figure: Decimal, raw: list[list[str]], tables: list[Read]) -> str:
    """`found`, or what is missing in the best place."""
    order = ("found", "column", "row", "text", "left out as total", "value", "not in the raw table")
    reasons = [_reason(place, tables) for place in _places(figure, raw)] or ["not in the raw table"]
    return min(reasons, key=order.index)


def _reason(place: Place, tables: list[Read]) -> str:
    reason = "value"
    for table in tables:
        for row in table.rows:
            texts = _plain(" ".join(str(cell) for cell in row if isinstance(cell, str)))
            for name, cell in zip(table.names, row, strict=True):
                is_text = isinstance(cell, str)
                if not _equals(place, cell):
                    continue
                in_row = _plain(place.label) in texts
                in_column = all(_plain(word) in _plain(name) for word in place.words)
                if in_row and in_column and not is_text:
                    return "found"
                reason = "row" if not in_row and reason == "value" else reason
                reason = "text" if in_row and in_column and is_text else reason
                reason = "column" if in_row and not in_column and reason != "text" else reason
    if (
        reason in ("value", "row")
        and any("total" in note and "left out" in note for table in tables for note in table.notes)
        and re.search("(?i)total|net|^$", place.label)
    ):
        return "left out as total"
    return reason


def _equals(place: Place, cell: Any) -> bool:
    if isinstance(cell, str):
        number = _number(cell.strip())
        return number is not None and number[0] == place.value
    try:
        value = Decimal(str(cell))
    except InvalidOperation:
        return False
    return value == place.value or (place.is_percent and abs(value * 100 - place.value) < Decimal("1e-9"))


if __name__ == "__main__":
    main(sys.argv[1])
