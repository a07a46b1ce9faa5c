"""Files with hardly any content, or with as many columns as a sheet can have, become a table or a named error."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from cfo_kernel.errors import EmptyFile, FileTooLarge, UnreadableFile
from tests.data import open_documents
from tests.data.conftest import Ingest

Rows = Sequence[Sequence[Any]]


def as_csv(rows: Rows) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def as_xlsx(rows: Rows) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(file)
    return file.getvalue()


def as_ods(rows: Rows) -> bytes:
    return open_documents.book(*(open_documents.row(*map(open_documents.cell, row)) for row in rows))


def as_json(rows: Rows) -> bytes:
    return json.dumps([dict(zip(rows[0], row, strict=True)) for row in rows[1:]] if rows else []).encode()


def as_parquet(rows: Rows) -> bytes:
    file = io.BytesIO()
    columns = {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])} if rows else {}
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


WRITERS: dict[str, Callable[[Rows], bytes]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
    "ods": as_ods,
    "json": as_json,
    "parquet": as_parquet,
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("rows", [[["amount"], [1], [2]], [["a", "b"], [1, 2]]])
def test_one_column_or_one_row_is_a_table(ingest: Ingest, suffix: str, rows: Rows) -> None:
    [table] = ingest(f"file.{suffix}", WRITERS[suffix](rows))
    assert (list(table.types), [list(row) for row in table.rows]) == (rows[0], rows[1:])
    assert table.notes == ()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_without_text_is_a_table(ingest: Ingest, suffix: str) -> None:
    [table] = ingest(f"file.{suffix}", WRITERS[suffix]([["a", "b"], [1, 2.5], [3, 4.5]]))
    assert [list(row) for row in table.rows] == [[1, 2.5], [3, 4.5]]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "ods"])
def test_a_header_alone_is_a_table_without_rows_and_says_so(ingest: Ingest, suffix: str) -> None:
    [table] = ingest(f"file.{suffix}", WRITERS[suffix]([["account", "amount"]]))
    assert (list(table.types), table.rows, table.notes) == (["account", "amount"], [], ("There are no rows of data.",))


@pytest.mark.parametrize("suffix", WRITERS)
def test_nothing_is_a_named_error(ingest: Ingest, suffix: str) -> None:
    with pytest.raises((EmptyFile, UnreadableFile), match=rf"file\.{suffix} (is empty|contains no|has no columns)"):
        ingest(f"file.{suffix}", WRITERS[suffix]([]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((f"zero.{suffix}", b"") for suffix in ("csv", "xlsx", "xls", "xlsb", "ods", "json", "parquet", "gz", "zip")),
        ("bom.csv", b"\xef\xbb\xbf"),
        ("lines.csv", b"\n \n\n"),
        ("null.json", b"null"),
        ("text.json", b'"x"'),
        ("objects.json", b"[{}, {}]"),
    ],
)
def test_an_empty_file_is_called_empty(ingest: Ingest, name: str, content: bytes) -> None:
    with pytest.raises(EmptyFile, match=name):
        ingest(name, content)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_as_many_columns_as_a_sheet_has_are_too_many(ingest: Ingest, suffix: str) -> None:
    rows = [[f"c{i}" for i in range(16_384)], [1] * 16_384]
    with pytest.raises(FileTooLarge, match=r"wide\.\w+ has [\d,]+ columns, and at most"):
        ingest(f"wide.{suffix}", WRITERS[suffix](rows))
