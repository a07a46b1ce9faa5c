"""Converts arguments in the forms that models write to what the tools' schemas define."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.agent import tool_arguments
from cfo_kernel.agent.json_texts import object_in, values_in
from cfo_kernel.agent.tool_arguments import Fit, arguments_in, surplus
from cfo_kernel.data.plan import QueryPlan
from tests.agent.offered_tools import TOOLS

SQL, PLAN, ASK, SHEET = "execute_sql", "execute_query_plan", "user_interaction", "write_sheet_from_file"
TOTAL = {"name": "total", "expression": {"fn": "sum", "column": "amount"}}

READ: list[tuple[str, Any, list[dict[str, Any]]]] = [
    # JSON in other forms
    (SQL, '{"sql": "A"}{"sql": "A"}', [{"sql": "A"}]),
    (SQL, '{}{"sql": "A"}', [{"sql": "A"}]),
    (SQL, '{"sql": "A"}{"sql": "B"}', [{"sql": "A"}, {"sql": "B"}]),
    (SQL, '{"sql": "A\nB"}', [{"sql": "A\nB"}]),
    (SQL, "{'sql': 'A'}", [{"sql": "A"}]),
    (SQL, '{"sql": "A",}', [{"sql": "A"}]),
    (SQL, r'{"sql": "x = \'a\'"}', [{"sql": "x = 'a'"}]),
    (SQL, json.dumps('{"sql": "A"}'), [{"sql": "A"}]),
    (SQL, '```json\n{"sql": "A"}\n```', [{"sql": "A"}]),
    (SQL, 'json\n{"sql": "A"}', [{"sql": "A"}]),
    (SQL, '[{"sql": "A"}]', [{"sql": "A"}]),
    (SQL, {"sql": "A\x00\ud800"}, [{"sql": "A\x00\ud800"}]),
    (SQL, r'{"sql": "A\u0000\ud800"}', [{"sql": "A\ufffd"}]),
    ("list_datasets", "", [{}]),
    ("list_datasets", None, [{}]),
    ("list_datasets", "null", [{}]),
    # wrapped, renamed, of another type
    (SQL, {"arguments": '{"sql": "A"}'}, [{"sql": "A"}]),
    (SQL, {"query": "A"}, [{"sql": "A"}]),
    (SQL, {"sql": ["A"]}, [{"sql": "A"}]),
    ("task_result", {"message": 60}, [{"message": "60"}]),
    ("task_result", {"answer": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]}, [{"message": "AB"}]),
    (ASK, {"message": "m", "choices": '["1", "2"]'}, [{"message": "m", "choices": ["1", "2"]}]),
    (ASK, {"message": "m", "choices": "1"}, [{"message": "m", "choices": ["1"]}]),
    (ASK, {"message": "m", "choices": [1, 2]}, [{"message": "m", "choices": ["1", "2"]}]),
    (ASK, {"message": "m", "choices": None}, [{"message": "m"}]),
    (ASK, {"message": "m", "choices": ""}, [{"message": "m"}]),
    # plans
    (PLAN, {"plan": {"table": "l"}}, [{"table": "l"}]),
    (PLAN, {"plan": '{"table": "l"}'}, [{"table": "l"}]),
    (PLAN, {"table": "l", "limit": "10", "last_of": None}, [{"table": "l", "limit": 10}]),
    (PLAN, {"table": "l", "groupBy": "a"}, [{"table": "l", "group_by": [{"column": "a"}]}]),
    (PLAN, {"table": "l", "select": json.dumps([TOTAL])}, [{"table": "l", "select": [TOTAL]}]),
    (
        PLAN,
        {"plan": {"table": "l", "measures": [{"name": "total", "fn": "SUM", "column": "amount"}]}},
        [{"table": "l", "select": [TOTAL]}],
    ),
    (
        PLAN,
        {"table": "l", "metrics": [{"function": "sum", "column": "amount", "alias": "total"}]},
        [{"table": "l", "select": [TOTAL]}],
    ),
    (
        PLAN,
        {"table": "l", "measures": [{"column": "l.amount", "fn": "sum"}]},
        [{"table": "l", "select": [{"name": "sum_amount", "expression": {"fn": "sum", "column": "l.amount"}}]}],
    ),
    (
        PLAN,
        {"table": "l", "where": {"field": "a", "operator": "NOT_IN", "value": ["x"]}},
        [{"table": "l", "filters": [{"column": "a", "op": "not in", "value": ["x"]}]}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "written", "meant"), READ)
def test_arguments_are_read_as_they_are_meant(tool: str, written: Any, meant: list[dict[str, Any]]) -> None:
    assert arguments_in(written, TOOLS[tool]) == meant


UNCLEAR: list[tuple[str, Any]] = [
    # two filters: without either, the figure would be different
    (PLAN, {"table": "l", "filter": [{"column": "a", "value": 1}], "filters": [{"column": "b", "value": 2}]}),
    (PLAN, {"table": "l", "exclude": [{"column": "a", "value": 1}]}),
    (PLAN, {"table": "l", "offset": 5}),
    (PLAN, {"table": "l", "select": [{"name": "m", "expression": {"fn": "no_such_function"}}]}),
    (PLAN, {"table": "l", "select": [{"name": "m", "fn": "sum", "column": "x", "of": {"constant": 1}}]}),
    (PLAN, {"table": "l", "select": [{"fn": "sum", "where": [{"column": "a"}]}, {"op": "+"}]}),
    (PLAN, {"table": "l", "limit": "all"}),
    (PLAN, {"table": "l", "filters": [{"column": "a", "value": {"from": 1, "to": 2}}]}),
    (SQL, {"first": "A", "second": "B"}),
    (ASK, {"message": {"de": "Ja?", "en": "Yes?"}}),
    (SHEET, {"source_file": "a", "workbook": "b", "sheet": "c", "purpose": "d", "mode": "overwrite"}),
]


@pytest.mark.parametrize(("tool", "written"), UNCLEAR)
def test_arguments_with_two_readings_stay_as_they_are(tool: str, written: dict[str, Any]) -> None:
    [found] = arguments_in(written, TOOLS[tool]) or []
    assert found == written
    assert not Fit(TOOLS[tool]).fits(found, TOOLS[tool])
    assert surplus(found, TOOLS[tool]) == []


@pytest.mark.parametrize(
    "text", ['{"sql": "SELECT', '{"sql": "A"} or so', "SELECT 1", '{"sql": "A"', "[1, 2]", '"A"', "7", "{" * 5000]
)
def test_a_text_without_a_whole_object_is_not_completed(text: str) -> None:
    assert arguments_in(text, TOOLS[SQL]) is None


def test_an_argument_too_many_is_ignored_only_where_the_others_say_all() -> None:
    more = {"limit": 5, "explanation": "sum"}
    assert surplus({"sql": "A", **more}, TOOLS[SQL]) == [*more]
    assert surplus({"message": "A", **more}, TOOLS["task_result"]) == [*more]
    assert surplus({"table": "l", **more}, TOOLS[PLAN]) == []
    assert surplus({"sql": "A", "purpose": "p", **more}, TOOLS["run_sql"]) == []
    assert surplus(more, TOOLS[SQL]) == []


def values(schema: dict[str, Any], definitions: dict[str, Any], depth: int = 4) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    if "$ref" in schema:
        return values(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth)
    if branches := schema.get("anyOf"):
        # Further down, only a branch that ends the recursion.
        chosen = branches if depth > 0 else [b for b in branches if "constant" in b.get("properties", {})] or branches
        return st.one_of(*(values(branch, definitions, depth - 1) for branch in chosen))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            fields = {n: values(each, definitions, depth - 1) for n, each in schema.get("properties", {}).items()}
            needed = set(schema.get("required", ()))
            optional = {n: each for n, each in fields.items() if n not in needed and depth > 0}
            return st.fixed_dictionaries({n: fields[n] for n in needed}, optional=optional)
        case "array":
            return st.lists(values(schema["items"], definitions, depth - 1), max_size=2)
        case "integer":
            return st.integers(schema.get("minimum", -9), schema.get("maximum", 9))
        case "number":
            return st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False, width=32))
        case "boolean":
            return st.booleans()
        case _:
            return st.text(st.characters(exclude_categories=["C"]), max_size=6) | st.sampled_from(
                ["true", "1", '["a"]']
            )


CALLS = st.sampled_from(sorted(TOOLS)).flatmap(
    lambda name: st.tuples(st.just(name), values(TOOLS[name], TOOLS[name].get("$defs", {})))
)


@settings(max_examples=60)
@given(CALLS)
def test_valid_arguments_are_never_changed(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    assert Fit(TOOLS[name]).fits(arguments, TOOLS[name])
    assert arguments_in(arguments, TOOLS[name]) == [arguments]
    assert arguments_in(json.dumps(arguments), TOOLS[name]) == [arguments]
    assert surplus(arguments, TOOLS[name]) == []


WORDS = st.sampled_from(
    [*"abc", "sql", "table", "filters", "select", "name", "fn", "column", "expression", "base", "ratio"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4) | inner.map(json.dumps),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(TOOLS)), st.dictionaries(WORDS, ANYTHING, max_size=4))
def test_a_second_repair_changes_nothing(name: str, arguments: dict[str, Any]) -> None:
    once = arguments_in(arguments, TOOLS[name])
    assert once
    assert arguments_in(once[0], TOOLS[name]) == once


@settings(max_examples=60)
@given(st.text() | st.text("{}[]\"'\\:,abn1\n `") | ANYTHING.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    values_in(text)
    for schema in TOOLS.values():
        arguments_in(text, schema)


def test_what_is_read_is_a_plan() -> None:
    for tool, _, meant in READ:
        if tool == PLAN:
            QueryPlan.model_validate(meant[0])


def test_texts_within_texts_are_no_burden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each union tries each of its branches, so a string that contains two others could be parsed thousands of
    times.
    """
    read: list[Any] = []

    def counted(value: Any) -> dict[str, Any] | None:
        read.append(value)
        return object_in(value)

    monkeypatch.setattr(tool_arguments, "object_in", counted)
    expression = '{"fn": "sum"}'
    for _ in range(6):
        expression = json.dumps({"ratio": expression, "base": f"{expression} "})
    arguments_in({"table": "l", "select": [{"name": "m", "expression": expression}]}, TOOLS[PLAN])
    assert 0 < sum(isinstance(each, str) for each in read) <= 200
