"""Downloads of results as CSV and as workbooks are exact, and contain no text that a spreadsheet would run."""

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cfo_kernel import TaskResult, Thread, Workbench, connect
from cfo_kernel.data import csv_writer, sheet_values, workbook_writer, workspace_data
from cfo_kernel.data.plan import Filter
from cfo_kernel.errors import (
    InvalidInput,
    ResultNotFound,
    SheetInvalid,
    UnknownColumn,
    UnreadableFile,
    UnsupportedFile,
    WorkbenchClosed,
)
from cfo_kernel.executors import stored_formats
from cfo_kernel.interface import ALL_ROWS, Contains, RowSelection, Sort
from cfo_kernel.number_formats import NumberFormat
from cfo_kernel.remote import RemoteWorkbench
from tests.conftest import settings
from tests.remote.served import Served
from tests.replies import ANSWER, Serve

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"]
HARMLESS = ["-5", "+4.50", "-1,234.5", "1e-5", "a=b", 'Köln, "Nord"', ""]
NO_FORMATS: Mapping[str, NumberFormat | None] = {}
ROWS = """
SELECT i AS n, 12345678901234567890.12::DECIMAL(38, 2) AS exact, -1.50::DECIMAL(18, 2) AS loss, 0.1::DOUBLE AS share,
    DATE '2012-01-31' AS day, TIMESTAMPTZ '2012-01-31 10:00:00+02' AS at, NULL AS nothing, [1, 2] AS list
FROM range(3) r(i)"""


async def content(thread: Thread, file: str, format: Any, selection: Any = ALL_ROWS) -> tuple[str, str, bytes]:
    found = await thread.download(file, format, selection)
    whole = b"".join([chunk async for chunk in found.chunks])
    assert len(whole) == found.size
    return found.name, found.media_type, whole


def parquet(file: Path, sql: str = ROWS, formats: Mapping[str, NumberFormat | None] = NO_FORMATS) -> str:
    duckdb.sql("SET TimeZone = 'UTC'")
    text = stored_formats.to_text(formats)
    duckdb.sql(f"COPY ({sql}) TO '{file}' (FORMAT parquet, KV_METADATA {{'{stored_formats.KEY}': '{text}'}})")
    return str(file)


@pytest.mark.parametrize("way", ["embedded", "http"])
async def test_a_result_as_csv_and_as_a_workbook(way: str, root: Path, serve: Serve, tmp_path: Path) -> None:
    chosen = settings(root, serve(ANSWER))
    with Served(chosen) as server:
        async with RemoteWorkbench(server.url, None) as wb:
            thread = await (await wb.workspace("tiny")).thread()
            await thread.ask("SQL: " + ROWS)
            if way == "http":
                await _is_right(thread)
    if way == "embedded":
        async with _embedded(chosen) as wb:
            await _is_right(await (await wb.workspace("tiny")).thread(thread.id))


def _embedded(chosen: Any) -> Workbench:
    return connect(settings=chosen)


async def _is_right(thread: Thread) -> None:
    name, media_type, whole = await content(thread, "results/result_001.parquet", "csv")
    assert (name, media_type.partition(";")[0]) == ("result_001.csv", "text/csv")
    [header, first, *_] = csv.reader(io.StringIO(whole.decode("utf-8-sig")))
    assert header == ["n", "exact", "loss", "share", "day", "at", "nothing", "list"]
    assert first == ["0", "12345678901234567890.12", "-1.50", "0.1", "2012-01-31", first[5], "", "[1, 2]"]
    assert first[5].startswith("2012-01-31 08:00:00")

    name, media_type, whole = await content(thread, "results/result_001.parquet", "xlsx")
    assert (name, media_type) == (
        "result_001.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    [_, row, *_] = openpyxl.load_workbook(io.BytesIO(whole)).worksheets[0].iter_rows(values_only=True)
    assert row[:3] == (0, "12345678901234567890.12", -1.5)

    with pytest.raises(ResultNotFound):
        await thread.download("results/none.parquet", "csv")
    await _has_selections(thread, "results/result_001.parquet")


async def _has_selections(thread: Thread, file: str) -> None:
    """Checks that a download of selected rows contains only these, and that its name ends in a suffix for them."""
    sort, filters = (Sort(column="n", descending=True),), (Filter(column="n", op=">=", value=1),)
    for selection, name, rows in (
        (RowSelection(sort=sort, filters=filters), "result_001-filtered-sorted", [2, 1]),
        (RowSelection(sort=sort), "result_001-sorted", [2, 1, 0]),
        (RowSelection(filters=filters), "result_001-filtered", [1, 2]),
        (RowSelection(filters=(Contains(column="day", value="2013"),)), "result_001-filtered", []),
    ):
        found = await content(thread, file, "csv", selection)
        [_, *read] = csv.reader(io.StringIO(found[2].decode("utf-8-sig")))
        assert (found[0], [int(row[0]) for row in read]) == (f"{name}.csv", rows)
        found = await content(thread, file, "xlsx", selection)
        [_, *cells] = openpyxl.load_workbook(io.BytesIO(found[2])).worksheets[0].iter_rows(values_only=True)
        assert (found[0], [row[0] for row in cells]) == (f"{name}.xlsx", rows)
        if rows:
            assert cells[0][1:3] == ("12345678901234567890.12", -1.5)
    with pytest.raises(UnknownColumn):
        await thread.download(file, "csv", RowSelection(sort=(Sort(column="m"),)))
    with pytest.raises(InvalidInput, match="choose csv or xlsx"):
        await thread.download(file, None, RowSelection(sort=sort))


async def test_what_is_no_table_has_no_other_format(root: Path, serve: Serve) -> None:
    async with _embedded(settings(root, serve(ANSWER))) as wb:
        thread = await (await wb.workspace("tiny")).thread()
        await thread.ask("Totals")
        (thread.thread_dir / "results" / "report.xlsx").write_bytes(b"PK")
        with pytest.raises(UnsupportedFile):
            await thread.download("results/report.xlsx", "csv")
        (thread.thread_dir / "results" / "bad.parquet").write_bytes(b"PAR1 no more PAR1")
        with pytest.raises(UnreadableFile):
            await thread.download("results/bad.parquet", "csv")


async def test_a_download_that_waits_ends_with_the_workbench(
    root: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_data, "_MAX_EXPORTS", 1)
    async with _embedded(settings(root, serve())) as wb:
        thread = await (await wb.workspace("tiny")).thread()
        reply = await thread.ask("SQL: SELECT 1 AS n")
        assert isinstance(reply, TaskResult)
        assert reply.result
        downloads = [asyncio.create_task(content(thread, str(reply.result.file), "csv")) for _ in range(3)]
        await asyncio.sleep(0)  # they begin
    ends = await asyncio.gather(*downloads, return_exceptions=True)
    assert [type(end) for end in ends] == [WorkbenchClosed] * 3


def test_no_text_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    texts = " UNION ALL ".join(
        f"SELECT '{t.replace(chr(39), chr(39) * 2)}' AS \"=name\"" for t in [*HOSTILE, *HARMLESS]
    )
    source = parquet(tmp_path / "x.parquet", texts)
    assert csv_writer.write_csv(source, str(tmp_path / "x.csv")) == {"rows": len(HOSTILE) + len(HARMLESS)}
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["x.csv", "x.parquet"]
    written = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig")
    [header, *rows] = csv.reader(io.StringIO(written, newline=""))
    assert header == ["'=name"]
    expected = ["'" + text.replace("\t=", "\t'=").replace("\r=", "\r'=") for text in HOSTILE]
    assert [row[0] for row in rows] == expected + HARMLESS


_texts = st.text(st.sampled_from("=+-@＝;,\t\r\n\"'| \xa0\x0b؛aZ19.%("), max_size=12) | st.text(max_size=6)
_numbers = st.integers(-(10**9), 10**9) | st.none()
_SKIPPED = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\ufeff]*")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?%?")


def _would_run(cell: str, separator: str) -> bool:
    """Whether a spreadsheet would mistake the cell for a formula.

    With a separator other than the comma, the first cell may be a number followed by the rest of the line. All text in
    it is in string literals, so it is not a formula either.
    """
    begun = _SKIPPED.sub("", cell, count=1)
    if not begun.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")):
        return False
    return not _NUMBER.fullmatch(begun if separator == "," else begun.partition(",")[0])


def _formulas(written: str) -> list[str]:
    """The cells of a CSV that are formulas where lists are separated by the comma, or by another character."""
    found = []
    for separator in ",;\t|؛":
        rows = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
        found += [cell for row in rows for cell in row if _would_run(cell, separator)]
    return found


LATER = ["a;=1", 'a;"=1"', "a\t=1", "a\n=1", 'a\r\n"+1"', "a; ;\xa0@x", "5|-cmd", "a؛＝1", "a;\t=1", ";=1;=1"]


def test_no_part_of_a_text_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": range(len(LATER)), "a;=b": LATER}), tmp_path / "x.parquet")
    csv_writer.write_csv(str(tmp_path / "x.parquet"), str(tmp_path / "x.csv"))
    written = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig")
    assert not _formulas(written)
    [header, *rows] = csv.reader(io.StringIO(written, newline=""))
    assert [header[1], rows[0][1]] == ["a;'=b", "a;'=1"]


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_separator_of_any_locale_makes_a_formula_in_a_csv(data: st.DataObject, tmp_path: Path) -> None:
    kinds = data.draw(st.lists(st.sampled_from([pa.string(), pa.int64()]), min_size=1, max_size=4))
    names = data.draw(st.lists(_texts.filter(bool), min_size=len(kinds), max_size=len(kinds), unique_by=str.lower))
    cells = [st.none() | _texts if kind == pa.string() else _numbers for kind in kinds]
    rows = data.draw(st.lists(st.tuples(*cells), min_size=1, max_size=40))
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    pq.write_table(pa.table(columns, names), tmp_path / "x.parquet")
    csv_writer.write_csv(str(tmp_path / "x.parquet"), str(tmp_path / "x.csv"))
    written = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig")
    assert not _formulas(written)
    [header, *read] = csv.reader(io.StringIO(written, newline=""))
    for shown, meant in zip([header, *read], [names, *rows], strict=True):
        expected = ["" if cell is None else str(cell) for cell in meant]
        assert [cell.replace("'", "") for cell in shown or [""]] == [cell.replace("'", "") for cell in expected]


def test_a_csv_has_no_negative_zero(tmp_path: Path) -> None:
    row = "-0.0::DOUBLE AS d, -0.0::FLOAT AS f, -0.0::DECIMAL(9, 2) AS m, -0.25::DOUBLE AS n, -1e-9::DOUBLE AS tiny"
    shares = {name: NumberFormat(role="percent", decimals=1) for name in "fd"}
    for formats, zero in (({}, "0.0"), (shares, "0%")):
        source = parquet(tmp_path / "x.parquet", f"SELECT {row}", formats)
        csv_writer.write_csv(source, str(tmp_path / "x.csv"))
        assert (tmp_path / "x.csv").read_text("utf-8-sig").splitlines()[1] == f"{zero},{zero},0.00,-0.25,-1e-09"


def test_a_csv_quotes_texts_and_no_numbers(tmp_path: Path) -> None:
    row = "-5 AS n, 'x' AS t, NULL::VARCHAR AS nothing, '' AS empty, '-1,5' AS typed, '-inf'::DOUBLE AS f"
    csv_writer.write_csv(
        parquet(tmp_path / "x.parquet", f"SELECT {row}, DATE '2024-01-31' AS d"), str(tmp_path / "x.csv")
    )
    [header, first] = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig").splitlines()
    assert header == '"n","t","nothing","empty","typed","f","d"'
    assert first == """-5,"x",,"","-1,5",'-inf,2024-01-31"""


def test_more_rows_than_a_sheet_has_are_refused_with_a_hint_at_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(sheet_values, "MAX_ROWS", 4)
    assert workbook_writer.write_workbook(source, "Result", str(tmp_path / "x.xlsx")) == {"rows": 3}
    monkeypatch.setattr(sheet_values, "MAX_ROWS", 3)
    with pytest.raises(SheetInvalid, match="Download the result as CSV"):
        workbook_writer.write_workbook(source, "Result", str(tmp_path / "y.xlsx"))
    assert not (tmp_path / "y.xlsx").exists()
