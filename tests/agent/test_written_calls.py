# ruff: noqa: E501 - templates are copied unchanged
"""Recognizes calls in the formats of models' templates, but not prose that only mentions a tool."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.agent.tool_names import offered_name
from cfo_kernel.agent.written_calls import is_for_a_person, without_thinking, written_calls
from cfo_kernel.clean_text import clean_text
from tests.agent.offered_tools import TOOLS

SQL = "SELECT sum(amount) AS total FROM ledger WHERE a < 3 -- <b>"
BODY = json.dumps({"sql": SQL})
CALL = json.dumps({"name": "execute_sql", "arguments": {"sql": SQL}})
ONE, NONE = ("execute_sql", {"sql": SQL}), ("list_datasets", {})

CALLS: dict[str, tuple[str, list[tuple[str, dict[str, str]]]]] = {
    # JSON, with the words for name and arguments that models use
    "JSON": (CALL, [ONE]),
    "a list": (f"[{CALL}]", [ONE]),
    "two in a row": (f"{CALL}; {CALL}", [ONE, ONE]),
    "parameters": (json.dumps({"name": "execute_sql", "parameters": {"sql": SQL}}), [ONE]),
    "tool_name": (json.dumps([{"tool_name": "execute_sql", "parameters": {"sql": SQL}}]), [ONE]),
    "action": (json.dumps({"action": "execute_sql", "action_input": {"sql": SQL}}), [ONE]),
    "arguments as text": (json.dumps({"name": "execute_sql", "arguments": BODY}), [ONE]),
    "the name as key": (json.dumps({"execute_sql": {"sql": SQL}}), [ONE]),
    "flat": (json.dumps({"tool": "execute_sql", "sql": SQL}), [ONE]),
    "tool_calls": (json.dumps({"tool_calls": [{"type": "function", "function": json.loads(CALL)}]}), [ONE]),
    "function_call": (json.dumps({"function_call": {"name": "execute_sql", "arguments": BODY}}), [ONE]),
    "tool_uses": (json.dumps({"tool_uses": [{"recipient_name": "functions.execute_sql", "parameters": {"sql": SQL}}]}), [ONE]),
    "a fence": (f"```json\n{CALL}\n```", [ONE]),
    "two fences": (f"```json\n{CALL}\n```\n\n```json\n{CALL}\n```", [ONE, ONE]),
    "prose, then a fence": (f"To answer, I will run this query:\n\n```json\n{CALL}\n```", [ONE]),
    # templates
    "Hermes": (f"<tool_call>\n{CALL}\n</tool_call>", [ONE]),
    "Hermes, twice": (f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{CALL}\n</tool_call>", [ONE, ONE]),
    "Hermes, not closed": (f"<tool_call>\n{CALL}", [ONE]),
    "Hermes after prose": (f"I will query the ledger now.\n\n<tool_call>\n{CALL}\n</tool_call>", [ONE]),
    "Hermes after thoughts": (f"<think>\nUse execute_sql?\n</think>\n\n<tool_call>\n{CALL}\n</tool_call><|im_end|>", [ONE]),
    "Hermes in single quotes": ("<tool_call>{'name': 'execute_sql', 'arguments': {'sql': 'A'}}</tool_call>", [("execute_sql", {"sql": "A"})]),
    "Llama 3.1": (f"<function=execute_sql>{BODY}</function>", [ONE]),
    "Llama's python tag": (f"<|python_tag|>{CALL}", [ONE]),
    "Llama's python call": (f'<|python_tag|>execute_sql.call(sql="{SQL}")', [ONE]),
    "Llama 4": (f'[execute_sql(sql="{SQL}"), list_datasets()]', [ONE, NONE]),
    "Gemini": (f"```tool_code\nprint(default_api.execute_sql(sql='{SQL}'))\n```", [ONE]),
    "Qwen Coder": (f"<tool_call>\n<function=execute_sql>\n<parameter=sql>\n{SQL}\n</parameter>\n</function>\n</tool_call>", [ONE]),
    "invoke": (f'<function_calls>\n<invoke name="execute_sql">\n<parameter name="sql">{SQL}</parameter>\n</invoke>\n</function_calls>', [ONE]),
    "a tag for each argument": (f"<execute_sql>\n<sql>{SQL}</sql>\n</execute_sql>", [ONE]),
    "GLM": (f"<tool_call>execute_sql\n<arg_key>sql</arg_key>\n<arg_value>{SQL}</arg_value>\n</tool_call>", [ONE]),
    "GLM without arguments": ("<tool_call>list_datasets</tool_call>", [NONE]),
    "GLM without tags": (f"execute_sql\n{BODY}", [ONE]),
    "Mistral": (f"[TOOL_CALLS] [{CALL}]", [ONE]),
    "Mistral, later": (f"[TOOL_CALLS]execute_sql[CALL_ID]a1b2c3d4e[ARGS]{BODY}", [ONE]),
    "Mistral, latest": (f"[TOOL_CALLS]execute_sql{BODY}[TOOL_CALLS]list_datasets{{}}", [ONE, NONE]),
    "DeepSeek": (f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>execute_sql\n```json\n{BODY}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", [ONE]),
    "DeepSeek 3.1": (f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>execute_sql<｜tool▁sep｜>{BODY}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", [ONE]),
    "DeepSeek 3.2": (f'<｜DSML｜function_calls>\n<｜DSML｜invoke name="execute_sql">\n<｜DSML｜parameter name="sql" string="true">{SQL}</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>', [ONE]),
    "Kimi": (f"<|tool_calls_section_begin|><|tool_call_begin|>functions.execute_sql:0<|tool_call_argument_begin|>{BODY}<|tool_call_end|><|tool_calls_section_end|>", [ONE]),
    "gpt-oss": (f"<|channel|>analysis<|message|>We need the sum of the ledger.<|end|><|start|>assistant<|channel|>commentary to=functions.execute_sql <|constrain|>json<|message|>{BODY}<|call|>", [ONE]),
    "gpt-oss without its tokens": (f"commentary to=functions.execute_sql json{BODY}", [ONE]),
    "Granite": (f"<|tool_call|>[{CALL}]", [ONE]),
    "functools": (f"functools[{CALL}]", [ONE]),
    "Functionary": (f">>>execute_sql\n{BODY}", [ONE]),
    "ReAct": (f"Action: execute_sql\nAction Input: {BODY}", [ONE]),
    "a bare name": ("list_datasets", [NONE]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_read(name: str) -> None:
    text, calls = CALLS[name]
    written = written_calls(text, TOOLS)
    assert written
    assert [(call.name, call.arguments) for call in written.calls] == calls


PROSE = [
    "Total is 60.",
    "I used execute_sql to find 60.",
    "execute_sql",
    "The tables are in list_datasets, and execute_sql reads them.",
    "list_datasets shows 3 tables.",
    'I would call execute_sql with {"sql": "SELECT 1"} next.',
    'The tool execute_sql(sql="SELECT 1") was used.',
    "You can call list_datasets() to see the tables.",
    "Use <b>execute_sql</b> for this.",
    f"The call was {CALL} and gave 60.",
    f"I used\n```json\n{CALL}\n```\nand it gave 60.",
    f"I would write <tool_call>{CALL}</tool_call> to do so.",
    f"<tool_call>{CALL}</tool_call> is what I would write.",
    "| tool | use |\n|---|---|\n| execute_sql | SQL |",
    "<total>60</total>",
    'print("hello")',
]
BROKEN = [
    '<tool_call>\n{"name": "execute_sql", "arguments": {"sql": "SELECT',
    '{"sql": "SELECT 1"}',
    '{"name": "drop_table", "arguments": {"x": 1}}',
    '{"message": "execute_sql", "other": "run_sql"}',
    "[60]",
    f"[{CALL}, 60]",
    "<tool_call>drop_table</tool_call>",
]


@pytest.mark.parametrize("text", PROSE + BROKEN)
def test_other_text_is_no_call(text: str) -> None:
    assert written_calls(text, TOOLS) is None


def test_a_broken_call_is_no_answer() -> None:
    assert [is_for_a_person(text) for text in BROKEN] == [False] * len(BROKEN)
    spoiled = [
        f"I would write <tool_call>{CALL}</tool_call> to do so.",
        f"<tool_call>{CALL}</tool_call> is what I would write.",
    ]
    assert [text for text in PROSE if not is_for_a_person(text)] == spoiled


@given(st.sampled_from(sorted(CALLS)), st.data())
@settings(max_examples=60)
def test_a_call_that_was_cut_off_is_none(name: str, data: st.DataObject) -> None:
    text, calls = CALLS[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    written = written_calls(cut, TOOLS)
    found = [(call.name, call.arguments) for call in written.calls] if written else []
    assert found == calls[: len(found)]


@given(st.text("<>/|{}[]()=\"'`\n _:.｜execut_sqlnamarg", max_size=300) | st.text(max_size=100))
@settings(max_examples=60)
def test_any_text_is_read_or_refused(text: str) -> None:
    written_calls(text, TOOLS)
    is_for_a_person(text)


@pytest.mark.parametrize("longest", [49_000, 200_000])
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<think>",
            "</think>",
            "<a=b>",
            "<a ",
            "{",
            "[",
            "```",
            "(",
            "<|",
            "\n ",
            "{'a':",
            "execute_sql ",
            "[TOOL_CALLS]",
        ),
        *("<|a|>", "<s>", "<|channel|>final ", "``` ", "[TOOL] ", "\x90", "\x9d"),
    ],
)
def test_a_long_text_is_no_burden(piece: str, longest: int) -> None:
    """Each text takes milliseconds. A pattern that searched for the end again from each tag would take minutes."""
    text = f"z{piece * (longest // len(piece))}x"
    begun = time.process_time()
    written_calls(clean_text(text), TOOLS)
    is_for_a_person(text)
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<think>hm</think>60", "60"),
        ("hm</think>\n60", "60"),
        ("60 <think>is it?</think>", "60"),
        ("60<think>is it", "60"),
        ("60 [EUR]<|im_end|>", "60 [EUR]"),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>60<|return|>", "60"),
        ("A <b>tag</b> and </s", "A <b>tag</b> and </s"),
    ],
)
def test_thoughts_are_not_shown(text: str, shown: str) -> None:
    assert without_thinking(text) == shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("functions.execute_sql", "execute_sql"),
        ("execute_sql<|channel|>commentary", "execute_sql"),
        ("default_api:execute_sql", "execute_sql"),
        ("mcp__cfo__execute_sql", "execute_sql"),
        ("executeSql", "execute_sql"),
        ("Execute-SQL", "execute_sql"),
        ("execute_sql()", "execute_sql"),
        ("functions.execute_sql:0", "execute_sql"),
        ("execute_sqlexecute_sql", "execute_sql"),
        ("execute_sql or run_sql", None),
        ("query_database", None),
        ("sql", None),
        ("", None),
    ],
)
def test_the_tool_that_a_name_means(written: str, meant: str | None) -> None:
    assert offered_name(written, TOOLS) == meant
