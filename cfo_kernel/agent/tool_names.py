"""Recognizes tool names with decorations: functions.execute_sql, execute_sql<|channel|>commentary, executeSql:0."""

import re
from collections.abc import Iterable

_LONGEST = 200
_BREAK = re.compile(r"[^A-Za-z0-9_-]+|__+")


def offered_name(written: str, offered: Iterable[str]) -> str | None:
    """The only offered tool whose name is a whole word in `written`, even if the name is repeated there.

    Case, spaces and hyphens are ignored. Returns None if no tool or several tools are named.
    """
    if len(written) > _LONGEST:
        return None
    names = {_plain(name): name for name in offered}
    found = {
        names[plain]
        for plain in (_once(_plain(word), names) for word in (*_BREAK.split(written), written))
        if plain in names
    }
    return found.pop() if len(found) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _once(plain: str, names: Iterable[str]) -> str:
    """Removes repetitions of the name, because some servers send it again with every piece of a call."""
    return next((name for name in names if plain and plain == name * (len(plain) // len(name))), plain)
