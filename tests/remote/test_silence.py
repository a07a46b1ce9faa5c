"""If a server accepts requests but no longer answers, waiting callers get an error within seconds."""

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cfo_widgets.data_panel import DataPanel
from cfo_widgets.wire import problem_dict

from cfo_kernel import Thread
from cfo_kernel.errors import CfoError, ServerUnavailable
from cfo_kernel.remote import RemoteWorkbench, liveness
from cfo_kernel.workbench import uploads
from tests.conftest import settings
from tests.remote.served import Served

TOLD = "does not answer"
INTERVAL, CHECK = 0.2, 1.0
SILENCE = 2 * (INTERVAL + CHECK)
"""How many seconds a server may be silent."""
PACE = 0.02  # seconds for each piece that an upload sends
HANG_GUARD = 60  # seconds; with the shortened intervals it usually takes about three


class Swallower:
    """A proxy that forwards everything until `swallows` is set, and from then on nothing in either direction."""

    swallows = False
    filled = 0
    """The number of bytes that are forwarded, slowly, on the first connection alone."""
    pieces = 0
    """The number of pieces that were forwarded slowly."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # sent data is not delayed
        server = await asyncio.start_server(self._taken, sock=listening, limit=1 << 15)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        waits = self.filled > 0 and bool(self._tasks)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, target, waits=waits)))

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, waits: bool) -> None:
        if waits:  # kept here, because an unreferenced stream is closed, and a closed connection is not silent
            await asyncio.Event().wait()
        with contextlib.suppress(OSError):
            while piece := await source.read(1 << 16):
                self.pieces += self.filled > 0
                await asyncio.sleep(PACE if self.filled > 0 else 0)
                self.filled -= len(piece)
                if not self.swallows:
                    target.write(piece)
                    await target.drain()
        target.close()


class Page:
    def __init__(self, panel: DataPanel, monkeypatch: pytest.MonkeyPatch) -> None:
        self._panel, self._told = panel, asyncio.Queue[dict[str, Any]]()
        monkeypatch.setattr(panel, "send", lambda content, *_: self._told.put_nowait(content))

    async def problem(self, type: str, buffers: list[memoryview], **more: Any) -> dict[str, Any]:
        self._panel._on_message(None, {"type": type, "request": type, "workspace_id": "tiny", **more}, buffers)
        return (await asyncio.wait_for(self._told.get(), HANG_GUARD))["problem"]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_CHECK_INTERVAL", INTERVAL)
    monkeypatch.setattr(liveness, "_CHECK_TIMEOUT", CHECK)


@pytest.mark.parametrize("way", ["silent", "refused"])
@pytest.mark.usefixtures("hurried")
async def test_each_command_of_a_page_ends_with_the_same_problem(
    way: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Served(settings(root, "http://127.0.0.1:9/v1")) as served:
        proxy = Swallower(int(served.url.rpartition(":")[2]))
        async with proxy.open() as url, RemoteWorkbench(url if way == "silent" else served.url, None) as wb:
            workspace = await wb.workspace("tiny")
            thread = await workspace.thread()
            await thread.ask("SQL: SELECT 1 AS n")
            panel = DataPanel()
            await panel.show(workspace)
            page = Page(panel, monkeypatch)
            if way == "silent":
                proxy.swallows = True
            else:
                served.stop()
            content = memoryview(b"a,b\n1,2\n")
            problems = await asyncio.gather(
                page.problem("preview", [], table="ledger"),
                page.problem("download", [], file="ledger.csv", key="k", **{"from": 0}),
                page.problem("upload", [content], upload_id="u", name="x.csv", size=len(content), offset=0),
                _problem_of(thread),
            )
            assert {p["code"] for p in problems} == {"server_unavailable"}
            assert len({p["message"] for p in problems}) == 1
            assert "The workbench server is not responding" in problems[0]["message"]
            panel.close()


async def _drained(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


async def _problem_of(thread: Thread) -> dict[str, str]:
    """The error that a page would show for a result that cannot be read."""
    with pytest.raises(CfoError) as refused:
        await thread.page("results/result_001.parquet")
    return problem_dict(refused.value)


@pytest.mark.usefixtures("hurried")
async def test_a_download_that_falls_silent_ends(root: Path) -> None:
    rows = b"a,b\n" + b"1,2\n" * (4 << 20)
    with Served(settings(root, "http://127.0.0.1:9/v1")) as served:
        proxy = Swallower(int(served.url.rpartition(":")[2]))
        async with proxy.open() as url, RemoteWorkbench(url, None) as wb:
            workspace = await wb.workspace("tiny")
            (root / "tiny" / "data" / "large.csv").write_bytes(rows)
            chunks = (await workspace.download("large.csv")).chunks
            assert await anext(aiter(chunks))
            proxy.swallows = True
            with pytest.raises(ServerUnavailable, match=TOLD):
                await asyncio.wait_for(_drained(chunks), HANG_GUARD)


@pytest.mark.usefixtures("hurried")
async def test_what_takes_long_at_a_server_that_lives_is_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_CHECK_TIMEOUT", HANG_GUARD)  # a busy machine is not a silent server
    copy, is_healthy, answers = uploads.copy, liveness._is_healthy, list[bool]()
    enough = threading.Event()

    async def checked(client: Any) -> bool:
        answers.append(await is_healthy(client))
        if len(answers) > 2 * liveness._MAX_FAILURES:
            enough.set()
        return answers[-1]

    def slow(*arguments: Any) -> Any:
        assert enough.wait(HANG_GUARD)
        return copy(*arguments)

    monkeypatch.setattr(liveness, "_is_healthy", checked)
    monkeypatch.setattr(uploads, "copy", slow)
    with Served(settings(root, "http://127.0.0.1:9/v1")) as served:
        async with RemoteWorkbench(served.url, None) as wb:
            made = await (await wb.workspace("tiny")).upload(io.BytesIO(b"a,b\n1,2\n"), "slow.csv")
    assert made.file == "slow.csv"
    assert all(answers)


async def test_failed_checks_add_up_only_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_CHECK_INTERVAL", 0.001)
    answers, checked = [False, True] * 5, asyncio.Event()

    async def is_healthy(_: Any) -> bool:
        if not answers:
            checked.set()
        return answers.pop(0) if answers else True

    async def work() -> str:
        await checked.wait()
        return "done"

    monkeypatch.setattr(liveness, "_is_healthy", is_healthy)
    client: Any = None
    assert await liveness.fail_when_silent(client, work()) == "done"


@pytest.mark.usefixtures("hurried")
async def test_a_line_that_an_upload_fills_is_not_silence(root: Path) -> None:
    rows = b"a,b\n" + (b"x" * 16_000 + b",2\n") * 700
    with Served(settings(root, "http://127.0.0.1:9/v1")) as served:
        proxy = Swallower(int(served.url.rpartition(":")[2]))
        async with proxy.open() as url, RemoteWorkbench(url, None) as wb:
            workspace = await wb.workspace("tiny")
            proxy.filled = len(rows)  # no health check gets through
            made = await workspace.upload(io.BytesIO(rows), "slow.csv")
    assert made.file == "slow.csv"
    assert proxy.pieces * PACE > SILENCE
