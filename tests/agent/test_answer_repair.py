"""Repairs a model's whole answer, and continues runs from answers that needed repair."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from cfo_kernel.agent.answer_repair import repaired
from cfo_kernel.agent.models import OpenedModel
from cfo_kernel.agent.prices import Prices
from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.turn import RunLimits, TurnResult, run_turn
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.events import Usage
from cfo_kernel.replies import TaskResult
from tests.agent.offered_tools import TOOLS
from tests.replies import MESSAGE, TOTALS

SQL = {"sql": TOTALS}
AS_TEXT = f"<tool_call>{json.dumps({'name': 'execute_sql', 'arguments': SQL})}</tool_call>"


def calls(response: ModelResponse) -> list[tuple[str, Any]]:
    return [(part.tool_name, part.args) for part in response.parts if isinstance(part, ToolCallPart)]


def repair(*parts: Any, queried: bool = False, before: tuple[ModelResponse, ...] = (), **fields: Any) -> ModelResponse:
    return repaired(ModelResponse([*parts], **fields), TOOLS, before, queried=queried)


def test_a_valid_answer_is_returned_itself() -> None:
    answer = ModelResponse(
        [ThinkingPart("hm"), TextPart("I query."), ToolCallPart("execute_sql", json.dumps(SQL), "a")]
    )
    assert repaired(answer, TOOLS, [], queried=False) is answer


def test_calls_that_a_server_merged_are_separated() -> None:
    answer = repair(ToolCallPart("functions.execute_sql", '{"sql": "A"}{"sql": "B"}', "a"))
    assert calls(answer) == [("execute_sql", {"sql": "A"}), ("execute_sql", {"sql": "B"})]
    assert [part.tool_call_id for part in answer.tool_calls] == ["a", "a_2"]


def test_each_call_of_a_run_has_its_own_id() -> None:
    first = repair(ToolCallPart("execute_sql", SQL, "0"), ToolCallPart("execute_sql", SQL, "0"))
    second = repair(ToolCallPart("execute_sql", SQL, "0"), before=(first,))
    assert [part.tool_call_id for each in (first, second) for part in each.tool_calls] == ["0", "0_2", "0_3"]


def test_a_call_that_calls_the_others_is_these_calls() -> None:
    uses = [
        {"recipient_name": "functions.execute_sql", "parameters": SQL},
        {"recipient_name": "list_datasets", "parameters": {}},
    ]
    answer = repair(ToolCallPart("multi_tool_use.parallel", {"tool_uses": uses}, "a"))
    assert calls(answer) == [("execute_sql", SQL), ("list_datasets", {})]


def test_a_call_whose_arguments_are_in_its_name_is_read() -> None:
    name = "execute_sql<arg_key>sql</arg_key><arg_value>A</arg_value>"
    assert calls(repair(ToolCallPart(name, "", "a"))) == [("execute_sql", {"sql": "A"})]


def test_what_was_cut_off_is_not_read() -> None:
    part = ToolCallPart("execute_sql", '{"sql": "SELECT 1"}{}', "a")
    assert calls(repair(part, finish_reason="length")) == [("execute_sql", part.args)]
    assert calls(repair(TextPart(AS_TEXT), finish_reason="length")) == []
    assert calls(repair(TextPart("Total is 6"), queried=True, finish_reason="length")) == []
    assert calls(repair(TextPart("I cannot"), queried=True, finish_reason="content_filter")) == []


@pytest.mark.parametrize(
    ("text", "queried", "expected"),
    [
        (AS_TEXT, False, [("execute_sql", SQL)]),
        (AS_TEXT, True, [("execute_sql", SQL)]),
        ("<think>hm</think>60", True, [("task_result", {"message": "60"})]),
        ("60", False, []),
        ("<think>hm</think>", True, []),
        ('{"sql": "SELECT 1"}', True, []),
        ("<|channel|>analysis", True, []),
        (" \n", True, []),
    ],
)
def test_text_is_a_call_or_after_a_query_the_answer(text: str, queried: bool, expected: Any) -> None:
    assert calls(repair(TextPart(text), queried=queried)) == expected


def test_an_answer_may_end_with_the_query_that_it_rests_on() -> None:
    before = (ModelResponse([ToolCallPart("execute_sql", SQL, "a")]),)
    text = f"The total is 60. The query was\n```json\n{json.dumps({'name': 'execute_sql', 'arguments': SQL})}\n```"
    assert calls(repair(TextPart(text), queried=True, before=before)) == [("task_result", {"message": text})]


def test_a_query_that_is_new_is_run_although_another_is_repeated() -> None:
    before = (ModelResponse([ToolCallPart("execute_sql", SQL, "a")]),)
    new = {"sql": "SELECT 2"}
    written = [json.dumps({"name": "execute_sql", "arguments": each}) for each in (SQL, new)]
    text = f"These are the queries.\n```json\n[{', '.join(written)}]\n```"
    found = calls(repair(TextPart(text), queried=True, before=before))
    assert found == [("execute_sql", SQL), ("execute_sql", new)]


def test_a_text_reaches_the_thread_without_characters_that_cannot_be_stored() -> None:
    answer = repair(TextPart("A\x00\ud83d\x1b"), ToolCallPart("task_result", '{"message": "\\ud83d\\u0000!"}', "a"))
    assert answer.parts[0] == replace(answer.parts[0], content="A\ufffd")
    assert calls(answer) == [("task_result", {"message": "\ufffd!"})]


class RecordedLog:
    """A replay log that contains JSON, like the journal."""

    def __init__(self) -> None:
        self.responses: list[str] = []
        self.tools: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.read = 0

    def again(self) -> "RecordedLog":
        self.read = 0
        return self

    def response(self) -> Any | None:
        self.read += 1
        return json.loads(self.responses[self.read - 1]) if self.read <= len(self.responses) else None

    def keep_response(self, response: Any) -> None:
        self.responses.append(json.dumps(response))

    def tool(self, call_key: str) -> Any | None:
        return json.loads(self.tools[call_key]) if call_key in self.tools else None

    def keep_tool(self, call_key: str, returned: Any) -> None:
        assert call_key not in self.tools
        self.tools[call_key] = json.dumps(returned)

    def file(self, call_key: str) -> str | None:
        return self.files.get(call_key)

    def keep_file(self, call_key: str, name: str) -> None:
        self.files[call_key] = name


class Steps:
    """A listener that records the calls it receives."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def token(self, text: str) -> None: ...
    def void_tokens(self) -> None: ...
    def used(self, usage: Usage) -> None: ...
    def tool_call(self, call_id: str, name: str, arguments: Any) -> None:
        self.steps.append((call_id, name, arguments))

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float, *, failed: bool) -> None:  # noqa: ARG002
        self.steps.append((call_id, name, str(output), failed))


ANSWERS: list[str | dict[int, DeltaToolCall]] = [
    "Let me look.",
    {0: DeltaToolCall("functions.list_datasets", "", tool_call_id="0")},
    AS_TEXT,
    {0: DeltaToolCall("execute_sql", json.dumps({"query": TOTALS, "limit": 3})[:-1], tool_call_id="0")},
    {0: DeltaToolCall("execute_sql", json.dumps({**SQL, "limit": 3}) * 2, tool_call_id="0")},
    MESSAGE,
]


def scripted(answers: list[str | dict[int, DeltaToolCall]]) -> OpenedModel:
    rest = iter(answers)

    async def stream(_: list[ModelMessage], __: AgentInfo) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        yield next(rest)

    return OpenedModel(FunctionModel(stream_function=stream), ("openai:x",))


@pytest.mark.parametrize("answered", range(len(ANSWERS) + 1))
async def test_a_continued_run_repairs_the_recorded_answers_in_the_same_way(root: Path, answered: int) -> None:
    """A run dies after some of its answers, and the next attempt sees the same calls, ids and messages."""
    data = WorkspaceData(root / "tiny", query_timeout=30, ingest_timeout=60)
    schema = await data.schema()

    async def attempt(folder: str, log: RecordedLog, model: OpenedModel) -> tuple[TurnResult, list[Any]]:
        steps, deps = Steps(), RunDeps(data, schema, root / folder, log)
        turn = await run_turn(model, "Totals?", [], deps, steps, RunLimits(20, 50, 400_000), Prices())
        return turn, steps.steps

    (root / "first" / "analysis").mkdir(parents=True)
    (root / "second" / "analysis").mkdir(parents=True)
    try:
        log, died = RecordedLog(), RecordedLog()
        whole, steps = await attempt("first", log, scripted(ANSWERS))
        assert isinstance(whole.reply, TaskResult)
        assert (whole.reply.message, whole.reply.result is not None) == (MESSAGE, True)
        died.responses = log.responses[:answered]
        died.tools = {key: each for key, each in log.tools.items() if int(key.partition("/")[0]) <= answered}
        died.files = {key: each for key, each in log.files.items() if key in died.tools}
        for name in died.files.values():
            shutil.copy(root / "first" / "analysis" / name, root / "second" / "analysis" / name)
        again, repeated = await attempt("second", died, scripted(ANSWERS[answered:]))
    finally:
        await data.close()
    assert without_times(again) == without_times(whole)
    assert [each[1:] for each in repeated] == [each[1:] for each in steps]
    recorded = {each[0] for each in repeated} & {key.partition("/")[2] for key in died.tools}
    assert recorded == {key.partition("/")[2] for key in died.tools}


def without_times(turn: TurnResult) -> str:
    def stripped(value: Any) -> Any:
        if isinstance(value, list):
            return [stripped(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, dict):
            dropped = ("timestamp", "run_id", "conversation_id", "elapsed_ms", "tool_call_id", "model_id")
            return {key: stripped(each) for key, each in value.items() if key not in dropped}  # pyright: ignore[reportUnknownVariableType]
        return value

    return re.sub(r'"elapsed_ms": [\d.]+', "", json.dumps(stripped(turn.as_json())))
