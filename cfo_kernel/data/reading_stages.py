"""The stages in which a file is read. The ingest worker reports the stage that it has reached."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from cfo_kernel.values import Value

_MOST_TABLES = 10_000


class Stage(StrEnum):
    """A stage of reading a file. A table passes through the stages in this order."""

    WAITING = "waiting"
    CHECKING = "checking"
    ROWS = "rows"
    TOTALS = "totals"
    STORING = "storing"
    COMBINING = "combining"


_ORDER = list(Stage)
_WORDS = {
    Stage.WAITING: "waiting for another file",
    Stage.CHECKING: "checking its content",
    Stage.ROWS: "reading its rows and the types of its columns",
    Stage.TOTALS: "looking for totals",
    Stage.STORING: "storing its table",
    Stage.COMBINING: "combining it with other files",
}


class Reading(Value):
    """The progress of reading a file. `table` is the number of the table that is being read, counted from 1."""

    stage: Stage = Stage.WAITING
    table: int = Field(default=1, ge=1, le=_MOST_TABLES)

    @property
    def words(self) -> str:
        return f"{_WORDS[self.stage]}, table {self.table}" if self.table > 1 else _WORDS[self.stage]

    @property
    def can_stop(self) -> bool:
        """Whether a person can stop the reading. The combining of files that have been read cannot be stopped."""
        return self.stage is not Stage.COMBINING

    def is_behind(self, other: "Reading") -> bool:
        return (self.table, _ORDER.index(self.stage)) < (other.table, _ORDER.index(other.stage))


def reported(value: Any, before: Reading) -> Reading:
    """The progress that a worker reports. It never goes back, since a hostile file may have taken over the worker."""
    try:
        found = Reading.model_validate(value)
    except ValidationError:
        return before
    return found if before.is_behind(found) else before


class ReportedStages:
    """The stages of the file that this process is reading."""

    def __init__(self) -> None:
        self._listener: Callable[[Any], None] | None = None
        self._reached = Reading()

    def listen(self, listener: Callable[[Any], None]) -> None:
        """Calls `listener` with each stage that is reported from now on."""
        self._listener = listener

    def begin(self, stage: Stage) -> None:
        """Begins a file with this stage."""
        self._reached = Reading()
        self.enter(stage)

    def enter(self, stage: Stage) -> None:
        """Reports a stage. An earlier stage after a table was stored belongs to the next table."""
        before = self._reached
        is_next = before.stage is Stage.STORING and stage is not Stage.STORING and before.table < _MOST_TABLES
        now = Reading(stage=stage, table=before.table + is_next)
        if before.is_behind(now):
            self._reached = now
            if self._listener is not None:
                self._listener(now.model_dump(mode="json"))


stages = ReportedStages()
"""The stages of the file that this process is reading."""
