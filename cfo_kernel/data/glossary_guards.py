"""The glossary's guards: the entries that forbid adding up certain rows, or adding them up without their unit.

A guard that is not valid is left out of the glossary like any other part. Figures that it would have checked are then
refused, because a wrong line must not make a forbidden sum possible.
"""

from collections.abc import Iterable, Mapping

from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.glossary_reader import Location
from cfo_kernel.data.plan import QueryPlan, aggregates_in
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.similar_names import similar

LostGuards = Mapping[tuple[str, str], str]
"""The faults of guards that were left out, by table and column in lower case. A guard of a table has the column ""."""
NONE_LOST: LostGuards = {}
_OF_TABLES = ("date", "defaults", "balances", "kept_apart", "one_row_per")
_OF_COLUMNS = ("unit", "role", "scale", "once_per", "total_of")
_MISSPELT = 0.75


def lost_guards(dropped: Iterable[tuple[Location, str]], file: GlossaryFile) -> LostGuards:
    """The guards among the parts that were dropped, each with its fault. `file` is the rest of the glossary."""
    lost: dict[tuple[str, str], str] = {}
    for loc, fault in dropped:
        match loc:
            case ("tables", table, "columns", column, entry, *_) if _guard(entry, _OF_COLUMNS):
                lost.setdefault((str(table).lower(), str(column).lower()), fault)
            case ("tables", table, entry, *_) if guard := _guard(entry, _OF_TABLES):
                if guard != "date" or file.table(str(table)).has_balances:  # alone, a date forbids nothing
                    lost.setdefault((str(table).lower(), ""), fault)
            case _:
                pass
    return lost


def check_lost_guards(plan: QueryPlan, compiler: Compiler, lost: LostGuards) -> None:
    """Raises `PlanInvalid` if a figure adds rows that a lost guard would have checked."""
    for measure in plan.select if lost else ():
        for node in aggregates_in(measure.expression):
            if not node.function.adds_rows:
                continue
            column = compiler.scope.find(node.column) if node.column else None
            table = (column.table if column else compiler.scope.table).name
            name = column.column.name if column else ""
            for key in ((table.lower(), ""), (table.lower(), name.lower())):
                if fault := lost.get(key):
                    whole = f"which rows of {table} may be added up"
                    what = f"the role and unit of {table}.{name}" if key[1] else whole
                    message = f"{measure.name} cannot be computed without knowing {what}. {fault}"
                    raise PlanInvalid(message, retryable=False)


def _guard(entry: int | str, guards: tuple[str, ...]) -> str:
    """The guard with this key, which may be misspelt, or an empty string."""
    return "".join(similar(str(entry), guards, 1, _MISSPELT))
