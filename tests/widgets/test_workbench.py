"""The whole workbench without a browser: restoring a thread, long titles, and a server that disappears."""

from collections.abc import Callable
from pathlib import Path

from cfo_widgets import Workbench as WorkbenchWidget
from pydantic import SecretStr

from cfo_kernel import Workbench, remote
from tests.conftest import Opened, settings
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.widgets.fake_page import FakePage, until


async def test_an_address_of_an_unknown_thread_is_reported(make_workbench: Callable[..., Workbench]) -> None:
    wb = make_workbench(model="offline")
    widget = WorkbenchWidget(wb)
    frame = FakePage(widget._frame)
    thread = await (await wb.workspace("tiny")).thread()
    await thread.ask("SQL: SELECT 1 AS one")
    assert await frame.ask("enter", thread=thread.id) == {"is_found": True}
    for nonsense in ("nonsense", "x" * 3000, "../tiny", "\0", "01k00000000000000000000000"):
        assert await frame.ask("enter", thread=nonsense) == {"is_found": False}
        assert widget._frame.thread == thread.id
    widget.close()


async def test_the_inputs_for_a_title_accept_as_much_as_the_engine_keeps(opened: Opened) -> None:
    thread = await (await opened(model="offline")).thread()
    await thread.ask("SQL: SELECT 1 AS one")
    widget = WorkbenchWidget()
    for longest in (widget._chat.longest_title, widget._threads.longest_title):
        await thread.rename("x" * longest)
        assert thread.title == "x" * longest
        await thread.rename("x" * (longest + 1))
        assert thread.title != "x" * (longest + 1)
    widget.close()


async def test_a_lost_server_is_reported_once_and_everything_is_loaded_when_it_returns(root: Path) -> None:
    chosen = settings(root, "http://127.0.0.1:1", model="offline", api_token=SecretStr(TOKEN))
    with Served(chosen) as server:
        async with remote.RemoteWorkbench(server.url, SecretStr(TOKEN)) as wb:
            widget = WorkbenchWidget(wb)
            await FakePage(widget._workspaces).ask("begin", remembered="tiny")
            thread = await (await wb.workspace("tiny")).thread()
            await thread.ask("SQL: SELECT 1 AS one")
            await FakePage(widget._frame).ask("enter", thread=thread.id)
            server.stop()
            await widget._chat.refresh()
            await widget._data.refresh()
            await until(lambda: widget._frame.trouble)
            messages = {widget._frame.trouble, widget._data.connection, (widget._chat.trouble or {}).get("message")}
            [message] = messages
            assert server.url in message
            assert "Your text is saved" in message
            assert not any(jargon in message for jargon in ("CFO_URL", "cfo serve", "attempts", "Errno"))
            server.start()
            await until(lambda: not widget._frame.trouble and not widget._chat.trouble and not widget._data.connection)
            assert len(widget._chat.messages) == 2
            widget.close()
