"""Describes the faults in a call's arguments so that a model can correct them."""

from typing import Any, cast

from pydantic import ValidationError

from cfo_kernel import validation_errors
from cfo_kernel.agent.tool_arguments import Schema
from cfo_kernel.similar_names import similar
from cfo_kernel.validation_errors import Fault

_MOST = 5
_LONGEST_SHAPE = 700
_DEEPEST = 3


def explained(error: ValidationError, tool: str, schema: Schema) -> str:
    """Lists the faults, and describes the expected shape of each object that has one."""
    faults = validation_errors.faults(error.errors(include_url=False))
    if any(each.type == "json_invalid" for each in faults):
        shape = _shape(schema, schema.get("$defs", {}), _DEEPEST)
        reason = faults[0].describe("the text")
        return f"The arguments of {tool} are not one JSON object: {reason}. Send them as {shape}"
    shapes: dict[str, None] = {}
    lines: list[str] = []
    for each in faults[:_MOST]:
        place = _at(each.loc[:-1], schema)
        lines.append(_fault(each, place))
        shapes[_shape(place, schema.get("$defs", {}), _DEEPEST)] = None
    return f"The arguments of {tool} are not valid. {' '.join(lines)} The expected shape is {', and '.join(shapes)}"


def _fault(fault: Fault, place: Schema) -> str:
    path = fault.path or "The value"
    if fault.type != "extra_forbidden":
        return f"{fault.describe(path)}."
    alike = similar(str(fault.loc[-1]), list(place.get("properties", {})), 1, 0.6)
    return f"{path} is not a field{f': did you mean {alike[0]}?' if alike else '.'}"


def _at(path: tuple[int | str, ...], root: Schema) -> Schema:
    """The schema of the object at the path. Steps that are not in the schema, such as a union's branch, are skipped."""
    definitions, schema = root.get("$defs", {}), root
    for step in path:
        options = [_resolved(each, definitions) for each in (schema, *_branches(schema))]
        for each in options:
            if isinstance(step, int) and "items" in each:
                schema = _resolved(each["items"], definitions)
                break
            if step in each.get("properties", {}):
                schema = _resolved(each["properties"][step], definitions)
                break
        else:
            known = [each for each in options if step in each.get("properties", {}) or step in each.get("required", ())]
            schema = known[0] if known else schema
    return schema


def _branches(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or []


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    while "$ref" in schema:
        schema = definitions.get(schema["$ref"].rpartition("/")[2], {})
    return schema


def _shape(schema: Schema, definitions: dict[str, Schema], depth: int) -> str:
    """The shape of a value. Optional fields are marked with a question mark."""
    written = _written(_resolved(schema, definitions), definitions, depth)
    return written if len(written) <= _LONGEST_SHAPE or depth == 1 else _shape(schema, definitions, depth - 1)


def _written(schema: Schema, definitions: dict[str, Schema], depth: int) -> str:
    schema = _resolved(schema, definitions)
    if branches := _branches(schema):
        return " or ".join(dict.fromkeys(_written(each, definitions, depth) for each in branches))
    if "enum" in schema:
        return "|".join(map(str, cast("list[Any]", schema["enum"])))
    match schema.get("type"):
        case "object" if depth == 0:
            return "{...}"
        case "object":
            required = schema.get("required", ())
            fields = [
                f'"{name}"{"" if name in required else "?"}: {_written(each, definitions, depth - 1)}'
                for name, each in schema.get("properties", {}).items()
            ]
            return f"{{{', '.join(fields)}}}"
        case "array":
            return f"[{_written(schema.get('items', {}), definitions, depth)}]"
        case kind:
            return str(kind)
