"""Errors and displays are the same in every front end: the same codes, texts and tables."""

import io
from collections.abc import Callable, Coroutine
from typing import Any

from cfo_kernel import Direct, PageRequest, Workspace
from cfo_kernel.data.plan import Filter
from cfo_kernel.errors import CfoError
from cfo_kernel.interface import Sort
from tests.replies import ANSWER, QUERY, TABLE, TOTALS, sheet
from tests.scenarios.conftest import Front, Opened, one_database
from tests.scenarios.golden_files import Golden, as_json

Wrong = Callable[[], Coroutine[Any, Any, Any]]
NO_RUN = "20260101-000000-000000000000"


async def refused(what: str, wrong: Wrong) -> dict[str, str]:
    """The error that a call raises: its class, its code and its text."""
    try:
        await wrong()
    except CfoError as error:
        return {"wrong": what, "error": type(error).__name__, "code": error.code, "message": error.message}
    raise AssertionError(f"{what} was taken")


async def wrongs(at: Front, tiny: Workspace) -> dict[str, Wrong]:
    new, thread = await tiny.thread(), await tiny.thread()
    table = await thread.send("Totals")
    await table.finished()
    answer = await thread.send(in_reply_to=table.id)
    await answer.finished()
    results = "results/result_001.parquet"
    no_sum = PageRequest(sort=(Sort(column="nothing"),))
    bad_filter = PageRequest(filters=(Filter(column="total", op="between", value="x"),))
    return {
        "workspace": lambda: at.wb.workspace("nothing"),
        "a path as a workspace": lambda: at.wb.workspace("../tiny"),
        "the same workspace": lambda: at.wb.create_workspace("Tiny"),
        "a name without a letter": lambda: at.wb.create_workspace(" ../ "),
        "rename": lambda: tiny.rename(""),
        "thread": lambda: at.wb.thread("nothing"),
        "thread of the workspace": lambda: tiny.thread("nothing"),
        "run": lambda: at.wb.run(NO_RUN),
        "run of the thread": lambda: thread.run(NO_RUN),
        "nothing": thread.send,
        "spaces": lambda: thread.send(" \n"),
        "no text": lambda: thread.send("half a \ud83d"),
        "too long": lambda: thread.send("x" * 100_001),
        "continue what is answered": lambda: thread.send(in_reply_to=table.id),
        "continue what asks for no review": lambda: thread.send(in_reply_to=answer.id),
        "continue what is not there": lambda: thread.send(in_reply_to=NO_RUN),
        "continue what is no id": lambda: thread.send(in_reply_to="../x"),
        "a reply to no run": lambda: thread.send("And?", in_reply_to="../x"),
        "continue a new thread": lambda: new.send(in_reply_to=table.id),
        "rename a new thread": lambda: new.rename("x"),
        "delete a new thread": new.delete,
        "a title of spaces": lambda: thread.rename("  "),
        "a result that is not there": lambda: thread.download("results/none.parquet"),
        "a file that is no result": lambda: thread.download("message_history.json"),
        "rows of nothing": lambda: thread.page("results/none.parquet"),
        "rows by no column": lambda: thread.page(results, no_sum),
        "rows by a bad filter": lambda: thread.page(results, bad_filter),
        "file": lambda: tiny.download("none.csv"),
        "file to delete": lambda: tiny.delete_file("../tiny/data/ledger.csv"),
        "a bad file name": lambda: tiny.upload(io.BytesIO(b"a\n1\n"), "../x.csv"),
        "an empty file": lambda: tiny.upload(io.BytesIO(b""), "empty.csv"),
        "a kind of file": lambda: tiny.upload(io.BytesIO(b"x"), "notes.docx"),
        "a file that is no table": lambda: tiny.upload(io.BytesIO(b"no parquet"), "bad.parquet"),
        "dataset": lambda: tiny.schema("nothing"),
        "table": lambda: tiny.table("nothing").describe(),
        "rows of no table": lambda: tiny.table("nothing").df(),
        "no query": lambda: tiny.query(Direct()),
        "no SELECT": lambda: tiny.sql("DROP TABLE ledger"),
        "bad SQL": lambda: tiny.sql("SELEC 1"),
        "no such table": lambda: tiny.sql("SELECT * FROM nothing"),
        "no such column": lambda: tiny.sql("SELECT nothing FROM ledger"),
        "a query that fails": lambda: tiny.sql("SELECT error('the rate is missing')"),
        "a program that fails": lambda: tiny.python("1 / 0"),
    }


@one_database
async def test_what_is_refused(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, ANSWER)
    tiny = await at.workspace()
    golden([await refused(what, wrong) for what, wrong in (await wrongs(at, tiny)).items()])
    assert [file.name for file in await tiny.files()] == ["ledger.csv"]
    assert len(list(await tiny.threads())) == 1


async def test_what_is_shown(front: Opened, golden: Golden) -> None:
    at = await front(TABLE, sheet("results/result_001.parquet"), QUERY, ANSWER)
    tiny = await at.workspace()
    thread = await tiny.thread()
    run = await thread.send("Totals of\n<b>all</b>")
    replies = [await run.reply()]
    while replies[-1].waits_for_review:
        run = await thread.send(in_reply_to=run.id)
        replies.append(await run.reply())
    result = await tiny.sql(TOTALS)
    page = await thread.page("results/result_001.parquet", PageRequest(sort=(Sort(column="total"),), limit=1))
    shown: list[Any] = [await tiny.datasets(), await tiny.schema("ledger"), *replies, result]
    golden(
        {
            "shown": [value._repr_mimebundle_() for value in shown],
            "values": [as_json(value) for value in (await tiny.schema("ledger"), result, page)],
            "printed": [await tiny.python("print('a', 1)")],
        }
    )
