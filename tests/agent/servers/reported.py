"""Faults of model servers that users of other programs reported. `seen` is the report on GitHub."""

import json
from typing import Any

from tests.agent.servers.case import COUNT, MESSAGE, QUERY, RESULT, SQL, Case, works
from tests.agent.servers.wire import MISSING, call, calls, chunk, one_call

_BODY = json.dumps(SQL)
_START, _END = _BODY[:20], _BODY[20:]
_COUNTED: tuple[tuple[Any, ...], ...] = ((6,),)
_FINISH = chunk({}, "tool_calls")


def _pieces(*pieces: dict[str, Any]) -> list[dict[str, Any]]:
    """A stream with one delta for each of these call fragments."""
    return [*(chunk({"tool_calls": [piece]}) for piece in pieces), _FINISH]


def _text(text: str) -> list[dict[str, Any]]:
    """A stream with this text in small pieces."""
    return [*(chunk({"content": text[at : at + 7]}) for at in range(0, len(text), 7)), chunk({}, "stop")]


def _more(text: Any, **changed: Any) -> dict[str, Any]:
    return {**call(MISSING, text, MISSING), "function": {"arguments": text}, **changed}


def _query(text: str, seen: str) -> Case:
    return works(_text(text), RESULT, seen=seen)


REPORTED: dict[str, Case] = {
    # pieces of calls
    "index_zero_and_no_ids": works(
        _pieces(call("execute_sql", SQL, MISSING), call("execute_sql", COUNT, MISSING)),
        RESULT,
        rows=_COUNTED,
        seen="NousResearch/hermes-agent#62937",
    ),
    "calls_run_together": works(
        one_call("execute_sql", json.dumps(SQL) + json.dumps(COUNT)),
        RESULT,
        rows=_COUNTED,
        seen="su-kaka/gcli2api#406",
    ),
    "name_in_every_piece": works(
        _pieces(call("execute_sql", ""), call("execute_sql", _START, MISSING), call("execute_sql", _END, MISSING)),
        RESULT,
        seen="NousResearch/hermes-agent#11984",
    ),
    "another_id_in_every_piece": works(
        _pieces(call("execute_sql", "", "a"), _more(_START, id="b"), _more(_END, id="b")),
        RESULT,
        seen="poolsideai/pool#9",
    ),
    "one_id_for_two_calls": works(
        calls(call("execute_sql", SQL, "a", 0), call("execute_sql", COUNT, "a", 1)),
        RESULT,
        rows=_COUNTED,
        seen="HKUDS/nanobot#3932",
    ),
    "one_id_in_every_answer": works(
        one_call("execute_sql", SQL, "call_0"),
        one_call("execute_sql", COUNT, "call_0"),
        one_call("task_result", {"message": MESSAGE}, "call_0"),
        requests=3,
        rows=_COUNTED,
        seen="QwenLM/qwen-code#8382",
    ),
    # arguments
    "an_empty_object_first": works(
        _pieces(call("execute_sql", "{}"), _more(_START), _more(_END)), RESULT, seen="openai/openai-agents-js#712"
    ),
    "a_decoded_object_first": works(
        _pieces({**call("execute_sql", ""), "function": {"name": "execute_sql", "arguments": {}}}, _more(_BODY)),
        RESULT,
        seen="unslothai/unsloth#10275",
    ),
    "a_decoded_object_in_a_delta": works(
        _pieces({**call("execute_sql", ""), "function": {"name": "execute_sql", "arguments": SQL}}),
        RESULT,
        seen="can1357/oh-my-pi#1779",
    ),
    "all_arguments_again_at_the_end": works(
        _pieces(call("execute_sql", _START), _more(_END), _more(_BODY)), RESULT, seen="NousResearch/hermes-agent#111686"
    ),
    "all_arguments_so_far": works(
        _pieces(call("execute_sql", _START), _more(_BODY[:30]), _more(_BODY)),
        RESULT,
        seen="NousResearch/hermes-agent#111686",
    ),
    "arguments_encoded_twice": works(
        one_call("execute_sql", json.dumps(_BODY)), RESULT, seen="quarkiverse/quarkus-langchain4j#2642"
    ),
    "arguments_after_a_language": works(
        one_call("execute_sql", f"json\n{_BODY}"), RESULT, seen="tenstorrent/tt-inference-server#3683"
    ),
    "a_list_as_text": works(
        one_call(
            "execute_query_plan",
            {
                "table": "ledger",
                "select": json.dumps([{"name": "total", "expression": {"fn": "sum", "column": "amount"}}]),
            },
        ),
        RESULT,
        seen="cecli-dev/cecli#536",
    ),
    # names
    "a_tool_that_calls_the_others": works(
        one_call(
            "multi_tool_use.parallel",
            {"tool_uses": [{"recipient_name": "functions.execute_sql", "parameters": SQL}]},
        ),
        RESULT,
        seen="Azure/azure-rest-api-specs#32329",
    ),
    "arguments_in_the_name": works(
        one_call(f"execute_sql<arg_key>sql</arg_key><arg_value>{SQL['sql']}</arg_value>", ""),
        RESULT,
        seen="zai-org/GLM-5#84",
    ),
    # the end of an answer
    "no_finish_reason": works(
        [chunk({"content": "I look."}), chunk({"tool_calls": [call("execute_sql", SQL)]})],
        RESULT,
        seen="openclaw/openclaw#98575",
    ),
    "neither_a_finish_reason_nor_an_end": works(
        [chunk({"tool_calls": [call("execute_sql", SQL)]}), b""], RESULT, seen="openclaw/openclaw#98575"
    ),
    "two_finish_reasons": works([*QUERY, chunk({}, "stop")], RESULT, seen="RayBytes/ChatMock#114"),
    "a_message_beside_each_delta": works(
        [
            chunk(choices=[{"index": 197, "delta": each, "message": each, "finish_reason": None}])
            for each in ({"role": "assistant", "content": ""}, {"tool_calls": [call("execute_sql", SQL)]}, {})
        ],
        RESULT,
        seen="microsoft/foundry-local#144",
    ),
    "running_totals_of_the_usage": works(
        [{**each, "usage": {"prompt_tokens": 5, "completion_tokens": n}} for n, each in enumerate(QUERY)],
        RESULT,
        seen="open-webui/open-webui#29064",
    ),
    # calls in text
    "text_of_hermes": _query(
        f"<tool_call>\n{json.dumps({'name': 'execute_sql', 'arguments': SQL})}\n</tool_call>", "vllm-project/vllm#32506"
    ),
    "text_of_deepseek": _query(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>execute_sql\n"
        f"```json\n{_BODY}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "google/adk-python#5654",
    ),
    "text_of_deepseek_later": _query(
        '<｜DSML｜function_calls><｜DSML｜invoke name="execute_sql"><｜DSML｜parameter name="sql" string="true">'
        f"{SQL['sql']}</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>",
        "sgl-project/sglang#17320",
    ),
    "text_of_gpt_oss": _query(f"commentary to=functions.execute_sql json{_BODY}", "raullenchai/Rapid-MLX#480"),
    "text_of_glm": _query(
        f"<tool_call>execute_sql\n<arg_key>sql</arg_key>\n<arg_value>{SQL['sql']}</arg_value></tool_call>",
        "waybarrios/vllm-mlx#797",
    ),
    "text_of_glm_without_tags": _query(f"execute_sql\n{_BODY}", "ml-explore/mlx-swift-lm#491"),
    "text_of_a_reply": works(
        QUERY,
        _text(f'<tool_call>{{"name": "task_result", "arguments": {{"message": "{MESSAGE}"}}}}</tool_call>'),
        seen="pyrate-llama/hermes-ui#6",
    ),
}
