"""The columns a plan may name: those of its table and of the tables it joins, each with its quoted SQL name."""

from dataclasses import dataclass
from difflib import get_close_matches

from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import PlanInvalid, UnknownColumn, UnknownTable


def quoted(name: str) -> str:
    """The name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def nearest(name: str, known: list[str]) -> str:
    """The known names most like `name`, as the end of an error message."""
    close = get_close_matches(name.lower(), [k.lower() for k in known], n=3, cutoff=0.5)
    by_lower = {k.lower(): k for k in known}
    if close:
        return "Did you mean " + " or ".join(by_lower[c] for c in close) + "?"
    return "There are: " + ", ".join(sorted(known)[:30]) + "."


@dataclass(frozen=True)
class Place:
    """A column in its table."""

    table: Table
    column: Column

    @property
    def sql(self) -> str:
        return f"{quoted(self.table.name)}.{quoted(self.column.name)}"


class Scope:
    """Resolves the plan's names; raises `UnknownTable`, `UnknownColumn` or `PlanInvalid` with the nearest names."""

    def __init__(self, plan: QueryPlan, tables: Tables) -> None:
        self._all = tables
        self.table = self._known(plan.table)
        self._tables = [self.table]
        for join in plan.joins:
            table = self._known(join.table)
            if table in self._tables:
                raise PlanInvalid(f"The plan joins {table.name} twice. Name each table once.")
            self._tables.append(table)

    def find(self, name: str) -> Place:
        """The column called `table.column` or `column`."""
        head, _, tail = name.partition(".")
        if tail and head in self._all:
            table = self._all[head]
            if table not in self._tables:
                raise PlanInvalid(f"{name} is not in the plan. {self._how_to_join(table)}")
            if column := table.column(tail):
                return Place(table, column)
            known = [f"{table.name}.{c.name}" for c in table.columns]
            raise UnknownColumn(f"There is no column {name}. {nearest(name, known)}")
        places = [Place(t, c) for t in self._tables if (c := t.column(name))]
        if len(places) == 1:
            return places[0]
        if places:
            names = " or ".join(f"{p.table.name}.{p.column.name}" for p in places)
            raise PlanInvalid(f"{name} is in several tables. Write {names}.")
        elsewhere = [t for t in self._all.values() if t.column(name)]
        if elsewhere:
            raise PlanInvalid(f"{name} is not in the plan. {self._how_to_join(elsewhere[0])}")
        known = [f"{t.name}.{c.name}" for t in self._tables for c in t.columns]
        raise UnknownColumn(f"There is no column {name}. {nearest(name, known)}")

    def _known(self, name: str) -> Table:
        if name not in self._all:
            known = [t.name for t in self._all.values()]
            raise UnknownTable(f"There is no table {name}. {nearest(name, known)}")
        return self._all[name]

    def _how_to_join(self, table: Table) -> str:
        path = self._all.path(self.table.name, table.name)
        if path is None:
            return f"{table.name} does not join to {self.table.name}: ask it in a plan of its own."
        joins = ", ".join(
            f'{{"table": "{r.to_table}", "left": "{r.table}.{r.column}", "right": "{r.to_table}.{r.to_column}"}}'
            for r in path
        )
        return f"Add to joins: {joins}."
