"""The kinds of replies, and the table with a query's result.

They define the wire format of events, HTTP, the history and `--json`, which golden files in the tests pin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, PrivateAttr, TypeAdapter, model_validator

from cfo_kernel import display
from cfo_kernel.number_formats import NumberFormat, number_format, values_of
from cfo_kernel.values import COMPANY_DATA, Value

if TYPE_CHECKING:
    import pandas as pd


class ResultColumn(Value):
    """A result column with its DuckDB type, and the format of its numbers, or None if it contains no numbers."""

    name: str
    type: str
    format: NumberFormat | None = None


class Query(Value):
    """The origin of a result: its program, or its SQL with the plan that the SQL was compiled from, if any."""

    mode: Literal["sql", "plan", "python"]
    sql: str = ""
    plan: dict[str, Any] | None = None
    python: str | None = None

    @property
    def language(self) -> str:
        return "Python" if self.mode == "python" else "SQL"

    @property
    def text(self) -> str:
        """The SQL or the program, for a person who checks the result."""
        return self.python or self.sql


class ResultTable(Value):
    """The first rows of a result (arrays in the order of `columns`), the total row count, and the file with all rows.

    A figure is a JSON number if a double represents it exactly, otherwise a string with all its digits. Dates are ISO
    strings. `file` is relative to the folder of the thread; `elapsed_ms` is the duration of the query.
    """

    columns: Annotated[tuple[ResultColumn, ...], COMPANY_DATA]
    rows: Annotated[tuple[tuple[Any, ...], ...], COMPANY_DATA]
    row_count: int
    truncated: bool
    file: str | None = None
    elapsed_ms: float = 0
    query: Query
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _add_formats(self) -> Self:
        """Adds missing formats, as in threads from earlier versions. They are based on the rows shown."""
        columns = [
            column if column.format else column.model_copy(update={"format": self._shown_format(i, column)})
            for i, column in enumerate(self.columns)
        ]
        object.__setattr__(self, "columns", tuple(columns))
        return self

    def _shown_format(self, position: int, column: ResultColumn) -> NumberFormat | None:
        values = values_of(row[position] for row in self.rows if position < len(row))
        found = number_format(column.name, column.type, values)
        if found and found.role == "percent" and self.truncated:  # the other rows may not be fractions
            return NumberFormat(role="number", decimals=values.decimals)
        return found

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": display.table_text(self), "text/html": display.table_html(self)}


class Problem(Value):
    """An error in a reply: its stable code, a message with what to do next, and details as JSON."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


Loader = Callable[[str], Awaitable["pd.DataFrame"]]


class ReplyBase(Value):
    """The base class of all replies. Can load the full table of a reply."""

    waits_for_review: ClassVar[bool] = False
    """Whether an empty message may continue this reply."""
    _load: Loader | None = PrivateAttr(default=None)

    def bind(self, load: Loader) -> None:
        """Sets the function that loads the result file. The workbench calls this."""
        self._load = load

    async def df(self) -> pd.DataFrame:
        """Returns the whole result as a DataFrame with exact decimals. Raises `ResultNotFound` if there is none."""
        from cfo_kernel.errors import ResultNotFound

        result: ResultTable | None = getattr(self, "result", None)
        if result is None or result.file is None or self._load is None:
            raise ResultNotFound("This reply has no table. Ask for figures, and use the reply that contains a table.")
        return await self._load(result.file)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": display.reply_text(self), "text/html": display.reply_html(self)}


class UserInteraction(ReplyBase):
    """A question to the user. `choices` are messages that answer it."""

    kind: Literal["user_interaction"] = "user_interaction"
    message: str
    choices: tuple[str, ...] = ()


class TaskResult(ReplyBase):
    """An answer in words, with the result of the last query if the answer is based on one."""

    kind: Literal["task_result"] = "task_result"
    message: str
    result: ResultTable | None = None
    files: tuple[str, ...] = ()


class Chart(Value):
    """A chart that the agent proposes for a result."""

    type: Literal["bar", "line"]
    x: str
    y: tuple[str, ...]


class RunSQL(ReplyBase):
    """A full table for review. The engine has run `sql` in full, with `result` or `error` as the outcome."""

    waits_for_review: ClassVar[bool] = True
    kind: Literal["run_sql"] = "run_sql"
    sql: str
    purpose: str
    chart: Chart | None = None
    result: ResultTable | None = None
    error: Problem | None = None


class SheetWritten(Value):
    """A sheet in a workbook in the thread's `results/`, and the range of cells that was written."""

    file: str
    sheet: str
    range: str
    rows: int
    columns: int


class WriteSheetFromFile(ReplyBase):
    """A result file written to a sheet for review, with `written` or `error` as the outcome."""

    waits_for_review: ClassVar[bool] = True
    kind: Literal["write_sheet_from_file"] = "write_sheet_from_file"
    source_file: str
    workbook: str
    sheet: str
    mode: Literal["create", "replace", "append"] = "create"
    purpose: str
    written: SheetWritten | None = None
    error: Problem | None = None


Reply = Annotated[UserInteraction | TaskResult | RunSQL | WriteSheetFromFile, Field(discriminator="kind")]
reply_adapter: TypeAdapter[Reply] = TypeAdapter(Reply)
KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(get_args(Reply)[0]))
"""The kind of each reply, which is also the name of the function with which a model gives it."""
