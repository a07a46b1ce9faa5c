"""Changes entries in the text of `datasets.yaml`, and leaves every other line as its authors wrote it.

A change is a JSON merge patch (RFC 7396) with the keys of the file: a value replaces what is there, null removes it.
ruamel.yaml writes the changed entries. It would also reformat other entries, so only the lines that differ between its
output before and after the change are used. A result is accepted only if the engine's own reader finds exactly the
intended values in it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from io import StringIO
from itertools import pairwise
from typing import Any, cast

import yaml

from cfo_kernel.data import glossary_reader
from cfo_kernel.data.glossary_reader import FILE_NAME
from cfo_kernel.errors import GlossaryInvalid, InvalidInput

_MOST_DEPTH = 12
_MOST_VALUES = 5_000
_LONGEST = 10_000
_MOST_LINES = 4_000
"""Comparing texts takes time that grows with the square of their lines: this many may take ten seconds."""
_PLAIN = re.compile(r"\w[\w .,/%()&+-]*")
_COMMENT = re.compile(r"\s*#")
_ITEM = re.compile(r"( *)(- +)?([^\s#-][^:]*):\s*(#.*)?$")


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text with the changes applied.

    Raises `GlossaryInvalid` if the text cannot be changed, and `InvalidInput` if the changes are not valid.
    """
    _check(changes, 0, [0])
    written = glossary_reader.read_text(text)
    if written.faults:
        raise written.faults[0]  # an entry that cannot be read would be lost, or would end in another place
    wanted = _patched(written.value, changes)
    if wanted == written.value:
        return text
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = re.split(r"\r\n|\r|\n", text.rstrip("\r\n")) if text.strip() else []
    if len(lines) > _MOST_LINES:
        problem = f"the file has more than {_MOST_LINES:,} lines, too many to change it here; change it by hand"
        raise GlossaryInvalid(FILE_NAME, 1, problem)
    for found in _attempts(lines, written.value, changes):
        read = glossary_reader.read_text("\n".join(found))
        if not read.faults and read.value == wanted:
            return ending.join(found) + ending
    problem = "this cannot be changed here without changing other entries; write it into the file by hand"
    raise GlossaryInvalid(FILE_NAME, 1, problem)


def _check(value: Any, depth: int, count: list[int]) -> None:
    """Raises `InvalidInput` if the changes are too large, or contain values that YAML cannot represent."""
    count[0] += 1
    if depth > _MOST_DEPTH or count[0] > _MOST_VALUES:
        raise InvalidInput("The changes are too many or nested too deeply. Send fewer at once.")
    parts: list[Any] = []
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        parts = [*entries.keys(), *entries.values()]
        if not all(isinstance(key, str) and key for key in entries):
            raise InvalidInput("The keys of a change must be strings. Use names as keys.")
    elif isinstance(value, list | tuple):
        parts = list(cast("Sequence[Any]", value))
    elif isinstance(value, str) and (len(value) > _LONGEST or _has_control(value)):
        advice = "Remove the character, or shorten the string"
        raise InvalidInput(f"A string has a control character, or more than {_LONGEST:,} characters. {advice}.")
    elif value is not None and not isinstance(value, str | bool | int | float):
        raise InvalidInput("A change may contain only strings, numbers, true, false, null, lists and objects.")
    for part in parts:
        _check(part, depth + 1, count)


def _has_control(text: str) -> bool:
    """Whether the text contains a control character other than a line feed, or an incomplete character."""
    return any(unicodedata.category(character) in ("Cc", "Cs") and character != "\n" for character in text)


def _key(holder: Mapping[Any, Any], name: str) -> Any:
    """The existing key that a change refers to. Case is ignored, as in SQL, and a number is compared as a string."""
    return next((key for key in holder if str(key).lower() == name.lower()), name)


def _patched(value: Any, changes: Any) -> Any:
    """Applies a merge patch (RFC 7396) to plain values."""
    if not isinstance(changes, Mapping):
        return list(cast("tuple[Any]", changes)) if isinstance(changes, tuple) else changes
    found = dict(cast("dict[Any, Any]", value)) if isinstance(value, dict) else {}
    for name, change in cast("Mapping[str, Any]", changes).items():
        key = _key(found, name)
        if change is None:
            found.pop(key, None)
        else:
            found[key] = _patched(found.get(key), change)
    return found


def _attempts(lines: list[str], value: Mapping[Any, Any], changes: Mapping[str, Any]) -> Iterator[list[str]]:
    """Possible texts with the changes, starting with the one that leaves most lines unchanged."""
    # Imported here, because it takes a while to load and only changes need it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    editor: Any = YAML()
    editor.preserve_quotes = True
    editor.width = 100_000  # a quoted name that is divided over two lines is no key
    editor.indent(**_indents(lines))
    if not value:  # only comments, which ruamel.yaml attaches to a first entry
        yield [*lines, *_dumped(editor, _node(_patched({}, changes)))]
        return
    try:
        document: Any = editor.load("\n".join(lines) + "\n")
        before = _dumped(editor, document)
        _apply(document, changes)
        after = _dumped(editor, document)
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        problem = f"ruamel.yaml cannot change this file ({str(error).splitlines()[0][:100]}); change it by hand"
        raise GlossaryInvalid(FILE_NAME, 1, problem) from error
    if (merged := _merged(lines, before, after)) is not None:
        yield merged
    yield after


def _dumped(editor: Any, document: Any) -> list[str]:
    stream = StringIO()
    editor.dump(document, stream)
    return stream.getvalue().removesuffix("...\n").splitlines()


def _apply(holder: Any, changes: Mapping[str, Any]) -> None:
    for name, change in changes.items():
        key = _key(holder, name)
        if change is None:
            holder.pop(key, None)
        elif isinstance(change, Mapping) and isinstance(holder.get(key), dict):
            _apply(holder[key], cast("Mapping[str, Any]", change))
        else:
            holder[key] = _node(_patched(None, change))


def _node(value: Any) -> Any:
    """The value in the form that ruamel.yaml writes best.

    Lists are on one line, and text that YAML would misread has quotes.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        node: Any = CommentedMap()
        for key, child in cast("dict[str, Any]", value).items():
            node[_node(key)] = _node(child)
        return node
    if isinstance(value, list):
        items: Any = CommentedSeq([_node(item) for item in cast("list[Any]", value)])
        items.fa.set_flow_style()
        for item in items:
            if isinstance(item, CommentedMap):
                cast("Any", item).fa.set_flow_style()
        return items
    if isinstance(value, str) and not _is_plain(value):
        return DoubleQuotedScalarString(value)
    return value


def _is_plain(text: str) -> bool:
    """Whether unquoted text is read as the same text, not as a number, a date or a boolean, such as NO."""
    try:
        return bool(_PLAIN.fullmatch(text)) and yaml.safe_load(text) == text
    except (yaml.YAMLError, ValueError, LookupError, OverflowError):
        return False


def _indents(lines: Sequence[str]) -> dict[str, int]:
    """How the file indents mappings and lists, so that new entries match the entries around them."""
    mapping, offset = 2, 2
    for line, following in pairwise(lines):
        found = _ITEM.match(line)
        if found is None or found[2]:
            continue
        own, below = len(found[1]), len(following) - len(following.lstrip(" "))
        if following.lstrip().startswith("- "):
            offset = min(below - own, 4) if below >= own else offset
        elif 1 < below - own <= 8 and not following.lstrip().startswith("#"):
            mapping = below - own
    return {"mapping": mapping, "sequence": offset + 2, "offset": offset}


def _merged(lines: list[str], before: list[str], after: list[str]) -> list[str] | None:
    """The lines, with only those replaced that differ between `before` and `after`. Comments are kept.

    None if a difference begins or ends within lines that are written differently in `before`.
    """
    places = _places(before, lines)
    found: list[str] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        first, last = places.get(start), places.get(end)
        if first is None or last is None:
            return None
        new = after[new_start:new_end]
        if kind == "equal":
            found += lines[first:last]
        else:
            kept = [line for line in lines[first:last] if _COMMENT.match(line) and line not in new]
            blank = _blank_end(found) if kind == "insert" else []  # belongs to what follows
            found[len(found) - len(blank) :] = [*new, *kept, *blank]
    return found


def _blank_end(lines: list[str]) -> list[str]:
    """The blank lines at the end of the list."""
    count = next((i for i, line in enumerate(reversed(lines)) if line.strip()), 0)
    return lines[len(lines) - count :] if count else []


def _places(before: list[str], lines: list[str]) -> dict[int, int]:
    """For lines of `before`, the positions in `lines` at which they begin, where the two correspond."""
    places: dict[int, int] = {0: 0, len(before): len(lines)}
    for kind, start, end, own_start, own_end in SequenceMatcher(None, before, lines).get_opcodes():
        places.setdefault(start, own_start)
        if kind == "equal" or end - start == own_end - own_start:
            places |= {start + i: own_start + i for i in range(end - start + 1)}
    return places
