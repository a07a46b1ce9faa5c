"""Reads the figures of the table `staging` for the search for totals.

A small table is read whole. In a large one, only rows that may be totals, judging by their label or an empty cell, are
read individually. The rows between two of them are read as one row of sums.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import duckdb

from cfo_kernel import column_names
from cfo_kernel.data import staging_formats, total_cells, total_labels, total_shares
from cfo_kernel.data.column_blocks import batches, by_type
from cfo_kernel.data.column_blocks import figures as column_figures
from cfo_kernel.data.remembered_cells import RememberedCells
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.data.total_cells import Figures
from cfo_kernel.data.total_grid import Grid, Row
from cfo_kernel.sql_text import quoted, text_literal

_SMALL = 1500  # rows
_FEWEST = 2
_MOST_CANDIDATES = 1500
_DOUBLE_SCALE = 6
_USUAL = 0.55
_RARELY_EMPTY = 20
_COUNTS = 1000
_NOTHING = RememberedCells()


def read_grid(connection: duckdb.DuckDBPyConnection, remembered: RememberedCells = _NOTHING) -> Grid | None:
    """The figures of `staging`, or None if it has no figures or no rows that may be totals."""
    described = connection.execute("DESCRIBE staging").fetchall()
    columns = [Column(name=name, type=kind) for name, kind, *_ in described]
    [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    if count < _FEWEST:
        return None
    figures = [c for c in columns if c.kind is Kind.NUMBER and not _has_codes(connection, c)]
    if figures and count <= _SMALL and columns[0] == figures[0] and _numbers_lines(connection, columns):
        del figures[0]
    names = {c.name for c in figures}
    keys = [c for c in columns if c.name not in names and c.kind in (Kind.TEXT, Kind.TIME, Kind.NUMBER)]
    if count > _SMALL:
        return _compressed(connection, keys, figures, count, remembered.labels)
    return _whole(connection, keys, figures, count, remembered, columns[0].name)


def _numbers_lines(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> bool:
    """Whether the leftmost column numbers the lines in ascending order, and the next column names them."""
    if len(columns) < _FEWEST or columns[0].scale or columns[1].kind is not Kind.TEXT:
        return False
    number, name = quoted(columns[0].name), quoted(columns[1].name)
    steps = f"SELECT {number} AS n, {name} AS t, lag({number}) OVER (ORDER BY rowid) AS p FROM staging"  # noqa: S608 - quoted
    wanted = "bool_and(n IS NULL OR (t IS NOT NULL AND coalesce(n > p, true))), count(n), sum(n) = 2 * max(n)"
    [(is_ascending, count, has_sum)] = connection.execute(f"SELECT {wanted} FROM ({steps})").fetchall()  # noqa: S608 - quoted
    return bool(is_ascending) and count > _FEWEST and not has_sum


def _has_codes(connection: duckdb.DuckDBPyConnection, column: Column) -> bool:
    """Whether the numbers are years or keys.

    `Canada number` may be a count: counts are written with separators, or differ more in size than keys.
    """
    if not column.is_key or column.type.startswith("DECIMAL"):
        return not column.is_key and column_names.says_year(column_names.words(column.name))
    name = quoted(column.name)
    sizes = f"SELECT min({name}), max({name}) FROM staging"  # noqa: S608 - quoted
    [(least, most)] = connection.execute(sizes).fetchall()
    return least is None or (least >= 0 and most < _COUNTS * max(least, 1))


def _values(read: Sequence[Figures | None]) -> list[tuple[int | None, ...]]:
    return [some.values for some in read if some]


def _scale(column: Column) -> int:
    return _DOUBLE_SCALE if column.type in ("DOUBLE", "FLOAT") else column.scale


def _exact(column: Column, name: str | None = None) -> str:
    """SQL for the figures of a column as decimals. Doubles that are too large for them are left out."""
    name = name or quoted(column.name)
    value = f"CAST({name} AS DECIMAL(38, {_scale(column)}))"
    return f"CASE WHEN abs({name}) < 1e15 THEN {value} END" if column.type in ("DOUBLE", "FLOAT") else value


def _integer(value: str | None) -> int | None:
    """The decimal as an integer in units of its last digit."""
    return None if value is None else int(value.replace(".", ""))


def _whole(
    connection: duckdb.DuckDBPyConnection,
    keys: Sequence[Column],
    figures: Sequence[Column],
    count: int,
    remembered: RememberedCells,
    leftmost: str,
) -> Grid | None:
    """All rows of a small table, including the figures in its text columns."""
    cells = _cells(connection, keys, count) + _cells(connection, figures, count, are_figures=True)
    read = [
        total_cells.figures_among(found) if c.kind is Kind.TEXT else None for c, found in zip(keys, cells, strict=False)
    ]
    counts = [sum(cell is not None for cell in row) for row in zip(*cells[len(keys) :], *_values(read), strict=True)]
    read = [
        None if some and total_cells.name_rows(found, some, counts, is_leftmost=c.name == leftmost) else some
        for c, found, some in zip(keys, cells, read, strict=False)
    ]
    names = [column for column, some in zip(cells, read, strict=False) if some is None]
    texts = [(c.name, some) for c, some in zip(keys, read, strict=True) if some]
    numbers = [some.values for _, some in texts] + [tuple(map(_integer, column)) for column in cells[len(keys) :]]
    if not numbers:
        return None
    ids = [rowid for (rowid,) in connection.execute("SELECT rowid FROM staging ORDER BY rowid").fetchall()]
    by_row = [tuple(row) for row in zip(*names, strict=True)] if names else [()] * len(ids)
    rows = [
        Row(rowid, k, f, label_of_cell=remembered.labels.get(rowid))
        for rowid, k, f in zip(ids, by_row, zip(*numbers, strict=True), strict=True)
    ]
    written = [
        {rowid for rowid, cell in zip(ids, found, strict=True) if total_cells.is_percentage(cell)}
        for found, some in zip(cells, read, strict=False)
        if some
    ]
    in_percent = staging_formats.marked_columns(connection)
    written += [{*ids} if c.name in in_percent else {*remembered.percentages.get(c.name, ())} for c in figures]
    return Grid(
        [*(name for name, _ in texts), *(c.name for c in figures)],
        [*(some.scale for _, some in texts), *map(_scale, figures)],
        total_shares.without_shares(rows, written),
        [_USUAL * len(ids) <= sum(cell is not None for cell in column) for column in names],
        has_dates=any(c.kind is Kind.TIME for c in keys),
    )


def _cells(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], count: int, *, are_figures: bool = False
) -> list[Sequence[Any]]:
    """The cells of each column of a small table with `count` rows."""
    found: dict[str, Sequence[Any]] = {}
    by_name = {c.name: c for c in columns}
    for names in by_type([(c.name, c.type) for c in columns]).values():
        one = by_name[names[0]]
        value = f"CAST({_exact(one, 'v')} AS VARCHAR)" if are_figures else "v"
        cells = column_figures(connection, names, lambda _, value=value: [f"list({value} ORDER BY r)"], rows=count)
        found |= {name: some for name, (some,) in zip(names, cells, strict=True)}
    return [found[c.name] for c in columns]


def _compressed(
    connection: duckdb.DuckDBPyConnection,
    keys: Sequence[Column],
    figures: Sequence[Column],
    count: int,
    labels: Mapping[int, str],
) -> Grid | None:
    """The rows that may be totals, and the sums of the rows between them. None if there are none, or too many."""
    filled = _filled(connection, keys)
    condition = _suspicious(keys, filled, count, labels)
    if not figures or not condition:
        return None
    found = f"SELECT count(*) FROM staging WHERE {condition}"  # noqa: S608 - built here
    [(candidates,)] = connection.execute(found).fetchall()
    if not 0 < candidates <= _MOST_CANDIDATES:
        return None
    marked = f"SELECT *, rowid AS r, {condition} AS c FROM staging"  # noqa: S608 - built here
    blocks = f"SELECT *, count(*) FILTER (c) OVER (ORDER BY r) AS b FROM ({marked})"  # noqa: S608 - built here
    names: dict[tuple[int, bool], tuple[int, int, tuple[Any, ...]]] = {}
    sums: dict[tuple[int, bool], list[Any]] = {}
    for some in batches(figures):
        wanted = [f"CAST(sum({_exact(c)}) AS VARCHAR), count({quoted(c.name)})" for c in some]
        wanted += [f"any_value({quoted(c.name)})" for c in keys] if not names else []
        grouped = f"SELECT b, c, min(r), count(*), {', '.join(wanted)} FROM ({blocks}) GROUP BY b, c"  # noqa: S608 - built here
        for b, c, rowid, size, *cells in connection.execute(grouped).fetchall():
            texts = cells[2 * len(some) :] if c else [None] * len(keys)
            names.setdefault((b, c), (rowid, size, tuple(texts)))
            sums.setdefault((b, c), []).extend(cells[: 2 * len(some)])
    rows = [
        Row(rowid, texts, tuple(map(_integer, sums[at][::2])), size, tuple(sums[at][1::2]), labels.get(rowid))
        for at, (rowid, size, texts) in sorted(names.items(), key=lambda item: item[1][0])
    ]
    usual = [_USUAL * count <= n for n in filled]
    return Grid([c.name for c in figures], [_scale(c) for c in figures], rows, usual, is_whole=False)


def _suspicious(keys: Sequence[Column], filled: Sequence[int], count: int, labels: Collection[int]) -> str:
    """SQL for the rows of a large table that may be totals: by a label, or an empty cell in a column that has few."""
    conditions = [
        f"{quoted(c.name)} IS NULL"
        for c, n in zip(keys, filled, strict=True)
        if 0 < count - n <= min(_MOST_CANDIDATES, count // _RARELY_EMPTY)
    ]
    if texts := [quoted(c.name) for c in keys if c.kind is Kind.TEXT]:
        label = f"lower(coalesce({', '.join(texts)}))"
        conditions.append(f"coalesce(regexp_matches({label}, {text_literal(total_labels.PATTERN)}), false)")
    if labels:
        conditions.append(f"rowid IN ({', '.join(map(str, labels))})")
    return f"({' OR '.join(conditions)})" if conditions else ""


def _filled(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[int]:
    """How many cells of each column have a value."""
    counts: list[int] = []
    for some in batches(columns):
        wanted = ", ".join(f"count({quoted(c.name)})" for c in some)
        counts += connection.execute(f"SELECT {wanted} FROM staging").fetchall()[0]  # noqa: S608 - quoted
    return counts
