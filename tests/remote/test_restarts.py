"""A server that is stopped and started again while somebody waits: nothing is lost, nothing is told twice."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import SecretStr

from cfo_kernel import TaskResult
from cfo_kernel.errors import ServerUnavailable, TokenRejected
from cfo_kernel.remote import Workbench
from cfo_kernel.remote.http import Patience
from tests.conftest import settings
from tests.models.scripted_server import Stall
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.remote.test_workbench import PATIENCE
from tests.replies import ANSWER, MESSAGE, QUERY, Serve, told


@pytest.mark.parametrize("hard", [False, True], ids=["the stream ends", "the line is cut"])
async def test_a_stream_outlasts_a_restart_of_its_server(root: Path, serve: Serve, hard: bool) -> None:
    """The run waits for its model while the server goes; what became of it, its events tell without a gap."""
    model = serve(QUERY, Stall(), ANSWER, repeat_last=True)
    with Served(settings(root, model, api_token=SecretStr(TOKEN))) as server:
        async with Workbench(server.url, SecretStr(TOKEN), PATIENCE) as far:
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
            assert [n.number for n in await told(run)] == seen
            assert (await run.finished()).status == await run.status()


async def test_a_message_sent_while_the_server_is_away_arrives_once(root: Path, serve: Serve) -> None:
    with Served(settings(root, serve(ANSWER, repeat_last=True))) as server:
        async with Workbench(server.url, patience=PATIENCE) as far:
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
        async with Workbench(server.url, patience=Patience(total=0.2, pause=0.01)) as far:
            run = await (await (await far.workspace("tiny")).thread()).send("One")
            await run.reply()
            await asyncio.to_thread(server.stop)
            for use in (run.reply(), run.status(), far.workspaces()):
                with pytest.raises(ServerUnavailable, match="Check CFO_URL"):
                    await use


async def test_a_wrong_token_is_told(root: Path) -> None:
    with Served(settings(root, "http://127.0.0.1:9/v1", api_token=SecretStr(TOKEN))) as server:
        for token in (None, SecretStr("another-token")):
            async with Workbench(server.url, token) as far:
                with pytest.raises(TokenRejected, match="Check CFO_API_TOKEN") as caught:
                    await far.workspaces()
                assert "another-token" not in str(caught.value)
