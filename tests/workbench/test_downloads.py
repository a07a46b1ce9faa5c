"""A result as CSV and as a workbook: exact, and no text in it that a spreadsheet would run."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from cfo_kernel import TaskResult, Thread, Workbench, connect
from cfo_kernel.data import csv_writer, sheet_values, workbook_writer, workspace_data
from cfo_kernel.errors import ResultNotFound, SheetInvalid, UnreadableFile, UnsupportedFile, WorkbenchClosed
from cfo_kernel.remote import RemoteWorkbench
from tests.conftest import settings
from tests.remote.served import Served
from tests.replies import ANSWER, Serve

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"]
HARMLESS = ["-5", "+4.50", "-1,234.5", "1e-5", "a=b", 'Köln, "Nord"', ""]
ROWS = """
SELECT i AS n, 12345678901234567890.12::DECIMAL(38, 2) AS exact, -1.50::DECIMAL(18, 2) AS loss, 0.1::DOUBLE AS share,
    DATE '2012-01-31' AS day, TIMESTAMPTZ '2012-01-31 10:00:00+02' AS at, NULL AS nothing, [1, 2] AS list
FROM range(3) r(i)"""


async def content(thread: Thread, file: str, format: Any) -> tuple[str, str, bytes]:
    found = await thread.download(file, format)
    whole = b"".join([chunk async for chunk in found.chunks])
    assert len(whole) == found.size
    return found.name, found.media_type, whole


def parquet(file: Path, sql: str = ROWS) -> str:
    duckdb.sql("SET TimeZone = 'UTC'")
    duckdb.sql(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
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
    assert [row[0] if row else "" for row in rows] == ["'" + text for text in HOSTILE] + HARMLESS


def test_more_rows_than_a_sheet_has_are_told_to_go_into_a_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(sheet_values, "MAX_ROWS", 4)
    assert workbook_writer.write_workbook(source, "Result", str(tmp_path / "x.xlsx")) == {"rows": 3}
    monkeypatch.setattr(sheet_values, "MAX_ROWS", 3)
    with pytest.raises(SheetInvalid, match="Download it as CSV"):
        workbook_writer.write_workbook(source, "Result", str(tmp_path / "y.xlsx"))
    assert not (tmp_path / "y.xlsx").exists()
