"""The four replies of a run, and the table of a query's result.

They are the wire format of events, HTTP, the history and `--json`; golden files in the tests pin it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, TypeAdapter

from cfo_kernel import display
from cfo_kernel.values import Value

if TYPE_CHECKING:
    import pandas as pd


class ResultColumn(Value):
    """A column of a result and its DuckDB type."""

    name: str
    type: str


class Query(Value):
    """The origin of a result: its SQL, with the plan from which it was compiled if any, or its program."""

    mode: Literal["sql", "plan", "python"]
    sql: str = ""
    plan: dict[str, Any] | None = None
    python: str | None = None

    @property
    def language(self) -> str:
        return "Python" if self.mode == "python" else "SQL"

    @property
    def text(self) -> str:
        """The SQL or the program, as a person reads it to check the result."""
        return self.python or self.sql


class ResultTable(Value):
    """The first rows of a result (arrays, in the order of `columns`), the count of all rows, and the file with all.

    A figure is a JSON number if a double represents it exactly, else a text with all its digits. Dates are ISO texts.
    `file` is relative to the folder of the thread; `elapsed_ms` is the duration of the query.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    truncated: bool
    file: str | None = None
    elapsed_ms: float = 0
    query: Query
    notes: tuple[str, ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": display.table_text(self), "text/html": display.table_html(self)}


class Problem(Value):
    """An error as part of a reply: its stable code and what to do next."""

    code: str
    message: str


Loader = Callable[[str], Awaitable["pd.DataFrame"]]


class ReplyBase(Value):
    """The base class of all replies, which can load the whole table of a reply."""

    waits_for_review: ClassVar[bool] = False
    """Whether an empty message may continue this reply."""
    _load: Loader | None = PrivateAttr(default=None)

    def bind(self, load: Loader) -> None:
        """Sets the function that loads the result file. The workbench calls this."""
        self._load = load

    async def df(self) -> pd.DataFrame:
        """The whole result as a DataFrame (decimals stay exact). Raises `ResultNotFound` if there is none."""
        from cfo_kernel.errors import ResultNotFound

        result: ResultTable | None = getattr(self, "result", None)
        if result is None or result.file is None or self._load is None:
            raise ResultNotFound("This reply has no table. Ask for figures, then read the table of that reply.")
        return await self._load(result.file)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": display.reply_text(self), "text/html": display.reply_html(self)}


class UserInteraction(ReplyBase):
    """A question to the person. `choices` are messages that answer it."""

    kind: Literal["user_interaction"] = "user_interaction"
    message: str
    choices: tuple[str, ...] = ()


class TaskResult(ReplyBase):
    """The answer in words, with the result of the last query if it is based on one."""

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
    """A whole table for review. The engine ran `sql` in full, with `result` or `error` as the outcome."""

    waits_for_review: ClassVar[bool] = True
    kind: Literal["run_sql"] = "run_sql"
    sql: str
    purpose: str
    chart: Chart | None = None
    result: ResultTable | None = None
    error: Problem | None = None


class SheetWritten(Value):
    """A sheet in a workbook under `results/` of the thread, and the range of cells that was written."""

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
