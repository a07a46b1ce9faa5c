"""Reads numbers as dates where the header says that they are dates: 20240131, and the serial numbers of spreadsheets.

Runs in the ingest worker, on the table `staging`, after the types of text columns are inferred.
"""

from collections.abc import Sequence

import duckdb

from cfo_kernel import column_names
from cfo_kernel.data.column_blocks import by_type, figures
from cfo_kernel.data.date_formats import DAYS, serial_day
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.vocabulary import DATE_ENDINGS, DATE_NAMES, JAPANESE_DATES, VAGUE_DATE_NAMES, listed
from cfo_kernel.sql_text import quoted

_COMPACT = (19000101, 21001231)
_NOT_DAYS = listed("year jahr annee ano anno ar rok month days tage no nr number count key id code sk")


def says_date(name: str) -> bool:
    """Whether the name of a column says that it holds dates."""
    parts = column_names.words(name)
    if {*parts} & _NOT_DAYS or column_names.says_money(parts) or column_names.says_count(parts):
        return any(end in name for end in JAPANESE_DATES)
    return bool({*parts} & DATE_NAMES) or any(p.endswith(DATE_ENDINGS) for p in parts) or name.endswith(JAPANESE_DATES)


def read_numbers_as_dates(connection: duckdb.DuckDBPyConnection, table: str) -> list[Decision]:
    """Converts the table's columns of numbers that are dates, in place. Returns decisions."""
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    numbers = [(name, kind) for name, kind, *_ in described if kind.split("(")[0] in ("BIGINT", "DOUBLE", "DECIMAL")]
    named = [(name, kind) for name, kind in numbers if says_date(name) or _may_be_date(name)]
    if not named:
        return []
    found = _in_range(connection, table, named)
    return [decision for name, _ in named if name in found for decision in _read(connection, table, name)]


def _in_range(connection: duckdb.DuckDBPyConnection, table: str, described: Sequence[tuple[str, str]]) -> set[str]:
    """The columns in which all numbers are between the first and the last day, in one of the two notations."""
    found: set[str] = set()
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - a name of ours
    for names in by_type(described).values():
        ends = figures(connection, names, lambda column: (f"min({column})", f"max({column})"), table, rows=rows)
        for name, (least, most) in zip(names, ends, strict=True):
            if least is not None and any(low <= least and most <= high for low, high in (DAYS, _COMPACT)):
                found.add(name)
    return found


def _is_certain(name: str) -> bool:
    """Whether the name can only be that of a column of dates, not of amounts."""
    parts = {*column_names.words(name)}
    return not parts & VAGUE_DATE_NAMES or bool(parts & (DATE_NAMES - VAGUE_DATE_NAMES))


def _may_be_date(name: str) -> bool:
    """Whether the column name says nothing about the numbers.

    In that case, it cannot be a coincidence if all of them are dates such as 20240131.
    """
    parts = column_names.words(name)
    said = column_names.says_money(parts) or column_names.says_count(parts) or column_names.says_code(parts)
    return not said and not {*parts} & _NOT_DAYS


def _read(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> list[Decision]:
    column = quoted(name)
    day = f"try_strptime(CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR), '%Y%m%d')"
    compact = f"{column} BETWEEN {_COMPACT[0]} AND {_COMPACT[1]} AND {column} = floor({column}) AND {day} IS NOT NULL"
    low, high = DAYS
    [(count, days, serials, whole, example)] = connection.execute(
        f"""SELECT count({column}), count(*) FILTER ({compact}), count(*) FILTER ({column} BETWEEN {low} AND {high}),
            count(*) FILTER ({column} = floor({column})), CAST(min({column}) AS VARCHAR) FROM {table}"""  # noqa: S608 - quoted
    ).fetchall()
    is_named = says_date(name)
    if count and days == count:
        value, kind, how = day, "DATE", "as year, month and day"
    elif count and serials == count and is_named and _is_certain(name):
        value, kind = serial_day(f"CAST({column} AS DOUBLE)"), "DATE" if whole == count else "TIMESTAMP"
        how = "as date numbers of a spreadsheet"
    else:
        return []
    connection.execute(f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING CAST({value} AS {kind})")
    text = f"{name}: numbers such as {example} were read {how}."
    return [Decision(kind=DecisionKind.DATES, text=text, column=name, needs_check=not is_named)]
