"""A run whose outcome can never be stored ends as failed, and nothing waits for it forever."""

import asyncio
from typing import Any

import pytest

from cfo_kernel.errors import StorageFailed
from cfo_kernel.runs import queue_procrastinate, queue_table
from cfo_kernel.runs.unstored_outcomes import MOST_ATTEMPTS
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.store.history import History
from cfo_kernel.store.ledger import Capsule, Ledger
from tests.agent.servers.case import MESSAGE
from tests.agent.servers.wire import RawServer, call, calls, chunk
from tests.conftest import Opened
from tests.models.scripted_server import ToolCall
from tests.replies import Serve, events_of
from tests.runs.test_runs import assert_whole, new_thread

ASK = ToolCall("user_interaction", {"message": "Go on."})
ERRORS = [StorageFailed("The disk is full. Free some space."), OverflowError("too large"), RecursionError("too deep")]
PLACES = [(Ledger, "seal"), (UsageRecorder, "seal"), (History, "record_outcome"), (History, "_write")]


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_table, "_ADOPT_EVERY", 0.01)
    monkeypatch.setattr(queue_procrastinate, "_HEARTBEAT", 0.05)  # the pause between attempts as well


@pytest.fixture
def database(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a workbench with this database. Each has its own queue."""
    return {"database_url": request.getfixturevalue("postgres")} if request.param == "postgres" else {}


def raising(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("database", "error"),
    [*(("sqlite", error) for error in ERRORS), *(("postgres", error) for error in ERRORS[:2])],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
    indirect=["database"],
)
async def test_a_run_that_cannot_be_sealed_ends_as_failed(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch, error: Exception, database: dict[str, Any]
) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True), **database)
    sealed: list[str] = []

    def seal(_: Ledger, capsule: Capsule) -> None:
        sealed.append(capsule.run_id)
        raise error

    monkeypatch.setattr(Ledger, "seal", seal)
    runs = [await thread.send("One"), await thread.send("Two")]  # the second waits for the first
    async with asyncio.timeout(20):
        ends = [await run.finished() for run in runs]
    for run, end in zip(runs, ends, strict=True):
        assert (end.status, end.error and end.error.code) == ("failed", "storage_failed")
        assert end.error
        assert end.error.message.startswith("The outcome of this message could not be stored.")
        assert end.usage.requests == 1
        assert_whole(await events_of(run))
        assert sealed.count(run.id) == MOST_ATTEMPTS + 1  # and once more for the failure
    stored = [m for m in await thread.messages() if m.who == "agent"]
    assert [(m.status, m.error and m.error.message) for m in stored] == [
        (e.status, e.error.message) for e in ends if e.error
    ]
    monkeypatch.undo()
    assert (await (await thread.send("Three")).finished()).status == "succeeded"


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=lambda place: getattr(place, "__name__", place))
async def test_a_thread_whose_runs_cannot_be_stored_can_be_cancelled_and_deleted(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    thread = await new_thread(opened, serve(ASK, repeat_last=True))
    first, second = await thread.send("One"), await thread.send("Two")
    monkeypatch.setattr(owner, name, raising(TypeError("broken")))
    async with asyncio.timeout(20):
        await first.cancel()
        await second.cancel()
        assert {(await run.finished()).status for run in (first, second)} <= {"failed", "cancelled"}
        await thread.send("Three") if name != "_write" else None
        await thread.delete()


COUNTS = [10**40, 2**63 - 5, 1e308, float("inf"), float("nan"), -(10**30), "9" * 400, 10**12 + 1]


async def test_no_count_of_a_server_is_too_large_to_store(opened: Opened) -> None:
    async with RawServer() as server:
        workspace = await opened(server.base_url, token_limit=10**18)
        for count in COUNTS:
            details = {"cached_tokens": count, "audio_tokens": count}
            usage = {"prompt_tokens": count, "completion_tokens": count, "prompt_tokens_details": details, "x": count}
            answer = calls(call("user_interaction", {"message": MESSAGE}))
            server.play([[*answer, chunk(choices=[], usage={**usage, "total_tokens": count, "cost": {"x": count}})]])
            thread = await workspace.thread()
            async with asyncio.timeout(20):
                end = await (await thread.send("What is the total?")).finished()
            assert end.error is None, count
            for counted in (end.usage, await thread.usage()):
                numbers = (counted.input_tokens, counted.cached_tokens, counted.output_tokens)
                assert all(0 <= number <= 10**12 for number in numbers), count
        assert (await workspace.usage()).runs == len(COUNTS)
