"""Events, history and ledger all have the same usage, and it is counted once."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel.errors import StorageFailed
from cfo_kernel.runs.usage_recorder import UsageRecorder
from cfo_kernel.store.ledger import Ledger
from tests.conftest import Opened
from tests.models.scripted_server import CutStream, Stall, Status, ToolCall
from tests.replies import ANSWER, QUERY, TABLE, Serve, events_of, wait_for_event

ASK = ToolCall("user_interaction", {"message": "Go on."})
COUNTED = {
    "prompt_tokens": 1000,
    "completion_tokens": 20,
    "total_tokens": 1020,
    "prompt_tokens_details": {"cached_tokens": 600},
}


def capsules(root: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(root / ".cfo" / "ledger.db") as ledger:
        ledger.row_factory = sqlite3.Row
        return [dict(row) for row in ledger.execute("SELECT * FROM capsule ORDER BY accepted_at, run_id")]


async def test_every_run_has_one_capsule_whatever_its_outcome(serve: Serve, opened: Opened, root: Path) -> None:
    (root / "prices.toml").write_text('["openai:scripted"]\ninput = 10\ncached_input = 1\noutput = 100\n')
    server = serve(QUERY, ANSWER, Status(400), Stall(6, ANSWER), usage=COUNTED)
    workspace = await opened(server)
    thread = await workspace.thread()
    runs = [await thread.send("One"), await thread.send("Two")]
    for run in runs:
        await run.finished()
    runs.append(await thread.send("Three"))
    await wait_for_event(runs[2], "token")
    await runs[2].cancel()
    finished = [await run.finished() for run in runs]
    used = finished[0].usage
    assert (used.input_tokens, used.cached_tokens, used.output_tokens) == (2000, 1200, 40)
    assert used.cost == pytest.approx(0.0132)  # 800 at 10, 1200 at 1 and 40 at 100 USD for a million
    kept = {c["run_id"]: c for c in capsules(root)}
    assert [(kept[r.id]["status"], kept[r.id]["error_code"]) for r in runs] == [
        ("succeeded", None),
        ("failed", "model_unavailable"),
        ("cancelled", "cancelled"),
    ]
    assert [kept[r.id]["cost_nano"] for r in runs] == [13_200_000, 0, None]
    assert {(c["workspace_id"], c["thread_id"]) for c in kept.values()} == {("tiny", thread.id)}
    assert all(c["accepted_at"] and c["accepted_at"][:19] <= c["ended_at"][:19] for c in kept.values())
    assert kept[runs[0].id]["model"] == "openai:scripted"
    totals = await thread.usage()
    assert (totals.runs, totals.unpriced_runs, totals.cost) == (3, 1, 0.0132)
    assert totals == await workspace.usage()
    assert (await (await workspace.thread()).usage()).runs == 0
    shown = [m.usage for m in await thread.messages() if m.who == "agent"]
    assert shown == [run.usage for run in finished]


async def test_the_usage_of_a_deleted_thread_is_kept(serve: Serve, opened: Opened) -> None:
    workspace = await opened(serve(ASK))
    thread = await workspace.thread()
    await thread.ask("One")
    await thread.delete()
    assert (await workspace.usage()).runs == 1


async def test_a_truncated_answer_makes_the_cost_unknown(serve: Serve, opened: Opened, root: Path) -> None:
    (root / "prices.toml").write_text('["openai:scripted"]\ninput = 10\noutput = 100\n')
    thread = await (await opened(serve(CutStream(7, ANSWER), ANSWER))).thread()
    finished = await (await thread.send("One")).finished()
    assert (finished.status, finished.usage.cost, finished.usage.input_tokens) == ("succeeded", None, 10)


async def test_a_server_that_counts_no_tokens(serve: Serve, opened: Opened, root: Path) -> None:
    (root / "prices.toml").write_text('["openai:scripted"]\ninput = 10\noutput = 100\n')
    thread = await (await opened(serve(QUERY, ANSWER, usage={}), token_limit=1)).thread()
    finished = await (await thread.send("One")).finished()
    assert (finished.status, finished.usage.cost, finished.usage.input_tokens) == ("succeeded", None, 0)


async def test_a_run_is_sealed_once_before_its_end_is_published(
    serve: Serve, opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger fails after storing the capsule: the run stays open, and ending it again adds no second capsule."""
    seal, failures = Ledger.seal, iter([True])

    def sealed_then_failing(self: Ledger, capsule: Any) -> None:
        seal(self, capsule)
        if next(failures, False):
            raise StorageFailed("The disk is full. Mend that.")

    monkeypatch.setattr(Ledger, "seal", sealed_then_failing)
    thread = await (await opened(serve(TABLE))).thread()
    run = await thread.send("One")
    finished = await asyncio.wait_for(run.finished(), 20)
    assert finished.status == "succeeded"
    assert [n.event.type for n in await events_of(run)].count("done") == 1
    (capsule,) = capsules(root)
    assert (capsule["run_id"], capsule["status"], capsule["requests"]) == (run.id, "succeeded", 1)


async def test_the_history_has_the_outcome_when_a_run_is_sealed(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, seen = UsageRecorder.seal, []

    async def look(self: UsageRecorder, run: Any, entry: Any) -> None:
        seen.append([m.status for m in await thread.messages() if m.who == "agent"])
        await seal(self, run, entry)

    monkeypatch.setattr(UsageRecorder, "seal", look)
    thread = await (await opened(serve(ASK))).thread()
    run = await thread.send("One")
    await run.finished()
    assert seen == [["succeeded"]]
