"""Tool calls that a model wrote as text, because its server did not recognize the model's template.

Text is read as calls only if it consists of them, or ends with a block of calls that begins with the template's own
tags. Each call must name an offered tool and have arguments. Prose that mentions a tool, even with an example, is not a
call.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cfo_kernel.agent.json_texts import LONGEST_LITERAL, first_value, literal, object_in, unfenced, values_in
from cfo_kernel.agent.long_texts import end_without, matches
from cfo_kernel.agent.tool_arguments import Schema
from cfo_kernel.agent.tool_names import offered_name

Tools = Mapping[str, Schema]
"""The schemas of the offered tools, by name."""

_LONGEST, _MOST_TAGS = 50_000, 400
_DEEPEST = 6
_WORDS = 3
"""The maximum number of words that a template puts between its tags: "commentary to=", "json"."""

_THOUGHT = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_SPECIAL = r"<[|｜][^<>|｜\n]{1,60}(?:[|｜][^<>|｜\n]{1,40})?[|｜]?>|</?s>"
_TAG = r"</?[A-Za-z_｜][\w:.｜-]{0,60}(?:=[^<>\n]{1,80})?(?:\s+[\w-]+=\"[^\"\n]{0,80}\")*\s*/?>"
_MARK = re.compile(rf"{_SPECIAL}|\[/?[A-Z][A-Z_]{{2,30}}\]|{_TAG}|```[\w+-]*")
_LABEL = re.compile(r"(?:(?<=\n)|\A)[A-Z][\w ]{0,20}:")
_LEADING = re.compile(rf"\A(?:\s*(?:{_MARK.pattern}))+")
_SPECIAL_TOKEN = re.compile(_SPECIAL)
_NOT_FOR_PEOPLE = re.compile(rf"{_SPECIAL}|\[TOOL_CALLS\]|<tool_call|<function")
_FINAL = re.compile(r"<\|channel\|>\s{0,20}final\b[^<]{0,80}<\|message\|>")
_LONGEST_MARK = 130
"""The longest match of the patterns that search a whole answer: `_THOUGHT`, `_SPECIAL`, `_NOT_FOR_PEOPLE`, `_FINAL`."""
# Opening tags of elements. `tag` is repeated in the closing tag, and `name` is the name of a tool or an argument.
_NAMED_BLOCK = re.compile(r"<(?P<tag>[\w:｜|.-]{1,60}?)(?:=|\s+name=)[\"']?(?P<name>[\w.:-]{1,80})[\"']?[^<>]*>")
_PARAMETER = re.compile(r"<(?P<tag>[\w:｜|.-]{1,60}?)(?:=|\s+name=)[\"']?(?P<name>[\w.-]{1,80})[\"']?[^<>]*>")
_PLAIN_PARAMETER = re.compile(r"<(?P<tag>(?P<name>[\w-]{1,80}))>")
_PAIR = re.compile(r"<arg_key>(?P<name>[^<>]{1,80})</arg_key>\s*<(?P<tag>arg_value)>")


@dataclass(frozen=True)
class WrittenCall:
    """A call written as text. Its arguments are not yet fitted to the tool's schema."""

    name: str
    arguments: dict[str, Any]


def without_thinking(text: str) -> str:
    """The text after the model's thoughts, without its template's special tokens at either end."""
    kept: list[str] = []
    start, thinking = 0, False
    for tag in matches(_THOUGHT, text, _LONGEST_MARK):
        if tag[1]:
            # A template may put the opening tag into the prompt, so that the answer contains only the closing tag.
            kept = kept if thinking else []
            start, thinking = tag.end(), False
        elif not thinking:
            kept.append(text[start : tag.start()])
            thinking = True
    text = "".join([*kept, "" if thinking else text[start:]])
    final = list(matches(_FINAL, text, _LONGEST_MARK))
    text = (text[final[-1].end() :] if final else text).strip()
    return text[: end_without(_SPECIAL_TOKEN, text, _LONGEST_MARK)].strip()


@dataclass(frozen=True)
class Written:
    """The calls at the end of an answer's text, and the prose before them."""

    prose: str
    calls: list[WrittenCall]


def written_calls(text: str, tools: Tools) -> Written | None:
    """The calls that the text consists of or ends with, or None if there are none."""
    text = without_thinking(text)
    if not text or len(text) > _LONGEST or text.count("<") > _MOST_TAGS:
        return None
    # Prose may come before a block in the template's own tags, but not after it.
    starts = [0, *(mark.start() for mark in _MARK.finditer(text) if mark.start())]
    for start in starts[:20]:
        if calls := _whole(text[start:], tools):
            return Written(text[:start].strip(), calls)
    return None


def is_for_a_person(text: str) -> bool:
    """Whether the text can be shown to a user as an answer: it is neither pure JSON nor full of template tokens."""
    text = without_thinking(text)
    if not text or any(matches(_NOT_FOR_PEOPLE, text, _LONGEST_MARK)):
        return False
    return not (text[0] in "{[`" and values_in(text))


def calls_in(value: Any, tools: Tools, depth: int = _DEEPEST) -> list[WrittenCall]:
    """The calls that a JSON value consists of: objects with an offered tool's name and one object with arguments."""
    if depth == 0:
        return []
    match value:
        case list():
            each = [calls_in(one, tools, depth - 1) for one in cast("list[Any]", value)]
            return [call for calls in each for call in calls] if all(each) else []
        case dict():
            return _calls_in_object(cast("dict[str, Any]", value), tools, depth)
        case _:
            return []


def _calls_in_object(value: dict[str, Any], tools: Tools, depth: int) -> list[WrittenCall]:
    names = {key: name for key, each in value.items() if (name := _name(each, tools))}
    if len(names) == 1:
        [(key, name)] = names.items()
        return _named_object(name, {k: v for k, v in value.items() if k != key}, tools[name])
    if names:
        return []
    if len(value) == 1:
        [(key, only)] = value.items()
        name, arguments = _name(key, tools), object_in(only)
        if name and arguments is not None:
            return [WrittenCall(name, arguments)]
    inner: list[Any] = [each for each in value.values() if isinstance(each, dict | list) and each]
    return calls_in(inner[0], tools, depth - 1) if len(inner) == 1 else []


def _named_object(name: str, rest: dict[str, Any], schema: Schema) -> list[WrittenCall]:
    """Reads a call from an object that names a tool.

    The arguments are the only other object or, without one, all other fields.
    """
    objects = [found for each in rest.values() if (found := object_in(each)) is not None]
    properties: dict[str, Any] = schema.get("properties", {})
    if not properties.keys() & rest.keys() and len(objects) <= 1:
        if objects or not schema.get("required"):
            return [WrittenCall(name, objects[0] if objects else {})]
        return []
    arguments = {key: each for key, each in rest.items() if key in properties}
    return [WrittenCall(name, arguments)] if all(key in arguments for key in schema.get("required", [])) else []


def _name(value: Any, tools: Tools) -> str | None:
    return offered_name(value, tools) if isinstance(value, str) and re.fullmatch(r"[\w.:/<|>-]{1,80}", value) else None


def _whole(text: str, tools: Tools) -> list[WrittenCall]:
    """The calls, if the whole text consists of calls."""
    text = unfenced(text.strip())
    for bare in (text, _without_marks(text)):
        if calls := calls_in(values_in(bare), tools):
            return calls
    return _blocks(text, tools) or _python_calls(text, tools) or _scanned(text, tools)


def _without_marks(text: str) -> str:
    text = _LEADING.sub("", text)
    return text[: end_without(_MARK, text, len(text))].strip()


def _elements(opening: re.Pattern[str], text: str) -> tuple[list[tuple[str, str]], str]:
    """The names and bodies of the elements in the text, and the rest of the text.

    The closing tag is deliberately not part of a regex, which would search the rest of the text for the end of every
    opening tag in one uninterruptible call.
    """
    found: list[tuple[str, str]] = []
    rest, position, after = "", 0, 0
    while opened := opening.search(text, position):
        closing = f"</{opened['tag']}>"
        end = text.find(closing, opened.end())
        if end == -1:
            position = opened.start() + 1
            continue
        found.append((opened["name"], text[opened.end() : end]))
        rest += text[after : opened.start()]
        position = after = end + len(closing)
    return found, rest + text[after:]


def _blocks(text: str, tools: Tools) -> list[WrittenCall]:
    """Calls in XML: <function=NAME>, <invoke name="NAME">, <NAME>, or a name with <arg_key> and <arg_value>."""
    if "<arg_key>" in text:
        return _pairs(text, tools)
    own = "|".join(re.escape(name) for name in tools)
    for opening in (_NAMED_BLOCK, re.compile(rf"<(?P<tag>(?P<name>{own}))>")):
        blocks, rest = _elements(opening, text)
        calls: list[WrittenCall] = []
        for written, body in blocks:
            name = offered_name(written, tools)
            arguments = _body(body, tools[name]) if name else None
            if name is None or arguments is None:
                break
            calls.append(WrittenCall(name, arguments))
        else:
            if calls and not _MARK.sub("", rest).strip():
                return calls
    return []


def _pairs(text: str, tools: Tools) -> list[WrittenCall]:
    calls: list[WrittenCall] = []
    for block in filter(str.strip, re.split(r"</?tool_calls?>", text)):
        pairs, rest = _elements(_PAIR, block)
        name = offered_name(_MARK.sub("", rest).strip(), tools)
        if name is None or block.count("<arg_key>") != len(pairs):
            return []
        calls.append(WrittenCall(name, {key.strip(): value for key, value in pairs}))
    return calls


def _body(body: str, schema: Schema) -> dict[str, Any] | None:
    """The arguments in the body of a block: JSON, or one tag for each argument."""
    if not body.strip():
        return {}
    if (found := object_in(body)) is not None:
        return found
    parameters, rest = _elements(_PARAMETER, body)
    if not parameters:
        parameters, rest = _elements(_PLAIN_PARAMETER, body)
        if not {key for key, _ in parameters} <= schema.get("properties", {}).keys():
            return None
    return {key: value.strip("\r\n") for key, value in parameters} if parameters and not rest.strip() else None


def _python_calls(text: str, tools: Tools) -> list[WrittenCall]:
    """Calls in Python's syntax, either a single call or a list: [execute_sql(sql="SELECT 1")]."""
    bare = _without_marks(text)
    if "(" not in bare or len(bare) > LONGEST_LITERAL:
        return []
    try:
        body = ast.parse(bare).body
        nodes = [node.value for node in body if isinstance(node, ast.Expr)]
        if len(nodes) != len(body):
            return []
        flat = [each for node in nodes for each in (node.elts if isinstance(node, ast.List | ast.Tuple) else [node])]
        calls = [_python_call(node, tools) for node in flat]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [call for call in calls if call] if all(calls) else []


def _python_call(node: ast.expr, tools: Tools) -> WrittenCall | None:
    if not isinstance(node, ast.Call):
        return None
    if len(node.args) == 1 and isinstance(node.args[0], ast.Call) and not node.keywords:
        return _python_call(node.args[0], tools)  # print(...)
    name = offered_name(ast.unparse(node.func), tools)
    if name is None or any(each.arg is None for each in node.keywords):
        return None
    arguments = {cast("str", each.arg): literal(each.value) for each in node.keywords}
    required: list[str] = tools[name].get("required", [])
    if node.args:
        if len(node.args) != 1 or len(required) != 1:
            return None
        arguments = {required[0]: literal(node.args[0]), **arguments}
    return WrittenCall(name, arguments)


def _scanned(text: str, tools: Tools) -> list[WrittenCall]:
    """Calls between tags or labels: a name and its arguments as JSON, or JSON that contains both."""
    calls: list[WrittenCall] = []
    name: str | None = None
    marked = prose = False
    words = position = 0
    while position < len(text):
        if item := _MARK.match(text, position) or _LABEL.match(text, position):
            marked, position = True, item.end()
        elif text[position].isspace() or text[position] in ",;|`":
            position += 1
        elif text[position] in "{[" and (value := first_value(text, position)) is not None:
            found = _called(name, value[0], tools)
            if not found:
                return []
            calls, name, words, position = [*calls, *found], None, 0, value[1]
        else:
            start, position = position, _word_end(text, position)
            word = text[start:position]
            meant = offered_name(word, tools)
            if meant and name is None:
                # Only a template writes functions.NAME, to=functions.NAME or >>>NAME.
                marked = marked or bool(re.fullmatch(r".*[.=>]\w+(:\d+)?", word))
                name, words = meant, 0
            else:
                # The keyword of a template comes right before its JSON: functools[{...}]
                marked = marked or (not calls and not prose and text[position : position + 1] in ("{", "["))
                prose, words = True, words + 1
            if words > _WORDS:
                return []
    if name and not words and not tools[name].get("required"):
        calls, name = [*calls, WrittenCall(name, {})], None
    return calls if name is None and not words and (marked or not prose) else []


def _called(name: str | None, value: Any, tools: Tools) -> list[WrittenCall]:
    if name is None:
        return calls_in(value, tools)
    return [WrittenCall(name, cast("dict[str, Any]", value))] if isinstance(value, dict) else []


def _word_end(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and not text[end].isspace() and text[end] not in "{[<,;`":
        end += 1
    return end
