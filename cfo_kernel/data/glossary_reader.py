"""Reads `datasets.yaml` within limits, and keeps its valid parts.

People edit the file by hand, and anything may be put in its place. It is therefore opened as a regular file without
following links, with limits on its size, depth, nodes, string lengths and reading time. PyYAML looks at most 1,024
characters ahead, so an exceeded limit is noticed soon. A line that is not valid YAML is skipped together with the lines
indented below it, and the rest is read again.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.literals import is_valid_text
from cfo_kernel.errors import GlossaryInvalid, GlossaryProblem

FILE_NAME = GLOSSARY
_MAX_BYTES = 256_000
_MAX_DEPTH = 20
_MAX_NODES = 20_000
_MAX_TEXT = 10_000
_MAX_SECONDS = 5.0
_MOST_REPAIRS = 20
_WRITTEN_KEY = re.compile(r"([\w.]+)['\"]?\s*:(?=\s|$)")
Location = tuple[int | str, ...]
"""The keys and positions that lead to a part of the file."""
Stamp = tuple[int, ...]


class Written:
    """The file's content as Python values, with the YAML tree for line numbers and the faults found so far."""

    def __init__(self) -> None:
        self.value: dict[Any, Any] = {}
        self.node: yaml.Node | None = None
        self.faults: list[GlossaryProblem] = []
        self.skipped: list[tuple[Location, GlossaryProblem]] = []
        """The keys in lines that are not valid YAML, each with the fault of its line."""

    def fault(self, loc: Location, problem: str, kind: type[GlossaryProblem] = GlossaryInvalid) -> GlossaryProblem:
        """The error for a part, with the part's line."""
        return kind(FILE_NAME, line_of(self.node, loc), problem)


class _LimitExceeded(Exception):
    """A limit for the whole file was exceeded. `line` is the line at which this was noticed."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def stamp(data_dir: Path) -> Stamp | None:
    """A value that changes when the file, or a link in its place, changes. None if there is no file."""
    try:
        found = (data_dir / FILE_NAME).lstat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode


def read(data_dir: Path) -> Written:
    """Reads the glossary of a `data/` folder, or returns an empty one if there is none. Takes at most a few seconds."""
    written = Written()
    try:
        content = _text(data_dir / FILE_NAME)
        if content is not None:
            _parse(content, written)
    except _LimitExceeded as error:
        _use_nothing(written, error)
    return written


def read_text(content: str) -> Written:
    """Reads a glossary that is not in a file yet. See `read`."""
    written = Written()
    try:
        if len(content.encode()) > _MAX_BYTES:
            raise _LimitExceeded(1, f"the file is larger than {_MAX_BYTES:,} bytes")
        _parse(content, written)
    except _LimitExceeded as error:
        _use_nothing(written, error)
    return written


def text(data_dir: Path) -> str:
    """The text of the glossary, or an empty string if there is none. Raises `GlossaryInvalid` if it exceeds a limit."""
    try:
        return _text(data_dir / FILE_NAME) or ""
    except _LimitExceeded as error:
        raise GlossaryInvalid(FILE_NAME, error.line, f"{error.problem}, so the file is not used") from error


def _use_nothing(written: Written, error: _LimitExceeded) -> None:
    written.value, written.node = {}, None
    written.faults = [GlossaryInvalid(FILE_NAME, error.line, f"{error.problem}, so the file is not used")]


def _text(path: Path) -> str | None:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else f"it cannot be read ({error.strerror})"
        raise _LimitExceeded(1, reason) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _LimitExceeded(1, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise _LimitExceeded(1, f"it cannot be read ({error.strerror})") from error
    if len(content) > _MAX_BYTES:
        raise _LimitExceeded(1, f"the file is larger than {_MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _LimitExceeded(content[: error.start].count(b"\n") + 1, "the file is not UTF-8 text") from error


def _parse(text: str, written: Written) -> None:
    """Parses the text, skipping lines that are not valid YAML."""
    lines = re.split(r"\r\n|\r|\n", text)
    deadline = time.monotonic() + _MAX_SECONDS
    for _ in range(_MOST_REPAIRS + 1):
        try:
            loader = _Loader("\n".join(lines), deadline, written)
            written.node = loader.root()
            value: Any = loader.construct_document(written.node) if written.node else {}  # pyright: ignore[reportUnknownMemberType] - untyped
        except yaml.reader.ReaderError as error:
            raise _LimitExceeded(_line_at(lines, int(error.position)), "special characters are not allowed") from error
        except yaml.MarkedYAMLError as error:
            _leave_out(lines, error, written)
        except yaml.YAMLError as error:
            raise _LimitExceeded(1, str(error)) from error
        else:
            if isinstance(value, dict):
                written.value = cast("dict[Any, Any]", value)
            elif value is not None:
                written.faults.append(written.fault((), "the file is not a list of keys and values"))
            return
    raise _LimitExceeded(written.faults[0].details["line"], "too many lines are not valid")


def _leave_out(lines: list[str], error: yaml.MarkedYAMLError, written: Written) -> None:
    """Clears the line of an error and the lines indented below it."""
    mark = error.problem_mark or error.context_mark
    at = min(mark.line, len(lines) - 1) if mark else 0
    context = error.context_mark if re.search("flow|quoted|scanning", error.context or "") else None
    # The parser reports an unclosed bracket or quote at a later line than the one it is on.
    first = min(context.line, len(lines) - 1) if context else at
    while first > 0 and not lines[first].strip():
        first -= 1
    if not lines[first].strip():
        raise _LimitExceeded(at + 1, str(error.problem))
    is_own = type(error) is yaml.MarkedYAMLError  # subclasses come from the parser, in its own terms
    problem = str(error.problem) if is_own else f"this is not valid YAML: {error.problem}"
    fault = GlossaryInvalid(FILE_NAME, first + 1, problem)
    indent, end = _indent(lines[first]), first + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
        end += 1
    written.faults.append(fault)
    written.skipped += [(loc, fault) for loc in _keys(lines, first, end)]
    lines[first:end] = [""] * (end - first)


def _keys(lines: list[str], first: int, end: int) -> Iterator[Location]:
    """The keys in the lines from `first` up to `end`, each with the keys above it, found without parsing."""
    above: list[tuple[int, str]] = []
    for number, line in enumerate(lines[:end]):
        found = _WRITTEN_KEY.findall(line[:_MAX_TEXT])
        if not found:
            continue
        above = [(indent, key) for indent, key in above if indent < _indent(line)]
        if number >= first:
            path = tuple(key for _, key in above)
            for count, key in enumerate(found, 1):  # keys in braces are siblings, or each is nested in the one before
                yield from {(*path, found[0], key), (*path, *found[:count])}
        above.append((_indent(line), found[0]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _line_at(lines: list[str], position: int) -> int:
    return "\n".join(lines).count("\n", 0, position) + 1


class _Loader(yaml.SafeLoader):
    """A loader that checks limits at each node before it parses the nodes below."""

    def __init__(self, text: str, deadline: float, written: Written) -> None:
        super().__init__(text)
        self._deadline, self._written = deadline, written
        self._depth = self._nodes = 0

    def root(self) -> yaml.Node | None:
        """The tree of the whole file. Every error is raised as a `YAMLError` that names the line."""
        try:
            return self.get_single_node()
        except (ValueError, LookupError, OverflowError) as error:
            problem = "this is not a valid number or character"
            raise yaml.MarkedYAMLError(None, None, problem, self.get_mark()) from error  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - untyped

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = cast("Any", self.peek_event())  # pyright: ignore[reportUnknownMemberType] - untyped
        line = int(event.start_mark.line) + 1
        self._nodes += 1
        self._depth += 1
        text: Any = getattr(event, "value", "")
        if isinstance(event, yaml.AliasEvent):
            # A few lines with aliases can stand for a billion values.
            problem = "an alias is not supported; write the value out"
            raise yaml.MarkedYAMLError(None, None, problem, cast("Any", event).start_mark)
        if self._depth > _MAX_DEPTH:
            raise _LimitExceeded(line, "the file is nested too deeply")
        if self._nodes > _MAX_NODES:
            raise _LimitExceeded(line, f"the file has more than {_MAX_NODES:,} values")
        if not is_valid_text(text):
            problem = "a NUL or an incomplete character is not allowed"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)
        if len(text) > _MAX_TEXT:
            raise _LimitExceeded(line, f"a string is longer than {_MAX_TEXT:,} characters")
        if time.monotonic() > self._deadline:
            raise _LimitExceeded(line, f"reading takes longer than {_MAX_SECONDS:g} s")
        node = super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped
        self._depth -= 1
        if isinstance(node, yaml.MappingNode):
            self._drop_repeated_keys(node)
        return cast("yaml.Node | None", node)

    def _drop_repeated_keys(self, node: yaml.MappingNode) -> None:
        """Keeps the first of two equal keys. YAML itself would silently keep the last."""
        seen: set[str] = set()
        kept: list[Any] = []
        for key, child in node.value:
            name = str(key.value).lower() if isinstance(key, yaml.ScalarNode) else ""
            if name and name in seen:
                problem = f"the key {key.value} is already used above"
                self._written.faults.append(GlossaryInvalid(FILE_NAME, key.start_mark.line + 1, problem))
            else:
                seen.add(name)
                kept.append((key, child))
        node.value = kept

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Reads a value as a string if it looks like a date or a number but is not one."""
        try:
            return super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType] - untyped
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            problem = f"{str(node.value)[:80]} cannot be read ({error}); put quotes around it if it is text"
            self._written.faults.append(GlossaryInvalid(FILE_NAME, node.start_mark.line + 1, problem))
            return str(node.value)


def line_of(node: yaml.Node | None, loc: Location) -> int:
    """The line of the deepest existing node on the path `loc`. For a value, it is the line of its key."""
    line = node.start_mark.line + 1 if node else 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, child) for key, child in node.value if key.value == str(part)), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child: yaml.Node = node.value[part]
            line, node = child.start_mark.line + 1, child
    return line


def drop(value: Any, loc: Location) -> Location:
    """Removes the deepest existing part on the path `loc`, and returns its path. The root is never removed."""
    holder, key = cast("Any", None), cast("Any", None)
    path: list[int | str] = []
    for part in loc:
        if isinstance(value, dict):
            keys = cast("dict[Any, Any]", value)
            # A numeric key is referred to by its text.
            found = [part] if part in keys else [k for k in keys if str(k) == str(part)]
            if not found:
                break
            holder, key = cast("Any", value), found[0]
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value)):
            holder, key = cast("Any", value), part
        else:
            break
        value = holder[key]
        path.append(part)
    if holder is not None:
        del holder[key]
    return tuple(path)
