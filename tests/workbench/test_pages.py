"""Pages of a result are filtered, sorted and cut, and nothing is lost between two of them."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cfo_kernel import Thread
from cfo_kernel.data.plan import Filter
from cfo_kernel.errors import PlanInvalid, ResultNotFound, UnknownColumn, UnreadableFile, UnsupportedFile
from cfo_kernel.interface import Contains, PageRequest, ResultPage, Sort
from tests.conftest import Opened
from tests.replies import ANSWER, Serve

ROWS = """
SELECT i AS "Position", i % 7 AS "group", 'text ' || i AS name, (i / 4)::DECIMAL(18, 2) AS amount,
    DATE '2012-01-01' + i::INTEGER AS "posted on", CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS sparse,
    TIMESTAMP '2012-01-01 12:00:00' + INTERVAL (i) HOUR AS at, 'it''s "' || (i % 3) AS "odd ""name"
FROM range(1000) r(i)"""


@pytest.fixture
async def thread(serve: Serve, opened: Opened) -> Thread:
    made = await (await opened(serve(ANSWER))).thread()
    await made.ask("Totals")
    duckdb.sql(f"COPY ({ROWS}) TO '{made.thread_dir / 'results' / 'result_001.parquet'}' (ROW_GROUP_SIZE 2048)")
    return made


async def page(thread: Thread, **request: Any) -> ResultPage:
    return await thread.page("results/result_001.parquet", PageRequest(**request))


def firsts(page: ResultPage) -> list[Any]:
    return [row[0] for row in page.rows]


async def test_the_first_page_is_the_first_hundred_rows(thread: Thread) -> None:
    first = await thread.page("results/result_001.parquet")
    assert firsts(first) == list(range(100))
    assert (first.offset, first.row_count, first.total) == (0, 1000, 1000)
    assert [column.name for column in first.columns][:2] == ["Position", "group"]
    assert first.rows[3][3:5] == (0.75, "2012-01-04")


async def test_pages_follow_each_other_without_a_gap_or_a_repeat(thread: Thread) -> None:
    sort = (Sort(column="GROUP", descending=True), Sort(column='odd "name'))
    pages = [await page(thread, offset=offset, limit=300, sort=sort) for offset in range(0, 1200, 300)]
    seen = [row for one in pages for row in one.rows]
    assert [len(one.rows) for one in pages] == [300, 300, 300, 100]
    assert [row[0] for row in seen] == sorted(range(1000), key=lambda i: (-(i % 7), i % 3, i))
    assert (await page(thread, offset=5000)).rows == ()


async def test_null_comes_last_either_way(thread: Thread) -> None:
    for descending in (False, True):
        sort = (Sort(column="sparse", descending=descending),)
        assert firsts(await page(thread, offset=900, sort=sort)) == list(range(0, 1000, 10))


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ([Filter(column="name", value="text 12")], [12]),
        ([Filter(column="amount", op="between", value=["1.25", 2])], [5, 6, 7, 8]),
        ([Filter(column="posted on", op="in period", value="2012-01")], list(range(31))),
        ([Filter(column="at", op="<=", value="2012-01-01")], list(range(12))),
        ([Filter(column="sparse", op="is null"), Filter(column="Position", op=">", value=970)], [980, 990]),
        ([Filter(column='odd "name', value="it's \"1"), Filter(column="position", op="<", value=5)], [1, 4]),
        ([Filter(column="name", op="like", value="text 99_")], list(range(990, 1000))),
        ([Filter(column="name", value="' OR true --")], []),
        ([Contains(column="NAME", value="EXT 99")], [99, *range(990, 1000)]),
        ([Contains(column="name", value="%")], []),
        ([Contains(column="posted on", value="2012-01-0"), Filter(column="position", op="<", value=3)], [0, 1, 2]),
    ],
)
async def test_filters_are_those_of_a_plan(thread: Thread, wanted: list[Filter | Contains], kept: list[int]) -> None:
    found = await page(thread, filters=wanted)
    assert firsts(found) == kept
    assert (found.row_count, found.total) == (len(kept), 1000)
    descending = await page(thread, filters=wanted, sort=[Sort(column="position", descending=True)], limit=2)
    assert firsts(descending) == kept[::-1][:2]
    assert descending.row_count == len(kept)


async def test_a_million_rows_have_pages_too(thread: Thread) -> None:
    million = ROWS.replace("range(1000)", "range(1000000)")
    duckdb.sql(f"COPY ({million}) TO '{thread.thread_dir / 'results' / 'result_001.parquet'}'")
    sort = (Sort(column="group", descending=True),)
    last = await page(thread, offset=999_000, limit=1000, sort=sort)
    assert firsts(last) == list(range(993_006, 1_000_000, 7))
    kept = await page(thread, filters=[Filter(column="name", op="in", value=["text 7", "text 999999"])])
    assert (firsts(kept), kept.row_count, kept.total) == ([7, 999_999], 2, 1_000_000)


async def test_the_error_of_a_wrong_name_suggests_the_nearest(thread: Thread) -> None:
    for request in ({"sort": [Sort(column="amuont")]}, {"filters": [Filter(column="amuont", value=1)]}):
        with pytest.raises(UnknownColumn, match="Did you mean amount"):
            await page(thread, **request)
    with pytest.raises(PlanInvalid, match="is a number"):
        await page(thread, filters=[Filter(column="amount", value="much")])


async def test_only_tables_of_the_thread_have_pages(thread: Thread, root: Path) -> None:
    folder = thread.thread_dir
    shutil.copy(folder / "results" / "result_001.parquet", root / "secret.parquet")
    (folder / "results" / "link.parquet").symlink_to(root / "secret.parquet")
    (folder / "results" / "broken.parquet").write_text("no Parquet")
    (folder / "results" / "book.xlsx").write_text("a workbook")
    for name in ("results/link.parquet", "results/none.parquet", "../secret.parquet", "", "result_001.parquet"):
        with pytest.raises(ResultNotFound):
            await thread.page(name)
    with pytest.raises(
        UnreadableFile, match=r"broken\.parquet is damaged or incomplete. Ask the question again.$"
    ) as refused:
        await thread.page("results/broken.parquet")
    assert str(root) not in str(refused.value)
    with pytest.raises(UnsupportedFile, match="Download it"):
        await thread.page("results/book.xlsx")


async def test_a_table_of_the_workspace_does_not_stand_in_for_the_file(
    thread: Thread, opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "rows_of_file.csv").write_text("a\n1\n")
    place = await opened()
    await place.upload(tmp_path / "rows_of_file.csv")
    found = await (await place.thread(thread.id)).page("results/result_001.parquet", PageRequest(limit=1))
    assert (found.total, len(found.columns)) == (1000, 8)
