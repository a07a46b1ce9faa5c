"""Gives columns exact types: DECIMAL instead of DOUBLE if it can hold every value, and DATE for timestamps at midnight.

Runs in the ingest worker, on the table `staging`.
"""

import duckdb

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.sql_text import quoted

MAX_SCALE = 8  # values with more decimals are measured ratios, not money
MAX_DIGITS = 38
USUAL_DIGITS = 18  # of a DECIMAL; a narrower type takes no less space
MAX_WHOLE = 19  # a whole number of this many digits may not fit BIGINT
_DOUBLE_DIGITS = 17
_NOISE = 2e-15  # relative; a double is exact to about 1e-16, and sums of a few doubles slightly less
_NOISY_DIGITS = 6  # this many decimals beyond the scale are noise; fewer are rounding


def make_types_exact(connection: duckdb.DuckDBPyConnection, table: str = "staging") -> list[Decision]:
    """Changes the column types of the table in place. Returns decisions about values that were changed."""
    decisions: list[Decision] = []
    for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
        if kind in ("DOUBLE", "FLOAT"):
            decisions += float_column(connection, table, name, quoted(name))
        elif kind in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
            _date_column(connection, table, name)
    return decisions


def float_column(connection: duckdb.DuckDBPyConnection, table: str, name: str, value: str) -> list[Decision]:
    """Converts the column to DECIMAL with the fewest decimals that hold every value, or else to DOUBLE.

    `value` is SQL for the cells as doubles. Scales are tried from zero upwards: the first scale at which every value
    differs from its rounded value by no more than the noise of a double is the scale that the author used.
    """
    column = quoted(name)
    cells = f"SELECT CAST({value} AS DOUBLE) AS v, CAST({column} AS VARCHAR) AS t FROM {table}"  # noqa: S608 - quoted
    rows = f"({cells}) WHERE v IS NOT NULL"
    [(largest,)] = connection.execute(f"SELECT max(abs(v)) FROM {rows}").fetchall()  # noqa: S608 - quoted
    if largest is None or not largest < 10**_DOUBLE_DIGITS:  # true for infinity and NaN too
        _retype(connection, table, name, "DOUBLE", value)
        return []
    whole = len(str(int(largest)))
    for scale in range(min(MAX_SCALE, _DOUBLE_DIGITS - whole) + 1):
        is_noisy = f"regexp_matches(t, '[.][0-9]{{{scale + _NOISY_DIGITS}}}')"
        [(fits, noisy, example)] = connection.execute(
            f"""SELECT bool_and(abs(v - round(v, {scale})) <= abs(v) * {_NOISE}),
                count(*) FILTER ({is_noisy}), min(t) FILTER ({is_noisy}) FROM {rows}"""  # noqa: S608 - quoted
        ).fetchall()
        if fits:
            _retype(connection, table, name, decimal(whole, scale), f"round({value}, {scale})")
            return [_rounded(name, noisy, example)] if noisy else []
    _retype(connection, table, name, "DOUBLE", value)
    return []


def decimal(whole: int, scale: int) -> str:
    """The DECIMAL type for at least this many digits. A type with fewer than the usual digits takes no less space."""
    return f"DECIMAL({min(MAX_DIGITS, max(USUAL_DIGITS, whole + scale))}, {scale})"


def _rounded(name: str, count: int, example: str) -> Decision:
    values = "1 value" if count == 1 else f"{count} values"
    text = f"{name}: floating-point noise was rounded off in {values} (such as {example})."
    return Decision(kind=DecisionKind.NUMBERS, text=text, column=name, count=count)


def _date_column(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
    column = quoted(name)
    sql = f"SELECT bool_and({column} = CAST({column} AS DATE)) FROM {table}"  # noqa: S608 - quoted
    if connection.execute(sql).fetchall()[0][0]:
        _retype(connection, table, name, "DATE", column)


def _retype(connection: duckdb.DuckDBPyConnection, table: str, name: str, kind: str, value: str) -> None:
    connection.execute(f"ALTER TABLE {table} ALTER {quoted(name)} TYPE {kind} USING CAST({value} AS {kind})")
