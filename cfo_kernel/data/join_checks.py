"""Checks how a plan's joins affect the rows behind its figures: a join may repeat rows, or drop them.

A row that matches several rows of a joined table is repeated: a posting, for example, once for the rate of each month.
A sum would then count it several times, so the plan is refused. A row that matches no row is missing from the result of
an inner join, and a note says how many such rows there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.added_rows import AddedRows, added_rows
from cfo_kernel.data.compiler import Compiler, clause
from cfo_kernel.data.plan import Aggregate, Filter, QueryPlan, aggregates_in
from cfo_kernel.data.table_joins import ColumnRef, TableJoin, row_number
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import indented, quoted


@dataclass(frozen=True)
class JoinStep:
    """A join, followed from the table `here` to the table `there`. `forward` means that `there` is the joined table."""

    kind: str
    join: TableJoin
    forward: bool = True

    @property
    def here(self) -> str:
        return self.join.parent if self.forward else self.join.table.name

    @property
    def there(self) -> str:
        return self.join.table.name if self.forward else self.join.parent

    @property
    def columns(self) -> tuple[ColumnRef, ...]:
        """The columns of `there` that the join compares."""
        return self.join.rights if self.forward else self.join.lefts

    @property
    def columns_here(self) -> tuple[ColumnRef, ...]:
        return self.join.lefts if self.forward else self.join.rights

    @property
    def is_to_one(self) -> bool:
        """Whether a row matches at most one row, because a column that is compared for equality is unique."""
        pairs = [pair[1] if self.forward else pair[0] for pair in self.join.pairs]
        return any(ref.table.name == self.there and ref.table.is_unique(ref.column) for ref in pairs)


@dataclass(frozen=True)
class RepeatedRows:
    """A figure over the rows of `table`, and a step on which a row may match several others."""

    figure: str
    table: str
    step: JoinStep

    def message(self, most: int | None) -> str | None:
        if most is None or most < 2:
            return None
        other, span = self.step.there, self.step.join.span
        same = " and ".join(right.column.name for right in self.step.columns)
        same = f"with the same {same}"
        advice = "group by a column that distinguishes them, or query "
        if span and self.step.forward:
            keys = "".join(f"{right.column.name} and " for _, right in self.step.join.pairs)
            same = f"that hold for the same {keys}{span.value.column.name}"
            advice = "join by the columns that distinguish them, or query "
            if span.high:
                advice = f"leave out `high` (a row then holds until the next {span.low.column.name}), or query "
        return (
            f"{self.figure} would count rows of {self.table} several times: the join repeats each for up to "
            f"{most} rows of {other} {same}. Filter {other} to one of them, {advice}{other} in a separate plan."
        )


@dataclass(frozen=True)
class DroppedRows:
    """The rows that one join drops."""

    step: JoinStep

    def message(self, count: int | None) -> str | None:
        if not count:
            return None
        rows, its = ("1 row", "is") if count == 1 else (f"{count:,} rows", "are")
        verb = "has" if self.step.join.span is None else "holds for"
        named = " and ".join(ref.column.name for ref in self.step.columns_here)
        why = f"no row in {self.step.there} {verb} this {named}"
        return f"{rows} of {self.step.here} {its} not in the figures: {why}."


@dataclass(frozen=True)
class JoinProbe:
    """A query that returns one row, with one number for each of the `checks`."""

    sql: str
    checks: tuple[RepeatedRows | DroppedRows, ...]

    @property
    def width(self) -> int:
        return len(self.checks)

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes for the result. Raises `PlanInvalid` if a figure would count rows several times."""
        messages = [(one, text) for one, count in zip(self.checks, row, strict=True) if (text := one.message(count))]
        problems = [text for one, text in messages if isinstance(one, RepeatedRows)]
        if problems:
            raise PlanInvalid(" ".join(dict.fromkeys(problems)))
        return [text for _, text in messages]


def join_probe(plan: QueryPlan, compiler: Compiler) -> JoinProbe | None:
    """The probe for a plan that compiles, or None if nothing needs to be checked."""
    joins = _Joins(plan, compiler)
    checks = dict[str, RepeatedRows | DroppedRows]((*joins.repeats(), *joins.drops()))
    if not checks:
        return None
    columns = [f"  {sql}," for sql in checks]
    return JoinProbe("\n".join(["SELECT", *columns[:-1], columns[-1][:-1]]), tuple(checks.values()))


class _Joins:
    """The plan's joins as a tree of tables, which can be walked from any table."""

    def __init__(self, plan: QueryPlan, compiler: Compiler) -> None:
        self._plan, self._compiler, self._scope = plan, compiler, compiler.scope
        self._nodes = [node for measure in plan.select for node in aggregates_in(measure.expression)]

    def repeats(self) -> Iterator[tuple[str, RepeatedRows]]:
        """A check, with its SQL, for each figure and each step away from the table whose rows it uses."""
        for figure, rows in added_rows(self._plan):
            table = self._counted(rows.node)
            for step in self._steps(table) if rows.is_changed_by_repeats else ():
                several = self._meets_several(step)
                if several and self._are_equalities:
                    yield self._most(step, rows), RepeatedRows(figure, table, several[0])
                for one in several if not self._are_equalities else ():
                    yield self._counted_most(table, one, rows), RepeatedRows(figure, table, one)

    def _counted(self, node: Aggregate) -> str:
        """The table whose rows the figure uses. A count of rows uses the table whose rows no join repeats."""
        if node.column is not None:
            return self._scope.find(node.column).table.name
        tables = [self._scope.table.name, *(join.table.name for join in self._scope.joins)]
        return next((t for t in tables if not any(map(self._may_repeat, self._steps(t)))), tables[0])

    def _may_repeat(self, step: JoinStep) -> bool:
        """Whether the columns show that a step may repeat rows.

        A join by several columns is expected to find one row.
        """
        several = self._meets_several(step)
        return any(not one.forward or len(one.join.rights) == 1 for one in several)

    def _meets_several(self, step: JoinStep) -> list[JoinStep]:
        """The steps, starting with this one, whose columns are not unique, so that a row may match several others."""
        return [one for one in (step, *self._beyond(step)) if not one.is_to_one]

    def _steps(self, table: str, *, but: str = "") -> list[JoinStep]:
        """The steps that lead away from a table, except the step to the table `but`.

        Followed in reverse, a left join acts as an inner join: it keeps no unmatched rows of the joined table.
        """
        found: list[JoinStep] = []
        for join in self._scope.joins:
            for step in (JoinStep(join.kind, join), JoinStep("inner", join, forward=False)):
                if step.here == table and step.there != but:
                    found.append(step)
        return found

    def _beyond(self, step: JoinStep) -> list[JoinStep]:
        """All steps that come after a step, nearest first."""
        found = self._steps(step.there, but=step.here)
        for one in found:  # the list grows while it is walked
            found += self._steps(one.there, but=one.here)
        return found

    def _most(self, step: JoinStep, rows: AddedRows) -> str:
        """SQL for the largest number of rows that a single row matches on this step and beyond, within the groups.

        Only the tables on the far side of the step are read. The rows on the near side may be narrowed by filters that
        are not considered here, so the check may refuse a correct plan, but it never accepts a wrong one.
        """
        beyond = self._beyond(step)
        tables = {one.there for one in (step, *beyond)}
        inside = [group for group in rows.groups if self._table(group.column) in tables]
        keys = [ref.sql for ref in step.columns]
        by = dict.fromkeys([*keys, *(self._compiler.figures.group(group) for group in inside)])
        wanted = [
            *self._conditions(tables),
            *self._conditions(tables, rows.node),
            *(f"{key} IS NOT NULL" for key in keys),
        ]
        wanted += self._moment(tables)
        lines = ["SELECT count(*) AS n", *self._source(step.there, beyond), *clause("WHERE", wanted)]
        return f"(SELECT max(n) FROM ({' '.join(lines)} GROUP BY {', '.join(by)}))"  # noqa: S608 - quoted names

    @property
    def _are_equalities(self) -> bool:
        """Whether each join compares columns of two tables for equality, so that far rows alone show repeats."""
        return all(join.is_equality_of_two for join in self._scope.joins)

    def _counted_most(self, table: str, step: JoinStep, rows: AddedRows) -> str:
        """SQL for the largest number of joined rows that share a row of `table` but not that of the step's table.

        All rows of the plan are read, because only they show which ranges their values lie in.
        """
        known = {t.name: t for t in self._scope.tables}
        own, other = row_number(known[table]), row_number(known[step.there])
        inside = [self._compiler.figures.group(group) for group in rows.groups]
        wanted = [*self._compiler.conditions(), f"{own} IS NOT NULL"]
        wanted += [self._compiler.figures.where_condition(rows.node)] if rows.node.where else []
        wanted += self._moment({*known})
        counted = f"SELECT count(*) AS n, min({other}) AS low, max({other}) AS high"
        lines = [counted, *self._compiler.source((table, step.there)), *clause("WHERE", wanted)]
        by = ", ".join(dict.fromkeys([own, *inside]))
        return f"(SELECT max(n) FILTER (WHERE low <> high) FROM ({' '.join(lines)} GROUP BY {by}))"  # noqa: S608 - quoted

    def drops(self) -> Iterator[tuple[str, DroppedRows]]:
        """A check, with its SQL, for each inner join that the plan does not use as a filter."""
        for join in self._scope.joins:
            step = JoinStep(join.kind, join)
            away = {step.there}
            for later in self._scope.joins[self._scope.joins.index(join) :]:
                if not away.isdisjoint(ref.table.name for ref in later.lefts):
                    away.add(later.table.name)
            nodes = [n for n in self._nodes if self._is_short(n, away)]
            if join.kind == "inner" and nodes and not self._conditions(away):
                yield self._missing(step, away, nodes), DroppedRows(step)

    def _is_short(self, node: Aggregate, away: set[str]) -> bool:
        """Whether the figure lacks the rows that the join drops."""
        return self._counted(node) not in away and not any(self._table(f.column) in away for f in node.where)

    def _missing(self, step: JoinStep, away: set[str], nodes: list[Aggregate]) -> str:
        """SQL for the number of rows without a match on this step, whether or not they match on other steps."""
        start = self._scope.table.name
        known = {start, *(join.table.name for join in self._scope.joins)} - away
        wanted = [*self._conditions(known), self._is_unmatched(step.join), *self._moment(known)]
        antis = [anti for anti in self._scope.anti_joins if {ref.table.name for ref in anti.first.lefts} <= known]
        wanted += [self._compiler.anti_condition(anti) for anti in antis]
        filters = list(self._compiler.rollups.filters)
        if all(node.where for node in nodes):
            each = dict.fromkeys(" AND ".join(self._conditions(known, node)) for node in nodes)
            wanted.append("(" + " OR ".join(f"({one})" for one in each) + ")")
            filters += [f for node in nodes for f in node.where]
        needed = {ref.table.name for ref in step.columns_here} | {self._table(f.column) for f in filters}
        needed |= {ref.table.name for anti in antis for ref in anti.first.lefts}
        # A table that no condition needs is not joined: it could only repeat the rows that are counted.
        kept: list[TableJoin] = []
        for join in reversed(self._scope.joins):
            if join.table.name in needed & known:
                needed |= {ref.table.name for ref in join.lefts}
                kept.insert(0, join)
        joins = [*kept, *([step.join] if step.join.span is None else [])]
        steps = [JoinStep("left", join) for join in joins]
        return f"(SELECT count(*) {' '.join([*self._source(start, steps), *clause('WHERE', wanted)])})"

    def _is_unmatched(self, join: TableJoin) -> str:
        if join.span is None:
            return f"{join.rights[0].sql} IS NULL"
        return f"NOT EXISTS (SELECT 1 FROM {self._compiler.joined(join)} WHERE {join.on})"  # noqa: S608 - quoted

    def _source(self, start: str, steps: list[JoinStep]) -> Iterator[str]:
        """The FROM clause: a table, joined along the steps."""
        yield f"FROM {quoted(start)}"
        for step in steps:
            word = "LEFT JOIN" if step.kind == "left" else "JOIN"
            table = self._compiler.joined(step.join) if step.forward else quoted(step.there)
            yield f"{word} {table} ON {step.join.on}"

    def _moment(self, tables: set[str]) -> list[str]:
        last = self._plan.last_of
        if last is None or self._table(last.column) not in tables:
            return []
        moments = " ".join(indented(self._compiler.last_moments(last)))
        return [f"{self._compiler.figures.time(last.column).sql} IN ({moments})"]

    def _conditions(self, tables: set[str], node: Aggregate | None = None) -> list[str]:
        """The filters of the plan, or of the figure if there is one, on columns of these tables."""
        filters: tuple[Filter, ...] = node.where if node else self._compiler.rollups.filters
        beside = node.where if node else ()
        return [self._compiler.rollups.condition(f, beside) for f in filters if self._table(f.column) in tables]

    def _table(self, column: str) -> str:
        return self._scope.find(column).table.name
