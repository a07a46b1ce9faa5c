"""Large columns are read in fewer passes than small ones, with the same types, values and notes.

The cells at the end of each column are those that a sample of its beginning does not show.
"""

import csv
import re
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import ingest_worker

COLUMNS = {
    "euros": (lambda i: f"{i % 900 + 1}.{i % 1000:03d},50 €", ("-5,00 €", "1.000.000,00 €", "0,10 €")),
    "several": (lambda i: f"{i % 900 + 1}.{i % 1000:03d},50 €", ("(7,00 €)", "5,00", "-1,00 €")),
    "signs": (lambda i: f"{i % 900 + 1}.{i % 1000:03d},50", ("5,00-", "−6,00", "- 7,00")),
    "dollars": (lambda i: f"${i % 900 + 1},{i % 1000:03d}.25", ("-$5.00", "$5", "$ 6.10")),
    "long": (lambda i: f"{i % 900 + 1},{i % 1000:03d}.25", ("1,234,567,890,123,456.75", "-5.", "0.125")),
    "weight": (lambda i: f"{i},5", ("5,5 kg", "6,5", "7,5")),
    "share": (lambda i: f"{i % 100},5%", ("0", "-3,5%", "12%")),
    "dash": (lambda i: f"{i}", ("-", "n/a", "7")),
    "zeros": (lambda i: f"{i % 900},50", (" -   ", "5,00", "€-")),
    "spaced": (lambda i: f"{i}", (" 5 ", "6", "\u00a07")),
    "protected": (lambda i: f"{i}.5", ("'-5.5", "6.5", "7.5")),
    "digits": (lambda i: f"{i}", ("12345678901234567890", "+5", "-6")),
    "padded": (lambda i: f"{i}", ("007", "+5", "-6")),
    "days": (lambda i: f"{i % 12 + 1:02d}/{i % 12 + 1:02d}/2024", ("25/12/2024", "26/12/2024", "27/12/2024")),
    "codes": (lambda i: f"A{i}", ("B1", '="0012"', "'0013")),
    "names": (lambda i: f"Name {i}", (" Outer", "n/a", "Inner\u00a0")),
}


def test_cells_beyond_the_sample_of_a_large_column_are_read_as_in_a_small_one(tmp_path: Path) -> None:
    small, large = (_read(tmp_path / f"{rows}.csv", rows) for rows in (60, 2_500))
    assert large == small
    types = {name: kind for name, (kind, _) in large[0].items()}
    assert types["euros"] == types["several"] == "DECIMAL(18,2)"
    assert types["weight"] == types["padded"] == "VARCHAR"
    assert types["dash"] == "BIGINT"


def _read(file: Path, rows: int) -> tuple[dict[str, tuple[str, list[Any]]], list[str]]:
    """The type and the last cells of each column, and the notes without numbers, which depend on the rows."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=";")
        writer.writerow(COLUMNS)
        writer.writerows([cell(i) for cell, _ in COLUMNS.values()] for i in range(1, rows))
        writer.writerows(zip(*(last for _, last in COLUMNS.values()), strict=True))
    [table] = ingest_worker.ingest(str(file), str(file.with_suffix("")))["tables"]
    last = duckdb.execute("FROM read_parquet(?)", [str(file.with_suffix("") / "0.parquet")]).fetchall()[-3:]
    cells = zip(*last, strict=True)
    read = {c["name"]: (c["type"], list(some)) for c, some in zip(table["columns"], cells, strict=True)}
    return read, [re.sub(r"\d[\d.,]*", "#", note) for note in table["notes"]]
