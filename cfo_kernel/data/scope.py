"""Resolves the names in a plan to columns of its table and of the tables that it joins."""

from dataclasses import dataclass
from heapq import nsmallest

from cfo_kernel.data.plan import Join, QueryPlan, Range
from cfo_kernel.data.table_joins import ColumnRef, Span, TableJoin
from cfo_kernel.data.tables import Kind, Table, Tables
from cfo_kernel.errors import PlanInvalid, UnknownColumn, UnknownTable
from cfo_kernel.similar_names import similar

_LISTED = 30
_ALL = "Available: "


def nearest(name: str, known: list[str]) -> str:
    """A sentence that suggests the known names most similar to `name`, for the end of an error message."""
    if close := similar(name, known):
        return "Did you mean " + " or ".join(close) + "?"
    return _ALL + ", ".join(nsmallest(_LISTED, known)) + "."


@dataclass(frozen=True)
class AntiJoin:
    """A table whose matching rows exclude a row of the plan, and the tables that are joined to it."""

    first: TableJoin
    more: tuple[TableJoin, ...] = ()

    @property
    def tables(self) -> list[Table]:
        return [self.first.table, *(join.table for join in self.more)]


class Scope:
    """Resolves a plan's names. Raises `UnknownTable`, `UnknownColumn` or `PlanInvalid`, and suggests similar names.

    `extra_joins` are joins that the plan does not have. Their columns are found only by their full names, so that they
    never make a name in the plan ambiguous.
    """

    def __init__(self, plan: QueryPlan, tables: Tables, extra_joins: tuple[Join, ...] = ()) -> None:
        self._all = tables
        self._extra_tables: list[Table] = []
        self.table = self._known(plan.table)
        self.joins: list[TableJoin] = []
        self.anti_joins: list[AntiJoin] = []
        self._tables = [self.table]
        for join in plan.joins:
            self._add(join)
        for join in extra_joins:
            earlier = [*self._tables, *self._extra_tables]
            table = self._known(join.table)
            self._extra_tables.append(table)
            self.joins.append(self._resolved(join, earlier, table))

    def _add(self, join: Join) -> None:
        table = self._known(join.table)
        earlier = [*self._tables, *self._anti_tables]
        if table in earlier:
            raise PlanInvalid(f"The plan joins {table.name} twice. Name each table once.")
        resolved = self._resolved(join, earlier, table)
        names = {ref.table.name for ref in resolved.lefts}
        behind = [anti for anti in self.anti_joins if not names.isdisjoint(t.name for t in anti.tables)]
        if not behind and join.kind == "anti":
            self.anti_joins.append(AntiJoin(resolved))
        elif not behind:
            self._tables.append(table)
            self.joins.append(resolved)
        elif len(behind) == 1 and join.kind != "anti":
            at = self.anti_joins.index(behind[0])
            self.anti_joins[at] = AntiJoin(behind[0].first, (*behind[0].more, resolved))
        else:
            raise PlanInvalid(
                f"{table.name} cannot be joined to the rows that an anti join leaves out. Join it to another table."
            )

    @property
    def _anti_tables(self) -> list[Table]:
        return [table for anti in self.anti_joins for table in anti.tables]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that the plan uses."""
        return (*self._tables, *self._extra_tables)

    def has(self, table: str) -> bool:
        """Whether the plan uses the table."""
        return any(t.name.lower() == table.lower() for t in self._tables)

    def pointers(self, table: str, key: str, *, in_filter: bool = False) -> list[ColumnRef]:
        """The columns in the plan's tables that refer to rows of `table` by its `key`, through their name or a join.

        With `in_filter`, the tables of anti joins count too.
        """
        tables = [*self._tables, *(self._anti_tables if in_filter else [])]
        named = [
            ColumnRef(t, column)
            for r in self._all.relations
            for t in tables
            if r.table == t.name and r.to_table.lower() == table.lower() and r.to_column.lower() == key.lower()
            if (column := t.column(r.column))
        ]
        target = f"{table}.{key}".lower()
        antis = [join for anti in self.anti_joins for join in (anti.first, *anti.more)] if in_filter else []
        pairs = [pair for join in (*self.joins, *antis) for each in join.pairs for pair in (each, each[::-1])]
        joined = [one for one, other in pairs if other.name.lower() == target]
        return list({ref.name: ref for ref in (*joined, *named)}.values())

    def missing(self, start: str, goal: str) -> tuple[Join, ...] | None:
        """The joins from one table to another that the plan does not have yet, or None if no joins connect them."""
        path = self._all.path(start, goal)
        if path is None:
            return None
        return tuple(
            Join(table=r.to_table, left=f"{r.table}.{r.column}", right=f"{r.to_table}.{r.to_column}", kind="left")
            for r in path
            if not self.has(r.to_table)
        )

    def find_in_filter(self, name: str) -> ColumnRef:
        """The column that a filter names, which may belong to a table of an anti join."""
        refs = self._refs(name, self._anti_tables)
        if len(refs) == 1 and not self._refs(name, self._tables):
            return refs[0]
        return self.find(name)

    def is_anti(self, name: str) -> bool:
        """Whether a filter's column belongs to a table of an anti join."""
        return self.find_in_filter(name).table in self._anti_tables

    def find(self, name: str) -> ColumnRef:
        """The column that `table.column`, or `column` alone, refers to."""
        refs = self._refs(name, self._tables) or (self._refs(name, self._extra_tables) if "." in name else [])
        if len(refs) == 1 or (refs and self._are_equated(refs)):
            return refs[0]
        if refs:
            names = " or ".join(ref.name for ref in refs)
            raise PlanInvalid(f"{name} is a column in several tables. Write {names}.")
        if anti := self._refs(name, self._anti_tables):
            left_out = f"{name} is a column of {anti[0].table.name}, which an anti join leaves out of the result."
            raise PlanInvalid(f"{left_out} Use it only in the plan's filters, as {anti[0].name}.")
        head, _, tail = name.partition(".")
        named = self._all.get(head) if tail else None
        elsewhere = [named] if named else [t for t in self._all.values() if t.column(name)]
        if elsewhere and elsewhere[0] not in self._tables:
            raise PlanInvalid(f"{name} is not in the plan. {self._how_to_join(elsewhere[0])}")
        known = [f"{t.name}.{c.name}" for t in elsewhere or self._tables for c in t.columns]
        advice = nearest(name, known)
        if not advice.startswith(_ALL) and len(known) <= _LISTED:
            advice += f" {_ALL}{', '.join(known)}."
        raise UnknownColumn(f"There is no column {name}. {advice}")

    @staticmethod
    def _refs(name: str, tables: list[Table]) -> list[ColumnRef]:
        """The column with this qualified name (`table.column`), else every column with this bare name.

        The qualified name is tried first, since a column's own name may contain a dot.
        """
        head, _, tail = name.partition(".")
        named = next((t for t in tables if t.name.lower() == head.lower()), None)
        if named and (column := named.column(tail)):
            return [ColumnRef(named, column)]
        return [ColumnRef(table, column) for table in tables if (column := table.column(name))]

    def _are_equated(self, refs: list[ColumnRef]) -> bool:
        """Whether the joins make all these columns equal, so that any of them can be used."""
        same = {refs[0].name}
        antis = [anti.first for anti in self.anti_joins]
        for join in (*self.joins, *antis):  # each join adds a table to earlier ones, so one pass is enough
            for left, right in join.pairs:
                if not same.isdisjoint(pair := {left.name, right.name}):
                    same |= pair
        return same.issuperset(ref.name for ref in refs)

    def _resolved(self, join: Join, earlier: list[Table], table: Table) -> TableJoin:
        lefts, rights = join.lefts, join.rights
        if len(lefts) != len(rights):
            pairs = f"{len(lefts)} and {len(rights)} columns"
            raise PlanInvalid(f"The join of {table.name} pairs {pairs}. Name as many in `left` as in `right`.")
        if not lefts and join.between is None:
            raise PlanInvalid(f"The join of {table.name} names no columns. Give it `left` and `right`, or `between`.")
        pairs = tuple(self._sides(left, right, earlier, table) for left, right in zip(lefts, rights, strict=True))
        span = self._span(join.between, earlier, table) if join.between else None
        return TableJoin(join.kind, table, pairs, span)

    def _sides(self, left: str, right: str, earlier: list[Table], table: Table) -> tuple[ColumnRef, ColumnRef]:
        """The two joined columns, with the earlier table's first, in whichever order the plan gives them."""
        for one, other in ((left, right), (right, left)):
            before, after = self._joined(one, earlier), self._refs(other, [table])
            if before and after:
                _check_comparable(before, after[0], "equal. Join columns of the same type.")
                return before, after[0]
        self._raise_unknown((left, right), earlier, table)
        names = " or ".join(t.name for t in earlier)
        wrong = f"{left} = {right} does not join {table.name}."
        raise PlanInvalid(f"{wrong} Join a column of {names} with one of {table.name}.")

    def _span(self, between: Range, earlier: list[Table], table: Table) -> Span:
        """The value and the ends of a range.

        The ends usually belong to the joined table, but may belong to earlier tables.
        """
        ends = (between.low, *([between.high] if between.high else []))
        for value_in, ends_in in ((earlier, [table]), ([table], earlier)):
            value, found = self._joined(between.column, value_in), [self._joined(end, ends_in) for end in ends]
            if value and all(found):
                low, *more = [end for end in found if end]
                high = more[0] if more else None
                for end in (low, *more):
                    _check_comparable(value, end, "compared. Use columns of the same type.")
                if value.column.kind is Kind.OTHER:
                    raise PlanInvalid(f"{value.name} is {value.column.type}, which has no order. Use another column.")
                if high is None and low.table != table:
                    raise PlanInvalid(f"{low.name} has no end. Name `high`, or join {low.table.name} to {table.name}.")
                return Span(value, low, high)
        self._raise_unknown((between.column, *ends), earlier, table)
        names = " or ".join(t.name for t in earlier)
        wrong = f"The range from {' to '.join(ends)} does not join {table.name}."
        raise PlanInvalid(f"{wrong} Name a column of {names} in `column`, and two of {table.name} as `low` and `high`.")

    def _joined(self, name: str, tables: list[Table]) -> ColumnRef | None:
        refs = self._refs(name, tables)
        return refs[0] if len(refs) == 1 or (refs and self._are_equated(refs)) else None

    def _raise_unknown(self, names: tuple[str, ...], earlier: list[Table], table: Table) -> None:
        """Raises the error for the first of the names that is unknown or ambiguous among these tables."""
        self._tables += [one for one in (*earlier, table) if one not in self._tables]
        for name in names:
            self.find(name)

    def _known(self, name: str) -> Table:
        if name not in self._all:
            known = [t.name for t in self._all.values()]
            raise UnknownTable(f"There is no table {name!r}. {nearest(name, known)}")
        return self._all[name]

    def _how_to_join(self, table: Table) -> str:
        path = self._all.path(self.table.name, table.name)
        if path is None:
            return f"{table.name} cannot be joined to {self.table.name}. Query it in a separate plan."
        joins = ", ".join(
            f'{{"table": "{r.to_table}", "left": "{r.table}.{r.column}", "right": "{r.to_table}.{r.to_column}"}}'
            for r in path
            if self._all[r.to_table] not in self._tables
        )
        return f"Add to joins: {joins}."


def _check_comparable(one: ColumnRef, other: ColumnRef, what: str) -> None:
    if not one.column.is_comparable(other.column):
        types = f"{one.name} is {one.column.type}, {other.name} is {other.column.type}"
        raise PlanInvalid(f"{types}, so their values cannot be {what}")
