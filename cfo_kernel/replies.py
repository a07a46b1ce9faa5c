"""What a run says: the four replies, and the table that a query gave.

These are the wire format of events, HTTP, history and `--json`; the formats are held by golden files.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    """Where a result came from: the SQL that gave it, with the plan it was compiled from if any, or the program."""

    mode: Literal["sql", "plan", "python"]
    sql: str = ""
    plan: dict[str, Any] | None = None
    python: str | None = None

    @property
    def language(self) -> str:
        return "Python" if self.mode == "python" else "SQL"

    @property
    def text(self) -> str:
        """What a person reads to defend the result."""
        return self.python or self.sql


class ResultTable(Value):
    """The first rows of a result (arrays, in the order of `columns`), the count of all, and the file with all.

    A figure is a JSON number where a double holds it exactly, else a text with all its digits; dates are ISO texts.
    `file` is relative to the thread's folder; `elapsed_ms` is the time of the query.
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
    """What all replies share: the way from a reply to its whole table."""

    _load: Loader | None = PrivateAttr(default=None)

    def bind(self, load: Loader) -> None:
        """Gives the reply the means to read its result file; the workbench does this."""
        self._load = load

    @property
    def waits_for_review(self) -> bool:
        """Whether an empty message may continue this reply."""
        return isinstance(self, RunSQL | WriteSheetFromFile)

    async def df(self) -> pd.DataFrame:
        """The whole result as a DataFrame (decimals stay exact); raises `ResultNotFound` where there is none."""
        from cfo_kernel.errors import ResultNotFound

        result: ResultTable | None = getattr(self, "result", None)
        if result is None or result.file is None or self._load is None:
            raise ResultNotFound("This reply has no table. Ask for figures, then read the table of that reply.")
        return await self._load(result.file)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": display.reply_text(self), "text/html": display.reply_html(self)}


class UserInteraction(ReplyBase):
    """A question to the person; `choices` are messages that would answer it."""

    kind: Literal["user_interaction"] = "user_interaction"
    message: str
    choices: tuple[str, ...] = ()


class TaskResult(ReplyBase):
    """The answer in words, with the last query's result where it rests on one."""

    kind: Literal["task_result"] = "task_result"
    message: str
    result: ResultTable | None = None
    files: tuple[str, ...] = ()


class Chart(Value):
    """How a result may be drawn."""

    type: Literal["bar", "line"]
    x: str
    y: tuple[str, ...]


class RunSQL(ReplyBase):
    """A whole table for review: the engine ran `sql` in full, and `result` or `error` is what came of it."""

    kind: Literal["run_sql"] = "run_sql"
    sql: str
    purpose: str
    chart: Chart | None = None
    result: ResultTable | None = None
    error: Problem | None = None


class SheetWritten(Value):
    """A sheet in a workbook under the thread's `results/`, and the range of cells that was written."""

    file: str
    sheet: str
    range: str
    rows: int
    columns: int


class WriteSheetFromFile(ReplyBase):
    """A result file written to a sheet for review: `written` or `error` is what came of it."""

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
