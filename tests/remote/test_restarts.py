"""A server is stopped and restarted while clients wait: nothing is lost, and no event arrives twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from cfo_kernel import TaskResult
from cfo_kernel.errors import ServerUnavailable, TokenRejected
from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.remote.api_client import Timeouts
from tests.conftest import settings
from tests.models.scripted_server import Stall
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.remote.test_workbench import TIMEOUTS
from tests.replies import ANSWER, MESSAGE, QUERY, Serve, events_of


@pytest.mark.parametrize("hard", [False, True], ids=["the stream ends", "the line is cut"])
async def test_a_stream_outlasts_a_restart_of_its_server(root: Path, serve: Serve, hard: bool) -> None:
    """The run waits for its model while the server restarts, and its events then continue without a gap."""
    model = serve(QUERY, Stall(), ANSWER, repeat_last=True)
    with Served(settings(root, model, api_token=SecretStr(TOKEN))) as server:
        async with RemoteWorkbench(server.url, SecretStr(TOKEN), TIMEOUTS) as far:
            run = await (await (await far.workspace("tiny")).thread()).send("Totals")
            seen: list[int] = []
            last = ""
            async with aclosing(run.events()) as events:
                async for numbered in events:
                    seen.append(numbered.number)
                    last = numbered.event.type
                    if last == "tool_result" and server.starts == 1:
                        await asyncio.to_thread(server.stop, hard=hard)
                        await asyncio.to_thread(server.start)
            assert seen == list(range(len(seen)))
            assert last == "done"
            assert [n.number for n in await events_of(run)] == seen
            assert (await run.finished()).status == await run.status()


async def test_a_line_that_breaks_in_the_middle_of_events(root: Path, serve: Serve) -> None:
    with Served(settings(root, serve(QUERY, ANSWER))) as server:
        async with (
            breaking_line(server, b"GET /runs/", 150) as line,
            RemoteWorkbench(line.url, timeouts=TIMEOUTS) as far,
        ):
            run = await (await (await far.workspace("tiny")).thread()).send("Totals")
            events = await events_of(run)
            assert line.breaks > 2
        async with RemoteWorkbench(server.url) as near:
            assert await events_of(await near.run(run.id)) == events
        assert [n.number for n in events] == list(range(len(events)))


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_message_whose_answer_is_lost_on_the_way_is_sent_once(root: Path, serve: Serve, is_new: bool) -> None:
    with Served(settings(root, serve(ANSWER, repeat_last=True))) as server:
        async with breaking_line(server, b"POST ", 20) as line, RemoteWorkbench(line.url, timeouts=TIMEOUTS) as far:
            tiny = await far.workspace("tiny")
            thread = await tiny.thread()
            if not is_new:
                await thread.send("Before")
            run = await thread.send("Totals")
            assert (await run.finished()).status == "succeeded"
            texts = [m.text for m in await thread.messages() if m.who == "person"]
            assert texts == (["Totals"] if is_new else ["Before", "Totals"])
            assert len(await tiny.threads()) == 1
            assert line.breaks > 0


@dataclass
class Line:
    """A connection to a server, which counts how often it broke."""

    url: str = ""
    breaks: int = 0


@asynccontextmanager
async def breaking_line(server: Served, which: bytes, first: int) -> AsyncIterator[Line]:
    """Yields a connection that breaks after `first` bytes of an answer to `which`, then after twice as many, etc."""
    left, way = first, Line()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        there_reader, there = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        asking = b""
        sent = 0

        async def forth() -> None:
            nonlocal asking, sent
            while part := await reader.read(65536):
                asking, sent = part, 0
                there.write(part)
            there.close()

        going = asyncio.create_task(forth())
        while part := await there_reader.read(65536):
            is_weak = asking.startswith(which) and b"/status" not in asking.partition(b"\r\n")[0]
            if is_weak and sent + len(part) > left:
                writer.write(part[: left - sent])
                left *= 2
                way.breaks += 1
                break
            sent += len(part)
            writer.write(part)
        with suppress(OSError):
            await writer.drain()
        writer.close()
        there.close()
        await going

    line = await asyncio.start_server(pipe, "127.0.0.1", 0)
    try:
        way.url = f"http://127.0.0.1:{line.sockets[0].getsockname()[1]}"
        yield way
    finally:
        line.close()


async def test_a_message_sent_while_the_server_is_away_arrives_once(root: Path, serve: Serve) -> None:
    with Served(settings(root, serve(ANSWER, repeat_last=True))) as server:
        async with RemoteWorkbench(server.url, timeouts=TIMEOUTS) as far:
            thread = await (await far.workspace("tiny")).thread()
            await thread.ask("One")
            await asyncio.to_thread(server.stop)
            asking = asyncio.create_task(thread.ask("Two"))
            await asyncio.sleep(0)
            await asyncio.to_thread(server.start)
            reply = await asking
            assert isinstance(reply, TaskResult)
            assert reply.message == MESSAGE
            assert [m.text for m in await thread.messages() if m.who == "person"] == ["One", "Two"]


async def test_patience_has_an_end(root: Path, serve: Serve) -> None:
    with Served(settings(root, serve(ANSWER))) as server:
        async with RemoteWorkbench(server.url, timeouts=Timeouts(total=0.2, pause=0.01)) as far:
            run = await (await (await far.workspace("tiny")).thread()).send("One")
            await run.reply()
            await asyncio.to_thread(server.stop)
            for use in (run.reply(), run.status(), far.workspaces()):
                with pytest.raises(ServerUnavailable, match="Check CFO_URL"):
                    await use


async def test_a_wrong_token_is_reported(root: Path) -> None:
    with Served(settings(root, "http://127.0.0.1:9/v1", api_token=SecretStr(TOKEN))) as server:
        for token in (None, SecretStr("another-token")):
            async with RemoteWorkbench(server.url, token) as far:
                with pytest.raises(TokenRejected, match="Check CFO_API_TOKEN") as caught:
                    await far.workspaces()
                assert "another-token" not in str(caught.value)
