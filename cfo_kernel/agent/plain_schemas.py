"""Rewrites the JSON schema of a tool for servers that support only part of JSON Schema.

A rewritten schema is less precise: it may allow values that the tool refuses, and exclude some that it accepts. That is
safe, because the tool checks its arguments itself, and its errors explain what is wrong.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

Schema = dict[str, Any]

_STRUCTURE = frozenset({"type", "description", "properties", "required", "items"})
_PLAIN = _STRUCTURE | {"enum"}
"""The keywords that every server supports."""
_REFERENCES = frozenset({"$ref", "$defs", "definitions"})
_UNIONS = ("anyOf", "oneOf")
_SCALARS = ("string", "number", "integer", "boolean")
"""The type of a union is the first of these that it contains. Tools also accept numbers and booleans as strings."""
_NESTED = 2
"""How often a definition may be nested within itself. Fields that would need deeper nesting are left out."""


def removable(schema: object) -> Iterator[str]:
    """The keywords that `without_keywords` can remove from the schema."""
    if isinstance(schema, list):
        for each in cast("list[object]", schema):
            yield from removable(each)
    elif isinstance(schema, dict):
        for keyword, inner in cast("Schema", schema).items():
            if keyword not in _STRUCTURE:
                yield keyword
            if keyword in ("properties", *_REFERENCES) and isinstance(inner, dict):  # these keys are names
                yield from removable(list(cast("Schema", inner).values()))
            elif keyword in (*_UNIONS, "allOf", "items", "prefixItems"):
                yield from removable(inner)


def plain_schema(schema: Schema) -> Schema | None:
    """The schema with only those keywords that every server supports, or None if it has no fields."""
    plain = without_keywords(_typed(schema), {*removable(schema)} - _PLAIN)
    return plain if plain.get("properties") else None


def _typed(node: Any) -> Any:
    """The schema in which each choice has a type, which some servers require."""
    if isinstance(node, list):
        return [_typed(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema: Schema = {keyword: _typed(inner) for keyword, inner in cast("Schema", node).items()}
    return {"type": "string", **schema} if isinstance(schema.get("enum"), list) else schema


def without_keywords(schema: Schema, keywords: Collection[str]) -> Schema:
    """The schema without these keywords. Definitions are inlined, and each union becomes a single type."""
    unwanted = {*keywords} | (_REFERENCES if _REFERENCES & {*keywords} else set[str]())
    return _Rewriting(schema, frozenset(unwanted)).schema(schema, ()) or {"type": "object"}


class _Rewriting:
    def __init__(self, root: Schema, unwanted: frozenset[str]) -> None:
        self._definitions: Schema = {**root.get("definitions", {}), **root.get("$defs", {})}
        self._unwanted = unwanted
        self._described = set[str]()

    def schema(self, node: Schema, within: tuple[str, ...]) -> Schema | None:
        """The rewritten schema, or None if it needs a definition that is nested too deeply.

        `within` contains the names of the definitions that enclose the node.
        """
        if "$ref" in node and "$ref" in self._unwanted:
            name = str(node["$ref"]).rpartition("/")[2]
            if within.count(name) == _NESTED:
                return None
            definition: Schema = {**self._definitions.get(name, {}), **node}
            del definition["$ref"]
            if name in self._described:  # once is enough
                definition.pop("description", None)
            self._described.add(name)
            return self.schema(definition, (*within, name))
        if "const" in node and "const" in self._unwanted:
            node = {**{k: v for k, v in node.items() if k != "const"}, "enum": [node["const"]]}
        union = next((each for each in _UNIONS if each in node and each in self._unwanted), None)
        if union is None:
            return self._fields(node, within)
        members = [made for member in node[union] if (made := self.schema(member, within))]
        merged, rest = _merged(members), self._fields({k: v for k, v in node.items() if k != union}, within)
        return {**merged, **(rest or {})} if merged else None

    def _fields(self, node: Schema, within: tuple[str, ...]) -> Schema | None:
        made = Schema()
        for keyword, value in node.items():
            if keyword == "enum" and keyword in self._unwanted:
                choices = f"One of: {', '.join(map(str, value))}."
                made["description"] = f"{node.get('description', '')} {choices}".strip()
            elif keyword in self._unwanted:
                continue
            elif keyword in ("properties", *_REFERENCES) and isinstance(value, dict):
                fields = {name: self.schema(each, within) for name, each in cast("Schema", value).items()}
                made[keyword] = {name: each for name, each in fields.items() if each is not None}
            elif keyword in (*_UNIONS, "allOf", "prefixItems"):
                made[keyword] = [each for one in value if (each := self.schema(one, within)) is not None]
            elif isinstance(value, dict) and keyword in ("items", "additionalProperties"):
                made[keyword] = self.schema(cast("Schema", value), within)
            else:
                made.setdefault(keyword, value)
        known = made.get("properties", {})
        complete = all(name in known for name in made.get("required", ())) and made.get("items", made) is not None
        return made if complete else None


def _merged(members: Sequence[Schema]) -> Schema | None:
    """A single schema for a union. If any member is a list, it is a list whose items may have any member's type."""
    members = [member for member in members if member.get("type") != "null"]
    if len(members) < 2:
        return members[0] if members else None
    arrays = [member for member in members if member.get("type") == "array"]
    others = [member for member in members if member.get("type") != "array"]
    if arrays:
        items = _merged([*(array["items"] for array in arrays if array.get("items")), *others])
        return {"type": "array", **({"items": items} if items else {})}
    objects = [member for member in members if "properties" in member]
    return _merged_objects(objects) if objects else _merged_scalars(members)


def _merged_objects(objects: Sequence[Schema]) -> Schema:
    names = list(dict.fromkeys(name for each in objects for name in each["properties"]))
    fields = {name: [each["properties"][name] for each in objects if name in each["properties"]] for name in names}
    required = [name for name in names if all(name in each.get("required", ()) for each in objects)]
    forms = "; or ".join(f"{', '.join(each['properties'])}{_explained(each)}" for each in objects)
    return {
        "type": "object",
        "properties": {name: _merged(_unlike(schemas)) for name, schemas in fields.items()},
        **({"required": required} if required else {}),
        "description": f"Either {forms}.",
    }


def _explained(schema: Schema) -> str:
    return f" ({schema['description'].rstrip('.')})" if schema.get("description") else ""


def _merged_scalars(members: Sequence[Schema]) -> Schema:
    types = [member.get("type") for member in members]
    values = [value for member in members for value in member.get("enum", ())]
    listed = all("enum" in member for member in members)
    kind = next((kind for kind in _SCALARS if kind in types), "string")
    return {"type": kind, **({"enum": list(dict.fromkeys(values))} if listed else {})}


def _unlike(schemas: Sequence[Schema]) -> list[Schema]:
    return [each for n, each in enumerate(schemas) if each not in schemas[:n]]
