"""Servers that support only part of JSON Schema get the tools in a simpler form that keeps their meaning."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import APIStatusError

from cfo_kernel.agent.plain_schemas import plain_schema, removable, without_keywords
from cfo_kernel.agent.tool_arguments import Fit
from cfo_kernel.data.plan import QueryPlan
from tests.agent.offered_tools import TOOLS
from tests.agent.servers.test_refused_parameters import REQUEST, Answer, Server, openai

OFFERED = [
    {"type": "function", "function": {"name": name, "description": "Does it.", "parameters": schema}}
    for name, schema in TOOLS.items()
]
PLAN = TOOLS["execute_query_plan"]
Refusal = Callable[[dict[str, Any]], Answer | None]


def keywords(body: dict[str, Any]) -> set[str]:
    return {each for tool in body["tools"] for each in removable(tool["function"].get("parameters"))}


def refusing(status: int, unknown: set[str], says: Callable[[list[str]], Any]) -> Refusal:
    """A server that refuses these keywords."""

    def refusal(body: dict[str, Any]) -> Answer | None:
        found = sorted(keywords(body) & unknown)
        return (status, says(found)) if found else None

    return refusal


def gemini(names: list[str]) -> Any:
    where = "'tools[0].function_declarations[3].parameters.properties[2].value.any_of[1]'"
    texts = [f'Invalid JSON payload received. Unknown name "{name}" at {where}: Cannot find field.' for name in names]
    violations = [{"field": where, "description": text} for text in texts]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
    return [{"error": {"code": 400, "message": "\\n".join(texts), "status": "INVALID_ARGUMENT", "details": details}}]


def without_empty_objects(body: dict[str, Any]) -> Answer | None:
    empty = any(tool["function"].get("parameters", {}).get("properties") == {} for tool in body["tools"])
    text = "* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties: should be non-empty for "
    return (400, openai(f"{text}OBJECT type")) if empty else None


NOT_PLAIN = {"$ref", "$defs", "anyOf", "default", "minimum", "maximum"}
SERVERS: dict[str, tuple[Refusal, set[str]]] = {
    # openswarm-ai/openswarm#24, zed-industries/zed#43231, QuantumNous/new-api#766
    "gemini": (refusing(400, {"$ref", "$defs", "default", "minimum"}, gemini), {"anyOf", "maximum"}),
    # pollinations/pollinations#6307: quoted twice, by a gateway
    "quoted": (
        refusing(400, {"minimum"}, lambda names: openai(f"Error from provider: {json.dumps(gemini(names))}")),
        {"$ref", "anyOf"},
    ),
    # tashfeenahmed/freellmapi#97: as a failure of the gateway
    "gateway": (
        refusing(502, {"default"}, lambda names: openai(f"Provider error: {gemini(names)[0]['error']['message']}")),
        {"$ref", "minimum"},
    ),
    # agno-agi/agno#2112
    "empty object": (without_empty_objects, set()),
    # CommandCodeAI/command-code#566
    "moonshot": (
        refusing(400, {"$ref"}, lambda _: openai(
            "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: "
            "<At path 'properties.filters.items.$ref': $defs not found for reference: #/$defs/Filter>")),
        {"anyOf", "default", "minimum"},
    ),
    # BerriAI/litellm#28646
    "fireworks": (
        refusing(400, {"$ref", "$defs"}, lambda _: openai("Invalid tool schema, $ref is not supported")),
        {"anyOf", "default"},
    ),
    # anthropics/claude-code#5319
    "unions": (
        refusing(400, {"anyOf"}, lambda _: openai("input_schema does not support oneOf, allOf, or anyOf")),
        {"default", "minimum"},
    ),
    # anomalyco/opencode#43371: does not say which
    "unsupported_keyword": (
        refusing(400, {"minimum", "maximum"}, lambda _: openai("Bad request", code="unsupported_keyword")), set()
    ),
    # ggml-org/llama.cpp#14227, ggml-org/llama.cpp#25895
    "llama.cpp": (
        refusing(400, {"anyOf"}, lambda _: openai("JSON schema conversion failed:\\nUnrecognized schema: {}")), set()
    ),
    "llama.cpp samplers": (
        refusing(400, {"anyOf"}, lambda _: openai("Failed to initialize samplers: failed to parse grammar")), set()
    ),
    # vllm-project/vllm#16321
    "vllm": (
        refusing(400, {"minimum"}, lambda _: {
            "object": "error", "type": "BadRequestError", "param": None, "code": 400,
            "message": "The provided JSON schema contains features not supported by xgrammar."}),
        set(),
    ),
    # nicobailon/pi-subagents#248
    "kimi": (
        refusing(400, {"anyOf"}, lambda _: openai("JSON Schema not supported: could not understand the instance {}")),
        set(),
    ),
    # janhq/jan#7017
    "openai": (
        refusing(400, {"$ref"}, lambda _: openai(
            "Invalid schema for function 'execute_query_plan': In context=(), object schema missing properties.",
            param="tools[3].function.parameters", code="invalid_function_parameters")),
        set(),
    ),
    # ollama/ollama#10328
    "ollama": (
        refusing(400, {"anyOf"}, lambda _: {"error":
            "json: cannot unmarshal array into Go struct field .tools.function.parameters.properties.type of type "
            "string"}),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_gets_schemas_that_it_can_read(name: str) -> None:
    refusal, kept = SERVERS[name]
    server = Server(refusal)
    request = {**REQUEST, "tools": OFFERED}
    accepted = await server.ask(request)
    assert len(server.requests) == 2
    assert kept <= keywords(accepted)
    assert {key for key in request if accepted.get(key) != request[key]} == {"tools"}
    assert [tool["function"]["name"] for tool in accepted["tools"]] == [*TOOLS]
    assert all(tool["function"]["description"] for tool in accepted["tools"])
    # It is remembered.
    await server.ask(request)
    assert len(server.requests) == 3
    assert server.requests[2] == accepted


async def test_a_server_that_refuses_one_keyword_after_the_other() -> None:
    order = ["default", "$ref", "anyOf", "maximum", "minimum"]

    def refusal(body: dict[str, Any]) -> Answer | None:
        return next(((400, gemini([name])) for name in order if name in keywords(body)), None)

    server = Server(refusal)
    accepted = await server.ask({**REQUEST, "tools": OFFERED})
    assert keywords(accepted) == {"enum"}
    assert len(server.requests) <= 1 + len(order)


async def test_a_server_whose_own_grammar_fails_is_asked_without_a_required_call() -> None:
    # vllm-project/vllm#16880: the server itself adds a keyword if a call is required
    text = "The provided JSON schema contains features not supported by xgrammar."
    server = Server(lambda body: (400, openai(text)) if body.get("tool_choice") == "required" else None)
    accepted = await server.ask({**REQUEST, "tools": OFFERED})
    assert accepted["tool_choice"] == "auto"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai("Tool call validation failed: parameters for tool execute_sql did not match schema")),
        (400, openai("Failed to call a function. See 'failed_generation'.", code="tool_use_failed")),
        (503, openai("The server is overloaded.")),
        (429, openai("Too many requests with a JSON schema")),
    ],
)
async def test_other_errors_leave_the_schemas_as_they_are(status: int, error: Any) -> None:
    server = Server(lambda _: (status, error))
    with pytest.raises(APIStatusError):
        await server.ask({**REQUEST, "tools": OFFERED})
    assert len(server.requests) == 1


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for each in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from nodes(each)


@pytest.mark.parametrize("name", TOOLS)
def test_a_plain_schema_is_complete(name: str) -> None:
    plain = plain_schema(TOOLS[name])
    if plain is None:
        assert not TOOLS[name]["properties"]
        return
    assert {*removable(plain)} <= {"enum"}
    assert plain["properties"].keys() == TOOLS[name]["properties"].keys()
    assert len(json.dumps(plain)) < 9_000
    for node in nodes(plain):
        assert isinstance(node["type"], str)
        assert (node["type"] == "object") == bool(node.get("properties"))
        assert (node["type"] == "array") == ("items" in node)
        assert all(isinstance(value, str) for value in node.get("enum", ()))
        assert {*node.get("required", ())} <= node.get("properties", {}).keys()


_SUM = {"fn": "sum", "column": "x", "where": [{"column": "a", "op": "in", "value": ["1", "2"]}]}


@pytest.mark.parametrize(
    "expression",
    [
        _SUM,
        {"op": "/", "left": _SUM, "right": {"constant": 2}},
        {"ratio": _SUM, "base": _SUM},
        {"over": "change", "of": _SUM, "along": "d"},
    ],
)
def test_what_a_plain_schema_allows_is_a_plan(expression: dict[str, Any]) -> None:
    plain = plain_schema(PLAN)
    plan = {
        "table": "ledger",
        "filters": [{"column": "a", "op": ">", "value": ["100"]}, {"column": "b", "op": "is null"}],
        "select": [{"name": "m", "expression": expression}],
        "having": [{"measure": "m", "op": "between", "value": ["1", "2"]}],
        "limit": 3,
    }
    assert plain
    assert Fit(plain).fits(plan, plain)
    assert QueryPlan.model_validate(plan)


def test_only_the_named_keywords_are_rewritten() -> None:
    assert without_keywords(PLAN, ()) == PLAN
    assert {*removable(PLAN)} - {*removable(without_keywords(PLAN, {"$defs"}))} == {"$ref", "$defs"}
    assert {*removable(PLAN)} - {*removable(without_keywords(PLAN, {"enum"}))} == {"enum"}
    choice = without_keywords({"properties": {"x": {"const": "a"}, "const": {"type": "string"}}}, {"const"})
    assert choice == {"properties": {"x": {"enum": ["a"]}, "const": {"type": "string"}}}
    described = without_keywords({"type": "string", "enum": ["a", "b"], "description": "Which."}, {"enum"})
    assert described == {"type": "string", "description": "Which. One of: a, b."}
