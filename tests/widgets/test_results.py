"""A reply's result in a cell, without a browser: the commands of its page and their answers."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from cfo_widgets import downloads, result_commands
from cfo_widgets.results import ResultView

from cfo_kernel import RunSQL, Thread, connect
from tests.conftest import settings
from tests.widgets.fake_page import FakePage, until

SQL = "SELECT department, sum(amount) AS total FROM ledger GROUP BY 1 ORDER BY 1"
ONE = {"name": "one", "type": "INTEGER", "format": {"role": "number", "decimals": 0}}


@pytest.fixture
async def view(root: Path) -> AsyncIterator[ResultView]:
    async with connect(settings=settings(root, "http://127.0.0.1:9/v1")) as wb:
        thread: Thread = await (await wb.workspace("tiny")).thread()
        reply = await thread.ask(f"SQL: {SQL}")
        yield ResultView(thread, reply)


def file_of(view: ResultView) -> str:
    return view.reply["result"]["file"]


async def test_the_reply_and_its_chart_are_traits(view: ResultView) -> None:
    assert view.reply["result"]["rows"] == [["Finance", 4400.55], ["Sales", 2300.3]]
    assert view.chart["encoding"]["x"]["field"] == "department"


async def test_rows_are_sorted_and_filtered_by_the_engine(view: ResultView) -> None:
    page, rows = FakePage(view), {"file": file_of(view), "offset": 0, "limit": 200}
    found = await page.ask(
        "page",
        **rows,
        sort=[{"column": "total", "descending": False}],
        filters=[{"column": "department", "op": "contains", "value": "S"}],
    )
    assert found["rows"] == [["Sales", 2300.3]]
    assert (found["row_count"], found["total"]) == (1, 2)
    wrong = await page.message("page", **rows, sort=[], filters=[{"column": "total", "op": ">=", "value": "abc"}])
    assert wrong["type"] == "problem"
    assert wrong["problem"]["message"].startswith("total is a number")


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_page_downloads_a_file_in_chunks(
    view: ResultView, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_CHUNK", 16)
    page, content, is_done, file = FakePage(view), b"", False, file_of(view)
    while not is_done:
        command = {"key": "k", "file": file, "format": format, "from": len(content)}
        message, [chunk] = await page.answer("download", **command)
        if not content and not message["value"]["is_done"]:
            assert (await page.answer("download", **command))[1] == [chunk]  # an answer that got lost is sent again
        content += chunk
        is_done = message["value"]["is_done"]
        assert (message["value"]["name"], message["value"]["size"] >= len(content)) == (f"result_001.{format}", True)
    if format == "csv":
        assert content.decode("utf-8-sig").splitlines() == [
            '"department","total"',
            '"Finance",4400.55',
            '"Sales",2300.30',
        ]
    else:
        assert openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]["B2"].value == 4400.55
    assert not view._downloads._active
    assert await page.error("download", key="k", file=file, format=format, **{"from": 16}) == "invalid_input"


async def test_a_download_without_requests_is_closed(view: ResultView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_CHUNK", 16)
    monkeypatch.setattr(downloads, "_IDLE_TIMEOUT", 0.05)
    page, file, all_downloads = FakePage(view), file_of(view), view._downloads
    await page.ask("download", key="k0", file=file, **{"from": 0})
    [active] = all_downloads._active.values()
    await until(lambda: not all_downloads._active and not all_downloads._closing)
    assert await anext(active.chunks, None) is None
    assert await page.error("download", key="k0", file=file, **{"from": 16}) == "invalid_input"


async def test_closing_a_view_closes_its_downloads(view: ResultView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_CHUNK", 16)
    all_downloads = view._downloads
    await FakePage(view).ask("download", key="k", file=file_of(view), format="csv", **{"from": 0})
    [active] = all_downloads._active.values()
    view.close()
    await asyncio.gather(*all_downloads._closing)
    assert (all_downloads._active, await anext(active.chunks, None)) == ({}, None)


async def test_the_chart_library_is_sent_as_bytes(view: ResultView) -> None:
    _, [library] = await FakePage(view).answer("library")
    assert b"export{" in library


async def test_an_edited_query_shows_its_own_result(view: ResultView) -> None:
    page = FakePage(view)
    await page.ask("rerun", sql="SELECT 1 AS one")
    assert view.reply["result"]["columns"] == [ONE]
    assert view.chart is None
    assert await page.error("rerun", sql="DROP TABLE ledger") == "sql_policy_violation"
    assert view.reply["result"]["columns"] == [ONE]


async def test_an_unknown_command_is_refused(view: ResultView) -> None:
    commands: tuple[tuple[str, dict[str, Any]], ...] = (
        ("page", {"file": "x", "limit": 5000}),
        ("download", {"key": "k"}),
        ("drop", {}),
    )
    for type, more in commands:
        assert await FakePage(view).error(type, **more) == "invalid_input"


def test_a_reply_without_a_table_has_no_chart() -> None:
    failed = RunSQL(sql="SELECT 1", purpose="x")
    assert result_commands.chart_of(failed) is None
