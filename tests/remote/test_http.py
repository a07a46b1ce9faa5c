"""Answers that a server may give, and how the client treats them: errors keep their class and contain no secrets."""

import asyncio
import gc
import io
import logging
import socket
from typing import Any

import pytest
from pydantic import SecretStr

from cfo_kernel import Settings, connect
from cfo_kernel.errors import (
    CfoError,
    FileTooLarge,
    InvalidSettings,
    OtherLoop,
    ServerIncompatible,
    ServerUnavailable,
    ThreadNotFound,
    TokenRejected,
    UnreadableFile,
    WorkbenchClosed,
    WorkspaceExists,
)
from cfo_kernel.remote import RemoteWorkbench, api_client
from cfo_kernel.remote.api_client import RetryPolicy
from tests.remote.conftest import QUICK, TOKEN, Scripted
from tests.remote.scripted_http import HOLD, STOP, ScriptedHttp, answer, problem

AT = "2026-01-31T10:00:00Z"
TINY = {"id": "tiny", "name": "Tiny", "created_at": AT, "updated_at": AT}
THREAD = {"id": "t1", "workspace_id": "tiny", "title": "One", "created_at": AT, "updated_at": AT}
RUN = {"run_id": "r1", "thread_id": "t1", "status": "queued"}
EMPTY = answer({"items": [], "next_cursor": None})


@pytest.mark.parametrize(
    ("turn", "kind", "code"),
    [
        (problem(409, "workspace_exists", "There is one."), WorkspaceExists, "workspace_exists"),
        (problem(418, "of_a_newer_version", "Hm."), CfoError, "of_a_newer_version"),
        (problem(401, "token_rejected", "No token."), TokenRejected, "token_rejected"),
        (answer(b"who are you?", 401, "text/plain"), TokenRejected, "token_rejected"),
        (answer(b"<html>", 404, "text/html"), ServerIncompatible, "server_incompatible"),
        (answer(b"<html>", 200, "text/html"), ServerIncompatible, "server_incompatible"),
        (answer({"something": "else"}, 201), ServerIncompatible, "server_incompatible"),
        (answer([1], 409, "application/problem+json"), ServerIncompatible, "server_incompatible"),
        (answer(b"", 502), ServerUnavailable, "server_unavailable"),
        (problem(503, "workbench_closed", "Call connect() again."), ServerUnavailable, "server_unavailable"),
        (b"", ServerUnavailable, "server_unavailable"),
        (b"this is no HTTP\r\n\r\n", ServerUnavailable, "server_unavailable"),
    ],
)
async def test_a_problem_is_the_error_that_it_was(
    scripted: Scripted, turn: bytes, kind: type[CfoError], code: str
) -> None:
    server, workbench = await scripted(turn)
    with pytest.raises(kind) as caught:
        await workbench.create_workspace("Tiny")
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert TOKEN not in f"{caught.value!r} {caught.value.details} {caught.value.__cause__!r}"
    assert len(server.asked) == 1  # it is unknown whether it was created, so nothing is created twice
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_details_of_an_error_come_along(scripted: Scripted) -> None:
    _, workbench = await scripted(problem(409, "glossary_invalid", "Line 3 is wrong.", line=3, file="datasets.yaml"))
    with pytest.raises(CfoError) as caught:
        await workbench.create_workspace("Tiny")
    assert caught.value.details == {"line": 3, "file": "datasets.yaml"}


@pytest.mark.parametrize("name", ["self", "message", "instance"])
async def test_a_detail_may_have_any_name(scripted: Scripted, name: str) -> None:
    _, workbench = await scripted(problem(409, "glossary_invalid", "Line 3 is wrong.", **{name: "x", "line": 3}))
    with pytest.raises(CfoError, match=r"Line 3 is wrong\.") as caught:
        await workbench.create_workspace("Tiny")
    assert caught.value.details == {"line": 3}


async def test_a_redirect_is_not_followed(scripted: Scripted) -> None:
    async with ScriptedHttp(EMPTY) as elsewhere:
        _, workbench = await scripted(answer(b"", 307, Location=elsewhere.url))
        with pytest.raises(ServerIncompatible, match=r"redirected the request \(307\)"):
            await workbench.workspaces()
        assert elsewhere.asked == []


async def test_a_list_is_read_to_its_last_page(scripted: Scripted) -> None:
    first = answer({"items": [{**TINY, "id": "w0"}], "next_cursor": "x+/="})
    last = answer({"items": [{**TINY, "id": "w1"}], "next_cursor": None})
    server, workbench = await scripted(first, last)
    assert [w.id for w in await workbench.workspaces()] == ["w0", "w1"]
    assert [asked.path for asked in server.asked] == [
        "/workspaces?limit=200",
        "/workspaces?limit=200&cursor=x%2B%2F%3D",
    ]


async def test_an_unreachable_server_is_reported_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with RemoteWorkbench(f"http://127.0.0.1:{port}") as workbench:
        with pytest.raises(
            ServerUnavailable, match=f"127.0.0.1:{port} does not answer. Check CFO_URL, and that `cfo serve`"
        ):
            await asyncio.wait_for(workbench.workspaces(), 5)


async def test_a_message_whose_connection_drops_is_sent_again_with_the_same_key(scripted: Scripted) -> None:
    server, workbench = await scripted(answer(THREAD), b"", b"HTTP/1.1 202 A", answer(RUN, 202))
    thread = await (await _tiny(server, workbench)).thread("t1")
    run = await thread.send("Totals")
    assert run.id == "r1"
    sent = [asked for asked in server.asked if asked.method == "POST"]
    assert [asked.json for asked in sent] == [{"text": "Totals", "in_reply_to": None, "untouched": False}] * 3
    assert len({asked.headers["idempotency-key"] for asked in sent}) == 1


async def test_the_first_message_of_a_thread_is_sent_again_too(scripted: Scripted) -> None:
    server, workbench = await scripted(b"", answer({"thread": THREAD, "run": RUN}, 202))
    thread = await (await _tiny(server, workbench)).thread()
    await thread.send("Totals", idempotency_key="mine")
    assert (thread.id, thread.title) == ("t1", "One")
    sent = [asked for asked in server.asked if asked.method == "POST"]
    assert [(asked.json, asked.headers["idempotency-key"]) for asked in sent] == [({"message": "Totals"}, "mine")] * 2


async def test_a_message_waits_for_a_server_that_is_being_restarted(scripted: Scripted) -> None:
    server, workbench = await scripted(answer(THREAD), answer(RUN, 202))
    thread = await (await _tiny(server, workbench)).thread("t1")
    await server.stop()
    sending = asyncio.create_task(thread.send("Totals"))
    await asyncio.sleep(0)
    assert not sending.done()
    await server.start()
    assert (await sending).id == "r1"


async def test_a_question_waits_for_a_server_that_stopped_while_it_was_asked(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[CfoError | None] = []
    wait = RetryPolicy.wait

    async def counted(self: RetryPolicy, error: CfoError | None = None) -> None:
        waits.append(error)
        await wait(self, error)

    monkeypatch.setattr(RetryPolicy, "wait", counted)
    server, workbench = await scripted(STOP, EMPTY)
    listing = asyncio.create_task(workbench.workspaces())
    async with asyncio.timeout(30):
        while len(waits) < 3 and not listing.done():  # noqa: ASYNC110 - the client sets no event
            await asyncio.sleep(0.001)
    await server.start()
    assert list(await listing) == []


async def test_a_server_does_not_decide_how_long_a_client_waits(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "_LONGEST_PAUSE", 0.01)
    _, workbench = await scripted(answer(b"", 429, Retry_After="3600"), EMPTY)
    assert list(await workbench.workspaces()) == []


async def test_what_is_not_known_to_be_done_is_not_done_twice(scripted: Scripted) -> None:
    server, workbench = await scripted(answer(THREAD), b"", EMPTY)
    thread = await (await _tiny(server, workbench)).thread("t1")
    with pytest.raises(ServerUnavailable):
        await thread.delete()
    assert [asked.method for asked in server.asked] == ["GET", "GET", "DELETE"]


async def test_an_upload_that_the_source_ends_is_an_error_of_the_source(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("the disk is gone")

    server, workbench = await scripted([HOLD], [HOLD])
    tiny = await _tiny(server, workbench)
    with pytest.raises(UnreadableFile, match="the disk is gone"):
        await tiny.upload(Broken(b""), "x.csv")
    monkeypatch.setattr("cfo_kernel.upload_source.MAX_BYTES", 10)
    with pytest.raises(FileTooLarge):
        await tiny.upload(io.BytesIO(b"x" * 11), "x.csv")


async def test_a_download_that_is_cut_is_no_whole_file(scripted: Scripted) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    server, workbench = await scripted([head, b"12345"])
    download = await (await _tiny(server, workbench)).download("x.csv")
    assert download.size == 10
    with pytest.raises(ServerUnavailable):
        async for _ in download.chunks:
            pass


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("", "CFO_URL is not a valid address"),
        ("localhost:8765", "CFO_URL is not a valid address"),
        ("ftp://localhost", "CFO_URL is not a valid address"),
        ("http://", "CFO_URL is not a valid address"),
        ("http://localhost:99999", "CFO_URL is not a valid address"),
        ("http://local host", "CFO_URL is not a valid address"),
        ("http://local\nhost", "CFO_URL is not a valid address"),
        ("http://me:secret@localhost", "must not contain a password"),
        ("http://localhost?x=1", "must not contain a query or a fragment"),
    ],
)
def test_an_invalid_url_is_refused_before_anything_is_sent(url: str, match: str) -> None:
    with pytest.raises(InvalidSettings, match=match) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["with space", "line\nend", "ümlaut", "nul\0"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(InvalidSettings, match="CFO_API_TOKEN") as caught:
        RemoteWorkbench("http://localhost", SecretStr(token))
    assert token not in str(caught.value)


async def test_settings_say_where_to_go(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = await scripted(EMPTY, EMPTY, EMPTY)
    monkeypatch.setenv("CFO_URL", server.url)
    monkeypatch.setenv("CFO_API_TOKEN", "from-the-environment")
    for workbench in (connect(), connect(settings=Settings()), connect(f"{server.url}/below/")):
        async with workbench:
            assert list(await workbench.workspaces()) == []
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer from-the-environment"] * 3
    assert [asked.path.partition("?")[0] for asked in server.asked] == ["/workspaces"] * 2 + ["/below/workspaces"]


async def test_no_proxy_stands_before_this_machine(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server, _ = await scripted(EMPTY, EMPTY)
    for host in ("127.0.0.1", "localhost"):
        async with RemoteWorkbench(f"http://{host}:{server.port}", timeouts=QUICK) as workbench:
            await workbench.workspaces()


async def test_the_token_is_in_no_log(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, workbench = await scripted(EMPTY, b"")
    await workbench.workspaces()
    with pytest.raises(ServerUnavailable):
        await workbench.create_workspace("x")
    assert caplog.records
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(vars(workbench)) + repr(vars(workbench._client))


def test_each_event_loop_has_its_own_connections() -> None:
    async def twice() -> None:
        async with ScriptedHttp(answer(TINY), answer(THREAD)) as server:
            workbench = RemoteWorkbench(server.url, timeouts=QUICK)
            tiny = await workbench.workspace("tiny")
            await tiny.thread("t1")
            taken.append((workbench, tiny, server.port))

    async def again(workbench: RemoteWorkbench, tiny: Any, port: int) -> None:
        server = ScriptedHttp(answer(TINY), answer(TINY))
        server.port = port
        async with server:
            with pytest.raises(OtherLoop, match="Open it again from the workbench"):
                await tiny.datasets()
            assert (await workbench.workspace("tiny")).id == "tiny"
            with pytest.raises(OtherLoop, match=r"Call connect\(\) again in this one"):
                await asyncio.to_thread(asyncio.run, workbench.workspaces())
            await workbench.close()
            with pytest.raises(OtherLoop):
                await tiny.datasets()

    taken: list[Any] = []
    asyncio.run(twice())
    gc.collect()  # anything left open would be reported as unraisable
    asyncio.run(again(*taken[0]))


async def test_after_the_close_nothing_is_sent(scripted: Scripted) -> None:
    server, workbench = await scripted(answer(THREAD))
    tiny = await _tiny(server, workbench)
    thread, new = await tiny.thread("t1"), await tiny.thread()
    await workbench.close()
    before = len(server.asked)
    for use in (tiny.datasets(), tiny.thread(), thread.send("x"), new.send("x"), new.messages(), thread.notice()):
        with pytest.raises(WorkbenchClosed):
            await use
    assert len(server.asked) == before


async def test_a_thread_of_another_workspace_is_not_found(scripted: Scripted) -> None:
    server, workbench = await scripted(answer({**THREAD, "workspace_id": "other"}))
    with pytest.raises(ThreadNotFound, match="List its threads"):
        await (await _tiny(server, workbench)).thread("t1")


async def _tiny(server: ScriptedHttp, workbench: RemoteWorkbench) -> Any:
    server.turns.insert(0, answer(TINY))
    return await workbench.workspace("tiny")
