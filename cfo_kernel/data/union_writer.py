"""Combines the rows of several tables in the table `staging`, each with the name of its file.

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

_FILE, _PERIOD = "source_file", "source_period"


def unite(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path], sources: Sequence[Source]) -> list[Decision]:
    """Creates `staging` from the parts. A column that a part lacks is empty in its rows."""
    names = list(dict.fromkeys(name for source in sources for name in source.columns))
    file, period = unique_names([*names, _FILE, _PERIOD])[-2:]
    has_periods = all(source.start and not source.has_date for source in sources)
    selects: list[str] = []
    for part, source in zip(parts, sources, strict=True):
        # The type of a column without a value is a guess, and must not decide the type of the others.
        empty = ", ".join(f"NULL AS {quoted(name)}" for name in source.empty)
        where = [f"CAST({text_literal(source.file)} AS VARCHAR) AS {quoted(file)}"]
        if has_periods and source.start:
            where.append(f"DATE '{source.start.isoformat()}' AS {quoted(period)}")
        rest = f"* REPLACE ({empty})" if empty else "*"
        selects.append(f"SELECT {rest}, {', '.join(where)} FROM read_parquet({text_literal(str(part))})")  # noqa: S608
    connection.execute(f"CREATE TABLE staging AS {' UNION ALL BY NAME '.join(selects)}")
    formats = [stored_formats.read(part) for part in parts]
    for name in names:
        found = [known[name].role for known in formats if name in known]
        if found and set(found) == {"percent"}:
            staging_formats.mark_percent(connection, "staging", name)
    return _repeated(connection, file, period if has_periods else None)


def _repeated(connection: duckdb.DuckDBPyConnection, file: str, period: str | None) -> list[Decision]:
    """A decision about rows that occur in several files. Without a date, equal rows may belong to different periods."""
    described = [(name, kind) for name, kind, *_ in connection.execute("DESCRIBE staging").fetchall()]
    own = [quoted(name) for name, _ in described if name not in (file, period)]
    if not any(kind.startswith(("DATE", "TIMESTAMP")) for name, kind in described if quoted(name) in own):
        return []
    same = f"GROUP BY {', '.join(own)} HAVING count(DISTINCT {quoted(file)}) > 1"
    [(count,)] = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM staging {same})").fetchall()  # noqa: S608
    if not count:
        return []
    rows = "1 row occurs" if count == 1 else f"{count:,} different rows occur"
    text = (
        f"{rows} in more than one of the files, and would count twice. Check that no file contains the rows of another."
    )
    return [Decision(kind=DecisionKind.ROWS, text=text, count=count, needs_check=True)]
