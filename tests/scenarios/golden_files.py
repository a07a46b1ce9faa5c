"""Records of scenarios as JSON that is the same for every front end and machine, compared with golden files.

A difference means that what front ends receive has changed, or that one of them has a bug and differs from the others.
If the change is intended, rewrite the files, and read the difference before you commit it:

    CFO_GOLDEN=write python -m pytest tests/scenarios
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfo_kernel import Numbered, Run, Thread
from tests.replies import events_of

FOLDER = Path(__file__).parent / "golden"
WRITE = os.environ.get("CFO_GOLDEN") == "write"  # read here: the tests themselves see no CFO_ variable
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{12}|key-[0-9a-f]{32}")
_TIME = re.compile(r'"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)"')
_ELAPSED = re.compile(r'("elapsed_ms": )[0-9.]+')


class Golden:
    """The golden file of a scenario. Only the first front end writes it."""

    def __init__(self, name: str, *, is_first: bool) -> None:
        self._file = FOLDER / f"{name}.json"
        self._writes = WRITE and is_first

    def __call__(self, seen: Any) -> None:
        made = steady(laid_out(seen)) + "\n"
        if self._writes:
            self._file.write_text(made)
        kept = self._file.read_text()
        assert made.splitlines() == kept.splitlines()


def steady(text: str) -> str:
    """The JSON without times, with ids replaced by numbers in the order of their appearance."""
    ids: dict[str, str] = {}
    text = _ID.sub(lambda found: ids.setdefault(found[0], f"id-{len(ids) + 1}"), text)
    return _ELAPSED.sub(r"\g<1>1.5", _TIME.sub('"TIME"', text))


def laid_out(value: Any, indent: str = "", depth: int = 3) -> str:
    """JSON with one event per line, so that differences are easy to read."""
    deeper = indent + " "
    if depth and value and isinstance(value, dict):
        inner = [f"{deeper}{json.dumps(key)}: {laid_out(part, deeper, depth - 1)}" for key, part in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{indent}}}"
    if depth and value and isinstance(value, list | tuple):
        inner = [deeper + laid_out(part, deeper, 0 if isinstance(part, dict) else depth - 1) for part in value]
        return "[\n" + ",\n".join(inner) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def steps(events: Sequence[Numbered]) -> list[dict[str, Any]]:
    """A run's events, which must be numbered without a gap. Consecutive tokens are merged.

    Progress is excluded, because whether a query reports any depends on the speed of the machine.
    """
    assert [n.number for n in events] == list(range(len(events)))
    made: list[dict[str, Any]] = []
    place: dict[int, int] = {}  # which step an event is part of
    for numbered in events:
        event = json.loads(numbered.event.model_dump_json(by_alias=True))
        kind = event["type"]
        if kind == "token" and made and made[-1]["type"] == "token":
            made[-1]["text"] += event["text"]
        elif kind != "progress":
            made.append(event)
        place[numbered.number] = len(made) - 1
        if kind == "restarted":
            event["from"] = place[event["from"]]
    return made


async def story(thread: Thread, *runs: Run) -> dict[str, Any]:
    """Everything that a front end can know about these runs and their thread.

    Facts that it can learn in several ways are recorded once, after a check that they are the same.
    """
    messages = [as_json(message) for message in await thread.messages()]
    answers = {m["run_id"]: m for m in messages if m["who"] == "agent"}
    every = [steps(await events_of(run)) for run in runs]
    for run, events in zip(runs, every, strict=True):
        said, done = events[-2:]
        reply, error = said.get("reply"), {name: said.get(name) for name in ("code", "message", "details")}
        finished, message = as_json(await run.finished()), answers[run.id]
        assert finished["thread_id"] == thread.id
        assert (finished["status"], finished["usage"]) == (done["status"], done["usage"])
        assert (message["status"], message["usage"]) == (done["status"], done["usage"])
        assert message.pop("reply") == finished["reply"] == reply
        assert message.pop("error") == (None if reply else error)
        assert finished["error"] == (None if reply else said)
        assert await run.status() == done["status"]
    usage = (await thread.usage()).model_dump(mode="json")
    return {"runs": every, "messages": messages, "title": thread.title, "usage": usage}


def as_json(value: Any) -> dict[str, Any]:
    return json.loads(value.model_dump_json(by_alias=True))
