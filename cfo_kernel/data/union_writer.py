"""Combines the rows of several tables in the table `staging`, each with the name of its file or sheet.

Runs in the ingest worker. The parts are Parquet files that were ingested before, so each has its own decisions, and its
total rows were removed.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from cfo_kernel.data import staging_formats
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.union_source import Source
from cfo_kernel.executors import stored_formats
from cfo_kernel.executors.sql_names import unique_names
from cfo_kernel.sql_text import quoted, text_literal

_FILE, _SHEET, _PERIOD = "source_file", "source_sheet", "source_period"


def unite(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path], sources: Sequence[Source]) -> list[Decision]:
    """Creates `staging` from the parts. A column that a part lacks is empty in its rows."""
    names = list(dict.fromkeys(name for source in sources for name in source.columns))
    file, sheet, period = unique_names([*names, _FILE, _SHEET, _PERIOD])[-3:]
    has_files = len({source.file for source in sources}) > 1
    has_sheets = any(source.sheet for source in sources)
    has_periods = all(source.start and not source.has_date for source in sources)
    selects: list[str] = []
    for part, source in zip(parts, sources, strict=True):
        # The type of a column without a value is a guess, and must not decide the type of the others.
        empty = ", ".join(f"NULL AS {quoted(name)}" for name in source.empty)
        where = [_text(source.file, file)] if has_files else []
        where += [_text(source.sheet or "", sheet)] if has_sheets else []
        if has_periods and source.start:
            where.append(f"DATE '{source.start.isoformat()}' AS {quoted(period)}")
        rest = f"* REPLACE ({empty})" if empty else "*"
        selects.append(f"SELECT {rest}, {', '.join(where)} FROM read_parquet({text_literal(str(part))})")  # noqa: S608
    connection.execute(f"CREATE TABLE staging AS {' UNION ALL BY NAME '.join(selects)}")
    formats = [stored_formats.read(part) for part in parts]
    for name in names:
        having = [i for i, source in enumerate(sources) if name in source.columns and name not in source.empty]
        found = {formats[i][name].role if name in formats[i] else "" for i in having}
        if found == {"percent"}:
            staging_formats.mark_percent(connection, "staging", name)
        if found == {"month"}:
            staging_formats.mark_months(connection, "staging", name)
    origin = [file] * has_files + [sheet] * has_sheets
    return _repeated(connection, origin, [*origin, *([period] if has_periods else [])])


def _text(text: str, name: str) -> str:
    return f"CAST({text_literal(text)} AS VARCHAR) AS {quoted(name)}"


def _repeated(connection: duckdb.DuckDBPyConnection, origin: Sequence[str], added: Sequence[str]) -> list[Decision]:
    """A decision about rows that occur in several parts. Without a date, equal rows may belong to different periods.

    The columns in `origin` name the part of each row. They and the others in `added` are not from the parts.
    """
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    own = [quoted(name) for name, _ in described if name not in added]
    if not any(kind.startswith(("DATE", "TIMESTAMP")) for name, kind in described if quoted(name) in own):
        return []
    part = f"({', '.join(map(quoted, origin))})"
    same = f"GROUP BY {', '.join(own)} HAVING count(DISTINCT {part}) > 1"
    [(count,)] = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM staging {same})").fetchall()  # noqa: S608
    if not count:
        return []
    rows = "1 row occurs" if count == 1 else f"{count:,} different rows occur"
    what = "file" if len(origin) == 1 and origin[0].startswith(_FILE) else "sheet"
    check = f"Check that no {what} contains the rows of another."
    text = f"{rows} in more than one of the {what}s, and would count twice. {check}"
    return [Decision(kind=DecisionKind.ROWS, text=text, count=count, needs_check=True)]
