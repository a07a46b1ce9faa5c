"""A large file that requires no decisions is read in one pass, with the same result as any other file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfo_kernel.data import clean_csv, csv_reader, staging
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.errors import CfoError

PLAIN: dict[str, Callable[[int], str]] = {
    "id": str,
    "booked": lambda i: f"2024-{1 + i % 12:02}-{1 + i % 28:02}",
    "account": lambda i: f"A{i % 7:03}",
    "code": lambda i: f"{i % 90:05}",
    "amount": lambda i: f"{i * 37 % 1000 - 500}.{i % 100:02}",
    "rate": lambda i: str(i / 8),
    "at": lambda i: f"2024-01-{1 + i % 28:02} 10:{i % 60:02}:00",
    "posted": lambda i: "true" if i % 3 else "false",
    "text": lambda i: f"Invoice {i}, paid" if i % 5 else "",
    "nothing": lambda _: "",
}
FAULTS = (
    "", " ", "-", "n/a", "#N/A", "Total", "007", "1,5", "1.2.3", "1.23456789", "12345678901234567890", "1e5", "(5)",
    "5%", "2024-02-31", "31.12.2024", "20240131", " A001", "A001 ", "'5", '="00123"', "\ufeff1", "é", 'a "b"', "True",
    "x\ny", "a,b", "9999999999999999999.99", "-0", "+5", ".5", "5.", "0x1F", "1_000", "infinity", "NULL",
    "2024-01-01 10:00",
)  # fmt: skip


def written(rows: Sequence[Sequence[str]]) -> str:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text

    return "".join(",".join(map(cell, row)) + "\n" for row in [list(PLAIN), *rows])


def plain_rows(count: int) -> list[list[str]]:
    return [[of(i) for of in PLAIN.values()] for i in range(count)]


def read(path: Path, folder: Path, load: Any) -> tuple[Any, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    with staging.connect(folder) as connection:
        try:
            rows, decisions = load(connection, path, folder)
        except CfoError as error:
            return (type(error), str(error))
        return (
            connection.execute("DESCRIBE staging").fetchall(),
            connection.execute("FROM staging").fetchall(),
            rows if isinstance(rows, SourceRows) and decisions else None,
            decisions,
        )


def usual_load(connection: Any, path: Path, scratch: Path) -> Any:
    return staging.load_text(connection, csv_reader.open_table(path, scratch), scratch)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few kilobytes count as large."""
    for name, size in (("_SMALL", 0), ("_HEAD", 1500), ("_PART", 250)):
        monkeypatch.setattr(clean_csv, name, size)


def test_a_clean_file_is_read_in_one_pass(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clean.csv"
    path.write_text(written(plain_rows(200)))
    usual = read(path, tmp_path / "usual", usual_load)
    whole: list[Path] = []

    def open_table(path: Path, scratch: Path) -> Any:
        whole.append(path)
        return original(path, scratch)

    original = csv_reader.open_table
    monkeypatch.setattr(csv_reader, "open_table", open_table)
    assert read(path, tmp_path / "fast", staging.load) == usual
    assert whole == [tmp_path / "fast" / "sample" / "clean.csv"]  # only the sample was read in the usual way
    assert [kind for _, kind, *_ in usual[0]] == [
        "BIGINT", "DATE", "VARCHAR", "VARCHAR", "DECIMAL(18,2)", "DECIMAL(18,3)", "TIMESTAMP", "BOOLEAN", "VARCHAR",
        "VARCHAR",
    ]  # fmt: skip


DAMAGES: dict[str, Callable[[list[str]], list[str]]] = {
    "an empty line": lambda lines: [*lines[:60], "", *lines[60:]],
    "a short row": lambda lines: [*lines[:60], lines[60].rpartition(",")[0], *lines[61:]],
    "a long row": lambda lines: [*lines[:60], lines[60] + ",5", *lines[61:]],
    "an extra empty cell": lambda lines: [*lines[:60], lines[60].rpartition(",")[0] + ",,", *lines[61:]],
    "the header again": lambda lines: [*lines[:60], lines[0], *lines[60:]],
    "a mark that is never closed": lambda lines: [*lines[:60], lines[60].replace(",", ',"', 1), *lines[61:]],
    "a row of nothing": lambda lines: [*lines[:60], "," * (len(PLAIN) - 1), *lines[60:]],
    "a NUL": lambda lines: [*lines[:60], lines[60].replace("A", "A\0"), *lines[61:]],
}
RISKY = [
    (fault, column)
    for column, faults in {
        "id": ("007", "1_000", "1e5"),
        "booked": ("20240131",),
        "amount": ("1.23456789", "1e5"),
        "posted": ("True",),
        "text": (" A001", "'5", "x\ny"),
        "nothing": ("5",),
    }.items()
    for fault in faults
]


def same_result(path: Path, folder: Path) -> bool:
    usual = read(path, folder / "usual", usual_load)
    return read(path, folder / "fast", staging.load) == usual


def with_fault(fault: str, column: str) -> str:
    rows = plain_rows(120)
    rows[60][list(PLAIN).index(column)] = fault
    return written(rows)


@pytest.mark.parametrize(("fault", "column"), RISKY)
def test_a_cell_that_does_not_fit_has_the_usual_result(small: None, tmp_path: Path, fault: str, column: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(with_fault(fault, column))
    assert same_result(path, tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_line_that_is_not_one_row_has_the_usual_result(small: None, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text("\n".join(DAMAGES[damage](written(plain_rows(120)).split("\n"))))
    assert same_result(path, tmp_path)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fault=st.sampled_from(FAULTS), column=st.sampled_from(sorted(PLAIN)))
def test_a_fault_anywhere_has_the_usual_result(small: None, tmp_path: Path, fault: str, column: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(with_fault(fault, column))
    assert same_result(path, tmp_path)


def test_the_profile_estimates_only_what_cannot_be_a_key(ingest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cfo_kernel.data import profile

    rows = [f"{i},{i * 7 % 5000}.25,K{i:05},{i % 4}" for i in range(20_000)]
    text = "\n".join(["id,amount,key,kind", *rows])
    [exact] = ingest("exact.csv", text)
    monkeypatch.setattr(profile, "_LARGE", 10_000)
    monkeypatch.setattr(profile, "_MAX_VALUES", 100)
    [estimated] = ingest("estimated.csv", text)
    assert [c.distinct for c in exact.table.columns] == [20_000, 5_000, 20_000, 4]
    assert [c.distinct for c in estimated.table.columns if c.name != "amount"] == [20_000, 20_000, 4]
    assert estimated.table.column("amount").distinct == pytest.approx(5_000, rel=0.2)
