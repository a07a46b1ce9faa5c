"""Checks how a plan's joins affect the rows behind its figures: a join may repeat rows, or drop them.

A row that matches several rows of a joined table is repeated: a posting, for example, once for the rate of each month.
A sum would then count it several times, so the plan is refused. A row that matches no row is missing from the result of
an inner join, and a note says how many such rows there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.additivity import aggregates_with_groups
from cfo_kernel.data.compiler import Compiler, clause, indented
from cfo_kernel.data.plan import Aggregate, Filter, QueryPlan, aggregates_in
from cfo_kernel.data.scope import ColumnRef
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import quoted


@dataclass(frozen=True)
class JoinStep:
    """A join, followed from the table of `here` to the table of `there`."""

    kind: str
    here: ColumnRef
    there: ColumnRef


@dataclass(frozen=True)
class RepeatedRows:
    """A figure over the rows of `table`, and a step on which a row may match several others."""

    figure: str
    table: str
    step: JoinStep

    def message(self, most: int | None) -> str | None:
        if most is None or most < 2:
            return None
        other, column = self.step.there.table.name, self.step.there.column.name
        return (
            f"{self.figure} would count rows of {self.table} several times: the join repeats each for up to "
            f"{most} rows of {other} with the same {column}. Filter {other} to one of them, group by a column that "
            f"distinguishes them, or query {other} in a separate plan."
        )


@dataclass(frozen=True)
class DroppedRows:
    """The rows that one join drops."""

    step: JoinStep

    def message(self, count: int | None) -> str | None:
        if not count:
            return None
        here, there = self.step.here, self.step.there.table.name
        rows, its = ("1 row", "is") if count == 1 else (f"{count:,} rows", "are")
        why = f"no row in {there} has this {here.column.name}"
        return f"{rows} of {here.table.name} {its} not in the figures: {why}."


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
        every = tuple(group.result_name for group in self._plan.group_by)
        for measure in self._plan.select:
            for node, groups in aggregates_with_groups(measure.expression, self._plan, every):
                table = self._counted(node)
                for step in self._steps(table) if node.function.is_changed_by_repeats else ():
                    several = self._meets_several(step)
                    if several:
                        yield self._most(step, node, groups), RepeatedRows(measure.name, table, several[0])

    def _counted(self, node: Aggregate) -> str:
        """The table whose rows the figure uses. A count of rows uses the table whose rows no join repeats."""
        if node.column is not None:
            return self._scope.find(node.column).table.name
        tables = [self._scope.table.name, *(right.table.name for _, _, right in self._scope.joins)]
        return next((t for t in tables if not any(map(self._meets_several, self._steps(t)))), tables[0])

    def _meets_several(self, step: JoinStep) -> list[JoinStep]:
        """The steps, starting with this one, whose columns are not unique, so that a row may match several others."""
        return [one for one in (step, *self._beyond(step)) if not one.there.table.is_unique(one.there.column)]

    def _steps(self, table: str, *, but: str = "") -> list[JoinStep]:
        """The steps that lead away from a table, except the step to the table `but`.

        Followed in reverse, a left join acts as an inner join: it keeps no unmatched rows of the joined table.
        """
        found: list[JoinStep] = []
        for kind, left, right in self._scope.joins:
            for one, other, seen in ((left, right, kind), (right, left, "inner")):
                if one.table.name == table and other.table.name != but:
                    found.append(JoinStep(seen, one, other))
        return found

    def _beyond(self, step: JoinStep) -> list[JoinStep]:
        """All steps that come after a step, nearest first."""
        found = self._steps(step.there.table.name, but=step.here.table.name)
        for one in found:  # the list grows while it is walked
            found += self._steps(one.there.table.name, but=one.here.table.name)
        return found

    def _most(self, step: JoinStep, node: Aggregate, groups: tuple[str, ...]) -> str:
        """SQL for the largest number of rows that a single row matches on this step and beyond, within the groups.

        Only the tables on the far side of the step are read. The rows on the near side may be narrowed by filters that
        are not considered here, so the check may refuse a correct plan, but it never accepts a wrong one.
        """
        beyond = self._beyond(step)
        tables = {one.there.table.name for one in (step, *beyond)}
        inside = [g for g in self._plan.group_by if g.result_name in groups and self._table(g.column) in tables]
        by = dict.fromkeys([step.there.sql, *(self._compiler.figures.group(group) for group in inside)])
        wanted = [*self._conditions(tables), *self._conditions(tables, node), f"{step.there.sql} IS NOT NULL"]
        wanted += self._moment(tables)
        lines = ["SELECT count(*) AS n", *_source(step.there.table.name, beyond), *clause("WHERE", wanted)]
        return f"(SELECT max(n) FROM ({' '.join(lines)} GROUP BY {', '.join(by)}))"  # noqa: S608 - quoted names

    def drops(self) -> Iterator[tuple[str, DroppedRows]]:
        """A check, with its SQL, for each inner join that the plan does not use as a filter."""
        for kind, left, right in self._scope.joins:
            step = JoinStep(kind, left, right)
            away = {one.there.table.name for one in (step, *self._beyond(step))}
            nodes = [n for n in self._nodes if self._is_short(n, away)]
            if kind == "inner" and nodes and not self._conditions(away):
                yield self._missing(step, away, nodes), DroppedRows(step)

    def _is_short(self, node: Aggregate, away: set[str]) -> bool:
        """Whether the figure lacks the rows that the join drops."""
        return self._counted(node) not in away and not any(self._table(f.column) in away for f in node.where)

    def _missing(self, step: JoinStep, away: set[str], nodes: list[Aggregate]) -> str:
        """SQL for the number of rows without a match on this step, whether or not they match on other steps."""
        start = self._scope.table.name
        known = {start, *(right.table.name for _, _, right in self._scope.joins)} - away
        wanted = [*self._conditions(known), f"{step.there.sql} IS NULL", *self._moment(known)]
        filters = list(self._compiler.rollups.filters)
        if all(node.where for node in nodes):
            each = dict.fromkeys(" AND ".join(self._conditions(known, node)) for node in nodes)
            wanted.append("(" + " OR ".join(f"({one})" for one in each) + ")")
            filters += [f for node in nodes for f in node.where]
        needed = {step.here.table.name, *(self._table(f.column) for f in filters)} & known
        first = self._steps(start)
        # A table that no condition needs is not joined: it could only repeat the rows that are counted.
        ways = [s for s in (*first, *(b for f in first for b in self._beyond(f))) if s.there.table.name in known]
        kept = [s for s in ways if not needed.isdisjoint(one.there.table.name for one in (s, *self._beyond(s)))]
        steps = [JoinStep("left", s.here, s.there) for s in (*kept, step)]
        return f"(SELECT count(*) {' '.join([*_source(start, steps), *clause('WHERE', wanted)])})"

    def _moment(self, tables: set[str]) -> list[str]:
        last = self._plan.last_of
        if last is None or self._table(last.column) not in tables:
            return []
        moments = " ".join(indented(self._compiler.last_moments(last)))
        return [f"{self._compiler.figures.time(last.column).sql} IN ({moments})"]

    def _conditions(self, tables: set[str], node: Aggregate | None = None) -> list[str]:
        """The filters of the plan, or of the figure if there is one, on columns of these tables."""
        filters: tuple[Filter, ...] = node.where if node else self._compiler.rollups.filters
        return [self._compiler.rollups.condition(f) for f in filters if self._table(f.column) in tables]

    def _table(self, column: str) -> str:
        return self._scope.find(column).table.name


def _source(start: str, steps: list[JoinStep]) -> Iterator[str]:
    """The FROM clause: a table, joined along the steps."""
    yield f"FROM {quoted(start)}"
    for step in steps:
        join = "LEFT JOIN" if step.kind == "left" else "JOIN"
        yield f"{join} {quoted(step.there.table.name)} ON {step.here.sql} = {step.there.sql}"
