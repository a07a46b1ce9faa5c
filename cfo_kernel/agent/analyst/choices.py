"""Uses a single plan to find out which of several questions the data can answer. Only those are offered as choices."""

from collections.abc import Iterator

from cfo_kernel.agent.analyst.coverage import Table
from cfo_kernel.agent.analyst.parents import is_one_parent
from cfo_kernel.agent.analyst.planner import row_filters, span_of, tables_of
from cfo_kernel.agent.analyst.reading import Pick, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.data.plan import Aggregate, Filter, Grain, Measure, QueryPlan


def counts(schema: Schema, readings: tuple[Reading, ...]) -> QueryPlan:
    """A plan that counts the rows of several readings of the same table, all in one result row."""
    tables = {t for r in readings for t in tables_of(r)}
    tables |= {c.partition(".")[0] for c in _apart(schema, readings[0].table)} - {readings[0].table}
    tables |= {c.partition(".")[0] for r in readings for c in _unless(schema, r)} - {readings[0].table}
    measures: list[Measure] = []
    for i, reading in enumerate(readings):
        for k, side in enumerate((reading.left, reading.right) if reading.left else ((),)):
            where = (*row_filters(reading), *(p.filter() for p in side), *span_of(reading))
            measures.append(Measure(name=f"q{i}_{k}", expression=Aggregate(fn="count", where=where)))
            measures += _kinds(schema, reading, i, k, where)
        for k, (column, value) in enumerate(_named(reading)):
            where = (*row_filters(reading), Pick(column, (value,)).filter(), *span_of(reading))
            measures.append(Measure(name=f"q{i}_v{k}", expression=Aggregate(fn="count", where=where)))
    return QueryPlan(
        table=readings[0].table, joins=schema.joins(readings[0].table, tables) or (), select=tuple(measures)
    )


def _named(reading: Reading) -> Iterator[tuple[str, str]]:
    """Pairs of a column and a name, for columns with several names in the question. All of the names must have rows."""
    for pick in reading.picks:
        if len(pick.values) > 1 and not pick.negated:
            yield from ((pick.column, value) for value in pick.values)


def _kinds(schema: Schema, reading: Reading, i: int, k: int, where: tuple[Filter, ...]) -> Iterator[Measure]:
    """Yields counts of balances, of rows without a unit, and of values kept apart, unless the reading only counts."""
    if reading.only_counts:
        return
    for column, values in schema.notes(reading.table).balances.items():
        balance = Filter(column=column, op="in", value=list(values))
        yield Measure(name=f"q{i}_{k}_stock", expression=Aggregate(fn="count", where=(*where, balance)))
        break
    yield from _without_unit(schema, reading, f"q{i}_{k}_unitless", where)
    for n, column in enumerate(_apart(schema, reading.table)):
        apart = column.partition(".")[0]
        if is_one_parent(schema, (*reading.picks, *((reading.left, reading.right)[k] if reading.left else ())), column):
            continue
        if not any(b.column.partition(".")[0] == apart for b in reading.by):
            figure = Aggregate(fn="count_distinct", column=column, where=where)
            yield Measure(name=f"q{i}_{k}_k{n}", expression=figure)


def _without_unit(schema: Schema, reading: Reading, name: str, where: tuple[Filter, ...]) -> Iterator[Measure]:
    """Yields the count of rows without a unit, unless the question names a single entity or groups by its table."""
    for column, values in _unless(schema, reading).items():
        table = column.partition(".")[0]
        shown = any(b.column.partition(".")[0] == table for b in reading.by)
        named = any(
            p.column.partition(".")[0] == table and len(p.values) == 1 and schema.names_rows(*schema.column(p.column))
            for p in reading.picks
        )
        reachable = schema.joins(reading.table, tables_of(reading) | {table}) is not None
        if reachable and not shown and not named:
            wanted = Filter(column=column, op="in", value=list(values))
            yield Measure(name=name, expression=Aggregate(fn="count", where=(*where, wanted)))


def _unless(schema: Schema, reading: Reading) -> dict[str, list[str]]:
    """The values that mark rows without a unit, by column."""
    unit = schema.glossary.column(*reading.column.split(".", 1)).unit_of_row if reading.column else None
    return unit.unless if unit else {}


def _apart(schema: Schema, table: str) -> tuple[str, ...]:
    """The columns, reachable from the table, whose values are never added into one figure."""
    columns = schema.kept_apart(table)
    return tuple(c for c in columns if schema.joins(table, {c.partition(".")[0]} - {table}) is not None)


def reads_balances(reading: Reading) -> bool:
    """Whether the question asks for each balance as of one date, without adding balances up over time."""
    if reading.functions != ("sum",) or reading.per or reading.shape in (Shape.RUNNING, Shape.VARIANCE):
        return False
    if reading.shape is Shape.COMPARE:
        return reading.periods[0].grain is not None and len({p.grain for p in reading.periods}) == 1
    grains = [b.grain for b in reading.by if b.grain]
    if grains:
        return len(grains) == 1
    period = reading.periods[0] if len(reading.periods) == 1 else None
    return period is not None and (reading.moment or period.grain in (Grain.MONTH, Grain.DAY))


def with_rows(result: Table, size: int) -> tuple[bool, ...]:
    """For each counted reading, whether all its sides and listed names have rows."""
    row = dict(zip((c["name"] for c in result["columns"]), result["rows"][0], strict=True))
    return tuple(all(v for n, v in row.items() if n.startswith(f"q{i}_") and n.count("_") == 1) for i in range(size))


def answerable(result: Table, readings: tuple[Reading, ...]) -> tuple[bool, ...]:
    """For each counted reading, whether its rows exist, are all of one kind, and can be read in the requested way."""
    row = dict(zip((c["name"] for c in result["columns"]), result["rows"][0], strict=True))
    good: list[bool] = []
    for i, reading in enumerate(readings):
        mine = {n.removeprefix(f"q{i}_"): v for n, v in row.items() if n.startswith(f"q{i}_")}
        rows = [v for n, v in mine.items() if n.isdigit()]
        named = [v for n, v in mine.items() if n.startswith("v")]
        stock = [v for n, v in mine.items() if n.endswith("_stock")]
        kinds = [v for n, v in mine.items() if "_k" in n]
        unitless = any(v for n, v in mine.items() if n.endswith("_unitless"))
        fitting = reads_balances(reading) if any(stock) else not (reading.moment or reading.balance)
        unmixed = stock == rows or not any(stock)
        good.append(all(rows) and all(named) and all(v <= 1 for v in kinds) and fitting and unmixed and not unitless)
    return tuple(good)
