"""The chat without a browser: its messages to and from the page, with the embedded workbench and scripted models."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cfo_widgets.chat import Chat
from pydantic import SecretStr

from cfo_kernel import TaskResult, Thread, remote
from tests.conftest import Opened, settings
from tests.models.scripted_server import Stall, ToolCall
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.replies import ANSWER, LOOK, MESSAGE, QUERY, TABLE, Serve
from tests.widgets.fake_page import until

TYPES = ["run_started", "tool_call", "tool_result", "tool_call", "tool_result", "token", "result", "done"]


class ChatPage:
    """A chat's page, with all messages that it receives."""

    def __init__(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chat = chat
        self.received: list[dict[str, Any]] = []
        monkeypatch.setattr(chat, "send", lambda content, *_: self.received.append(content))

    async def ask(self, type: str, **more: Any) -> Any:
        """The answer's value, or the problem."""
        request = f"{type}-{len(self.received)}-{id(more)}"
        opened = {} if type == "look" else {"opened": self.chat.opened}
        self.chat._on_message(None, {**opened, **more, "type": type, "request": request}, [])
        await until(lambda: any(message.get("request") == request for message in self.received))
        answer = next(message for message in self.received if message.get("request") == request)
        return answer["value"] if answer["type"] == "answer" else answer["problem"]

    async def idle(self) -> None:
        """Waits until every run has ended."""
        await until(lambda: not self.chat.is_working)

    def events(self, run_id: str | None = None) -> list[dict[str, Any]]:
        batches = [m for m in self.received if m["type"] == "events" and run_id in (None, m["run_id"])]
        return [numbered for batch in batches for numbered in batch["events"]]

    def types(self) -> list[str]:
        """The types of all events; consecutive tokens count as one."""
        types = [n["event"]["type"] for n in self.events()]
        return [t for n, t in enumerate(types) if t != "token" or types[n - 1] != t]


@pytest.fixture
async def page(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., ChatPage]]:
    made: list[Chat] = []

    def make(*arguments: Any, **options: Any) -> ChatPage:
        made.append(Chat(*arguments, **options))
        return ChatPage(made[-1], monkeypatch)

    yield make
    for chat in made:
        chat.close()
    await asyncio.sleep(0)


Pages = Callable[..., ChatPage]


async def test_a_message_is_sent_and_its_run_followed(opened: Opened, serve: Serve, page: Pages) -> None:
    at = page()
    assert at.chat.countdown == 10
    await at.chat.show(await (await opened(serve(LOOK, QUERY, ANSWER))).thread())
    assert (at.chat.thread_id, at.chat.title, at.chat.messages) == ("", "", [])
    changes: list[tuple[str, bool]] = []
    at.chat.on_change(lambda: changes.append((at.chat.title, at.chat.is_working)))
    run_id = (await at.ask("send", text="Totals by department", key="k1"))["run_id"]
    await at.idle()
    assert at.types() == TYPES
    assert [n["number"] for n in at.events(run_id)] == list(range(len(at.events())))
    person, agent = at.chat.messages
    assert (person["text"], person["run_id"], agent["run_id"]) == ("Totals by department", run_id, run_id)
    assert (agent["reply"]["message"], agent["chart"]["encoding"]["x"]["field"]) == (MESSAGE, "department")
    assert (at.chat.thread_id, at.chat.usage["runs"]) == (at.chat.thread.id if at.chat.thread else None, 1)
    assert changes == [("Totals by department", True), ("Totals by department", False)]
    assert await at.ask("look") == {}  # a run that has ended is part of the messages


async def test_the_same_key_twice_is_one_message(opened: Opened, serve: Serve, page: Pages) -> None:
    at = page()
    await at.chat.show(await (await opened(serve(ANSWER))).thread())
    first, again = await asyncio.gather(*(at.ask("send", text="Totals", key="k1") for _ in range(2)))
    await at.idle()
    assert first == again
    assert [m["who"] for m in at.chat.messages] == ["person", "agent"]


async def test_a_refused_command_names_its_reason(opened: Opened, serve: Serve, page: Pages) -> None:
    at = page()
    await at.chat.show(await (await opened(serve())).thread())
    assert (await at.ask("send", text="  ", key="k1"))["code"] == "empty_message"
    assert (await at.ask("rename", title="x"))["code"] == "thread_not_found"
    assert (await at.ask("send", text="Hi", key="k2", opened="of another kernel"))["code"] == "invalid_input"
    assert (await at.ask("dance"))["code"] == "invalid_input"


async def test_a_late_page_gets_the_events_of_the_open_run(opened: Opened, serve: Serve, page: Pages) -> None:
    at = page()
    await at.chat.show(await (await opened(serve(LOOK, Stall(6, ANSWER)))).thread())
    run_id = (await at.ask("send", text="Totals", key="k1"))["run_id"]
    await until(lambda: "token" in at.types())
    synced = (await at.ask("look"))[run_id]
    sent = at.events()  # in batches, so a moment later
    assert synced[: len(sent)] == sent[: len(synced)]
    assert synced[-1]["event"]["type"] == "token"
    await at.ask("cancel", run_id=run_id)
    await at.idle()
    assert at.types()[-2:] == ["error", "done"]
    assert at.chat.messages[-1]["status"] == "cancelled"


async def test_a_reply_is_continued_once(opened: Opened, serve: Serve, page: Pages) -> None:
    """The countdown of another tab, or a second click, comes too late, which is not an error."""
    at = page()
    await at.chat.show(await (await opened(serve(TABLE, ANSWER))).thread())
    run_id = (await at.ask("send", text="Totals", key="k1"))["run_id"]
    await at.idle()
    assert at.chat.continues_left == 5
    both = (at.ask("continue", run_id=run_id, untouched=untouched) for untouched in (True, False))
    assert await asyncio.gather(*both) == [None, None]
    await at.idle()
    assert [(m["who"], m["text"], m["untouched"]) for m in at.chat.messages[2:]] == [
        ("person", "", True),
        ("agent", "", False),
    ]
    assert at.chat.continues_left == 4


async def test_a_countdown_does_not_continue_when_no_continues_are_left(
    opened: Opened, serve: Serve, page: Pages
) -> None:
    at = page(countdown=0)
    assert at.chat.countdown == 0
    await at.chat.show(await (await opened(serve(TABLE, ANSWER), continue_limit=0)).thread())
    run_id = (await at.ask("send", text="Totals", key="k1"))["run_id"]
    await at.idle()
    assert await at.ask("continue", run_id=run_id, untouched=True) is None
    assert len(at.chat.messages) == 2
    await at.ask("continue", run_id=run_id, untouched=False)
    await at.idle()
    assert len(at.chat.messages) == 4


async def test_opening_another_thread_stops_following_the_first(opened: Opened, serve: Serve, page: Pages) -> None:
    at, workspace = page(), await opened(serve(Stall(6, ANSWER), ANSWER))
    first, second = await workspace.thread(), await workspace.thread()
    await at.chat.show(first)
    before = at.chat.opened
    run_id = (await at.ask("send", text="Slow", key="k1"))["run_id"]
    await until(lambda: "token" in at.types())
    await asyncio.gather(at.chat.show(second), at.chat.show(first), at.chat.show(second))
    assert (at.chat.thread, at.chat.messages, at.chat.is_working) == (second, [], False)
    assert len(at.chat._tasks) == 0
    await (await first.run(run_id)).cancel()
    await at.ask("send", text="Fast", key="k2")
    await at.idle()
    assert at.chat.messages[-1]["reply"]["message"] == MESSAGE
    late = (await at.ask("send", text="Written before the switch", key="k3", opened=before))["run_id"]
    assert [m.run_id for m in await first.messages() if m.who == "person"] == [run_id, late]
    assert len(at.chat.messages) == 2


async def test_rows_and_files_come_from_the_thread_that_the_page_shows(
    opened: Opened, serve: Serve, page: Pages
) -> None:
    at, workspace = page(), await opened(serve())
    first, second = [await workspace.thread() for _ in range(2)]
    replies = [await thread.ask(f"SQL: SELECT {n} AS n") for n, thread in enumerate((first, second), 1)]
    assert isinstance(replies[0], TaskResult)
    assert replies[0].result
    await at.chat.show(first)
    shown = at.chat.opened
    await at.chat.show(second)
    wanted: Any = {"file": replies[0].result.file, "limit": 10}  # the name of both results
    assert (await at.ask("page", opened=shown, **wanted))["rows"] == [[1]]
    assert (await at.ask("page", **wanted))["rows"] == [[2]]
    assert (await at.ask("page", opened="", **wanted))["code"] == "invalid_input"
    whole = {"file": replies[0].result.file, "format": "csv", "key": "k", "from": 0}
    assert (await at.ask("download", opened=shown, **whole))["name"] == "result_001.csv"


async def test_messages_of_another_client_are_shown_and_followed(opened: Opened, serve: Serve, page: Pages) -> None:
    at, workspace = page(), await opened(serve(ANSWER, ANSWER))
    thread: Thread = await workspace.thread()
    await thread.ask("First")
    await at.chat.show(await workspace.thread(thread.id))
    assert len(at.chat.messages) == 2
    run = await thread.send("Second")
    await thread.rename("Renamed elsewhere")
    await at.chat.refresh(await workspace.thread(thread.id))
    await at.idle()
    assert at.chat.title == "Renamed elsewhere"
    assert [m["text"] for m in at.chat.messages] == ["First", "", "Second", ""]
    assert at.events(run.id)[-1]["event"]["type"] == "done"


async def test_the_steps_of_a_run_that_has_ended(opened: Opened, serve: Serve, page: Pages) -> None:
    unknown = ToolCall("execute_sql", {"sql": "FROM nowhere"})
    workspace = await opened(serve(LOOK, unknown, ANSWER))
    thread = await workspace.thread()
    await thread.ask("Totals")
    at = page(thread)
    await until(lambda: at.chat.messages)
    steps = await at.ask("steps", run_id=at.chat.messages[0]["run_id"])
    assert [(s["event"]["type"], s["event"]["name"]) for s in steps] == [
        (kind, name) for name in ("list_datasets", "execute_sql") for kind in ("tool_call", "tool_result")
    ]
    assert [s["event"].get("failed") for s in steps] == [None, False, None, True]


async def test_a_new_thread_for_a_cell(opened: Opened, serve: Serve, page: Pages) -> None:
    workspace = await opened(serve(ANSWER))
    at = page(workspace)
    await until(lambda: at.chat.thread)
    await at.ask("send", text="Totals", key="k1")
    await at.idle()
    assert await at.ask("rename", title="Spending") is None
    assert at.chat.title == "Spending"
    assert [t.title for t in await workspace.threads()] == ["Spending"]


async def test_events_are_sent_in_batches(opened: Opened, serve: Serve, page: Pages) -> None:
    """Jupyter's server drops messages above a thousand per second."""
    long = ToolCall("task_result", {"message": "word " * 2000})
    at = page()
    await at.chat.show(await (await opened(serve(long))).thread())
    await at.ask("send", text="At length", key="k1")
    await at.idle()
    tokens = [n["event"]["text"] for n in at.events() if n["event"]["type"] == "token"]
    assert "".join(tokens).strip() == ("word " * 2000).strip()
    assert [n["number"] for n in at.events()] == list(range(len(at.events())))


async def test_a_queued_message_is_cancelled_before_its_turn(opened: Opened, serve: Serve, page: Pages) -> None:
    at = page()
    await at.chat.show(await (await opened(serve(Stall(6, ANSWER), ANSWER))).thread())
    first = (await at.ask("send", text="Slow", key="k1"))["run_id"]
    second = (await at.ask("send", text="Later", key="k2"))["run_id"]
    assert await at.ask("cancel", run_id=second) is None
    assert [(m["run_id"], m["status"]) for m in at.chat.messages if m["who"] == "agent"] == [(second, "cancelled")]
    assert at.chat.is_working
    await at.ask("cancel", run_id=first)
    await at.idle()


async def test_a_remote_thread_gets_its_id_with_its_first_message(root: Path, serve: Serve, page: Pages) -> None:
    at = page()
    chosen = settings(root, serve(LOOK, QUERY, ANSWER), api_token=SecretStr(TOKEN))
    with Served(chosen) as server:
        async with remote.RemoteWorkbench(server.url, SecretStr(TOKEN)) as wb:
            await at.chat.show(await (await wb.workspace("tiny")).thread())
            await at.ask("send", text="Totals by department", key="k1")
            await at.idle()
            assert at.types() == TYPES
            assert [t.id for t in await (await wb.workspace("tiny")).threads()] == [at.chat.thread_id]
            assert (at.chat.title, at.chat.messages[1]["reply"]["message"]) == ("Totals by department", MESSAGE)
            at.chat.close()


async def test_openings_are_kept_while_they_are_shown_in_use_or_recent(
    opened: Opened, page: Callable[..., ChatPage]
) -> None:
    workspace = await opened()
    at = page()
    await at.chat.show(await workspace.thread())
    first = at.chat.opened
    openings = at.chat._open_threads
    with openings.use(first):
        for _ in range(100):
            await at.chat.show(await workspace.thread())
        assert len(openings) <= 33
        assert openings[first] is not openings[at.chat.opened]  # it is in use
    for _ in range(40):
        await at.chat.show(await workspace.thread())
    assert len(openings) == 32
    gone = await at.ask("rename", title="x", opened=first)
    assert (gone["code"], "Reload the page" in gone["message"]) == ("invalid_input", True)
    shown = at.chat.opened
    for opened_before in list(openings._threads)[:-1] * 2:  # the thread shown is not the most recently used one
        with openings.use(opened_before):
            pass
    openings._in_use.clear()
    assert openings[shown] is at.chat.thread
