"""Compiles a QueryPlan to one deterministic SELECT with quoted identifiers and typed literals.

A plan without windows becomes one SELECT. A plan with windows needs two steps: the CTE `_grouped` computes every
aggregate, and the SELECT over it computes the windows over the groups. Thresholds (`having`) are applied after both, so
that a share is always a share of the whole, not of the rows that pass a threshold.

SQL is built as a list of lines, which is joined once and never split again, because quoted text may contain line
breaks.
"""

from collections.abc import Collection

from cfo_kernel.data.expressions import GRAINS, ExpressionCompiler, contains
from cfo_kernel.data.hierarchies import NO_TREES, Trees
from cfo_kernel.data.last_periods import last_periods
from cfo_kernel.data.literals import check_ends, is_valid_text, literal, number
from cfo_kernel.data.plan import (
    Aggregate,
    Filter,
    Grain,
    Having,
    Join,
    LastOf,
    Nested,
    QueryPlan,
    Window,
    aggregates_in,
    windows_in,
)
from cfo_kernel.data.plan_totals import free_name, whole_plan
from cfo_kernel.data.rollups import RollUps
from cfo_kernel.data.scope import AntiJoin, Scope, nearest
from cfo_kernel.data.table_joins import TableJoin, table_source
from cfo_kernel.data.tables import Tables
from cfo_kernel.data.window_functions import WindowCompiler
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import indented, quoted


def compile_plan(plan: QueryPlan, tables: Tables, trees: Trees = NO_TREES) -> str:
    """The plan's SQL. Raises `UnknownTable`, `UnknownColumn` or `PlanInvalid` if the plan does not fit the tables."""
    return Compiler(plan, tables, trees).sql()


class Compiler:
    """The SQL of a plan, as a whole and in the parts from which checks build their own queries.

    `scope` and `rollups` resolve the plan's names. The keyword arguments are for a plan that examines the rows of
    another plan: `extra_joins` are joins that the plan itself does not have, and `figures_of` is the plan whose figures
    determine which rows `last_of` reads.
    """

    def __init__(
        self,
        plan: QueryPlan,
        tables: Tables,
        trees: Trees = NO_TREES,
        *,
        extra_joins: tuple[Join, ...] = (),
        figures_of: QueryPlan | None = None,
    ) -> None:
        self.plan = plan
        self._tables, self._trees = tables, trees
        self.scope = Scope(plan, tables, extra_joins)
        self.rollups = RollUps(plan, self.scope, trees)
        self.rollups.last_day = self.last_day
        self.figures = ExpressionCompiler(self.scope, self.rollups)
        self._figures_of = figures_of or plan

    def sql(self) -> str:
        names = self._names()
        order = self._order(names)
        rows = [*self._body(), *order, f"LIMIT {self.plan.limit}"]
        if self.plan.has_totals_row:
            rows = self._with_totals(rows, names, order)
        return "\n".join(rows)

    def _with_totals(self, rows: list[str], names: list[str], order: list[str]) -> list[str]:
        """Adds a row with the figures of all rows together, which the column `is_total` marks."""
        if not self.plan.select:
            raise PlanInvalid("A plan without figures has no totals. Add figures to select, or leave `totals` out.")
        mark = quoted(free_name("is_total", names))
        whole = whole_plan(self.plan)
        total = Compiler(whole, self._tables, self._trees, figures_of=self._figures_of)
        known = {measure.name for measure in whole.select}
        columns = ["NULL" for _ in self.plan.group_by]
        columns += [quoted(m.name) if m.name in known else "NULL" for m in self.plan.select]
        source = ["FROM (", *indented(total._body()), ")"] if known else []
        lines = [f"SELECT *, FALSE AS {mark}", "FROM (", *indented(rows), ")", "UNION ALL"]
        lines += [f"SELECT {', '.join([*columns, 'TRUE'])}", *source]
        last = [f"ORDER BY {mark}{', ' + order[0].removeprefix('ORDER BY ') if order else ''}"]
        return ["SELECT *", "FROM (", *indented(lines), ")", *last]

    def count_sql(self, *conditions: str) -> str:
        """SQL that counts the result's rows, ignoring the limit, or the rows for each condition separately."""
        counts = [f"count(*) FILTER (WHERE {one})" for one in conditions] or ["count(*)"]
        return "\n".join(["SELECT " + ", ".join(counts), "FROM (", *indented(self._body()), ")"])

    def _body(self) -> list[str]:
        needs_steps = any(contains(m.expression, kind) for m in self.plan.select for kind in (Window, Nested))
        return self._windowed() if needs_steps else self._flat()

    def _names(self) -> list[str]:
        """The names of the result's columns. Raises `PlanInvalid` if a figure or a name is not valid."""
        names = [group.result_name for group in self.plan.group_by]
        for measure in self.plan.select:
            names.append(measure.name)
            self.figures.column(measure.expression)
            for node in aggregates_in(measure.expression):
                self.rollups.check(node)
                self._check_filters(node)
            if not contains(measure.expression, Aggregate):
                raise PlanInvalid(f"{measure.name} has no aggregate. Give it one, or leave it out.")
        if not names:
            raise PlanInvalid("The plan selects nothing. Add figures to select, or columns to group_by.")
        if not all(name and is_valid_text(name) for name in names):
            raise PlanInvalid(
                "The name of a result column is empty, or contains a NUL or an incomplete character. Rename the column."
            )
        if len({name.lower() for name in names}) < len(names):
            raise PlanInvalid(f"Two columns of the result have the same name: {', '.join(names)}. Rename one.")
        return names

    def _check_filters(self, node: Aggregate) -> None:
        """Raises `PlanInvalid` if a figure has its own filter on a table whose rows are valid until the next one.

        Such a filter would apply only after the next row was found without it.
        """
        for wanted in node.where:
            table = self.scope.find(wanted.column).table
            if any(join.table == table and join.lasts_until_next for join in self.scope.joins):
                raise PlanInvalid(
                    f"A row of {table.name} holds until the next one, which depends on {wanted.column}. "
                    f"Move that filter from the figure to the plan's filters."
                )

    def groups(self) -> list[str]:
        """The query for the groups of a plan without windows, before thresholds, order and limit."""
        figures = [(measure.name, self.figures.sql(measure.expression)) for measure in self.plan.select]
        return self._select([f"{sql} AS {quoted(name)}" for name, sql in figures])

    def _flat(self) -> list[str]:
        figures = {measure.name: self.figures.sql(measure.expression) for measure in self.plan.select}
        lines = self._select([f"{sql} AS {quoted(name)}" for name, sql in figures.items()])
        if self.plan.having:
            lines += clause("HAVING", [self._having(having, figures) for having in self.plan.having])
        return lines

    def period_gaps(self) -> list[tuple[str, Grain]]:
        """One query for each window that compares periods.

        It finds the first row that follows a gap, and counts such rows.
        """
        windows = WindowCompiler(self.plan, self.figures)
        for measure in self.plan.select:
            if contains(measure.expression, Window):
                windows.sql(measure.expression)
        if not windows.steps:
            return []
        compared = {w.over for m in self.plan.select for w in windows_in(m.expression)}
        if compared <= {"previous_year", "share_of_total", "running_total"}:
            return []
        inner = self._select([f"{sql} AS {quoted(name)}" for sql, name in windows.inner_columns.items()])
        found: list[tuple[str, Grain]] = []
        for name, step in windows.steps.items():
            beside = f"SELECT {step.period} AS period, {step.is_after_gap} AS is_gap"
            lines = ["WITH _grouped AS (", *indented(inner), "), _beside AS (", f"  {beside}", "  FROM _grouped"]
            lines += [f"  WINDOW {name} AS ({windows.definitions[name]})", ")"]
            lines += ["SELECT min(CAST(period AS VARCHAR)), count(*)", "FROM _beside", "WHERE is_gap"]
            found.append(("\n".join(lines), step.grain))
        return found

    def years_before(self) -> list[tuple[str, Grain]]:
        """One query for each window that looks a year back: how many rows there are, and how many find that year."""
        windows = WindowCompiler(self.plan, self.figures)
        for measure in self.plan.select:
            if contains(measure.expression, Window):
                windows.sql(measure.expression)
        if not windows.years:
            return []
        inner = self._select([f"{sql} AS {quoted(name)}" for sql, name in windows.inner_columns.items()])
        found: list[tuple[str, Grain]] = []
        for name, grain in windows.years.items():
            lines = ["WITH _grouped AS (", *indented(inner), "), _beside AS ("]
            lines += [f"  SELECT count(*) OVER {name} AS n", "  FROM _grouped"]
            lines += [f"  WINDOW {name} AS ({windows.definitions[name]})", ")"]
            found.append(("\n".join([*lines, "SELECT count(*), sum(n)", "FROM _beside"]), grain))
        return found

    def part_counts(self, node: Nested) -> str:
        """A query for the lowest and the highest number of groups behind a figure over groups."""
        parts = [f"{self.figures.part(group)} AS part_{i}" for i, group in enumerate(node.per)]
        groups = [f"{self.figures.group(group)} AS group_{i}" for i, group in enumerate(self.plan.group_by)]
        by = [f"GROUP BY {', '.join(f'group_{i}' for i in range(len(groups)))}"] if groups else []
        found = ["SELECT DISTINCT", *_columns(groups + parts), *self._rows()]
        counts = ["SELECT count(*) AS n", "FROM (", *indented(found), ")", *by]
        return "\n".join(["SELECT min(n), max(n)", "FROM (", *indented(counts), ")"])

    def _windowed(self) -> list[str]:
        windows = WindowCompiler(self.plan, self.figures)
        columns = [quoted(group.result_name) for group in self.plan.group_by]
        for measure in self.plan.select:
            sql = windows.sql(measure.expression)
            columns.append(sql if sql == quoted(measure.name) else f"{sql} AS {quoted(measure.name)}")
        computed = [f"{sql} AS {quoted(name)}" for sql, name in windows.inner_columns.items()]
        ctes, inner = list[str](), self._select(computed) if computed else []
        if windows.nested:
            ctes, inner = windows.nested_sources(self._ungrouped, inner)
        outer = ["SELECT", *_columns(columns), "FROM _grouped"]
        if windows.definitions:
            outer.append("WINDOW " + ", ".join(f"{name} AS ({frame})" for name, frame in windows.definitions.items()))
        with_first, *more = [*ctes, "_grouped AS ("]
        lines = [f"WITH {with_first}", *more, *indented(inner)]
        if not self.plan.having:
            return [*lines, ")", *outer]
        figures = {measure.name: quoted(measure.name) for measure in self.plan.select}
        thresholds = clause("WHERE", [self._having(having, figures) for having in self.plan.having])
        return [*lines, "), _figures AS (", *indented(outer), ")", "SELECT *", "FROM _figures", *thresholds]

    def _select(self, figures: list[str]) -> list[str]:
        """The SELECT, FROM, WHERE and GROUP BY clauses."""
        lines = self._ungrouped(figures)
        if self.plan.group_by and figures:
            lines.append("GROUP BY " + ", ".join(str(i + 1) for i in range(len(self.plan.group_by))))
        return lines

    def _ungrouped(self, figures: list[str]) -> list[str]:
        groups = [f"{self.figures.group(group)} AS {quoted(group.result_name)}" for group in self.plan.group_by]
        return ["SELECT" if figures else "SELECT DISTINCT", *_columns(groups + figures), *self._rows()]

    def _rows(self) -> list[str]:
        """The FROM and WHERE clauses."""
        conditions = self.conditions()
        if self.plan.last_of is None:
            return self.source() + clause("WHERE", conditions)
        moments = indented(self.last_moments(self.plan.last_of))
        within = [f"{self.figures.time(self.plan.last_of.column).sql} IN (", *moments, ")"]
        if conditions:  # joined with AND, and indented under WHERE
            within = [within[0], *indented(within[1:])]
        return [*self.source(), *clause("WHERE", [*conditions, within[0]]), *within[1:]]

    def source(self, numbered: Collection[str] = ()) -> list[str]:
        """The FROM clause. The rows of the tables in `numbered` are numbered."""
        source = [f"FROM {table_source(self.scope.table, numbered=self.scope.table.name in numbered)}"]
        for join in self.scope.joins:
            word = "LEFT JOIN" if join.kind == "left" else "JOIN"
            source.append(f"{word} {self.joined(join, numbered=join.table.name in numbered)} ON {join.on}")
        return source

    def joined(self, join: TableJoin, *, numbered: bool = False) -> str:
        """The joined table in a FROM clause."""
        filters = (*self.rollups.filters, *self.rollups.anti_filters)
        # An empty value may mean that the row has no match.
        before = [f for f in filters if f.op != "is null"] if join.lasts_until_next else []
        own = [f for f in before if self.scope.find_in_filter(f.column).table == join.table]
        return join.source([self.rollups.condition(f) for f in own], numbered=numbered)

    def conditions(self, *, but: str | None = None) -> list[str]:
        """The conditions of all filters except those on the column `but`, and of the anti joins."""
        skipped = self.scope.find(but).name if but else None
        wanted = [f for f in self.rollups.filters if self.scope.find(f.column).name != skipped]
        return [*(self.rollups.condition(f) for f in wanted), *map(self.anti_condition, self.scope.anti_joins)]

    def anti_condition(self, anti: AntiJoin) -> str:
        """The condition that no row matches, counting only rows that pass the filters on their tables."""
        lines = [f"SELECT 1 FROM {self.joined(anti.first)}"]  # noqa: S608 - quoted names
        for join in anti.more:
            lines.append(f"{'LEFT JOIN' if join.kind == 'left' else 'JOIN'} {self.joined(join)} ON {join.on}")
        own = [f for f in self.rollups.anti_filters if self.scope.find_in_filter(f.column).table in anti.tables]
        wanted = [anti.first.on, *(self.rollups.condition(f) for f in own)]
        return f"NOT EXISTS ({' '.join([*lines, *clause('WHERE', wanted)])})"

    def last_day(self, wanted: Filter, beside: tuple[Filter, ...]) -> str:
        """SQL for the last day with a row that passes all filters but those that count back from it."""
        ref = self.scope.find_in_filter(wanted.column)
        is_anti = self.scope.is_anti(wanted.column)
        filters = self.rollups.anti_filters if is_anti else (*self.rollups.filters, *beside)
        others = [f for f in filters if last_periods(f) is None]
        if is_anti:
            others = [f for f in others if self.scope.find_in_filter(f.column).table == ref.table]
        conditions = list(dict.fromkeys(self.rollups.condition(f) for f in others))
        source = [f"FROM {table_source(ref.table)}"] if is_anti else self.source()
        lines = [f"SELECT max({ref.sql})", *source, *clause("WHERE", conditions)]
        return f"CAST(({' '.join(lines)}) AS DATE)"

    def figure_conditions(self) -> list[str]:
        """The condition that at least one figure uses the row. Empty if some figure uses every row."""
        figures = [node for measure in self._figures_of.select for node in aggregates_in(measure.expression)]
        if not figures or not all(node.where for node in figures):
            return []
        each = list(dict.fromkeys(self.figures.where_condition(node) for node in figures))
        return ["(" + " OR ".join(f"({one})" for one in each) + ")" if len(each) > 1 else each[0]]

    def last_moments(self, last: LastOf) -> list[str]:
        """The query for the last moment, overall or in each period, at which a row passes the filters.

        Rows that no figure uses do not count: the last budget row must not determine the date at which actuals are
        read.
        """
        time = self.figures.time(last.column).sql
        by = [f"GROUP BY {GRAINS[last.grain].format(time)}"] if last.grain else []
        conditions = self.conditions() + self.figure_conditions()
        return [f"SELECT max({time})", *self.source(), *clause("WHERE", conditions), *by]

    def _having(self, having: Having, figures: dict[str, str]) -> str:
        measure = next((m for m in self.plan.select if m.name.lower() == having.measure.lower()), None)
        if measure is None:
            raise PlanInvalid(f"There is no measure {having.measure}. {nearest(having.measure, list(figures))}")
        column = self.figures.column(measure.expression)
        values = having.value if isinstance(having.value, list) else [having.value]
        wanted = "two values" if having.op == "between" else "one value"
        if len(values) != (2 if having.op == "between" else 1):
            raise PlanInvalid(f"The threshold on {having.measure} needs {wanted} for '{having.op}', not {len(values)}.")
        sql = figures[measure.name]
        bounds = [literal(v, column, measure.name) if column else number(v, measure.name) for v in values]
        if having.op == "between":
            check_ends(values[0], values[1], column, measure.name)
            return f"{sql} BETWEEN {bounds[0]} AND {bounds[1]}"
        return f"{sql} {'<>' if having.op == '!=' else having.op} {bounds[0]}"

    def _order(self, names: list[str]) -> list[str]:
        """The ORDER BY clause: the requested columns, then all groups, so that the rows always have the same order."""
        wanted: dict[str, str] = {}
        for order in self.plan.order_by:
            match = next((name for name in names if name.lower() == order.by.lower()), None)
            if match is None:
                raise PlanInvalid(f"There is no column {order.by} to sort by. {nearest(order.by, names)}")
            wanted.setdefault(match, f"{quoted(match)} {order.direction.upper()} NULLS LAST")
        for group in self.plan.group_by:
            wanted.setdefault(group.result_name, f"{quoted(group.result_name)} ASC NULLS LAST")
        return ["ORDER BY " + ", ".join(wanted.values())] if wanted else []


def _columns(columns: list[str]) -> list[str]:
    return [f"  {column}," for column in columns[:-1]] + [f"  {columns[-1]}"]


def clause(keyword: str, conditions: list[str]) -> list[str]:
    """A WHERE or HAVING clause, with one condition per line."""
    return [f"{'  AND' if i else keyword} {condition}" for i, condition in enumerate(conditions)]
