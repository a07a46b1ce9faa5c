"""Checks the fixed size of a request to a model, and that its short schemas allow the same values as the long ones."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from cfo_kernel.agent.tool_schemas import shortened
from cfo_kernel.agent.tools import toolset
from cfo_kernel.data.plan import QueryPlan
from tests.bench.characters import GOAL, fixed_characters
from tests.conftest import Opened
from tests.replies import ANSWER, Serve

PLAN_TOOL = toolset.tools["execute_query_plan"].tool_def
SCHEMA = PLAN_TOOL.parameters_json_schema
PLANS: list[dict[str, Any]] = [
    {"table": "ledger"},
    {
        "table": "ledger",
        "joins": [
            {"table": "accounts", "left": "ledger.account", "right": "accounts.account", "kind": "left"},
            {"table": "rates", "left": ["a", "b"], "right": ["c", "d"], "between": {"column": "a", "low": "b"}},
            {"table": "bands", "between": {"column": "a", "low": "b", "high": "c"}, "kind": "anti"},
        ],
        "filters": [
            {"column": "a", "op": "in", "value": ["x", 1, 2.5, True]},
            {"column": "a", "op": "is null"},
            {"column": "a", "value": "x"},
        ],
        "last_of": {"column": "d", "grain": "month"},
        "group_by": [{"column": "d", "grain": "week", "name": "w"}, {"column": "a", "within": "p"}],
        "having": [{"measure": "m", "op": "between", "value": [1, 2]}, {"measure": "m", "op": ">", "value": 0.5}],
        "order_by": [{"by": "m", "direction": "desc"}],
        "limit": 3,
        "totals": True,
    },
    {
        "table": "ledger",
        "select": [{"name": "m", "expression": {"fn": "count", "where": [{"column": "a", "value": 1}]}}],
    },
    *(
        {
            "table": "ledger",
            "select": [{"name": "m", "expression": expression}, {"name": "n", "expression": {"fn": "count"}}],
        }
        for expression in (
            {"fn": "count_distinct", "column": "d", "grain": "year"},
            {"fn": "avg", "of": {"fn": "sum", "column": "x"}, "per": [{"column": "d", "grain": "month"}]},
            {"op": "/", "left": {"fn": "sum", "column": "x"}, "right": "n"},
            {"op": "/", "left": {"fn": "sum", "column": "x"}, "right": {"constant": 1.5}},
            {"over": "share_of_total", "of": {"fn": "sum", "column": "x"}, "within": ["a"]},
            {
                "percent_change": {"fn": "sum", "column": "x"},
                "base": {"ratio": {"constant": 1}, "base": {"constant": 2}},
            },
        )
    ),
]
WRONG: list[dict[str, Any]] = [
    {},
    {"table": 1},
    {"table": "ledger", "select": [{"name": "m", "expression": {"fn": "no_such_function"}}]},
    {"table": "ledger", "select": [{"name": "m"}]},
    {"table": "ledger", "filters": [{"column": "a", "value": {"x": 1}}]},
    {"table": "ledger", "group_by": [{"column": "a", "grain": "decade"}]},
    {"table": "ledger", "limit": "all"},
]


def allows(schema: Any, value: Any, root: dict[str, Any]) -> bool:
    """Whether the schema allows the value. Handles the few keywords that the tools' schemas use."""
    if "$ref" in schema:
        return allows(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "anyOf" in schema:
        return any(allows(member, value, root) for member in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    types: dict[str, Any] = {"string": str, "array": list, "object": dict, "boolean": bool}
    match schema["type"]:
        case "integer" | "number" as kind:
            fits = isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
        case kind:
            fits = isinstance(value, types[kind])
    if not fits:
        return False
    if isinstance(value, list):
        return all(allows(schema["items"], item, root) for item in value)
    if isinstance(value, dict):
        known = schema["properties"]
        return value.keys() >= set(schema.get("required", ())) and all(
            name in known and allows(known[name], item, root) for name, item in value.items()
        )
    return True


async def test_instructions_and_tools_cost_less_than_9000_characters(serve: Serve, opened: Opened) -> None:
    server = serve(ANSWER)
    await (await (await opened(server)).thread()).ask("What is the total?")
    body = server.requests[0].body
    assert fixed_characters(body) < GOAL
    tools = [tool["function"] for tool in body["tools"]]
    assert all(tool["description"] for tool in tools)
    text = json.dumps(body["tools"])
    assert not [word for word in ("title", "null", "additionalProperties", "oneOf", "strict") if f'"{word}"' in text]


@pytest.mark.parametrize("plan", PLANS, ids=range(len(PLANS)))
def test_the_schema_of_a_plan_allows_every_plan(plan: dict[str, Any]) -> None:
    QueryPlan.model_validate(plan)
    assert allows(SCHEMA, plan, SCHEMA)


@pytest.mark.parametrize("plan", WRONG, ids=range(len(WRONG)))
def test_the_schema_of_a_plan_allows_nothing_else(plan: dict[str, Any]) -> None:
    assert not allows(SCHEMA, plan, SCHEMA)


@pytest.mark.parametrize(
    "wrong", ["sum(amount)", {"function": "sum"}, {"op": "-", "left": "a", "right": {"constant": 1}}]
)
def test_an_expression_of_no_shape_is_answered_with_the_shapes(wrong: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        QueryPlan.model_validate({"table": "ledger", "select": [{"name": "m", "expression": wrong}]})
    [error] = caught.value.errors()
    assert '{"fn": "sum", "column": "t.c"}' in error["msg"]
    assert '"percent_change"' in error["msg"]


def test_every_definition_is_found_and_the_example_is_a_plan() -> None:
    assert set(references(SCHEMA)) == set(SCHEMA["$defs"])
    description = PLAN_TOOL.description or ""
    QueryPlan.model_validate_json(description[description.index("{") :])


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.removeprefix("#/$defs/")
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_a_field_named_like_a_keyword_stays() -> None:
    field = {"title": "Title", "type": "string", "description": "a\n  b"}
    schema = {"type": "object", "properties": {"title": field, "default": field, "description": field}}
    short = {"type": "string", "description": "a b"}
    assert shortened(schema) == {
        "type": "object",
        "properties": {"title": short, "default": short, "description": short},
    }


def test_a_null_that_is_not_the_default_stays() -> None:
    either = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert shortened(either) == either
    assert shortened({**either, "default": None}) == {"type": "string"}
    assert shortened({**either, "default": "x"}) == {**either, "default": "x"}
