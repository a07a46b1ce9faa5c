"""Checks, before a plan is run, that it adds up only rows that may be added up.

A sum or an average is meaningless if its rows contain a balance at several dates, several scenarios, or values that the
glossary keeps apart. This shows only in the rows, not in the plan. A probe, which is the same plan with other figures,
therefore finds the lowest and the highest date or scenario within each group. If they differ, the plan is refused with
`PlanInvalid`. A row without a scenario counts as a row of a different scenario, since it may belong to any of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cfo_kernel.data.added_rows import AddedRows, Groups, added_rows
from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.glossary import GlossaryFile, TableNotes
from cfo_kernel.data.hierarchies import Trees
from cfo_kernel.data.meaning_guards import guards
from cfo_kernel.data.plan import Aggregate, Filter, Join, Measure, QueryPlan, Scalar
from cfo_kernel.data.semantics.meaning import Meaning, Role
from cfo_kernel.data.tables import Kind, Tables
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import indented

NOT_KNOWN = Meaning()


@dataclass(frozen=True)
class AdditivityCheck:
    """A check that all rows of a figure have the same value of `column` within each group.

    `meant` is the value that the glossary names as the default. `is_mentioned` says whether the plan filters or groups
    by the column; if it does not, a note says which value all rows have.
    """

    figure: str
    node: Aggregate
    column: str
    kind: Literal["balance", "default", "apart", "running", "repeated"]
    meant: Any = None
    is_mentioned: bool = True
    is_dated: bool = True
    """Whether the dates of a balance are of a type that `last_of` reads."""

    def problem(self, found: str, groups: Sequence[str]) -> str:
        """The error message: what is wrong, and what to write instead. `found` names two of the values."""
        each = f" for each {', '.join(groups)}" if groups else ""
        match self.kind:
            case "balance" if not self.is_dated:
                return (
                    f"{self.figure} would add a balance over several periods{each} ({found}): a balance is never "
                    f"summed over time. Filter {self.column} to one of them, or group by it."
                )
            case "running":
                return (
                    f"{self.figure} would add {self.column} over several rows{each} ({found}), but it is the balance "
                    "after each row. Filter to one row, or add up the movements instead."
                )
            case "repeated":
                once = f'{{"fn": "max", "column": "{self.node.column}"}}'
                return (
                    f"{self.figure} would add {self.node.column} several times{each}: every row of each {self.column} "
                    f"repeats it ({found}: keys and rows). Count it once for each: "
                    f'{{"fn": "sum", "of": {once}, "per": [{{"column": "{self.column}"}}]}}.'
                )
            case "balance":
                last = f'"last_of": {{"column": "{self.column}", "grain": "quarter"}}'
                return (
                    f"{self.figure} would add a balance over several dates{each} ({found}): a balance is never summed "
                    f"over time. Take it at the last date of each period with {last} and a group of the same grain, or "
                    f"filter {self.column} to one date."
                )
            case "default":
                usual = f'{{"column": "{self.column}", "value": "{self.meant}"}} is the default'
                return (
                    f"{self.figure} would add rows with different values of {self.column}{each} ({found}). "
                    f"Filter it to one value ({usual}), or group by it."
                )
            case "apart":
                return (
                    f"{self.figure} would add different values of {self.column}{each} ({found}), which are kept "
                    "apart. Filter it to one value, or group by it."
                )


@dataclass(frozen=True)
class AdditivityProbe:
    """A query that returns one row, with two columns for each check.

    The first is a string with two different values found in one group, and the second is the value that all rows share.
    A column is null if there are no such values.
    """

    sql: str
    checks: tuple[AdditivityCheck, ...]
    groups: tuple[str, ...]

    @property
    def width(self) -> int:
        return 2 * len(self.checks)

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes for the result. Raises `PlanInvalid` if a figure would add rows that must not be added."""
        problems = [c.problem(row[2 * i], self.groups) for i, c in enumerate(self.checks) if row[2 * i] is not None]
        if problems:
            raise PlanInvalid(" ".join(dict.fromkeys(problems)))
        only = [
            f"All rows belong to {row[2 * i + 1]} ({check.column})."
            for i, check in enumerate(self.checks)
            if not check.is_mentioned and row[2 * i + 1] is not None
        ]
        return list(dict.fromkeys(only))


def additivity_probes(
    plan: QueryPlan,
    compiler: Compiler,
    tables: Tables,
    trees: Trees,
    glossary: GlossaryFile,
    meaning: Meaning = NOT_KNOWN,
) -> list[AdditivityProbe]:
    """The probes for a plan that compiles: one for each set of groups within which figures are added."""
    by_groups: dict[Groups, list[AdditivityCheck]] = {}
    for figure, rows in added_rows(plan):
        checks = list(_checks(figure, rows.node, plan, compiler, glossary))
        stated = {check.column.lower() for check in checks}
        checks += [c for c in _inferred(figure, rows, compiler, meaning) if c.column.lower() not in stated]
        for check in checks:
            groups = rows.mixed if check.kind in ("default", "apart") else rows.added
            if groups is not None:
                by_groups.setdefault(groups, []).append(check)
    found = [
        (g, list({(c.node.model_dump_json(), c.column): c for c in checks}.values())) for g, checks in by_groups.items()
    ]
    return [_probe(plan, compiler, tables, trees, groups, checks) for groups, checks in found if checks]


def _checks(
    figure: str, node: Aggregate, plan: QueryPlan, compiler: Compiler, glossary: GlossaryFile
) -> Iterator[AdditivityCheck]:
    table_name = _table(node, compiler)
    notes = glossary.table(table_name)
    mentioned = _mentioned(plan, node)
    for column in dict.fromkeys([*notes.defaults, *notes.kept_apart]):
        table = column.partition(".")[0]
        if compiler.scope.missing(table_name, table) is None or compiler.rollups.adds_by_tree(node, table):
            continue
        if column in notes.defaults:
            is_mentioned = compiler.scope.has(table) and column.partition(".")[2] in mentioned
            yield AdditivityCheck(figure, node, column, "default", notes.defaults[column], is_mentioned)
        else:
            yield AdditivityCheck(figure, node, column, "apart")
    column = compiler.scope.find(node.column).column.name if node.column else ""
    if notes.date and glossary.column(table_name, column).role is Role.STOCK:
        yield AdditivityCheck(figure, node, f"{table_name}.{notes.date}", "balance")
    for wanted in _balances(notes):
        if notes.date and compiler.scope.missing(table_name, wanted.column.partition(".")[0]) is not None:
            narrowed = node.model_copy(update={"where": (*node.where, wanted)})
            yield AdditivityCheck(figure, narrowed, f"{table_name}.{notes.date}", "balance")


def _inferred(figure: str, rows: AddedRows, compiler: Compiler, meaning: Meaning) -> Iterator[AdditivityCheck]:
    """The checks that follow from what the tables mean."""
    node = rows.node
    is_added = node.function.is_total or (rows.is_changed_by_repeats and not node.function.is_changed_by_repeats)
    if not node.column:
        return
    ref = compiler.scope.find(node.column)
    for guard in guards(ref.table.name, ref.column.name, node.function, meaning, is_added=is_added):
        table = guard.column.partition(".")[0]
        is_own = table.lower() == ref.table.name.lower()
        if not is_own and (
            compiler.scope.missing(ref.table.name, table) is None or compiler.rollups.adds_by_tree(node, table)
        ):
            continue
        own = ref.table.column(guard.column.partition(".")[2])
        is_dated = own is not None and own.kind is Kind.TIME
        yield AdditivityCheck(figure, node, guard.column, guard.kind, is_dated=is_dated)


def _table(node: Aggregate, compiler: Compiler) -> str:
    """The table whose rows the aggregate uses: its column's table, or the plan's own table."""
    return (compiler.scope.find(node.column).table if node.column else compiler.scope.table).name


def _balances(notes: TableNotes) -> list[Filter]:
    return [Filter(column=c, op="in", value=list[Scalar](values)) for c, values in notes.balances.items() if values]


def _mentioned(plan: QueryPlan, node: Aggregate) -> set[str]:
    """The columns, without their table names, that the plan groups by or that it uses in a filter on this figure."""
    named = [f.column for f in (*plan.filters, *node.where)] + [g.column for g in plan.group_by]
    return {name.rpartition(".")[2] for name in named}


def _probe(
    plan: QueryPlan,
    compiler: Compiler,
    tables: Tables,
    trees: Trees,
    groups: Groups,
    checks: list[AdditivityCheck],
) -> AdditivityProbe:
    """The probe for all checks within the same groups: the plan, with the lowest and highest values for each check."""
    select: list[Measure] = []
    extra_joins: dict[str, Join] = {}
    for i, check in enumerate(checks):
        extra_joins |= {join.table.lower(): join for join in _beyond(check, compiler)}
        # A row without a figure adds nothing, whatever its scenario.
        filled = [Filter(column=check.node.column, op="is not null")] if check.node.column else []
        where = (*check.node.where, *filled)
        ends = (
            Aggregate(fn="min", column=check.column, where=where),
            Aggregate(fn="max", column=check.column, where=where),
        )
        if check.kind == "repeated":
            ends = Aggregate(fn="count_distinct", column=check.column, where=where), Aggregate(fn="count", where=where)
        select += [Measure(name=f"{end}_{i}", expression=node) for end, node in zip(("low", "high"), ends, strict=True)]
        without = (*where, Filter(column=check.column, op="is null"))
        select.append(Measure(name=f"without_{i}", expression=Aggregate(fn="count", where=without)))
    # Each group has a name of its own: those of a nested figure may have the names of the plan's groups.
    inside = tuple(g.model_copy(update={"name": f"group_{i}"}) for i, g in enumerate(groups))
    # A share drops its group, but the rows are still only those below the group's `within`.
    filters = (*plan.filters, *(Filter(column=g.column, value=g.within) for g in plan.group_by if g.within))
    probe = plan.model_copy(update={"filters": filters, "group_by": inside, "select": tuple(select)})
    rows = Compiler(probe, tables, trees, extra_joins=tuple(extra_joins.values()), figures_of=plan).groups()
    columns = [f"  {sql}" for i, check in enumerate(checks) for sql in _found(i, check)]
    lines = ["SELECT", *(f"{column}," for column in columns[:-1]), columns[-1], "FROM (", *indented(rows), ")"]
    return AdditivityProbe("\n".join(lines), tuple(checks), tuple(group.result_name for group in groups))


def _beyond(check: AdditivityCheck, compiler: Compiler) -> Iterator[Join]:
    """The joins that the check's columns need and the plan lacks."""
    start = _table(check.node, compiler)
    for column in (check.column, *(f.column for f in check.node.where)):
        if "." in column:
            yield from compiler.scope.missing(start, column.partition(".")[0]) or ()


def _found(i: int, check: AdditivityCheck) -> tuple[str, str]:
    """SQL for two different values in a group ('none' for rows without a value), and for the single value, if any."""
    low, high = (
        (f"low_{i}", f"high_{i}")
        if check.kind != "balance" or not check.is_dated
        else (_day(f"low_{i}"), _day(f"high_{i}"))
    )
    other = f"CASE WHEN {low} <> {high} THEN CAST({high} AS VARCHAR) WHEN without_{i} > 0 THEN 'none' END"
    clash = f"min(CAST({low} AS VARCHAR) || ' and ' || {other}) AS clash_{i}"
    shared = f"min({low}) = max({high}) AND sum(without_{i}) = 0"
    return clash, f"CASE WHEN {shared} THEN CAST(min({low}) AS VARCHAR) END AS only_{i}"


def _day(sql: str) -> str:
    return f"CAST({sql} AS DATE)"
