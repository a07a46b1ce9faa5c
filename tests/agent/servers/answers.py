"""Unusual answers from servers: ids and indexes, arguments, names, finish reasons, usage, and calls as text."""

import json
from dataclasses import replace
from typing import Any

from tests.agent.servers.case import COUNT, MESSAGE, PLAN, QUERY, RESULT, SQL, Case, fails, works
from tests.agent.servers.wire import MISSING, call, calls, chunk, completion, one_call

_HALVES = '{"sql": "SELECT sum(amount)', ' AS total FROM ledger"}'
_AS_TEXT = f"<tool_call>\n{json.dumps({'name': 'execute_sql', 'arguments': SQL})}\n</tool_call>"
_USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
_NULLS = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
_TEXTS = {"prompt_tokens": "12", "completion_tokens": 3.0, "total_tokens": "15"}
_ANSWER = {"message": MESSAGE}


def _more(text: str, **keys: Any) -> dict[str, Any]:
    """A delta that continues the arguments of a call."""
    return chunk({"tool_calls": [{"index": 0, **keys, "function": {"arguments": text}}]})


def _whole(name: str, arguments: dict[str, Any]) -> Any:
    return completion({"tool_calls": [call(name, arguments, "c1", MISSING)]})


ANSWERS: dict[str, Case] = {
    "plain": works(QUERY, RESULT),
    # ids and indexes
    "index_missing": works(calls(call("execute_sql", SQL, index=MISSING), finish="stop"), RESULT),
    "index_missing_and_arguments_in_pieces": works(
        [
            chunk({"tool_calls": [call("execute_sql", _HALVES[0], index=MISSING)]}),
            chunk({"tool_calls": [{"id": "", "type": "function", "function": {"arguments": _HALVES[1]}}]}),
            chunk({}, "stop"),
        ],
        RESULT,
    ),
    "index_null_for_two_calls": works(
        calls(call("execute_sql", SQL, "a", None), call("execute_sql", COUNT, "b", None)), RESULT, rows=((6,),)
    ),
    "index_zero_for_two_calls": works(
        [
            chunk({"tool_calls": [call("execute_sql", SQL, "a", 0)]}),
            chunk({"tool_calls": [call("execute_sql", COUNT, "b", 0)]}),
            chunk({}, "tool_calls"),
        ],
        RESULT,
        rows=((6,),),
    ),
    "index_missing_for_two_calls": works(
        [
            chunk({"tool_calls": [call("execute_sql", SQL, "a", MISSING)]}),
            chunk({"tool_calls": [call("execute_sql", COUNT, "b", MISSING)]}),
            chunk({}, "tool_calls"),
        ],
        RESULT,
        rows=((6,),),
    ),
    "ids_empty": works(one_call("execute_sql", SQL, ""), one_call("task_result", _ANSWER, "")),
    "ids_null": works(one_call("execute_sql", SQL, None), one_call("task_result", _ANSWER, None)),
    # the stream itself
    "choices_null": works([chunk({"role": "assistant"}), chunk(choices=None), *QUERY], RESULT),
    "comments_and_crlf": works(
        [b": PROCESSING\r\n\r\n", *[b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in QUERY]],
        [b": PROCESSING\n\n", *RESULT],
    ),
    "no_space_after_data": works([b"data:" + json.dumps(each).encode() + b"\n\n" for each in QUERY], RESULT),
    **{
        f"not_streamed_as_{media_type}": works(
            replace(_whole("execute_sql", SQL), media_type=media_type),
            replace(_whole("task_result", _ANSWER), media_type=media_type),
        )
        for media_type in ("text/plain", "text/event-stream", "application/octet-stream")
    },
    "not_streamed": works(_whole("execute_sql", SQL), _whole("task_result", _ANSWER)),
    # names
    "name_in_two_pieces": works(
        [
            chunk({"tool_calls": [call("execute_", "", "a")]}),
            chunk({"tool_calls": [{"index": 0, "function": {"name": "sql", "arguments": json.dumps(SQL)}}]}),
            chunk({}, "tool_calls"),
        ],
        RESULT,
    ),
    "name_sent_again": works(
        [
            chunk({"tool_calls": [call("execute_sql", _HALVES[0], "a")]}),
            chunk({"tool_calls": [call("execute_sql", _HALVES[1], "a")]}),
            chunk({}, "tool_calls"),
        ],
        RESULT,
    ),
    "name_with_a_prefix": works(one_call("functions.execute_sql", SQL), RESULT),
    "name_with_a_special_token": works(one_call("execute_sql<|channel|>commentary", SQL), RESULT),
    # calls as text
    "call_in_a_tag": works([chunk({"content": _AS_TEXT}), chunk({}, "stop")], RESULT),
    "legacy_function_call": works(
        [chunk({"function_call": {"name": "execute_sql", "arguments": json.dumps(SQL)}}), chunk({}, "function_call")],
        RESULT,
    ),
    # arguments
    "arguments_as_an_object": works(
        [
            chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "execute_sql", "arguments": SQL}}]}),
            chunk({}, "tool_calls"),
        ],
        RESULT,
    ),
    "arguments_twice": works(one_call("execute_sql", json.dumps(SQL) * 2), RESULT),
    "arguments_with_a_raw_newline": works(
        one_call("execute_sql", '{"sql": "SELECT sum(amount) AS total\nFROM ledger"}'), RESULT
    ),
    "arguments_in_single_quotes": works(one_call("execute_sql", str(SQL)), RESULT),
    "arguments_escaped": works(
        one_call("execute_sql", {"sql": "SELECT sum(amount) AS \u201ctotal\u201d FROM ledger"}), RESULT
    ),
    "arguments_with_extra_keys": works(one_call("execute_sql", {**SQL, "explanation": "sum", "limit": 100}), RESULT),
    "arguments_cut_by_length": works(
        [chunk({"tool_calls": [call("task_result", '{"message": "Total is 6')]}), chunk({}, "length")],
        RESULT,
        rows=None,
    ),
    "no_arguments": works(one_call("list_datasets", ""), RESULT, rows=None),
    "arguments_null": works(one_call("list_datasets", "null"), RESULT, rows=None),
    "arguments_key_null": works(one_call("list_datasets", None), RESULT, rows=None),
    "sql_in_a_fence": works(one_call("execute_sql", {"sql": f"```sql\n{SQL['sql']};\n```"}), RESULT),
    "plan_as_a_string": works(one_call("execute_query_plan", {"plan": json.dumps(PLAN)}), RESULT),
    "plan_as_a_string_without_a_name": works(
        one_call(
            "execute_query_plan",
            {"plan": json.dumps({"table": "ledger", "measures": [{"column": "ledger.amount", "fn": "sum"}]})},
        ),
        RESULT,
    ),
    "plan_flat": works(one_call("execute_query_plan", PLAN), RESULT),
    "plan_wrapped": works(one_call("execute_query_plan", {"plan": PLAN}), RESULT),
    "choices_as_a_string": works(
        one_call("user_interaction", {"message": "Which year?", "choices": '["2011","2012"]'}),
        requests=1,
        rows=None,
        message="Which year?",
        choices=("2011", "2012"),
    ),
    "choices_as_one_text": works(
        one_call("user_interaction", {"message": "Which year?", "choices": "2011"}),
        requests=1,
        rows=None,
        message="Which year?",
        choices=("2011",),
    ),
    "message_as_a_number": works(QUERY, one_call("task_result", {"message": 6700}), message="6700"),
    # finish reasons
    "finish_stop": works(one_call("execute_sql", SQL, finish="stop"), one_call("task_result", _ANSWER, finish="stop")),
    "finish_empty": works(
        [
            chunk({"role": "assistant", "content": "", "tool_calls": None}, ""),
            chunk({"tool_calls": [call("execute_sql", SQL)]}, ""),
            chunk({}, "tool_calls"),
        ],
        RESULT,
    ),
    "finish_missing": works(
        [chunk({"tool_calls": [call("execute_sql", SQL)]})], [chunk({"tool_calls": [call("task_result", _ANSWER)]})]
    ),
    "finish_twice": works([*QUERY, chunk({}, "tool_calls", usage=_USAGE)], RESULT),
    # usage
    "usage_without_choices": works([*QUERY, chunk(choices=MISSING, usage=_USAGE)], RESULT),
    "usage_null": works(
        [chunk({"tool_calls": [call("execute_sql", SQL)]}, usage=None), chunk({}, "tool_calls", usage=_NULLS)],
        [*RESULT, chunk(usage={"prompt_tokens": 7, "total_tokens": 7})],
    ),
    "usage_in_words": works([*QUERY, chunk(choices=[], usage=_TEXTS)], RESULT),
    # several parts in one answer
    "query_and_reply_at_once": works(
        calls(call("execute_sql", SQL, "a", 0), call("task_result", _ANSWER, "b", 1)), requests=1
    ),
    "two_replies": works(
        calls(call("task_result", _ANSWER, "a", 0), call("user_interaction", {"message": "second?"}, "b", 1)),
        requests=1,
        rows=None,
    ),
    # text instead of a call
    "text_after_a_query": works(QUERY, [chunk({"content": MESSAGE}), chunk({}, "stop")]),
    "text_with_thoughts_after_a_query": works(
        QUERY, [chunk({"content": f"<think>Is it 60?</think>{MESSAGE}"}), chunk({}, "stop")]
    ),
    "text_before_a_query": works([chunk({"content": "I will look."}), chunk({}, "stop")], QUERY, RESULT, requests=3),
    "text_without_any_query": fails(
        [chunk({"content": "Total is about 7,000."}), chunk({}, "stop")], code="model_misbehaved", says=[], requests=2
    ),
    # reasoning
    "reasoning_only_then_a_query": works(
        [chunk({"role": "assistant", "reasoning_content": "let me think"}), chunk({}, "stop")],
        QUERY,
        RESULT,
        requests=3,
    ),
    "reasoning_in_content": works(
        [chunk({"content": "<think>I should query"}), chunk({"content": " the ledger</think>"}), *QUERY],
        [chunk({"content": "<think>done</think>"}), *RESULT],
    ),
    # text that must arrive unchanged
    "markup_in_the_message": works(
        QUERY,
        one_call("task_result", {"message": "**Total** <img src=x onerror=alert(1)>"}),
        message="**Total** <img src=x onerror=alert(1)>",
    ),
}
