"""Runs each case in the tables on a workbench with the real client, and checks the outcome and the whole thread.

All cases share one workbench and one server, so that a case takes a twentieth of a second.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic_ai.exceptions import UsageLimitUnavailableWarning

from cfo_kernel import FinishedRun, Numbered, Settings, TaskResult, UserInteraction, Workspace, connect
from cfo_kernel.agent.outputs import MESSAGE_ARGUMENTS
from cfo_kernel.events import ToolCall, ToolResult
from tests.agent.servers import answers, failures, reported, reported_failures
from tests.agent.servers.case import QUERY, RESULT, SQL, Case, Fails, Works
from tests.agent.servers.history import assert_history_is_whole
from tests.agent.servers.wire import RawServer, Turn, call, calls, chunk, one_call
from tests.conftest import KEY
from tests.ingested import copy_ingested
from tests.replies import events_of, shown_message

CASES: dict[str, Case] = {
    **answers.ANSWERS,
    **reported.REPORTED,
    **failures.FAILURES,
    **reported_failures.REPORTED,
}

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The workbench silences this one, and pytest undoes that.
    pytest.mark.filterwarnings("ignore::pydantic_ai.exceptions.UsageLimitUnavailableWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[RawServer]:
    async with RawServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(
    server: RawServer, _sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workspace]:
    root = tmp_path_factory.mktemp("servers")
    copy_ingested(_sample, root / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
        settings = Settings(
            root=root, model="openai:x", base_url=server.base_url, openai_api_key=KEY,
            fallback_model=None, model_retries=1, model_timeout=10, request_limit=20,
        )  # fmt: skip
        async with connect(settings=settings) as workbench:
            yield await workbench.workspace("tiny")


@pytest.mark.parametrize("name", CASES)
async def test_a_server(name: str, server: RawServer, workspace: Workspace, recwarn: pytest.WarningsRecorder) -> None:
    case = CASES[name]
    server.play(case.turns)
    thread = await workspace.thread()
    run = await thread.send("What is the total?")
    events = await events_of(run)
    finished = await run.finished()
    if isinstance(case.ends, Works):
        assert_works(case.ends, finished, events)
    else:
        assert_fails(case.ends, finished)
    if case.ends.requests is not None:
        assert len(server.requests) == case.ends.requests
    assert_history_is_whole(server.requests)
    # Whatever happened, the thread can be continued.
    server.play([RESULT])
    assert (await (await thread.send("And now?")).finished()).status == "succeeded"
    assert_history_is_whole(server.requests)
    # The workbench silences this one, and pytest undoes that.
    assert [w for w in recwarn if w.category is not UsageLimitUnavailableWarning] == []


async def asked(workspace: Workspace, server: RawServer, *turns: Turn) -> list[Any]:
    """The events of a run with these turns."""
    server.play(turns)
    run = await (await workspace.thread()).send("What is the total?")
    return [numbered.event for numbered in await events_of(run)]


async def test_a_second_reply_is_reported_as_not_executed(server: RawServer, workspace: Workspace) -> None:
    replies = (call("task_result", {"message": "first"}, "a", 0), call("user_interaction", {"message": "b?"}, "b", 1))
    events = await asked(workspace, server, calls(*replies))
    [made] = [event for event in events if isinstance(event, ToolCall)]
    [told] = [event for event in events if isinstance(event, ToolResult)]
    assert (made.name, made.input) == ("user_interaction", {"message": "b?"})
    assert (told.id, told.name, told.failed) == (made.id, made.name, True)
    assert "not used" in told.output


async def test_an_argument_that_was_ignored_is_named_with_the_result(server: RawServer, workspace: Workspace) -> None:
    events = await asked(workspace, server, one_call("execute_sql", {**SQL, "limit": 100}), RESULT)
    [told] = [event for event in events if isinstance(event, ToolResult)]
    assert told.output["notes"] == ["execute_sql has no argument limit: its value was ignored."]
    assert "ignored" in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        (
            "execute_query_plan",
            {"table": "ledger", "filters": [], "filter": [{"column": "amount", "op": ">", "value": 0}]},
            ["filter is not a field: did you mean filters?", '"group_by"?: [{...}]'],
        ),
        (
            "execute_query_plan",
            {"table": "ledger", "select": [{"column": "amount"}]},
            ["select.0.name is missing", "select.0.expression is missing", '"fn": count|count_distinct|sum'],
        ),
        ("execute_sql", '{"sql": "SELECT', ["not one JSON object", '{"sql": string}']),
        ("run_sql", {**SQL, "purpose": "All.", "limit": 3}, ["limit is not a field", '"purpose": string']),
    ],
)
async def test_arguments_that_do_not_fit_are_explained(
    server: RawServer, workspace: Workspace, name: str, arguments: Any, says: list[str]
) -> None:
    await asked(workspace, server, one_call(name, arguments), QUERY, RESULT)
    told = json.loads(server.requests[1]["messages"][-1]["content"])["error"]
    assert [text for text in says if text not in told] == [], told
    assert len(told) < 1500


async def test_a_model_that_answered_in_text_learns_the_names_of_the_replies(
    server: RawServer, workspace: Workspace
) -> None:
    await asked(workspace, server, [chunk({"content": "60"}), chunk({}, "stop")], QUERY, RESULT)
    told = server.requests[1]["messages"][-1]["content"]
    assert [name for name in MESSAGE_ARGUMENTS if name not in told] == []


def assert_works(expected: Works, finished: FinishedRun, events: list[Numbered]) -> None:
    assert finished.error is None
    reply = finished.reply
    assert isinstance(reply, TaskResult | UserInteraction)
    assert reply.message == expected.message
    assert shown_message(events) in ("", expected.message)
    result = reply.result if isinstance(reply, TaskResult) else None
    assert (result.rows if result else None) == expected.rows
    assert (reply.choices if isinstance(reply, UserInteraction) else ()) == expected.choices


def assert_fails(expected: Fails, finished: FinishedRun) -> None:
    assert (finished.status, finished.reply) == ("failed", None)
    assert finished.error
    message = finished.error.message
    assert (finished.error.code, [text for text in expected.says if text not in message]) == (expected.code, []), (
        message
    )
    assert [text for text in expected.never if text in message] == []
