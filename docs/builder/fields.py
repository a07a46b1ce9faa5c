"""Generates the sections about value classes in the reference: the class's docstring and a table of its fields.

A line `::: fields NAME` in a page inserts a section. With several names, it inserts several sections.
"""

import ast
import inspect
import re
import textwrap
from importlib import import_module
from typing import Any

_MARKER = re.compile(r"^::: fields (\S+)$", re.MULTILINE)


def filled_in(markdown: str) -> str:
    """Returns the page with its `::: fields` lines replaced by sections."""
    return _MARKER.sub(lambda found: section(found[1]), markdown)


def section(name: str) -> str:
    """Returns the class as Markdown: its docstring, then a table of its fields."""
    rows = [
        f"| `{field}` | {_code(kind)} | {_code(default) if default else 'required'} |"
        for field, kind, default in fields(name)
    ]
    entry = f"::: {name}\n    options:\n      members: []\n"
    return "\n".join([entry, "| field | type | default |", "| --- | --- | --- |", *rows, ""])


def fields(name: str) -> list[tuple[str, str, str]]:
    """Returns the name, type and default of each field, as written in the source. A required field has no default."""
    module, _, attribute = name.rpartition(".")
    kind: Any = getattr(import_module(module), attribute)
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{name} is not a class. Name a class of values.")
    found: list[tuple[str, str, str]] = []
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            found.append((node.target.id, _type(node.annotation), _default(node.value)))
    return found


def _type(node: ast.expr) -> str:
    """Returns the annotation without pydantic's additional constraints."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
        return _type(node.slice.elts[0])
    return ast.unparse(node).strip("'\"")


def _default(node: ast.expr | None) -> str:
    if node is None:
        return ""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        first = node.args[0] if node.args else given.get("default")
        return "" if first is None else ast.unparse(first)
    return ast.unparse(node)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")
