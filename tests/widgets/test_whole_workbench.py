"""The parts put together, without a browser: the thread of the address, a title's length, a server that is away."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfo_widgets import Workbench as Widget
from pydantic import SecretStr

from cfo_kernel import Workbench, remote
from tests.conftest import Opened, settings
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.widgets.pages import Page


async def _until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.02)


async def test_an_address_without_a_thread_is_told(make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench(model="offline")
    widget = Widget(wb)
    frame = Page(widget._frame)
    thread = await (await wb.workspace("tiny")).thread()
    await thread.ask("SQL: SELECT 1 AS one")
    assert await frame.ask("enter", thread=thread.id) == {"is_found": True}
    for nonsense in ("nonsense", "x" * 3000, "../tiny", "\0", "01k00000000000000000000000"):
        assert await frame.ask("enter", thread=nonsense) == {"is_found": False}
        assert widget._frame.thread == thread.id
    widget.close()


async def test_the_boxes_for_a_title_take_as_much_as_the_engine_keeps(opened: Opened) -> None:
    thread = await (await opened(model="offline")).thread()
    await thread.ask("SQL: SELECT 1 AS one")
    widget = Widget()
    for longest in (widget._chat.longest_title, widget._threads.longest_title):
        await thread.rename("x" * longest)
        assert thread.title == "x" * longest
        await thread.rename("x" * (longest + 1))
        assert thread.title != "x" * (longest + 1)
    widget.close()


async def test_a_server_that_is_away_is_told_once_for_people_and_what_was_missed_is_caught_up(root: Path) -> None:
    chosen = settings(root, "http://127.0.0.1:1", model="offline", api_token=SecretStr(TOKEN))
    with Served(chosen) as server:
        async with remote.RemoteWorkbench(server.url, SecretStr(TOKEN)) as wb:
            widget = Widget(wb)
            await Page(widget._workspaces).ask("begin", remembered="tiny")
            thread = await (await wb.workspace("tiny")).thread()
            await thread.ask("SQL: SELECT 1 AS one")
            await Page(widget._frame).ask("enter", thread=thread.id)
            server.stop()
            await widget._chat.refresh()
            await widget._data.refresh()
            await _until(lambda: widget._frame.trouble)
            told = {widget._frame.trouble, widget._data.connection, (widget._chat.trouble or {}).get("message")}
            [words] = told
            assert server.url in words
            assert "Your text is saved" in words
            assert not any(jargon in words for jargon in ("CFO_URL", "cfo serve", "attempts", "Errno"))
            server.start()
            await _until(lambda: not widget._frame.trouble and not widget._chat.trouble and not widget._data.connection)
            assert len(widget._chat.messages) == 2
            widget.close()
