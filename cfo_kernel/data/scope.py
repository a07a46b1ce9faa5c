"""Resolves the names in a plan to columns of its table and of the tables that it joins."""

from dataclasses import dataclass
from heapq import nsmallest

from cfo_kernel.data.plan import Join, QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid, UnknownColumn, UnknownTable
from cfo_kernel.similar_names import similar
from cfo_kernel.sql_text import quoted

_LISTED = 30
_ALL = "Available: "


def nearest(name: str, known: list[str]) -> str:
    """A sentence that suggests the known names most similar to `name`, for the end of an error message."""
    if close := similar(name, known):
        return "Did you mean " + " or ".join(close) + "?"
    return _ALL + ", ".join(nsmallest(_LISTED, known)) + "."


@dataclass(frozen=True)
class ColumnRef:
    """A column together with its table."""

    table: Table
    column: Column

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column.name}"

    @property
    def sql(self) -> str:
        return f"{quoted(self.table.name)}.{quoted(self.column.name)}"


class Scope:
    """Resolves a plan's names. Raises `UnknownTable`, `UnknownColumn` or `PlanInvalid`, and suggests similar names.

    `extra_joins` are joins that the plan does not have. Their columns are found only by their full names, so that they
    never make a name in the plan ambiguous.
    """

    def __init__(self, plan: QueryPlan, tables: Tables, extra_joins: tuple[Join, ...] = ()) -> None:
        self._all = tables
        self._extra_tables: list[Table] = []
        self.table = self._known(plan.table)
        self.joins: list[tuple[str, ColumnRef, ColumnRef]] = []
        self._tables = [self.table]
        for join in plan.joins:
            table = self._known(join.table)
            if table in self._tables:
                raise PlanInvalid(f"The plan joins {table.name} twice. Name each table once.")
            earlier = list(self._tables)
            self._tables.append(table)
            self.joins.append((join.kind, *self._sides(join, earlier, table)))
        for join in extra_joins:
            table = self._known(join.table)
            self._extra_tables.append(table)
            self.joins.append((join.kind, *self._sides(join, [*self._tables, *self._extra_tables[:-1]], table)))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that the plan uses."""
        return (*self._tables, *self._extra_tables)

    def has(self, table: str) -> bool:
        """Whether the plan uses the table."""
        return any(t.name.lower() == table.lower() for t in self._tables)

    def pointers(self, table: str, key: str) -> list[ColumnRef]:
        """The columns in the plan's tables that refer to rows of `table` by its `key`, through their name or a join."""
        named = [
            ColumnRef(t, column)
            for r in self._all.relations
            for t in self._tables
            if r.table == t.name and r.to_table.lower() == table.lower() and r.to_column.lower() == key.lower()
            if (column := t.column(r.column))
        ]
        target = f"{table}.{key}".lower()
        pairs = [pair for _, left, right in self.joins for pair in ((left, right), (right, left))]
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

    def find(self, name: str) -> ColumnRef:
        """The column that `table.column`, or `column` alone, refers to."""
        refs = self._refs(name, self._tables) or (self._refs(name, self._extra_tables) if "." in name else [])
        if len(refs) == 1 or (refs and self._are_equated(refs)):
            return refs[0]
        if refs:
            names = " or ".join(ref.name for ref in refs)
            raise PlanInvalid(f"{name} is a column in several tables. Write {names}.")
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
        for _, left, right in self.joins:  # each join adds a table to earlier ones, so one pass is enough
            if not same.isdisjoint(pair := {left.name, right.name}):
                same |= pair
        return same.issuperset(ref.name for ref in refs)

    def _sides(self, join: Join, earlier: list[Table], table: Table) -> tuple[ColumnRef, ColumnRef]:
        """The two joined columns, with the earlier table's first, in whichever order the plan gives them."""
        for one, other in ((join.left, join.right), (join.right, join.left)):
            lefts, rights = self._refs(one, earlier), self._refs(other, [table])
            if rights and (len(lefts) == 1 or (lefts and self._are_equated(lefts))):
                left, right = lefts[0], rights[0]
                if not left.column.is_comparable(right.column):
                    types = f"{left.name} is {left.column.type}, {right.name} is {right.column.type}"
                    raise PlanInvalid(f"{types}, so their values cannot be equal. Join columns of the same type.")
                return left, right
        for name in (join.left, join.right):
            self.find(name)
        names = " or ".join(t.name for t in earlier)
        wrong = f"{join.left} = {join.right} does not join {table.name}."
        raise PlanInvalid(f"{wrong} Join a column of {names} with one of {table.name}.")

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
