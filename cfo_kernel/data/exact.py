"""Gives columns their exact type: floats and written amounts become DECIMAL where every value fits one, and
timestamps that are all midnights become dates.

Runs in the ingest worker, on the table `raw`.
"""

import duckdb

from cfo_kernel.data.scope import quoted

_MAX_SCALE = 8  # more decimals than this are a measured ratio, not money
_MAX_DIGITS = 38
_NOISE = 2e-15  # relative; a double is exact to about 1e-16, and sums of a few carry a little more
_PLAIN = r"[+-]?\d+(\.\d*)?"
_WHOLE_US, _WHOLE_EU = r"(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)", r"(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+)"
_SIGNS = r"[-+(]?\s*[$€£¥]?\s*[-+]?"
_US = rf"{_SIGNS}{_WHOLE_US}(\.\d+)?\s*[$€£¥]?\)?-?\s*%?"
_EU = rf"{_SIGNS}{_WHOLE_EU}(,\d+)?\s*[$€£¥]?\)?-?\s*%?"
_EMPTY = r"\s*(-|–|—|n/?a|null|none|\.)?\s*"


def make_exact(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Changes the column types of `raw` in place; returns notes on what was changed."""
    notes: list[str] = []
    for name, kind, *_ in connection.execute("DESCRIBE raw").fetchall():
        if kind == "VARCHAR":
            notes += _text_column(connection, name)
        elif kind in ("DOUBLE", "FLOAT"):
            notes += _float_column(connection, name, quoted(name))
        elif kind == "TIMESTAMP":
            _date_column(connection, name)
    return notes


def _date_column(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    column = quoted(name)
    sql = f"SELECT bool_and({column} = CAST({column} AS DATE)) FROM raw"  # noqa: S608 - quoted
    if connection.execute(sql).fetchall()[0][0]:
        _retype(connection, name, f"CAST({column} AS DATE)")


def _text_column(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    column = quoted(name)
    filled = f"{column} IS NOT NULL AND NOT regexp_full_match(lower({column}), '{_EMPTY}')"
    [(values, plain, us, eu, doubles, percent)] = connection.execute(
        f"""SELECT count(*), count(*) FILTER (regexp_full_match(trim({column}), '{_PLAIN}')),
            count(*) FILTER (regexp_full_match(trim({column}), '{_US}')),
            count(*) FILTER (regexp_full_match(trim({column}), '{_EU}')),
            count(*) FILTER (TRY_CAST({column} AS DOUBLE) IS NOT NULL),
            count(*) FILTER ({column} LIKE '%\\%%' ESCAPE '\\') FROM raw WHERE {filled}"""  # noqa: S608 - quoted
    ).fetchall()
    if not values:
        return []
    if plain == values and not _leading_zeros(connection, column):
        return _plain_column(connection, name)
    if doubles == values and not _leading_zeros(connection, column):
        return _float_column(connection, name, f"TRY_CAST({column} AS DOUBLE)")
    if values in (us, eu) and percent in (0, values):
        return _written_column(connection, name, european=us != values, percent=bool(percent))
    return []


def _leading_zeros(connection: duckdb.DuckDBPyConnection, column: str) -> bool:
    """Whether texts such as 00123 are there: account codes, not amounts."""
    sql = f"SELECT count(*) FROM raw WHERE regexp_matches(trim({column}), '^[+-]?0\\d')"  # noqa: S608 - quoted
    return connection.execute(sql).fetchall()[0][0] > 0


def _plain_column(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Numbers as the file wrote them: exact where they are short, else through a double that sheds its noise."""
    column = quoted(name)
    trimmed = f"nullif(trim({column}), '')"
    [(scale, whole)] = connection.execute(
        f"""SELECT max(length(rtrim(split_part({trimmed}, '.', 2), '0'))),
            max(length(ltrim(split_part({trimmed}, '.', 1), '+-'))) FROM raw"""  # noqa: S608 - quoted
    ).fetchall()
    if scale <= _MAX_SCALE and whole + scale <= _MAX_DIGITS:
        _retype(connection, name, f"CAST({_filled(column)} AS {_decimal(whole, scale)})")
        return []
    return _float_column(connection, name, f"TRY_CAST({column} AS DOUBLE)")


def _float_column(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> list[str]:
    for scale in range(_MAX_SCALE + 1):
        [(fits, whole, noisy, example)] = connection.execute(
            f"""SELECT bool_and(isfinite(v) AND abs(v - round(v, {scale})) <= abs(v) * {_NOISE}),
                max(length(CAST(CAST(trunc(abs(v)) AS DECIMAL(38, 0)) AS VARCHAR))),
                count(*) FILTER (length(split_part(t, '.', 2)) > {scale} + 6), min(t) FILTER
                (length(split_part(t, '.', 2)) > {scale} + 6)
                FROM (SELECT {value} AS v, CAST({quoted(name)} AS VARCHAR) AS t FROM raw) WHERE v IS NOT NULL
                AND (NOT isfinite(v) OR abs(v) < 1e30)"""  # noqa: S608 - quoted
        ).fetchall()
        if fits and whole is not None and whole + scale <= 17:
            _retype(connection, name, f"CAST(round({value}, {scale}) AS {_decimal(whole, scale)})")
            if noisy:
                return [f"{name}: {noisy} values carried float noise (such as {example}); it was removed."]
            return []
    _retype(connection, name, value)
    return []


def _written_column(
    connection: duckdb.DuckDBPyConnection, name: str, *, european: bool, percent: bool
) -> list[str]:
    """Amounts as people write them: 1,234.56 or 1.234,56, (1,234) and 5- for negatives, currency signs, percents."""
    column = quoted(name)
    digits = f"regexp_replace({_filled(column)}, '[^0-9.,]', '', 'g')"
    digits = f"replace(replace({digits}, '.', ''), ',', '.')" if european else f"replace({digits}, ',', '')"
    sign = f"CASE WHEN regexp_matches({column}, '[-(]') THEN -1 ELSE 1 END"
    [(scale, whole)] = connection.execute(
        f"""SELECT max(length(split_part({digits}, '.', 2))), max(length(split_part({digits}, '.', 1)))
            FROM raw"""  # noqa: S608 - quoted
    ).fetchall()
    if whole + scale > _MAX_DIGITS - 3:
        return []
    part = f"CAST({digits} AS {_decimal(whole, scale)}) * {sign}"
    if percent:
        part = f"CAST(CAST({part} AS DECIMAL(38, {scale + 2})) / 100 AS {_decimal(whole, scale + 2)})"
    _retype(connection, name, f"CAST({part} AS {_decimal(whole, scale + 2 if percent else scale)})")
    style = "1.234,56" if european else "1,234.56"
    return [f"{name}: written amounts were read as numbers like {style}" + (", percents as parts of 1." if percent else ".")]


def _filled(column: str) -> str:
    """The trimmed text, or null for an empty cell and the usual signs for one."""
    return f"CASE WHEN NOT regexp_full_match(lower({column}), '{_EMPTY}') THEN trim({column}) END"


def _decimal(whole: int, scale: int) -> str:
    return f"DECIMAL({min(_MAX_DIGITS, max(18, whole + scale))}, {scale})"


def _retype(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    kind = connection.execute(f"DESCRIBE SELECT {value} AS v FROM raw").fetchall()[0][1]  # noqa: S608 - quoted
    connection.execute(f"ALTER TABLE raw ALTER {quoted(name)} TYPE {kind} USING {value}")
