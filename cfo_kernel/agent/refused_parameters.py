"""Finds the request parameters that a server refuses, and removes them from the request.

Servers support different parts of OpenAI's API. A server that does not support a parameter refuses the whole request,
and names the parameter in its own wording. Tools and messages are never removed, because an answer without them would
look valid but be worthless.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from cfo_kernel.agent.server_messages import parameter_paths, server_message

Body = dict[str, Any]

_ESSENTIAL = frozenset({"model", "messages", "tools"})
# The keys that carry a tool's meaning: its name, its description, and the structure of its arguments.
_STRUCTURE = frozenset(
    {"type", "function", "name", "description", "parameters", "properties", "required", "items", "prefixItems"}
    | {"enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"}
)
_READ = 5_000
_NAMES_BELOW = ("properties", "$defs", "definitions")
"""Below these keys, the keys are names that the tool chose, not keywords."""

_REFUSALS = frozenset({400, 404, 405, 406, 409, 415, 422, 500, 501})
"""The statuses of a refused request. Other statuses concern the key, the account, a limit, or the server's health."""


def refused(status: int, error: object, body: Body) -> tuple[str, ...]:
    """The request parameters that the error names as a cause. Each of them can be removed or weakened."""
    if status not in _REFUSALS:
        return ()
    names = dict.fromkeys((*_top_level(body), *_within_tools(body)))
    fields = " ".join(parameter_paths(error))
    named = [name for name in names if _names(fields, name, single_words=True)]
    if not named:
        text = server_message(error, longest=_READ).text
        named = [name for name in names if _names(text, name, single_words=name in body or name == "strict")]
        if not named and _names_value(text, body.get("tool_choice")):
            named = ["tool_choice"]
    # "not supported while streaming" is about the other parameter.
    others = tuple(name for name in named if name != "stream")
    return others or tuple(named)


def without(body: Body, names: Sequence[str]) -> Body:
    """The request without these parameters. `tool_choice` becomes `auto`, and is removed if it is refused again."""
    changed = dict(body)
    for name in names:
        if name == "tool_choice" and changed.get(name, "auto") != "auto":
            changed[name] = "auto"
        elif name == "stream":
            changed[name] = False
            changed.pop("stream_options", None)
        elif name in changed:
            del changed[name]
        else:
            for outer in ("tools", "stream_options"):
                if outer in changed and (stripped := _stripped(changed.pop(outer), name)) != {}:
                    changed[outer] = stripped
    return changed


def _top_level(body: Body) -> Iterator[str]:
    for name, value in body.items():
        if name == "stream" and value is not True:
            continue
        if name not in _ESSENTIAL:
            yield name
        if name == "stream_options" and isinstance(value, Mapping):
            yield from cast("Mapping[str, Any]", value)


def _within_tools(body: Body) -> Iterator[str]:
    """The keys in tool schemas that only constrain or describe, such as `strict`, `additionalProperties` and
    `default`.
    """

    def keys(value: object, *, names_are_keys: bool) -> Iterator[str]:
        if isinstance(value, list):
            for each in cast("list[object]", value):
                yield from keys(each, names_are_keys=names_are_keys)
        elif isinstance(value, dict):
            for key, inner in cast("dict[str, object]", value).items():
                if names_are_keys and key not in _STRUCTURE:
                    yield key
                if key in _STRUCTURE or not names_are_keys:  # `default` and similar keys contain plain values
                    yield from keys(inner, names_are_keys=not names_are_keys or key not in _NAMES_BELOW)

    return keys(body.get("tools"), names_are_keys=True)


def _stripped(value: object, name: str, *, names_are_keys: bool = True) -> object:
    """The tools without the key `name`, except where it is an argument's name."""
    if isinstance(value, list):
        return [_stripped(each, name, names_are_keys=names_are_keys) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _stripped(inner, name, names_are_keys=not names_are_keys or key not in _NAMES_BELOW)
        for key, inner in cast("dict[str, object]", value).items()
        if not (names_are_keys and key == name)
    }


def _names(text: str, name: str, *, single_words: bool) -> bool:
    """Whether the text names the parameter: tool_choice, tool-choice, toolChoice, "Tool choice", tools[0].strict."""
    words = re.findall(r"\$?[a-z0-9]+|[A-Z][a-z0-9]*", name)
    joined = "stream(?:ed|ing)?" if name == "stream" else r"[\s_.-]{0,2}".join(re.escape(word) for word in words)
    if len(words) == 1 and not single_words:
        return re.search(rf"""["'`.\[]{joined}["'`\]]""", text) is not None
    return re.search(rf"(?<![A-Za-z0-9]){joined}(?![A-Za-z0-9]|_\w)", text, re.IGNORECASE) is not None


def _names_value(text: str, value: object) -> bool:
    """Whether the text quotes the value of a parameter instead of its name."""
    return isinstance(value, str) and re.search(rf"""["'`]{re.escape(value)}["'`]""", text) is not None
