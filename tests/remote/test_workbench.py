"""Tests the whole interface over a real server: everything that works locally also works remotely."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from cfo_kernel import Direct, PageRequest, RunSQL, TaskResult
from cfo_kernel.data.plan import Filter
from cfo_kernel.errors import (
    EmptyMessage,
    FileNotFound,
    InvalidInput,
    InvalidName,
    NothingToContinue,
    ResultNotFound,
    RunNotFound,
    SqlPolicyViolation,
    ThreadNotFound,
    UnknownTable,
    UnreadableFile,
    WorkspaceExists,
    WorkspaceNotFound,
)
from cfo_kernel.interface import Sort
from cfo_kernel.remote import RemoteWorkbench, RemoteWorkspace
from cfo_kernel.remote.api_client import Timeouts
from tests.conftest import LEDGER, settings
from tests.models.scripted_server import ScriptedServer, Stall, ToolCall
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.replies import ANSWER, MESSAGE, QUERY, TABLE, TOTALS, Serve, events_of, wait_for_event

Turn = ToolCall | Stall
TIMEOUTS = Timeouts(total=30, silence=45, pause=0.02)


@pytest.fixture
def model(serve: Serve, request: pytest.FixtureRequest) -> ScriptedServer:
    """The scripted model that the server calls. It plays the test's `turns`, then repeats the last one."""
    return serve(*getattr(request, "param", (ANSWER,)), repeat_last=True)


def turns(*script: Turn) -> pytest.MarkDecorator:
    """The model's turns in a test."""
    return pytest.mark.parametrize("model", [script], indirect=True, ids=[""])


@pytest.fixture
def served(root: Path, model: ScriptedServer) -> Iterator[Served]:
    with Served(settings(root, model, api_token=SecretStr(TOKEN))) as server:
        yield server


@pytest.fixture
async def far(served: Served) -> AsyncIterator[RemoteWorkbench]:
    async with RemoteWorkbench(served.url, SecretStr(TOKEN), TIMEOUTS) as workbench:
        yield workbench


@pytest.fixture
async def tiny(far: RemoteWorkbench) -> RemoteWorkspace:
    return await far.workspace("tiny")


async def test_workspaces(far: RemoteWorkbench, tiny: RemoteWorkspace) -> None:
    assert (await far.workspace()).id == "tiny"
    made = await far.create_workspace("Acme AG")
    assert (made.id, made.name) == ("acme_ag", "Acme AG")
    assert [w.id for w in await far.workspaces()] == ["acme_ag", "tiny"]
    with pytest.raises(WorkspaceExists):
        await far.create_workspace("Acme AG")
    with pytest.raises(WorkspaceNotFound, match="Choose one of: acme_ag, tiny"):
        await far.workspace()
    await made.rename("Müller & Söhne")
    assert (await far.workspace("Müller & Söhne")).id == made.id
    assert made.name == "Müller & Söhne"
    assert made.created_at <= made.updated_at
    await made.delete()
    assert [w.id for w in await far.workspaces()] == ["tiny"]
    for name in ("acme_ag", "", "..", "a/b", "tiny/threads", "\x00"):
        with pytest.raises(WorkspaceNotFound):
            await far.workspace(name)


async def test_files_and_tables(tiny: RemoteWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "köln 2012.csv"
    path.write_text(LEDGER)
    made = await tiny.upload(path)
    assert (made.file, made.tables[0].row_count) == ("köln 2012.csv", 6)
    assert (await tiny.upload(io.BytesIO(LEDGER.encode()), "stream.csv")).file == "stream.csv"
    assert [f.name for f in await tiny.files()] == ["köln 2012.csv", "ledger.csv", "stream.csv"]
    assert [d.file for d in await tiny.datasets()] == ["köln 2012.csv", "ledger.csv", "stream.csv"]
    download = await tiny.download("köln 2012.csv")
    assert b"".join([chunk async for chunk in download.chunks]) == LEDGER.encode()
    assert (download.name, download.size) == ("köln 2012.csv", len(LEDGER))
    await tiny.delete_file("stream.csv")
    with pytest.raises(FileNotFound):
        await tiny.download("stream.csv")
    assert (await tiny.schema("ledger")).file == "ledger.csv"
    with pytest.raises(UnknownTable):
        await tiny.schema("nothing")
    table = tiny.table("ledger")
    assert (await table.describe()).row_count == 6
    assert (await table.head()).row_count == 6
    frame = await table.df()
    assert frame["amount"].sum() == Decimal("6700.85")
    with pytest.raises(UnknownTable):
        await tiny.table("nothing").df()


async def test_a_file_that_is_no_table_is_refused_as_it_is_here(tiny: RemoteWorkspace, tmp_path: Path) -> None:
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"no parquet at all")
    with pytest.raises(UnreadableFile):
        await tiny.upload(bad)
    with pytest.raises(InvalidName):
        await tiny.upload(io.BytesIO(b"x"), "../x.csv")
    with pytest.raises(InvalidInput, match="with 'rb'"):
        await tiny.upload(io.StringIO("a,b\n1,2\n"), "text.csv")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no file"):
        await tiny.upload(tmp_path / "gone.csv")
    assert [f.name for f in await tiny.files()] == ["ledger.csv"]


async def test_a_large_file_is_sent_in_pieces(tiny: RemoteWorkspace) -> None:
    rows = 300_000
    content = b"name,amount\n" + b"".join(b"row %d,%d.50\n" % (n, n) for n in range(rows))
    assert (await tiny.upload(io.BytesIO(content), "large.csv")).tables[0].row_count == rows
    download = await tiny.download("large.csv")
    sizes = [len(chunk) async for chunk in download.chunks]
    assert sum(sizes) == len(content)
    assert max(sizes) < len(content) / 4


async def test_queries_without_a_model(tiny: RemoteWorkspace) -> None:
    result = await tiny.sql(TOTALS)
    assert result.rows == (("Finance", 4400.55), ("Sales", 2300.3))
    answer = await tiny.query(Direct(sql=TOTALS))
    assert not isinstance(answer, str)
    assert answer.rows == result.rows
    with pytest.raises(SqlPolicyViolation):
        await tiny.sql("DROP TABLE ledger")
    with pytest.raises(InvalidInput):
        await tiny.query(Direct())


@turns(QUERY, ANSWER)
async def test_a_conversation(far: RemoteWorkbench, tiny: RemoteWorkspace) -> None:
    thread = await tiny.thread()
    assert (thread.title, thread.created_at, await thread.messages()) == (None, None, [])
    reply = await thread.ask("Totals")
    assert isinstance(reply, TaskResult)
    assert reply.message == MESSAGE
    assert list((await reply.df())["total"]) == [Decimal("4400.55"), Decimal("2300.30")]
    assert thread.title == "Totals"
    assert [m.who for m in await thread.messages()] == ["person", "agent"]
    kept = (await thread.messages())[1]
    assert kept.reply is not None
    assert len(await kept.reply.df()) == 2
    run = await thread.send("And again?")
    assert (await run.finished()).status == "succeeded"
    assert await run.status() == "succeeded"
    events = await events_of(run)
    assert [n.number for n in events] == list(range(len(events)))
    assert [n.number async for n in run.events(events[-3].number)] == [n.number for n in events[-2:]]
    assert await events_of(await far.run(run.id)) == events
    assert (await (await thread.run(run.id)).finished()).run_id == run.id
    assert [t.id for t in await tiny.threads()] == [thread.id]
    again = await far.thread(thread.id)
    assert (again.workspace_id, again.title, await again.notice()) == ("tiny", "Totals", None)
    await again.rename("Two questions")
    assert (await tiny.thread(thread.id)).title == "Two questions"
    await thread.delete()
    with pytest.raises(ThreadNotFound):
        await far.thread(thread.id)


@turns(TABLE, ANSWER)
async def test_review_pages_and_files(tiny: RemoteWorkspace) -> None:
    thread = await tiny.thread()
    run = await thread.send("A table, please")
    reply = await run.reply()
    assert isinstance(reply, RunSQL)
    assert reply.result is not None
    assert reply.result.file is not None
    download = await thread.download(reply.result.file)
    assert (await anext(aiter(download.chunks)))[:4] == b"PAR1"
    assert isinstance(await (await thread.send(in_reply_to=run.id)).reply(), TaskResult)
    with pytest.raises(NothingToContinue):
        await thread.send(in_reply_to=run.id)
    for name in ("results/none.parquet", "results/../message_history.json", "..", ""):
        with pytest.raises(ResultNotFound):
            await thread.download(name)


async def test_what_cannot_be_sent(far: RemoteWorkbench, tiny: RemoteWorkspace) -> None:
    thread = await tiny.thread()
    for text, error in {"": NothingToContinue, "  ": EmptyMessage}.items():
        with pytest.raises(error):
            await thread.send(text)
    with pytest.raises(InvalidInput, match="not valid text"):
        await thread.send("half a \ud83d")
    with pytest.raises(ThreadNotFound, match="Send a message first"):
        await thread.rename("x")
    with pytest.raises(InvalidInput, match="ASCII"):
        await thread.send("Hello", idempotency_key="a\nb")
    assert list(await tiny.threads()) == []
    for id in ("nothing", "", "..", "a/b"):
        with pytest.raises(RunNotFound):
            await far.run(id)
        with pytest.raises(ThreadNotFound):
            await tiny.thread(id)


async def test_the_same_key_is_the_same_run(tiny: RemoteWorkspace) -> None:
    first, second = await tiny.thread(key="k1"), await tiny.thread(key="k1")
    one, two = await first.send("Totals"), await second.send("Totals")
    assert (one.id, one.thread_id) == (two.id, two.thread_id)
    assert (await first.send("More", idempotency_key="k2")).id == (await first.send("More", idempotency_key="k2")).id
    runs = await asyncio.gather(*[first.send("At once", idempotency_key="k3") for _ in range(4)])
    assert len({run.id for run in runs}) == 1


async def test_messages_sent_at_once_to_a_new_thread_are_one_conversation(tiny: RemoteWorkspace) -> None:
    thread = await tiny.thread()
    runs = await asyncio.gather(*[thread.send(f"Message {n}") for n in range(3)])
    assert {run.thread_id for run in runs} == {thread.id}
    assert [(await run.finished()).status for run in runs] == ["succeeded"] * 3


@turns(Stall())
async def test_a_run_is_cancelled_from_afar(tiny: RemoteWorkspace) -> None:
    run = await (await tiny.thread()).send("Totals")
    await wait_for_event(run, "run_started")
    await run.cancel()
    assert (await run.finished()).status == "cancelled"


async def test_what_is_shown_looks_as_it_does_here(far: RemoteWorkbench, tiny: RemoteWorkspace, served: Served) -> None:
    shown = far._repr_mimebundle_()
    assert served.url in shown["text/plain"]
    assert TOKEN not in str(shown) + repr(far) + repr(far.__dict__) + repr(tiny.__dict__)
    assert "tiny" in tiny._repr_mimebundle_()["text/html"]
    assert "ledger.csv" in (await tiny.datasets())._repr_mimebundle_()["text/plain"]  # type: ignore[attr-defined]
    thread = await tiny.thread()
    await thread.ask("Totals")
    assert "Totals" in thread._repr_mimebundle_()["text/plain"]
    assert "Totals" in (await tiny.threads())._repr_mimebundle_()["text/html"]  # type: ignore[attr-defined]


@turns(QUERY, ANSWER)
async def test_rows_of_a_result(tiny: RemoteWorkspace) -> None:
    thread = await tiny.thread()
    reply = await thread.ask("Totals")
    assert isinstance(reply, TaskResult)
    assert reply.result is not None
    both = Filter(column="department", op="in", value=["Sales", "Finance"])
    request = PageRequest(limit=1, sort=(Sort(column="total"),), filters=(both,))
    page = await thread.page(reply.result.file or "", request)
    assert (page.rows, page.row_count, page.total) == ((("Sales", 2300.3),), 2, 2)
    run = await thread.send("""SQL: SELECT * FROM (VALUES (1), (2)) AS v("-a, b")""")
    direct = await run.reply()
    assert isinstance(direct, TaskResult)
    assert direct.result is not None
    turned = PageRequest(sort=(Sort(column="-a, b", descending=True),))
    assert (await thread.page(direct.result.file or "", turned)).rows == ((2,), (1,))
