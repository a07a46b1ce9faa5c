"""The result of a reply in a cell: what its page asks for, and what it gets, without a browser."""

import asyncio
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from cfo_widgets import downloading, result_commands
from cfo_widgets.results import ResultView

from cfo_kernel import RunSQL, Thread, connect
from tests.conftest import settings

SQL = "SELECT department, sum(amount) AS total FROM ledger GROUP BY 1 ORDER BY 1"


class Page:
    """The other end of the wire: sends commands as the page would, and keeps what comes back."""

    def __init__(self, view: ResultView) -> None:
        self.view = view
        self.heard: dict[str, tuple[dict[str, Any], list[bytes]]] = {}
        view.send = self._hear  # type: ignore[method-assign]

    def _hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.heard[content["request"]] = (content, [bytes(b) for b in buffers or ()])

    async def ask(self, **command: Any) -> tuple[dict[str, Any], list[bytes]]:
        request = f"r{len(self.heard)}"
        self.view._heard(None, {**command, "request": request}, [])
        await asyncio.gather(*self.view._tasks)
        return self.heard[request]


@pytest.fixture
async def page(root: Path) -> Any:
    async with connect(settings=settings(root, "http://127.0.0.1:9/v1")) as wb:
        thread: Thread = await (await wb.workspace("tiny")).thread()
        reply = await thread.ask(f"SQL: {SQL}")
        yield Page(ResultView(thread, reply))


async def test_the_reply_and_its_chart_are_traits(page: Page) -> None:
    result = page.view.reply["result"]
    assert result["rows"] == [["Finance", 4400.55], ["Sales", 2300.3]]
    assert page.view.chart["encoding"]["x"]["field"] == "department"


async def test_rows_are_sorted_and_filtered_by_the_engine(page: Page) -> None:
    file = page.view.reply["result"]["file"]
    rows = {"file": file, "offset": 0, "limit": 200}
    found, _ = await page.ask(
        type="page",
        **rows,
        sort=[{"column": "total", "descending": False}],
        filters=[{"column": "department", "op": "contains", "value": "S"}],
    )
    assert found["value"]["rows"] == [["Sales", 2300.3]]
    assert (found["value"]["row_count"], found["value"]["total"]) == (1, 2)
    wrong, _ = await page.ask(type="page", **rows, sort=[], filters=[{"column": "total", "op": ">=", "value": "abc"}])
    assert wrong["type"] == "problem"
    assert wrong["problem"]["message"].startswith("total is a number")


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_download_comes_in_chunks_that_are_asked_for(
    page: Page, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "_PIECE", 16)
    whole, is_done, file = b"", False, page.view.reply["result"]["file"]
    while not is_done:
        command = {"type": "download", "key": "k", "file": file, "format": format, "from": len(whole)}
        lost, [again] = await page.ask(**command)
        if not whole and not lost["value"]["is_done"]:
            assert (await page.ask(**command))[1] == [again]  # an answer that was lost is given once more
        whole += again
        is_done = lost["value"]["is_done"]
        assert (lost["value"]["name"], lost["value"]["size"] >= len(whole)) == (f"result_001.{format}", True)
    if format == "csv":
        assert whole.decode("utf-8-sig").splitlines() == ["department,total", "Finance,4400.55", "Sales,2300.30"]
    else:
        assert openpyxl.load_workbook(io.BytesIO(whole)).worksheets[0]["B2"].value == 4400.55
    assert not page.view._downloads._under
    late, _ = await page.ask(type="download", key="k", file=file, format=format, **{"from": 16})
    assert late["problem"]["code"] == "invalid_input"


async def test_downloads_that_nobody_fetches_are_let_go(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_PIECE", 16)
    monkeypatch.setattr(downloading, "_SILENCE", 0.05)
    file, downloads = page.view.reply["result"]["file"], page.view._downloads
    await page.ask(type="download", key="k0", file=file, **{"from": 0})
    [under] = downloads._under.values()
    async with asyncio.timeout(20):
        while downloads._under or downloads._ending:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    assert await anext(under.pieces, None) is None
    gone, _ = await page.ask(type="download", key="k0", file=file, **{"from": 16})
    assert gone["problem"]["code"] == "invalid_input"


async def test_a_view_that_is_closed_lets_go_of_its_downloads(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_PIECE", 16)
    downloads = page.view._downloads
    await page.ask(type="download", key="k", file=page.view.reply["result"]["file"], format="csv", **{"from": 0})
    [under] = downloads._under.values()
    page.view.close()
    await asyncio.gather(*downloads._ending)
    assert (downloads._under, await anext(under.pieces, None)) == ({}, None)


async def test_the_library_comes_as_bytes(page: Page) -> None:
    _, [library] = await page.ask(type="library")
    assert b"export{" in library


async def test_a_query_that_is_run_again_shows_its_own_result(page: Page) -> None:
    await page.ask(type="rerun", sql="SELECT 1 AS one")
    assert page.view.reply["result"]["columns"] == [{"name": "one", "type": "INTEGER"}]
    assert page.view.chart is None
    refused, _ = await page.ask(type="rerun", sql="DROP TABLE ledger")
    assert refused["type"] == "problem"
    assert page.view.reply["result"]["columns"] == [{"name": "one", "type": "INTEGER"}]


async def test_a_command_that_is_none_is_refused(page: Page) -> None:
    for command in ({"type": "page", "file": "x", "limit": 5000}, {"type": "download", "key": "k"}, {"type": "drop"}):
        assert (await page.ask(**command))[0]["problem"]["code"] == "invalid_input"


def test_a_reply_without_a_table_has_no_chart() -> None:
    failed = RunSQL(sql="SELECT 1", purpose="x")
    assert result_commands.chart_of(failed) is None
