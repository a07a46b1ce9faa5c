"""Finds the request parameters that a server refuses, and removes them from the request.

Servers support different parts of OpenAI's API, and of JSON Schema in the tools. A server refuses the whole request if
it does not support a part of it, and names that part in its own words. Tools and messages are never removed, because an
answer without them would look valid but be worthless.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from cfo_kernel.agent.plain_schemas import plain_schema, removable, without_keywords
from cfo_kernel.agent.server_messages import parameter_paths, server_message

Body = dict[str, Any]

_ESSENTIAL = frozenset({"model", "messages", "tools"})
_TOOL = frozenset({"type", "function", "name", "description", "parameters"})
"""The keys of a tool, outside its schema, that carry its meaning."""
_READ = 5_000
_SCHEMAS = "schemas of tools"
"""The name for a refusal that does not say which keyword the server cannot read."""
_ABOUT_SCHEMAS = re.compile(
    r"schema|grammar|recursi|function_?declarations?|unsupported_keyword|\bparameters\.properties\b"
    r"|\b(?:tools?|functions?)\b.{0,80}\bparameters\b|\bunmarshal\b.{0,120}\btools?\b",
    re.IGNORECASE | re.DOTALL,
)
# The model's arguments did not fit, or it wrote no call. The request was fine.
_ABOUT_AN_ANSWER = re.compile(r"failed_generation|tool_use_failed|did not match|failed to call", re.IGNORECASE)

_REFUSALS = frozenset({400, 404, 405, 406, 409, 415, 422, 500, 501})
"""The statuses of a refused request. Other statuses concern the key, the account, a limit, or the server's health."""
_OF_GATEWAYS = (424, 502, 503)


def refused(status: int, error: object, body: Body) -> tuple[str, ...]:
    """The request parameters that the error names as a cause. Each of them can be removed or weakened."""
    message = server_message(error, longest=_READ)
    about_schemas = _is_about_schemas(f"{message.text} {message.code}")
    # A gateway may report the refusal of the server behind it as a failure.
    if status not in _REFUSALS and not (about_schemas and status in _OF_GATEWAYS):
        return ()
    names = dict.fromkeys((*_top_level(body), *_within_tools(body)))
    fields = " ".join(parameter_paths(error))
    named = [name for name in names if _names(fields, name, single_words=True)]
    if not named:
        named = [name for name in names if _names(message.text, name, single_words=name in body or name == "strict")]
        if not named and _names_value(message.text, body.get("tool_choice")):
            named = ["tool_choice"]
    if not named and about_schemas:
        named = _simpler(body)
    # "X is not supported while streaming" is about X.
    others = tuple(name for name in named if name != "stream")
    return others or tuple(named)


def without(body: Body, names: Sequence[str]) -> Body:
    """The request without these parameters. `tool_choice` becomes `auto`, and is removed if it is refused again."""
    changed = dict(body)
    if within := {*names} - body.keys():
        changed.update(_stripped(body, within))
        if changed.get("stream_options") == {}:
            del changed["stream_options"]
    for name in names:
        if name == "tool_choice" and changed.get(name, "auto") != "auto":
            changed[name] = "auto"
        elif name == "stream":
            changed[name] = False
            changed.pop("stream_options", None)
        else:
            changed.pop(name, None)
    return changed


def _is_about_schemas(text: str) -> bool:
    return _ABOUT_SCHEMAS.search(text) is not None and _ABOUT_AN_ANSWER.search(text) is None


def _simpler(body: Body) -> list[str]:
    """The parameters to simplify next if the server cannot read the schemas, or cannot turn them into a grammar."""
    if body.get("tools") and _stripped(body, {_SCHEMAS})["tools"] != body["tools"]:
        return [_SCHEMAS]
    # Some servers build a grammar only if a call is required.
    return ["tool_choice"] if body.get("tool_choice", "auto") != "auto" else []


def _top_level(body: Body) -> Iterator[str]:
    for name, value in body.items():
        if name == "stream" and value is not True:
            continue
        if name not in _ESSENTIAL:
            yield name
        if name == "stream_options" and isinstance(value, Mapping):
            yield from cast("Mapping[str, Any]", value)


def _within_tools(body: Body) -> Iterator[str]:
    """The keys within tools that can be removed: `strict`, and schema keywords such as `default`."""
    for tool in body.get("tools") or ():
        function: dict[str, Any] = tool["function"]
        yield from (key for key in (*tool, *function) if key not in _TOOL)
        yield from removable(function.get("parameters"))


def _stripped(body: Body, names: Collection[str]) -> Body:
    """The tools and stream options without these keys and keywords."""
    changed: Body = {}
    if body.get("tools"):
        changed["tools"] = [_tool_without(tool, names) for tool in body["tools"]]
    if isinstance(body.get("stream_options"), Mapping):
        changed["stream_options"] = {k: v for k, v in body["stream_options"].items() if k not in names}
    return changed


def _tool_without(tool: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    function = {key: value for key, value in tool["function"].items() if key not in names}
    schema = function.pop("parameters", None)
    if schema is not None:
        schema = without_keywords(schema, names)
        schema = plain_schema(schema) if _SCHEMAS in names else schema
    parameters = {} if schema is None else {"parameters": schema}
    return {**{k: v for k, v in tool.items() if k not in names}, "function": {**function, **parameters}}


def _names(text: str, name: str, *, single_words: bool) -> bool:
    """Whether the text names the parameter: tool_choice, tool-choice, toolChoice, "Tool choice", tools[0].strict."""
    if name.startswith("$"):
        return re.search(rf"{re.escape(name)}(?!\w)", text) is not None
    if name in ("anyOf", "oneOf", "allOf"):  # in prose these are English words, and any_of[1] is a location
        return re.search(rf"(?<![A-Za-z0-9]){name[:-2]}_?[oO]f(?![A-Za-z0-9\[])", text) is not None
    words = re.findall(r"[a-z0-9]+|[A-Z][a-z0-9]*", name)
    joined = "stream(?:ed|ing)?" if name == "stream" else r"[\s_.-]{0,2}".join(words)
    if len(words) == 1 and not single_words:
        return re.search(rf"""["'`.\[]{joined}\\{{0,3}}["'`\]]""", text) is not None
    return re.search(rf"(?<![A-Za-z0-9]){joined}(?![A-Za-z0-9]|_\w)", text, re.IGNORECASE) is not None


def _names_value(text: str, value: object) -> bool:
    """Whether the text quotes the value of a parameter instead of its name."""
    return isinstance(value, str) and re.search(rf"""["'`]{re.escape(value)}["'`]""", text) is not None
