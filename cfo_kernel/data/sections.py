"""Keeps the section headings of a report in a column if its rows cannot be told apart without them.

Runs in the ingest worker, on the typed table `staging`. A heading is a row with a label and nothing else. If the same
label occurs below several headings, such as `Other` below assets and below liabilities, a column names the heading of
each row, because the rows of a table have no order.
"""

from collections import Counter
from collections.abc import Sequence

import duckdb

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted

_MOST_ROWS, _MOST_COLUMNS = 20_000, 100  # reports are no larger
_NAME = "section"

_Line = tuple[int, str | None, bool]
"""The row id of a row, its label, and whether it is a heading."""


def add_sections(connection: duckdb.DuckDBPyConnection) -> list[Decision]:
    """Adds a column with the headings if labels occur below different headings. Returns a decision about it."""
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    if count > _MOST_ROWS or not 1 < len(described) <= _MOST_COLUMNS or described[0][1] != "VARCHAR":
        return []
    label = quoted(described[0][0])
    is_heading = f"{label} IS NOT NULL AND " + " AND ".join(f"{quoted(name)} IS NULL" for name, _ in described[1:])
    lines: list[_Line] = connection.execute(f"SELECT rowid, {label}, {is_heading} FROM staging ORDER BY 1").fetchall()  # noqa: S608 - quoted
    found = _sections(lines) if _is_report(lines) else []
    repeated = _repeated(lines, found) if found else None
    if repeated is None:
        return []
    name = unique_names([*(name for name, _ in described), _NAME])[-1]
    connection.execute(f"ALTER TABLE staging ADD COLUMN {quoted(name)} VARCHAR")
    rows = [[section, rowid] for (rowid, _, _), section in zip(lines, found, strict=True) if section]
    connection.executemany(f"UPDATE staging SET {quoted(name)} = ? WHERE rowid = ?", rows)  # noqa: S608 - quoted
    text = f"Labels such as {repeated} occur below several headings. The column {name} has the heading of each row."
    return [Decision(kind=DecisionKind.LAYOUT, text=text, column=name)]


def _is_report(lines: Sequence[_Line]) -> bool:
    """Whether rows without values are headings rather than names with missing values."""
    headings = {label for _, label, is_heading in lines if is_heading}
    labels = [label for _, label, is_heading in lines if not is_heading]
    return bool(lines) and lines[0][2] and 1 < len(headings) <= len(labels) and headings.isdisjoint(labels)


def _sections(lines: Sequence[_Line]) -> list[str | None]:
    """The heading of each row, with the heading above it if that is needed to tell rows apart."""
    single = _headings(lines, nested=False)
    pairs = Counter((label, section) for (_, label, heading), section in zip(lines, single, strict=True) if not heading)
    is_unclear = any(count > 1 for (label, _), count in pairs.items() if label)
    return _headings(lines, nested=True) if is_unclear else single


def _headings(lines: Sequence[_Line], *, nested: bool) -> list[str | None]:
    """The heading of each row. If `nested`, a heading directly above another one applies to all that follow."""
    found: list[str | None] = []
    above = heading = ""
    for i, (_, label, is_heading) in enumerate(lines):
        if is_heading:
            is_upper = nested and i + 1 < len(lines) and lines[i + 1][2]
            above, heading = (label or "", "") if is_upper else (above, label or "")
            found.append(None)
        else:
            found.append(" ".join(part.strip(": ") for part in (above, heading) if part) or None)
    return found


def _repeated(lines: Sequence[_Line], sections: Sequence[str | None]) -> str | None:
    """A label that occurs below different headings, or None."""
    below: dict[str, set[str]] = {}
    for (_, label, is_heading), section in zip(lines, sections, strict=True):
        if label and section and not is_heading:
            below.setdefault(label, set()).add(section)
    return next((label for label, found in below.items() if len(found) > 1), None)
