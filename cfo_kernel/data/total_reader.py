"""Reads the figures of the table `staging` for the search for totals.

A small table is read whole. From a large one only the rows that may be totals are read, because their label or an empty
cell says so; the rows between two of them are read as one row of sums.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import duckdb

from cfo_kernel import column_names
from cfo_kernel.data import total_cells, total_labels
from cfo_kernel.data.column_blocks import batches, by_type
from cfo_kernel.data.column_blocks import figures as column_figures
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
_NO_LABELS: Mapping[int, str] = MappingProxyType({})


def read_grid(connection: duckdb.DuckDBPyConnection, labels: Mapping[int, str] = _NO_LABELS) -> Grid | None:
    """The figures of `staging`, or None if it has no figures or no rows that may be totals.

    `labels` are words for totals that were read as empty, by row.
    """
    described = connection.execute("DESCRIBE staging").fetchall()
    columns = [Column(name=name, type=kind) for name, kind, *_ in described]
    [(count,)] = connection.execute("SELECT count(*) FROM staging").fetchall()
    if count < _FEWEST:
        return None
    figures = [c for c in columns if c.kind is Kind.NUMBER and not _has_codes(connection, c)]
    names = {c.name for c in figures}
    keys = [c for c in columns if c.name not in names and c.kind in (Kind.TEXT, Kind.TIME, Kind.NUMBER)]
    if count > _SMALL:
        return _compressed(connection, keys, figures, count, labels)
    return _whole(connection, keys, figures, count, labels, columns[0].name)


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
    """The decimal as a whole number of units of its last digit."""
    return None if value is None else int(value.replace(".", ""))


def _whole(
    connection: duckdb.DuckDBPyConnection,
    keys: Sequence[Column],
    figures: Sequence[Column],
    count: int,
    labels: Mapping[int, str],
    leftmost: str,
) -> Grid | None:
    """All rows of a small table. Figures among the cells of text columns are figures too."""
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
    return Grid(
        [*(name for name, _ in texts), *(c.name for c in figures)],
        [*(some.scale for _, some in texts), *map(_scale, figures)],
        [
            Row(rowid, k, f, label_of_cell=labels.get(rowid))
            for rowid, k, f in zip(ids, by_row, zip(*numbers, strict=True), strict=True)
        ],
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
    """SQL for the rows of a large table that may be totals: by a label, or a cell that is rarely empty."""
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
