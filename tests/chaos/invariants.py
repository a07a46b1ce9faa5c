"""What must be true of a root when all has ended, however often its processes were killed."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import openpyxl

from cfo_kernel import Numbered
from cfo_kernel.events import Done, Restarted, Result, Token, ToolCall, ToolResult
from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.replies import Reply, TaskResult, UserInteraction, WriteSheetFromFile
from tests.chaos.body import Chaos, People, Sent
from tests.chaos.journal import changed
from tests.chaos.model import ROWS, final_message, purpose


async def check(chaos: Chaos, crowd: People) -> None:
    """Raises an AssertionError that names the seed and the first thing that is wrong."""
    async with RemoteWorkbench(chaos.url) as far:
        for sent in crowd.sent:
            there = await far.run(sent.run.id)
            again = [n async for n in there.events()]
            assert sent.events == again, f"{sent.run.id}: read again, the events are others"
            _check_events(sent)
            assert await there.status() == "succeeded"
        tiny = await far.workspace("tiny")
        assert sorted(t.id for t in await tiny.threads()) == sorted({s.thread.id for s in crowd.sent})
    for sent in {s.thread.id: s for s in crowd.sent}.values():
        _check_thread(chaos.root, crowd.sent_in(sent.thread))
    _check_ledger(chaos, crowd)
    _check_model(chaos, crowd)


def _check_events(sent: Sent) -> None:
    events = sent.events
    run = sent.run.id
    assert [n.number for n in events] == list(range(len(events))), f"{run}: numbers with a gap"
    kinds = Counter(n.event.type for n in events)
    assert kinds["run_started"] == kinds["result"] == kinds["done"] == 1, f"{run}: {kinds}, {events[-2:]}"
    assert kinds["action_started"] <= 1, f"{run}: {kinds}"
    assert [n.event.type for n in events[-2:]] == ["result", "done"]
    calls = [n.event.id for n in events if isinstance(n.event, ToolCall)]
    results = [n.event.id for n in events if isinstance(n.event, ToolResult)]
    assert len(set(calls)) == len(calls), f"{run}: a call was told twice"
    assert sorted(calls) == sorted(results), f"{run}: calls and results differ"
    reply = reply_of(sent)
    assert reply.kind == _kind(sent.kind), f"{run}: {reply}"
    said = reply.message if isinstance(reply, TaskResult | UserInteraction) else reply.purpose
    if sent.kind != "direct":
        assert said == (final_message if isinstance(reply, TaskResult) else purpose)(sent.marker)
        assert text_of(events) == said, f"{run}: its tokens make another text"
    assert getattr(reply, "error", None) is None, f"{run}: {reply}"


def text_of(events: list[Numbered]) -> str:
    """What a screen shows that honours `restarted`."""
    tokens: dict[int, str] = {}
    for numbered in events:
        match numbered.event:
            case Token(text=text):
                tokens[numbered.number] = text
            case Restarted(from_=first):
                tokens = {n: text for n, text in tokens.items() if n < first}
            case _:
                pass
    return "".join(tokens.values())


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
    said = [(e["run_id"], e["text"] or e["in_reply_to"]) for e in entries if e["type"] == "message"]
    assert [run for run, _ in said] == [s.run.id for s in sent], f"{thread}: messages lost, doubled or in disorder"
    outcomes = {e["run_id"]: e for e in entries if e["type"] == "run"}
    assert len(entries) == 2 * len(sent), f"{thread}: entries doubled"
    assert list(outcomes) == [s.run.id for s in sent], f"{thread}: outcomes in another order"
    for one in sent:
        kept = outcomes[one.run.id]
        assert kept["status"] == "succeeded"
        [done] = [n.event for n in one.events if isinstance(n.event, Done)]
        assert kept["usage"] == done.usage.model_dump(mode="json"), f"{one.run.id}: another usage"
        assert kept["reply"] == reply_of(one).model_dump(mode="json", by_alias=True), f"{one.run.id}: another reply"
    sheets = [r for s in sent if isinstance(r := reply_of(s), WriteSheetFromFile)]
    if sheets:
        book = openpyxl.load_workbook(folder / "results" / "report.xlsx", read_only=True)
        rows = list(book["Totals"].iter_rows(values_only=True))
        assert book.sheetnames == ["Totals"]
        assert len(rows) == 1 + ROWS * len(sheets), f"{thread}: {len(sheets)} times written, {len(rows)} rows"
        assert len({tuple(row) for row in rows}) == 1 + ROWS
        book.close()
    assert not list(folder.glob("results/.*.xlsx")), f"{thread}: a copy of a workbook was left"


def _check_ledger(chaos: Chaos, crowd: People) -> None:
    used = {s.run.id: n.event.usage for s in crowd.sent for n in s.events if isinstance(n.event, Done)}
    rows = chaos.look.capsules()
    assert sorted(rows) == sorted((run, usage.requests, usage.input_tokens) for run, usage in used.items())
    runs = chaos.look.runs()
    assert {run for run, *_ in runs} == set(used), "the journal has other runs than were accepted"
    assert {status for *_, status in runs} == {"succeeded"}


def _check_model(chaos: Chaos, crowd: People) -> None:
    """No recorded answer was asked for again, no tool that had returned ran again, no event was written anew."""
    marker_of = {s.run.id: s.marker for s in crowd.sent}
    texts = {s.run.id: [json.loads(n.event.model_dump_json(by_alias=True)) for n in s.events] for s in crowd.sent}
    for seen in chaos.seen:
        recorded: Counter[str] = Counter()
        for run, count in seen.responses.items():
            recorded[marker_of[run]] += count
        again = [a for a in chaos.model.asked[seen.order :] if a.step < recorded[a.marker]]
        assert not again, f"asked again though it was recorded: {again}"
        assert not changed(seen.files), "a result was written again"
        for run, told in seen.events.items():
            assert [json.loads(data) for data in told] == texts[run][: len(told)], f"{run}: another beginning"
    asked: defaultdict[tuple[str, int], int] = defaultdict(int)
    for request in chaos.model.asked:
        asked[request.marker, request.step] += 1
    for sent in crowd.sent:
        for event in (n.event for n in sent.events):
            if isinstance(event, ToolResult) and event.id in chaos.model.told:
                [told] = chaos.model.told[event.id]
                assert json.loads(told) == event.output, f"{sent.run.id}: the model was told another result"
    assert max(asked.values()) <= 2 + len(chaos.seen)
