"""Turns a reading into the query plan that answers it."""

from dataclasses import dataclass
from datetime import date

from cfo_kernel.agent.analyst.periods import Period, day_after, gaps
from cfo_kernel.agent.analyst.reading import By, Pick, Reading, Shape
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.wording import plural
from cfo_kernel.data.aggregates import AGGREGATES, AggregateName
from cfo_kernel.data.plan import (
    Aggregate,
    Arithmetic,
    Expression,
    Filter,
    Group,
    Having,
    LastOf,
    Measure,
    Order,
    PercentChange,
    QueryPlan,
    Ratio,
    Window,
)

EVERYTHING = 100_000


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures in an answer. `main` is used for ranking and thresholds; `percent` is a fraction (1 = 100 %)."""

    measures: tuple[Measure, ...]
    main: str
    percent: str | None = None
    base: str | None = None


def tables_of(reading: Reading) -> set[str]:
    """The tables that hold the reading's columns, apart from its own table."""
    columns = [p.column for p in (*reading.picks, *reading.left, *reading.right)]
    columns += [b.column for b in reading.by] + [f.column for f in reading.conditions]
    columns += [reading.counted.column] if reading.counted else []
    columns += [reading.date] if reading.date and reading.periods else []
    return {c.partition(".")[0] for c in columns} - {reading.table}


def within(column: str, period: Period) -> tuple[Filter, ...]:
    """Filters that select the days of a period."""
    if period.start and period.end:
        return (Filter(column=column, op="between", value=[period.start.isoformat(), period.end.isoformat()]),)
    if period.start:
        return (Filter(column=column, op=">=", value=period.start.isoformat()),)
    return (Filter(column=column, op="<", value=day_after(period.end or date.max).isoformat()),)


def span_of(reading: Reading) -> tuple[Filter, ...]:
    """Filters for a single date range that spans all periods in the reading."""
    if not reading.periods or reading.date is None:
        return ()
    starts, ends = [p.start for p in reading.periods], [p.end for p in reading.periods]
    start = min((s for s in starts if s), default=None) if all(starts) else None
    end = max((e for e in ends if e), default=None) if all(ends) else None
    return within(reading.date, Period(start, end, ""))


def row_filters(reading: Reading) -> tuple[Filter, ...]:
    """The row filters, except for periods. If both sides use one column, their values become one filter."""
    filters = [*(p.filter() for p in reading.picks), *reading.conditions]
    sides = (*reading.left, *reading.right)
    columns = {p.column for p in sides}
    if len(columns) == 1 and reading.right:
        values = tuple(dict.fromkeys(v for p in sides for v in p.values))
        filters.append(Pick(columns.pop(), values).filter())
    elif reading.right and all(p in reading.left for p in reading.right):
        filters += [p.filter() for p in reading.right]
    return tuple(filters)


class Planner:
    """Builds plans over the tables of one workspace."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def plan(self, reading: Reading, *, stock: bool = False, percent: bool = True) -> QueryPlan:
        """The plan for the answer. `percent=False` leaves out percentages, for use when a base is not positive."""
        figures = self.figures(reading, percent=percent)
        measures = list(figures.measures)
        having = [*self._having(reading, figures, measures), *self._only_named(reading, measures)]
        return QueryPlan(
            table=reading.table,
            joins=self.schema.joins(reading.table, tables_of(reading)) or (),
            filters=(*row_filters(reading), *span_of(reading)),
            last_of=self._last_of(reading) if stock else None,
            group_by=tuple(group(b) for b in reading.by),
            select=tuple(measures),
            having=tuple(having),
            order_by=self._order(reading, figures),
            limit=reading.top or EVERYTHING,
        )

    def figures(self, reading: Reading, *, percent: bool = True) -> Figures:
        """The measures for the reading's shape."""
        match reading.shape:
            case Shape.FIGURES | Shape.ROWS | Shape.DATES:
                return self._plain(reading)
            case Shape.LIST:
                return Figures((), "")
            case Shape.SHARE:
                name, figure = self._figure(reading)
                times = tuple(group_name(b) for b in reading.by if b.grain)
                inside = times if len(times) < len(reading.by) else ()
                share = Window(over="share_of_total", of=figure, within=inside)
                return Figures(
                    (Measure(name=name, expression=figure), Measure(name="share", expression=share)), name, "share"
                )
            case Shape.CHANGE:
                return self._windows(reading, ("previous", "change", "change_percent"), "change", "change_percent")
            case Shape.RUNNING:
                return self._windows(reading, ("running_total",), "running_total", None)
            case Shape.RATIO | Shape.DIFFERENCE:
                return self._sides(reading)
            case Shape.VARIANCE:
                left, right = reading.left[0].values[0].lower(), reading.right[0].values[0].lower()
                return self._apart(
                    reading, (left, self._where(reading.left)), (right, self._where(reading.right)), "variance", percent
                )
            case Shape.COMPARE:
                first, last = sorted(reading.periods, key=lambda p: p.start or date.min)
                column = reading.date or ""
                sides = ((last.label, within(column, last)), (first.label, within(column, first)))
                return self._apart(reading, *sides, "change", percent)

    def _plain(self, reading: Reading) -> Figures:
        measures: list[Measure] = []
        for pick in (Pick(reading.apart.column, (v,)) for v in reading.apart.values) if reading.apart else ():
            (name,) = pick.values
            _, figure = self._figure(reading, where=(pick.filter(),))
            taken = any(name.lower() == group_name(b).lower() for b in reading.by)
            measures.append(Measure(name=f"total {name}" if taken else name, expression=figure))
        for function in reading.functions if not measures else ():
            name, figure = self._figure(reading, function)
            if reading.per:
                periods = Aggregate(fn="count_distinct", column=reading.date, grain=reading.per)
                adjective = {"day": "daily"}.get(reading.per.value, f"{reading.per.value}ly")
                each = Arithmetic(op="/", left=figure, right=periods)
                measures.append(Measure(name=f"average_{adjective}_{name}", expression=each))
                measures.append(Measure(name=f"total_{name}", expression=figure))
                measures.append(Measure(name=f"{reading.per.value}s", expression=periods))
            else:
                measures.append(Measure(name=name, expression=figure))
        if reading.counted and (names := self._names_of(reading.counted)):
            measures.append(names)
        return Figures(tuple(measures), measures[0].name)

    def _figure(
        self, reading: Reading, function: AggregateName | None = None, where: tuple[Filter, ...] = ()
    ) -> tuple[str, Aggregate]:
        """The name and the aggregate of one of the reading's figures."""
        function = function or reading.functions[0]
        if reading.shape is Shape.DATES:
            return f"{'first' if function == 'min' else 'last'}_date", Aggregate(fn=function, column=reading.column)
        if reading.counted:
            return self._counted(reading, reading.counted, where)
        if function == "count" or reading.column is None:
            return self.schema.rows_of(reading.table), Aggregate(fn="count", where=where)
        name = self.schema.label(reading.column).replace(" ", "_")
        prefix = "" if AGGREGATES[function].is_total else AGGREGATES[function].display_name.replace(" ", "_")
        name = name if not prefix or name.startswith(prefix) else f"{prefix}_{name}"
        if any(name.lower() == group_name(b).lower() for b in reading.by):
            name = f"total_{name}"
        return name, Aggregate(fn=function, column=reading.column, where=where)

    def _counted(self, reading: Reading, counted: By, where: tuple[Filter, ...]) -> tuple[str, Aggregate]:
        """Counts entities by key if the counted column contains their names, because several may share a name."""
        name = plural(counted.label).replace(" ", "_")
        if counted.grain:
            return name, Aggregate(fn="count_distinct", column=counted.column, grain=counted.grain, where=where)
        table, column = self.schema.column(counted.column)
        named = self.schema.names_rows(table, column)
        if named and table.name == reading.table:
            return name, Aggregate(fn="count", where=where)
        key = self.schema.key_of(table) if named else None
        target = f"{table.name}.{key.name}" if key else counted.column
        return name, Aggregate(fn="count_distinct", column=target, where=where)

    def _names_of(self, counted: By) -> Measure | None:
        """A second measure that counts distinct names, if the names of the counted entities are not unique."""
        table, column = self.schema.column(counted.column)
        if counted.grain or not self.schema.names_rows(table, column) or table.is_unique(column):
            return None
        names = Aggregate(fn="count_distinct", column=counted.column)
        return Measure(name=f"different_{counted.label.replace(' ', '_')}_names", expression=names)

    def _windows(self, reading: Reading, kinds: tuple[str, ...], main: str, percent: str | None) -> Figures:
        name, figure = self._figure(reading)
        along = next(group_name(b) for b in reading.by if b.grain)
        windows = [
            Measure(name=k, expression=Window.model_validate({"over": k, "of": figure, "along": along})) for k in kinds
        ]
        return Figures((Measure(name=name, expression=figure), *windows), main, percent)

    def _where(self, picks: tuple[Pick, ...]) -> tuple[Filter, ...]:
        return tuple(p.filter() for p in picks)

    def _sides(self, reading: Reading) -> Figures:
        _, left = self._figure(reading, where=self._where(reading.left))
        _, right = self._figure(reading, where=self._where(reading.right))
        is_ratio = reading.shape is Shape.RATIO
        name = "ratio" if is_ratio else "difference"
        both = Ratio(ratio=left, base=right) if is_ratio else Arithmetic(op="-", left=left, right=right)
        taken = {name, *(group_name(b).lower() for b in reading.by)}
        names = [f"{n} rows" if n.lower() in taken else n for n in (side_name(reading.left), side_name(reading.right))]
        named = ((names[0], left), (names[1], right), (name, both))
        measures = tuple(Measure(name=n, expression=e) for n, e in named)
        return Figures(measures, name, name if is_ratio else None)

    def _apart(
        self,
        reading: Reading,
        side: tuple[str, tuple[Filter, ...]],
        base: tuple[str, tuple[Filter, ...]],
        name: str,
        percent: bool,
    ) -> Figures:
        """Two figures side by side, their difference, and the difference as a fraction of the base."""
        _, mine = self._figure(reading, where=side[1])
        _, theirs = self._figure(reading, where=base[1])
        difference = Arithmetic(op="-", left=mine, right=theirs)
        measures: list[tuple[str, Expression]] = [(side[0], mine), (base[0], theirs), (name, difference)]
        if percent:
            measures.append((f"{name}_percent", PercentChange(percent_change=mine, base=theirs)))
        named = tuple(Measure(name=n, expression=e) for n, e in measures)
        return Figures(named, name, f"{name}_percent" if percent else None, base[0])

    def _having(self, reading: Reading, figures: Figures, measures: list[Measure]) -> list[Having]:
        having: list[Having] = []
        for threshold in reading.thresholds:
            name = figures.main
            if threshold.on == "percent":
                name = figures.percent or figures.main
            elif threshold.on == "count" and reading.functions != ("count",):
                name = f"number_of_{self.schema.rows_of(reading.table)}"
                measures.append(Measure(name=name, expression=Aggregate(fn="count")))
            having.append(Having(measure=name, op=threshold.op, value=threshold.value))
        return having

    def _only_named(self, reading: Reading, measures: list[Measure]) -> list[Having]:
        """If there are gaps between the periods, keeps only the groups with rows in a named period."""
        if reading.relation != "each" or reading.date is None or not gaps(reading.periods):
            return []
        rows: Expression | None = None
        for period in reading.periods:
            part = Aggregate(fn="count", where=within(reading.date, period))
            rows = part if rows is None else Arithmetic(op="+", left=rows, right=part)
        if rows is None:
            return []
        name = f"number_of_{self.schema.rows_of(reading.table)}"
        measures.append(Measure(name=name, expression=rows))
        return [Having(measure=name, op=">", value=0)]

    def _order(self, reading: Reading, figures: Figures) -> tuple[Order, ...]:
        if reading.order:
            return (Order(by=figures.main, direction=reading.order),)
        return ()

    def _last_of(self, reading: Reading) -> LastOf:
        grain = next((b.grain for b in reading.by if b.grain), None)
        if reading.shape is Shape.COMPARE:
            grain = reading.periods[0].grain
        return LastOf(column=reading.date or "", grain=grain)


def group_name(by: By) -> str:
    return by.label.replace(" ", "_")


def group(by: By) -> Group:
    return Group(column=by.column, grain=by.grain, name=group_name(by))


def side_name(picks: tuple[Pick, ...]) -> str:
    return " ".join(v for p in picks for v in p.values) or "all"
