"""Server responses that are not answers: refusals, limits, wrong addresses, and errors in a stream."""

from tests.agent.servers.case import QUERY, RESULT, SQL, Case, fails, works
from tests.agent.servers.wire import Whole, call, chunk, one_call

_HTML = b"<html>Please log in</html>"
_FILTERED = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation"},
}


def error(status: int, message: str, code: object = None, /, **keys: object) -> Whole:
    """An error in OpenAI's format."""
    return Whole(status, {"error": {"message": message, "code": code, **keys}})


FAILURES: dict[str, Case] = {
    # servers that recover
    "errors_then_answers": works(error(500, "boom"), QUERY, error(503, "overloaded"), RESULT, requests=4),
    "limit_then_answers": works(error(429, "slow down"), QUERY, RESULT, requests=3),
    # the model declines
    "refusal": fails(
        [chunk({"role": "assistant", "refusal": "I'm sorry, I can't help with that."}), chunk({}, "stop")],
        code="model_refused",
        says=["I'm sorry, I can't help with that.", "Reword"],
    ),
    "empty_for_ever": fails(
        [chunk({"role": "assistant", "content": ""}), chunk({}, "stop")],
        code="model_misbehaved",
        says=["empty"],
    ),
    "content_filter": fails(
        [
            chunk(choices=[], prompt_filter_results=[]),
            chunk({"role": "assistant", "content": ""}),
            chunk({}, "content_filter"),
        ],
        code="model_refused",
        says=["content filter"],
    ),
    "content_filter_of_the_prompt": fails(
        Whole(400, {"error": _FILTERED}),
        code="model_refused",
        says=["content management policy", "content filter"],
    ),
    # the server refuses the request
    "context_too_long": fails(
        error(
            400,
            "request (152533 tokens) exceeds the available context size (131072 tokens), try increasing it",
            400,
            type="exceed_context_size_error",
        ),
        code="model_unavailable",
        says=["152533 tokens", "CFO_HISTORY_TURNS"],
        never=["call tools"],
    ),
    "no_credit_429": fails(
        error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            type="insufficient_quota",
        ),
        code="model_unavailable",
        says=["check your plan and billing details", "credit"],
    ),
    "no_credit_402": fails(
        error(402, "Insufficient credits. Add more using your account page", 402),
        code="model_unavailable",
        says=["Insufficient credits", "credit"],
        never=["CFO_BASE_URL"],
    ),
    "data_policy": fails(
        error(404, "No endpoints found matching your data policy (Free model publication).", 404),
        code="model_unavailable",
        says=["data policy", "CFO_MODEL"],
    ),
    "no_tools_404": fails(
        error(404, "No endpoints found that support tool use.", 404),
        code="model_unavailable",
        says=["support tool use", "can call tools"],
    ),
    "no_tools_400": fails(
        error(400, "registry.ollama.ai/library/gemma:2b does not support tools", type="api_error"),
        code="model_unavailable",
        says=["gemma:2b does not support tools", "can call tools"],
    ),
    "tool_choice_refused_in_every_form": fails(
        error(
            400,
            "The tool_choice parameter does not support being set to required or object in thinking mode",
            "invalid_parameter_error",
            type="invalid_request_error",
        ),
        code="model_unavailable",
        says=["does not support being set to required or object in thinking mode", "can call tools"],
        requests=3,
    ),
    # something else answers at the address
    "address_404_text": fails(
        Whole(404, b"404 page not found", "text/plain"),
        code="model_unavailable",
        says=["404 page not found", "CFO_BASE_URL"],
    ),
    "address_html": fails(
        Whole(200, _HTML, "text/html"),
        code="model_unavailable",
        says=["Please log in", "CFO_BASE_URL"],
    ),
    "address_200_error": fails(
        Whole(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        code="model_unavailable",
        says=["Unexpected endpoint or method", "CFO_BASE_URL"],
    ),
    "proxy_asks_for_a_sign_in": fails(
        Whole(407, b"<html>Authentication required</html>", "text/html"),
        code="model_unavailable",
        says=["proxy", "HTTPS_PROXY"],
        never=["CFO_HISTORY_TURNS", "OPENAI_API_KEY"],
    ),
    "network_asks_for_a_sign_in": fails(
        Whole(511, b"<html>Welcome to the hotel</html>", "text/html"),
        code="model_unavailable",
        says=["Sign in to the network"],
    ),
    "method_or_form_not_known": fails(
        Whole(415, b"Unsupported Media Type", "text/plain"),
        code="model_unavailable",
        says=["CFO_BASE_URL"],
        never=["CFO_HISTORY_TURNS"],
    ),
    # errors in a stream
    "cut_in_an_event": fails(
        [chunk({"content": "Total"}), b'data: {"id":"c1","choices":[{"index":0,"delta":{"cont', b""],
        code="model_unavailable",
        says=["the connection broke"],
        never=["could not be read"],
    ),
    "cut_in_the_first_event": fails(
        [b'data: {"id":"c1","choi', b""],
        code="model_unavailable",
        says=["the connection broke"],
        never=["could not be read"],
    ),
    "broken_event_at_the_end": fails(
        [chunk({"content": "Total"}), b'data: {"id" "c1"}\n\n', b""],
        code="model_unavailable",
        says=["could not be read"],
    ),
    **{
        f"code_{name}": fails(
            [{"error": {"message": "Come back tomorrow.", "code": code}}],
            code="model_unavailable",
            says=["Come back tomorrow.", *said],
            never=["could not be read"],
        )
        for name, code, said in (
            ("in_superscript", "\u00b2\u00b2\u00b2", ()),
            ("in_arabic_digits", "\u0664\u0662\u0669", ("429",)),
            ("of_many_digits", "9" * 5000, ()),
        )
    },
    "code_of_a_whole_answer_in_superscript": fails(
        Whole(200, {"error": {"message": "Come back tomorrow.", "code": "\u00b2\u00b2\u00b2"}}),
        code="model_unavailable",
        says=["Come back tomorrow."],
    ),
    "error_in_stream": fails(
        [
            chunk({"role": "assistant"}),
            {"error": {"message": "Provider returned error: rate limited upstream", "code": 429}},
        ],
        code="model_unavailable",
        says=["rate limited upstream", "429"],
    ),
    "error_beside_choices": fails(
        [{**chunk({"content": ""}, "error"), "error": {"code": 502, "message": "Upstream idle timeout"}}],
        code="model_unavailable",
        says=["Upstream idle timeout"],
    ),
    "endless_answer": fails(
        [
            chunk({"tool_calls": [call("task_result", '{"message": "')]}),
            *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "na " * 3000}}]}) for _ in range(200)],
            chunk({}, "length"),
        ],
        code="token_limit_reached",
        says=["had not ended", "narrower"],
        requests=1,
    ),
    "unknown_tool_for_ever": fails(
        one_call("query_database", SQL),
        code="model_misbehaved",
        says=["after its mistakes were explained"],
    ),
    # responses that are not chat completions
    "choices_of_another_type": fails([chunk(choices=[5])], code="model_unavailable", says=["could not be read"]),
    "delta_of_another_type": fails(
        [chunk([1, 2]), chunk({}, "stop")], code="model_unavailable", says=["could not be read"], requests=1
    ),
    "an_array_for_ever": fails([b"data: [1]\n\n"], code="model_unavailable", says=["Check CFO_BASE_URL"]),
    "nothing_at_all": fails([b""], code="model_unavailable", says=["CFO_BASE_URL"]),
    "deeply_nested": fails([b"data: " + b"[" * 200_000 + b"\n\n"], code="model_unavailable", says=["CFO_BASE_URL"]),
}
