"""JSON in the shapes that programs write becomes tables, and no digit is lost."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfo_kernel.data import json_reader, json_values
from cfo_kernel.errors import EmptyFile, FileProblem, FileTooLarge, UnreadableFile
from tests.data.conftest import Ingest

AB = [(1, "x"), (2, "y")]

SHAPES: dict[str, tuple[str, list[Any]]] = {
    "records.json": ('[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]', AB),
    "with_bom.json": ('\ufeff[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]', AB),
    "one_list.json": ('{"data": {"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}, "total": 2}', AB),
    "lines.ndjson": ('{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n', AB),
    "lines.json": ('{"a": 1, "b": "x"}\r\n{"a": 2, "b": "y"}', AB),
    "list.jsonl": ('[{"a": 1, "b": "x"},\n {"a": 2, "b": "y"}]', AB),
    "lists.json": ('[["a", "b"], [1, "x"], [2, "y"]]', AB),
    "split.json": ('{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}', AB),
    "columns.json": ('{"a": [1, 2], "b": ["x", "y"]}', AB),
    "numbered.json": ('{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}', AB),
    "by_key.json": ('{"1": {"b": "x"}, "2": {"b": "y"}}', AB),
    "one_record.json": ('{"a": 1, "b": "x"}', AB[:1]),
    "values.json": ("[1, 2]", [(1,), (2,)]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_becomes_a_table(ingest: Ingest, name: str) -> None:
    content, rows = SHAPES[name]
    [table] = ingest(name, content)
    assert table.rows == rows


def test_lists_side_by_side_become_tables(ingest: Ingest) -> None:
    invoices, payments = ingest("export.json", '{"invoices": [{"a": 1}], "payments": [{"b": 2}], "version": 3}')
    assert (invoices.table.sheet, invoices.rows, payments.table.sheet) == ("invoices", [(1,)], "payments")
    assert "Values outside the records were left out: version." in invoices.notes


def test_nested_records_become_columns(ingest: Ingest) -> None:
    [table] = ingest(
        "nested.json",
        """[{"id": "007", "when": "2024-01-31", "amount": 12.50, "customer": {"name": "A", "address": {"zip": "00123"}},
             "lines": [{"net": 1.10}, 2]},
            {"id": "008", "when": "2024-02-29", "amount": 1234567890123456789.01, "customer": null, "lines": [],
             "rate": NaN}]""",
    )
    assert table.types["customer_address_zip"] == "VARCHAR"
    assert "customer" not in table.types
    day = [date(2024, 1, 31), date(2024, 2, 29)]
    assert (table.column("id"), table.column("when")) == (["007", "008"], day)
    assert table.column("amount") == [Decimal("12.50"), Decimal("1234567890123456789.01")]
    assert table.column("lines") == ['[{"net": 1.10}, 2]', "[]"]
    assert [*table.notes] == [
        "Objects inside records became separate columns: customer_name, customer_address_zip.",
        "lines: lists were kept as JSON text.",
        "rate: 1 value was infinite or not a number, and read as empty.",
    ]


def test_numbers_are_exact(ingest: Ingest) -> None:
    """A number has no thousands separator, whatever the text next to it looks like."""
    [table] = ingest(
        "numbers.json",
        '[{"text": "1.234,50", "number": 1.234, "short": 1e3, "odd": 1E400}, '
        '{"text": "2,00", "number": 5.678, "short": 2.5e-3, "odd": 1}]',
    )
    assert table.rows[0] == (Decimal("1234.50"), Decimal("1.234"), Decimal(1000), "1E400")


def test_half_a_character_does_not_make_the_file_unreadable(ingest: Ingest) -> None:
    [table] = ingest(
        "half.json", r'[{"a\ud800": "x\ud83d", "b": ["\udfff", 1.50]}, {"a\ud800": "\ud83d\ude00", "b": 7}]'
    )
    assert list(table.types) == ["a\N{REPLACEMENT CHARACTER}", "b"]
    assert table.rows == [
        ("x\N{REPLACEMENT CHARACTER}", '["\N{REPLACEMENT CHARACTER}", 1.50]'),
        ("\N{GRINNING FACE}", "7"),
    ]


@pytest.mark.parametrize("number", ["9" * 5000, "1e99999999999999999999999"])
def test_a_number_that_no_type_holds_is_text(ingest: Ingest, number: str) -> None:
    [table] = ingest("number.json", f'[{{"a": {number}}}, {{"a": 1}}]')
    assert table.rows == [(number,), ("1",)]


def test_a_cell_that_is_no_number_is_named(ingest: Ingest) -> None:
    [table] = ingest("mixed.json", '[{"a": 5}, {"a": "n/a"}, {"a": "7"}]')
    assert table.column("a") == [5, None, 7]
    assert any("n/a; row 2" in note for note in table.notes)


REFUSED: dict[str, tuple[str, type[FileProblem], str]] = {
    "blank.json": (" \n", EmptyFile, "is empty"),
    "none.json": ("[]", EmptyFile, "contains no records"),
    "cut.json": ('[{"a": 1}, {"a"', UnreadableFile, "not valid JSON at line 1"),
    "cut.ndjson": ('{"a": 1}\n{"a"', UnreadableFile, "not valid JSON at line 2"),
    "repeated.json": ('{"a": 1, "a": 2}', UnreadableFile, "the key a occurs twice"),
    "deep.json": ("[" * 100_000, UnreadableFile, "nested too deeply"),
    "wide.json": (json.dumps([{f"k{i}": 1} for i in range(10_001)]), FileTooLarge, "has 10,001 columns"),
    "tables.json": (json.dumps({f"t{i}": [{"a": 1}] for i in range(1001)}), FileTooLarge, "has 1,001 tables"),
    "repeated_half.json": (
        r'{"\ud800": 1, "\ud801": 1}',
        UnreadableFile,
        "the key \N{REPLACEMENT CHARACTER} occurs twice",
    ),
    "packed.json": ("PK\x03\x04", UnreadableFile, "a ZIP archive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_for_its_reason(ingest: Ingest, name: str) -> None:
    content, kind, says = REFUSED[name]
    with pytest.raises(kind, match=says):
        ingest(name, content)


def test_a_file_that_is_too_large_is_refused(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "_MAX_BYTES", 1 << 20)
    with pytest.raises(FileTooLarge, match="larger than 1 MB"):
        ingest("large.json", f'["{"x" * (1 << 20)}"]')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_any_value_is_a_table_or_a_named_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json_values.to_text(value))
    try:
        tables = [sheet.table for sheet in json_reader.read_tables(path)]
    except FileProblem:
        return
    assert all(table is not None and table.num_rows for table in tables)
