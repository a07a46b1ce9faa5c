"""Changes `union:` in the text of `datasets.yaml`, and nothing else in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from cfo_kernel.data import glossary_reader
from cfo_kernel.data.glossary_reader import FILE_NAME
from cfo_kernel.errors import GlossaryInvalid

_KEY = "union"


def with_union(data_dir: Path, name: str, files: Sequence[str]) -> str:
    """The text of the glossary in which these files form the table `name`, or stay apart if there are none.

    Raises `GlossaryInvalid` if that is impossible without changing other lines.
    """
    written = glossary_reader.read(data_dir)
    if written.faults and not written.value:
        raise written.faults[0]
    text = glossary_reader.text(data_dir)
    unions = written.value.get(_KEY)
    unions = dict(cast("dict[Any, Any]", unions)) if isinstance(unions, dict) else {}
    unions = {key: members for key, members in unions.items() if str(key).lower() != name.lower()}
    unions[name] = list(files) or False
    block = yaml.safe_dump({_KEY: unions}, default_flow_style=None, allow_unicode=True, sort_keys=False, width=10_000)
    lines = text.splitlines()
    first, end = _place(written.node, lines)
    changed = "\n".join([*lines[:first], block.rstrip("\n"), *lines[end:]]) + "\n"
    if not _is_same_but(changed, text, unions):
        problem = f"{_KEY} cannot be changed here without changing other lines; write it by hand"
        raise GlossaryInvalid(FILE_NAME, first + 1, problem)
    return changed


def _place(node: yaml.Node | None, lines: list[str]) -> tuple[int, int]:
    """The first and last line of the entry, or the end of the file if there is none."""
    if isinstance(node, yaml.MappingNode):
        for at, (key, value) in enumerate(node.value):
            if key.value == _KEY:
                following = node.value[at + 1][0].start_mark.line if at + 1 < len(node.value) else len(lines)
                end = value.end_mark.line + (value.end_mark.column > 0)
                return key.start_mark.line, min(end, following)
    return len(lines), len(lines)


def _is_same_but(changed: str, text: str, unions: dict[Any, Any]) -> bool:
    try:
        new: Any = yaml.safe_load(changed)
        old: Any = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        return False
    return isinstance(old, dict) and new == {**cast("dict[Any, Any]", old), _KEY: unions}
