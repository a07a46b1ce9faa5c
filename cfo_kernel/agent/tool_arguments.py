"""Fits a call's arguments to the JSON schema of its tool if they can be read in only one way.

Valid arguments are returned unchanged. An ambiguous value also stays unchanged, so that the tool refuses it and the
model gets the reason.
"""

import re
from typing import Any, cast

from cfo_kernel.agent.json_texts import as_json, object_in, values_in
from cfo_kernel.data.plan import OTHER_NAMES

Schema = dict[str, Any]

_DEEPEST = 24
_MOST_TEXTS = 200
_NUMBER = re.compile(r"\s*-?\d{1,17}(\.\d{1,17})?\s*")
_BOOLEANS = {"true": True, "false": False}


def arguments_in(written: str | dict[str, Any] | None, schema: Schema) -> list[dict[str, Any]] | None:
    """The arguments of each call in `written`, fitted to the schema, or None if no reading is clear.

    Some servers send the same object twice, put an empty object in front of it, or merge the objects of two calls.
    """
    objects: list[dict[str, Any]] | None = [written] if isinstance(written, dict) else _objects(written or "{}")
    if objects is None:
        return None
    unlike: list[dict[str, Any]] = []
    for each in objects:
        if each not in unlike:
            unlike.append(each)
    if len(unlike) > 1 and schema.get("required"):
        unlike = [each for each in unlike if each]
    return [Fit(schema).arguments(each) for each in unlike]


def _objects(written: str) -> list[dict[str, Any]] | None:
    values = values_in(written)
    if values is None:
        return None
    if values == [None]:
        return [{}]
    objects = [object_in(value) for value in values]
    return None if None in objects else cast("list[dict[str, Any]]", objects)


def surplus(arguments: dict[str, Any], schema: Schema) -> list[str]:
    """The names of unknown arguments that can safely be ignored.

    This is the case if the tool requires at most one argument, that argument is present, and no argument has fields to
    which the unknown one could belong. An unknown field in a query plan, for example, is part of the question.
    """
    properties: dict[str, Schema] = schema.get("properties", {})
    required: list[str] = schema.get("required", [])
    fit = Fit(schema)
    if len(required) > 1 or any(fit.has_fields(each) for each in properties.values()):
        return []
    if any(name not in arguments for name in required):
        return []
    return [name for name in arguments if name not in properties]


class Fit:
    """Fits a value to a schema by walking through both in parallel."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._definitions: dict[str, Schema] = root.get("$defs", {})
        # Several branches of a union may lead to the same value. The values are kept so that no `id` is reused.
        self._known: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._read: dict[str, dict[str, Any] | None] = {}

    def arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The tool's arguments, as its schema defines them."""
        return self._object(arguments, self._root, _DEEPEST)

    def has_fields(self, schema: Schema) -> bool:
        """Whether a value of this schema may be an object, or contain one."""
        schema = self._resolved(schema)
        if schema.get("type") == "object":
            return True
        inner = [*self._branches(schema), *([schema["items"]] if "items" in schema else [])]
        return any(self.has_fields(each) for each in inner)

    def fits(self, value: Any, schema: Schema, depth: int = _DEEPEST) -> bool:
        """Whether the schema allows the value."""
        schema = self._resolved(schema)
        if depth == 0:
            return False
        if branches := self._branches(schema):
            return any(self.fits(value, branch, depth - 1) for branch in branches)
        if "enum" in schema and value not in schema["enum"]:
            return False
        match schema.get("type"):
            case "object":
                return isinstance(value, dict) and self._fields_fit(cast("dict[str, Any]", value), schema, depth)
            case "array":
                items: Schema = schema.get("items", {})
                return isinstance(value, list) and all(
                    self.fits(each, items, depth - 1) for each in cast("list[Any]", value)
                )
            case "string":
                return isinstance(value, str)
            case "boolean":
                return isinstance(value, bool)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "null":
                return value is None
            case _:
                return True

    def _fields_fit(self, value: dict[str, Any], schema: Schema, depth: int) -> bool:
        properties: dict[str, Schema] = schema.get("properties", {})
        if any(name not in value for name in schema.get("required", [])):
            return False
        if any(name not in properties for name in value):
            return False
        return all(self.fits(each, properties[name], depth - 1) for name, each in value.items() if name in properties)

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._definitions.get(schema["$ref"].rpartition("/")[2], {})
        return schema

    def _branches(self, schema: Schema) -> list[Schema]:
        return schema.get("anyOf") or schema.get("oneOf") or []

    def _fitted(self, value: Any, schema: Schema, depth: int) -> Any:
        schema = self._resolved(schema)
        if depth == 0:
            return value
        if branches := self._branches(schema):
            return self._chosen(value, branches, depth)
        if "enum" in schema:
            return _named(value, schema["enum"])
        match schema.get("type"):
            case "object":
                found = self._object_in(value)
                required: list[str] = schema.get("required", [])
                if found is None and isinstance(value, str) and len(required) == 1:
                    found = {required[0]: value}  # a column given by its name
                fitted = value if found is None else self._object(found, schema, depth)
                return fitted if isinstance(value, dict) or self.fits(fitted, schema) else value
            case "array":
                return self._list(value, schema.get("items", {}), depth)
            case "string":
                return _text(value)
            case "integer" | "number" as kind:
                return _number(value, whole=kind == "integer")
            case "boolean":
                return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value
            case _:
                return value

    def _object_in(self, value: Any) -> dict[str, Any] | None:
        """The object that the value is or contains.

        Each string is parsed only once, and only a limited number of strings are parsed.
        """
        if not isinstance(value, str):
            return object_in(value)
        if value not in self._read and len(self._read) < _MOST_TEXTS:
            self._read[value] = object_in(value)
        return self._read.get(value)

    def _chosen(self, value: Any, branches: list[Schema], depth: int) -> Any:
        """The value, fitted to the only branch of a union that it can be fitted to."""
        key = id(value), id(branches)
        if key not in self._known:
            fitted: list[Any] = []
            if isinstance(value, str) and self._object_in(value) is not None:  # not a name, although it is a string
                branches = [branch for branch in branches if self._resolved(branch).get("type") == "object"] or branches
            if not any(self.fits(value, branch, depth) for branch in branches):
                for each in (self._fitted(value, branch, depth - 1) for branch in branches):
                    if each not in fitted and any(self.fits(each, branch, depth) for branch in branches):
                        fitted.append(each)
            self._known[key] = value, fitted[0] if len(fitted) == 1 else value
        return self._known[key][1]

    def _list(self, value: Any, items: Schema, depth: int) -> Any:
        if isinstance(value, str):
            values = values_in(value) if value.lstrip().startswith(("[", "`")) else None
            inner: Any = values[0] if values and len(values) == 1 else None
            value = cast("list[Any]", inner) if isinstance(inner, list) else value
        if isinstance(value, list):
            return [self._fitted(each, items, depth - 1) for each in cast("list[Any]", value)]
        single = self._fitted(value, items, depth - 1)
        return [single] if value not in (None, "") and self.fits(single, items, depth) else value

    def _object(self, value: dict[str, Any], schema: Schema, depth: int) -> dict[str, Any]:
        properties: dict[str, Schema] = schema.get("properties", {})
        required: list[str] = schema.get("required", [])
        value = self._unwrapped(value, properties, required, depth)
        value = _with_known_names(value, properties)
        for repaired in (self._nested, self._renamed):
            value = repaired(value, properties, required, depth)
        fitted: dict[str, Any] = {}
        for name, each in value.items():
            if name not in properties:
                fitted[name] = each
            # null or an empty string for an optional argument means that it was omitted
            elif each not in (None, "") or name in required or self.fits(each, properties[name]):
                fitted[name] = self._fitted(each, properties[name], depth - 1)
        return fitted

    def _unwrapped(
        self, value: dict[str, Any], properties: dict[str, Schema], required: list[str], depth: int
    ) -> dict[str, Any]:
        """Removes an enclosing object: {"plan": {...}} or {"arguments": "{...}"}."""
        if depth == _DEEPEST and len(value) == 1 and required and not properties.keys() & value.keys():
            inner = self._object_in(next(iter(value.values())))
            if inner is not None and all(name in inner for name in required):
                return inner
        return value

    def _nested(
        self, value: dict[str, Any], properties: dict[str, Schema], required: list[str], depth: int
    ) -> dict[str, Any]:
        """Moves fields into the missing object that they belong to: {"name": "total", "fn": "sum", "column": "x"}.

        If the object is a simple figure, the name may be missing as well, and is derived from the figure.
        """
        missing = [name for name in required if name not in value]
        objects = [
            name for name in missing if self.has_fields(properties[name]) and not self._is_list(properties[name])
        ]
        unknown = {name: each for name, each in value.items() if name not in properties}
        if len(objects) != 1 or not unknown or [name for name in missing if name not in objects] not in ([], ["name"]):
            return value
        inner = self._fitted(unknown, properties[objects[0]], depth - 1)
        if not self.fits(inner, properties[objects[0]]):
            return value
        known = {name: each for name, each in value.items() if name in properties}
        if "name" in missing:
            known["name"] = _name_of(inner)
        return {**known, objects[0]: inner} if known.get("name", True) else value

    def _is_list(self, schema: Schema) -> bool:
        """Whether a value is a list: {"fn": "sum", "column": "x", "of": ...} names no groups, although it has a field
        more and one fewer.
        """
        return self._resolved(schema).get("type") == "array"

    def _renamed(
        self, value: dict[str, Any], properties: dict[str, Schema], required: list[str], depth: int
    ) -> dict[str, Any]:
        """Renames the only unknown field to the only missing field, if its value fits."""
        missing = [name for name in required if name not in value]
        unknown = [name for name in value if name not in properties]
        if len(missing) != 1 or len(unknown) != 1:
            return value
        inner = self._fitted(value[unknown[0]], properties[missing[0]], depth - 1)
        if not self.fits(inner, properties[missing[0]]) or self._is_list(properties[missing[0]]):
            return value
        return {**{name: each for name, each in value.items() if name in properties}, missing[0]: inner}


def _name_of(figure: dict[str, Any]) -> str | None:
    """A name for a simple figure: "sum_amount" for the sum of `ledger.amount`."""
    parts = ("fn", "column", "grain")
    texts = [str(figure[part]).rpartition(".")[2] for part in parts if part in figure]
    return "_".join(texts) if len(texts) == len(figure) else None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


_OTHER_NAMES = {_plain(other): name for name, others in OTHER_NAMES.items() for other in others}


def _with_known_names(value: dict[str, Any], properties: dict[str, Schema]) -> dict[str, Any]:
    """The object with its fields renamed to the schema's names: both groupBy and "dimensions" become group_by.

    A field that also exists under its own name is left unknown, because dropping either would change the question.
    """
    spelled = {_plain(name): name for name in properties}
    meant = {
        name: known
        for name in value
        if name not in properties
        and (known := spelled.get(_plain(name)) or _OTHER_NAMES.get(_plain(name))) in properties
        and known not in value
    }
    names = [meant.get(name, name) for name in value]
    return dict(zip(names, value.values(), strict=True)) if len(set(names)) == len(names) else value


def _named(value: Any, names: list[Any]) -> Any:
    """The name that equals the value except for case and separators."""
    if not isinstance(value, str) or value in names:
        return value
    alike = [name for name in names if isinstance(name, str) and _plain(name) == _plain(value)]
    return alike[0] if len(alike) == 1 else value


def _text(value: Any) -> Any:
    match value:
        case bool() | int() | float():
            return as_json(value)
        case [str(text)]:
            return text
        case [{"type": "text", "text": str()}, *_]:
            parts = cast("list[Any]", value)
            texts = [part.get("text") for part in parts if isinstance(part, dict)]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            whole = len(texts) == len(parts) and all(isinstance(text, str) for text in texts)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            return "".join(cast("list[str]", texts)) if whole else value
        case _:
            return value


def _number(value: Any, *, whole: bool) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value
