"""Checks the invariants of a root after all runs have ended, however often its processes were killed."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl

from cfo_kernel.events import Done, Result, ToolCall, ToolResult
from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.replies import Reply, TaskResult, UserInteraction, WriteSheetFromFile
from tests.chaos.chaos import Chaos
from tests.chaos.model import ROWS, final_message, purpose
from tests.chaos.snapshots import changed
from tests.chaos.users import Sent, Users
from tests.replies import shown_message


async def check(chaos: Chaos, crowd: Users) -> None:
    """Raises an AssertionError for the first violation."""
    async with RemoteWorkbench(chaos.url) as remote:
        for sent in crowd.sent:
            run = await remote.run(sent.run.id)
            again = [n async for n in run.events()]
            assert sent.events == again, f"{sent.run.id}: a second reading gives other events"
            _check_events(sent)
            assert await run.status() == "succeeded"
        tiny = await remote.workspace("tiny")
        assert sorted(t.id for t in await tiny.threads()) == sorted({s.thread.id for s in crowd.sent})
    for sent in {s.thread.id: s for s in crowd.sent}.values():
        _check_thread(chaos.root, crowd.sent_in(sent.thread))
    _check_ledger(chaos, crowd)
    _check_model(chaos, crowd)


def _check_events(sent: Sent) -> None:
    events = sent.events
    run = sent.run.id
    assert [n.number for n in events] == list(range(len(events))), f"{run}: the numbers have a gap"
    kinds = Counter(n.event.type for n in events)
    assert kinds["run_started"] == kinds["result"] == kinds["done"] == 1, f"{run}: {kinds}, {events[-2:]}"
    assert kinds["action_started"] <= 1, f"{run}: {kinds}"
    assert [n.event.type for n in events[-2:]] == ["result", "done"]
    calls = [n.event.id for n in events if isinstance(n.event, ToolCall)]
    results = [n.event.id for n in events if isinstance(n.event, ToolResult)]
    assert len(set(calls)) == len(calls), f"{run}: two events for one call"
    assert sorted(calls) == sorted(results), f"{run}: the calls do not match the results"
    reply = reply_of(sent)
    assert reply.kind == _kind(sent.kind), f"{run}: {reply}"
    text = reply.message if isinstance(reply, TaskResult | UserInteraction) else reply.purpose
    if sent.kind != "direct":
        assert text == (final_message if isinstance(reply, TaskResult) else purpose)(sent.marker)
        assert shown_message(events) == text, f"{run}: the tokens add up to another text"
    assert getattr(reply, "error", None) is None, f"{run}: {reply}"


def reply_of(sent: Sent) -> Reply:
    [reply] = [n.event.reply for n in sent.events if isinstance(n.event, Result)]
    return reply


def _kind(kind: str) -> str:
    kinds = {"table": "run_sql", "repair": "run_sql"} | dict.fromkeys(("create", "append"), "write_sheet_from_file")
    return kinds.get(kind, "task_result")


def _check_thread(root: Path, sent: list[Sent]) -> None:
    thread = sent[0].thread.id
    folder = root / "tiny" / "threads" / thread
    entries: list[dict[str, Any]] = json.loads((folder / "message_history.json").read_text())["entries"]
    messages = [e["run_id"] for e in entries if e["type"] == "message"]
    assert messages == [s.run.id for s in sent], f"{thread}: messages lost, doubled or out of order"
    outcomes = {e["run_id"]: e for e in entries if e["type"] == "run"}
    assert len(entries) == 2 * len(sent), f"{thread}: {len(entries)} entries for {len(sent)} messages"
    assert list(outcomes) == [s.run.id for s in sent], f"{thread}: the outcomes are out of order"
    for one in sent:
        stored = outcomes[one.run.id]
        assert stored["status"] == "succeeded"
        [done] = [n.event for n in one.events if isinstance(n.event, Done)]
        assert stored["usage"] == done.usage.model_dump(mode="json"), f"{one.run.id}: the history has another usage"
        reply = reply_of(one).model_dump(mode="json", by_alias=True)
        assert stored["reply"] == reply, f"{one.run.id}: the history has another reply"
    sheets = [r for s in sent if isinstance(r := reply_of(s), WriteSheetFromFile)]
    if sheets:
        book = openpyxl.load_workbook(folder / "results" / "report.xlsx", read_only=True)
        rows = list(book["Totals"].iter_rows(values_only=True))
        assert book.sheetnames == ["Totals"]
        assert len(rows) == 1 + ROWS * len(sheets), f"{thread}: {len(rows)} rows after {len(sheets)} writes"
        assert len({tuple(row) for row in rows}) == 1 + ROWS
        book.close()
    assert not list(folder.glob("results/.*.xlsx")), f"{thread}: a copy of a workbook is left over"


def _check_ledger(chaos: Chaos, crowd: Users) -> None:
    used = {s.run.id: n.event.usage for s in crowd.sent for n in s.events if isinstance(n.event, Done)}
    rows = chaos.stores.capsules()
    assert sorted(rows) == sorted((run, usage.requests, usage.input_tokens) for run, usage in used.items())
    runs = chaos.stores.runs()
    assert {run for run, *_ in runs} == set(used), "the runs in the journal are not the accepted ones"
    assert {status for *_, status in runs} == {"succeeded"}


def _check_model(chaos: Chaos, crowd: Users) -> None:
    """No recorded answer was requested again, no tool that had returned ran again, and no event was rewritten."""
    marker_of = {s.run.id: s.marker for s in crowd.sent}
    texts = {s.run.id: [json.loads(n.event.model_dump_json(by_alias=True)) for n in s.events] for s in crowd.sent}
    for snapshot in chaos.snapshots:
        recorded: Counter[str] = Counter()
        for run, count in snapshot.responses.items():
            recorded[marker_of[run]] += count
        again = [r for r in chaos.model.received[snapshot.requests :] if r.step < recorded[r.marker]]
        assert not again, f"recorded answers were requested again: {again}"
        assert not changed(snapshot.files), "a result file was written again"
        for run, written in snapshot.events.items():
            assert [json.loads(data) for data in written] == texts[run][: len(written)], f"{run}: events were rewritten"
    counts = Counter((request.marker, request.step) for request in chaos.model.received)
    for sent in crowd.sent:
        for event in (n.event for n in sent.events):
            if isinstance(event, ToolResult) and event.id in chaos.model.tool_results:
                [text] = chaos.model.tool_results[event.id]
                assert json.loads(text) == event.output, f"{sent.run.id}: the model got another result"
    # Each death may repeat the request that it cut off; a `cut` message repeats one without a death.
    assert max(counts.values()) <= 2 + len(chaos.snapshots)
