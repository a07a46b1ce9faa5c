"""Measures how deeply a DuckDB type is nested."""

import re

MAX_DEPTH = 12
"""DuckDB's time for reading a Parquet column doubles with each level: 12 levels take milliseconds, 30 take minutes."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'')


def nesting_depth(kind: str) -> int:
    """The number of levels of nesting, such as 3 for `STRUCT(a INTEGER[])[]`."""
    levels = [[0, 0]]  # for each open parenthesis: the deepest of its earlier members, and the depth of the current one
    for mark in _QUOTED.sub("", kind):
        match mark:
            case "(":
                levels.append([0, 0])
            case ")" if len(levels) > 1:
                inner = max(levels.pop())
                levels[-1][1] = inner + 1
            case ",":
                levels[-1] = [max(levels[-1]), 0]
            case "[":
                levels[-1][1] += 1
            case _:
                pass
    return max(max(level) for level in levels)
