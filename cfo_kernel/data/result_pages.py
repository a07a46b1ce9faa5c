"""The rows of a result file, filtered and sorted: cut into pages, or all of them for an export.

The filters are those of a `QueryPlan`, compiled by the same code, plus `contains` for a search. Rows that are equal in
all sorted columns keep the order of the file, so every row is on exactly one page.
"""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from cfo_kernel.data.literals import condition, text
from cfo_kernel.data.plan import Filter
from cfo_kernel.data.scope import nearest
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Column, Table
from cfo_kernel.errors import PlanInvalid, UnknownColumn
from cfo_kernel.replies import ResultColumn
from cfo_kernel.sql_text import quoted
from cfo_kernel.values import Value

DownloadFormat = Literal["csv", "xlsx"]
"""The formats in which a result can be downloaded."""


class Sort(Value):
    """Sorts rows by `column`, ascending unless `descending`. NULL comes last in both directions."""

    column: str
    descending: bool = False


class Contains(Value):
    """Keeps the rows whose value, as text, contains `value`, ignoring case."""

    column: str
    op: Literal["contains"] = "contains"
    value: str


class RowSelection(Value):
    """The rows of a result that pass all filters, sorted. By default, all rows in the order of the file."""

    sort: tuple[Sort, ...] = ()
    filters: tuple[Filter | Contains, ...] = ()

    @property
    def name_suffix(self) -> str:
        """The suffix for the name of a file with these rows: `-filtered`, `-sorted`, or both."""
        return ("-filtered" if self.filters else "") + ("-sorted" if self.sort else "")


ALL_ROWS = RowSelection()


class PageRequest(RowSelection):
    """The rows of a result to return: those that pass all filters, sorted, `limit` of them starting at `offset`."""

    offset: int = Field(default=0, ge=0, le=1 << 62)
    limit: int = Field(default=100, ge=1, le=1000)


class ResultPage(Value):
    """A page of a result file. `row_count` counts the rows that pass the filters, `total` all rows of the file.

    A page of very long rows may have fewer rows than requested. The next page starts at `offset + len(rows)`.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    offset: int
    row_count: int
    total: int


def free_name(stem: str, taken: Iterable[str]) -> str:
    """The stem, with underscores appended until the name is free. Case is ignored, as in SQL."""
    lower = {name.lower() for name in taken}
    while stem in lower:
        stem += "_"
    return stem


def rows_sql(table: Table, selection: RowSelection) -> str:
    """SQL for the selected rows. Raises `UnknownColumn`, or `PlanInvalid` if a filter does not fit its column."""
    where = _where(table, selection)
    columns = ", ".join(quoted(column.name) for column in table.columns)
    source = quoted(table.name)
    order = ""
    if selection.sort:
        # Without a unique last key, DuckDB may order equal rows differently on each page.
        position = quoted(free_name("position", (column.name for column in table.columns)))
        source = f"(SELECT *, row_number() OVER () AS {position} FROM {source}) AS {source}"  # noqa: S608 - quoted
        order = f" ORDER BY {', '.join([*(_sorted(sort, table) for sort in selection.sort), position])}"
    return f"SELECT {columns} FROM {source}{where}{order}"  # noqa: S608


def page_sql(table: Table, request: PageRequest) -> str:
    """SQL for the page. Raises the same errors as `rows_sql`."""
    return f"{rows_sql(table, request)} LIMIT {request.limit} OFFSET {request.offset}"


def count_sql(table: Table, selection: RowSelection) -> str:
    """SQL that counts the rows that pass the filters."""
    return f"SELECT count(*) FROM {quoted(table.name)}{_where(table, selection)}"  # noqa: S608 - quoted


def _where(table: Table, selection: RowSelection) -> str:
    conditions = [f"({_condition(wanted, _column(wanted.column, table), table)})" for wanted in selection.filters]
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _condition(wanted: Filter | Contains, column: Column, table: Table) -> str:
    if isinstance(wanted, Filter):
        try:
            return condition(wanted, ColumnRef(table, column))
        except PlanInvalid as error:  # the table's name is internal: the caller knows only the columns
            raise PlanInvalid(error.message.replace(f"{table.name}.", "", 1), **error.details) from error
    return f"contains(lower(CAST({quoted(column.name)} AS VARCHAR)), lower({text(wanted.value)}))"


def _sorted(sort: Sort, table: Table) -> str:
    return f"{quoted(_column(sort.column, table).name)} {'DESC' if sort.descending else 'ASC'} NULLS LAST"


def _column(name: str, table: Table) -> Column:
    column = table.column(name)
    if column is None:
        known = [column.name for column in table.columns]
        raise UnknownColumn(f"There is no column {name[:80]!r}. {nearest(name, known)}", retryable=True)
    return column
