"""What a plan's joins do to the rows that are added up: rows that a join repeats, and rows that it drops.

A table may meet several rows of another one, as a posting meets the rate of each month: then a sum takes it several
times, and the plan is refused. Rows that meet none are not in the result of an inner join, and a note counts them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.additivity import aggregates_with_groups
from cfo_kernel.data.compiler import Compiler, clause, indented
from cfo_kernel.data.plan import Aggregate, Filter, QueryPlan, aggregates
from cfo_kernel.data.scope import ColumnRef
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import quoted


@dataclass(frozen=True)
class JoinStep:
    """A join as it is met on the way from the table `here` to the table of `there`."""

    kind: str
    here: ColumnRef
    there: ColumnRef


@dataclass(frozen=True)
class RepeatedRows:
    """The rows of `table` that one figure takes, and the step on which they may meet several others."""

    figure: str
    table: str
    step: JoinStep

    def evaluate(self, most: int | None) -> str | None:
        if most is None or most < 2:
            return None
        other, column = self.step.there.table.name, self.step.there.column.name
        return (
            f"{self.figure} would take rows of {self.table} several times: the join repeats each for up to {most} rows "
            f"of {other} with the same {column}. Filter {other} to one of them, group by what tells them apart, or ask "
            f"{other} in a plan of its own."
        )


@dataclass(frozen=True)
class DroppedRows:
    """The rows that one join leaves out."""

    step: JoinStep

    def evaluate(self, count: int | None) -> str | None:
        if not count:
            return None
        here, there = self.step.here, self.step.there.table.name
        rows, its = ("1 row", "is") if count == 1 else (f"{count:,} rows", "are")
        why = f"no row of {there} has the {here.column.name}"
        return f"{rows} of {here.table.name} {its} not in the figures: {why}."


@dataclass(frozen=True)
class JoinProbe:
    """A query whose one row answers what was asked of the joins."""

    sql: str
    asked: tuple[RepeatedRows | DroppedRows, ...]

    @property
    def width(self) -> int:
        return len(self.asked)

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Notes for the result; raises `PlanInvalid` where a figure would take rows several times."""
        told = [(one, text) for one, found in zip(self.asked, row, strict=True) if (text := one.evaluate(found))]
        problems = [text for one, text in told if isinstance(one, RepeatedRows)]
        if problems:
            raise PlanInvalid(" ".join(dict.fromkeys(problems)))
        return [text for _, text in told]


def join_probe(plan: QueryPlan, compiler: Compiler) -> JoinProbe | None:
    """The query for a plan that compiles; None where nothing is joined, or no figure is asked for."""
    looked = _Joins(plan, compiler)
    questions = dict[str, RepeatedRows | DroppedRows]((*looked.repeats(), *looked.drops()))
    if not questions:
        return None
    columns = [f"  {sql}," for sql in questions]
    return JoinProbe("\n".join(["SELECT", *columns[:-1], columns[-1][:-1]]), tuple(questions.values()))


class _Joins:
    """The plan's joins as a tree of tables, which can be walked from any of them."""

    def __init__(self, plan: QueryPlan, compiler: Compiler) -> None:
        self._plan, self._compiler, self._scope = plan, compiler, compiler.scope
        self._nodes = [node for measure in plan.select for node in aggregates(measure.expression)]

    def repeats(self) -> Iterator[tuple[str, RepeatedRows]]:
        """A question for each figure and each step away from the rows that it is taken over."""
        every = tuple(group.result_name for group in self._plan.group_by)
        for measure in self._plan.select:
            for node, groups in aggregates_with_groups(measure.expression, self._plan, every):
                table = self._counted(node)
                for step in self._steps(table) if node.function.is_changed_by_repeats else ():
                    several = self._meets_several(step)
                    if several:
                        yield self._most(step, node, groups), RepeatedRows(measure.name, table, several[0])

    def _counted(self, node: Aggregate) -> str:
        """The table whose rows the figure takes. A count of rows counts those of a table that no join repeats."""
        if node.column is not None:
            return self._scope.find(node.column).table.name
        tables = [self._scope.table.name, *(right.table.name for _, _, right in self._scope.joins)]
        return next((t for t in tables if not any(map(self._meets_several, self._steps(t)))), tables[0])

    def _meets_several(self, step: JoinStep) -> list[JoinStep]:
        """Of this step and all that follow it, those on which a row may meet several: their columns are not unique."""
        return [one for one in (step, *self._beyond(step)) if not one.there.table.is_unique(one.there.column)]

    def _steps(self, table: str, *, but: str = "") -> list[JoinStep]:
        """The joins of a table, seen from it, without that to the table `but`."""
        found: list[JoinStep] = []
        for kind, left, right in self._scope.joins:
            for one, other, seen in ((left, right, kind), (right, left, "inner")):
                if one.table.name == table and other.table.name != but:
                    found.append(JoinStep(seen, one, other))
        return found

    def _beyond(self, step: JoinStep) -> list[JoinStep]:
        """All steps that follow a step, nearer ones first."""
        found = self._steps(step.there.table.name, but=step.here.table.name)
        for one in found:  # the list grows while it is walked
            found += self._steps(one.there.table.name, but=one.here.table.name)
        return found

    def _most(self, step: JoinStep, node: Aggregate, groups: tuple[str, ...]) -> str:
        """The largest number of rows that one row meets on this step and beyond, within the groups."""
        beyond = self._beyond(step)
        tables = {one.there.table.name for one in (step, *beyond)}
        inside = [g for g in self._plan.group_by if g.result_name in groups and self._table(g.column) in tables]
        by = dict.fromkeys([step.there.sql, *(self._compiler.figures.group(group) for group in inside)])
        wanted = [*self._conditions(tables), *self._conditions(tables, node), f"{step.there.sql} IS NOT NULL"]
        wanted += self._moment(tables)
        lines = ["SELECT count(*) AS n", *_source(step.there.table.name, beyond), *clause("WHERE", wanted)]
        return f"(SELECT max(n) FROM ({' '.join(lines)} GROUP BY {', '.join(by)}))"  # noqa: S608 - quoted names

    def drops(self) -> Iterator[tuple[str, DroppedRows]]:
        """A question for each inner join that the plan does not use as a filter."""
        for kind, left, right in self._scope.joins:
            step = JoinStep(kind, left, right)
            away = {one.there.table.name for one in (step, *self._beyond(step))}
            nodes = [n for n in self._nodes if self._is_short(n, away)]
            if kind == "inner" and nodes and not self._conditions(away):
                yield self._missing(step, away, nodes), DroppedRows(step)

    def _is_short(self, node: Aggregate, away: set[str]) -> bool:
        """Whether the figure would take the rows that are dropped."""
        return self._counted(node) not in away and not any(self._table(f.column) in away for f in node.where)

    def _missing(self, step: JoinStep, away: set[str], nodes: list[Aggregate]) -> str:
        """The number of rows that meet none on this step, whatever they meet on others."""
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
        """The filters of the plan, or of a figure, on these tables."""
        filters: tuple[Filter, ...] = node.where if node else self._compiler.rollups.filters
        return [self._compiler.rollups.condition(f) for f in filters if self._table(f.column) in tables]

    def _table(self, column: str) -> str:
        return self._scope.find(column).table.name


def _source(start: str, steps: list[JoinStep]) -> Iterator[str]:
    """FROM a table along the steps."""
    yield f"FROM {quoted(start)}"
    for step in steps:
        join = "LEFT JOIN" if step.kind == "left" else "JOIN"
        yield f"{join} {quoted(step.there.table.name)} ON {step.here.sql} = {step.there.sql}"
