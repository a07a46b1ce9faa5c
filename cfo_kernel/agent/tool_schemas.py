"""Shortens the JSON schemas of tools without changing their meaning, because every request to a model contains them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from pydantic.json_schema import JsonSchemaMode, JsonSchemaValue
from pydantic_ai.tools import GenerateToolJsonSchema, ToolDefinition
from pydantic_core import CoreSchema, from_json, to_json

Schema = dict[str, Any]
_DEFINITION = "#/$defs/"
_ABSENT: tuple[object, ...] = (None, [], ())
"""Defaults that mean the same as omitting the field."""


class ShortSchemas(GenerateToolJsonSchema):
    """Generates short schemas. The description of a tool's only parameter is dropped, since the tool has its own."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        made = shortened(super().generate(schema, mode))
        made.pop("description", None)
        return made


def shortened(schema: Schema) -> Schema:
    """The schema without titles, empty defaults, types of choices, and null as the default of an optional field.

    Models omit an optional field rather than send null for it, and null is still accepted. Definitions that are used
    only once are inlined, because some servers do not show definitions to the model. The first paragraph of a
    definition's description is dropped, because the description of the field that uses it says the same.
    """
    short = cast("Schema", _short(schema))
    definitions: dict[str, Schema] = short.pop("$defs", {})
    counts = Counter(_references([short, definitions]))
    once = {name: definitions.pop(name) for name in [*definitions] if counts[name] == 1}
    return cast("Schema", _inlined({**short, "$defs": definitions} if definitions else short, once))


def with_short_schema(tool: ToolDefinition) -> ToolDefinition:
    """The tool with its schema shortened. The result is cached, because every request in every run asks for it."""
    return replace(tool, parameters_json_schema=_shortened_once(to_json(tool.parameters_json_schema)))


@lru_cache(maxsize=16)
def _shortened_once(schema: bytes) -> Schema:
    return shortened(from_json(schema))


def _short(node: Any) -> Any:
    if isinstance(node, list):
        return [_short(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema, made = cast("Schema", node), Schema()
    for key, value in schema.items():
        match key:
            case "properties":  # here the keys are names, not keywords
                made[key] = {name: _short(child) for name, child in value.items()}
            case "$defs":
                made[key] = {name: _definition(child) for name, child in value.items()}
            case "description":
                made[key] = " ".join(value.split())
            case "anyOf":
                made[key] = _union(value, with_null=schema.get("default", ...) is not None)
            case "default" if value in _ABSENT:
                pass
            case "title" | "discriminator":
                pass
            case "type" if value == "string" and "enum" in schema:  # the choices are strings
                pass
            case "default" if value == next(iter(schema.get("enum", ())), ...):  # the first choice
                pass
            case "additionalProperties" if value is False:
                pass
            case "oneOf":  # servers that constrain a model's output support anyOf better
                made["anyOf"] = _short(value)
            case _:
                made[key] = _short(value)
    match made.get("anyOf"):
        case [only]:
            del made["anyOf"]
            return {**only, **made}
        case _:
            return made


def _definition(schema: Schema) -> Schema:
    schema = {**schema}
    if rest := schema.pop("description", "").partition("\n\n")[2]:
        schema["description"] = rest
    return _short(schema)


def _union(members: list[Schema], *, with_null: bool) -> list[Any]:
    """The union's members without redundant ones: "number" includes "integer", and optional fields may be omitted."""
    idle = [] if with_null else [{"type": "null"}]
    if {"type": "number"} in members:
        idle.append({"type": "integer"})
    return [_short(member) for member in members if member not in idle]


def _references(node: Any) -> Iterator[str]:
    """The names of the referenced definitions, once for each reference."""
    if isinstance(node, list):
        for item in cast("list[Any]", node):
            yield from _references(item)
    elif isinstance(node, dict):
        for key, value in cast("Schema", node).items():
            if key == "$ref":
                yield value.removeprefix(_DEFINITION)
            else:
                yield from _references(value)


def _inlined(node: Any, definitions: dict[str, Schema]) -> Any:
    """The node with references to these definitions replaced by the definitions."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    name = str(schema.get("$ref", "")).removeprefix(_DEFINITION)
    if name in definitions:
        schema = {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: _inlined(value, definitions) for key, value in schema.items()}
