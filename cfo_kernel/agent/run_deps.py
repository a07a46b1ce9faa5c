"""The desk of one run: what its tools work with, and what they left on it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_ai import RunContext

from cfo_kernel.agent.replay_log import EmptyReplayLog, ReplayLog
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.workspace_data import SchemaContext, WorkspaceData
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.replies import ResultTable

TOOL_ROWS = 50
"""How many rows of a result a tool shows the model; the count of all is always told."""


_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def call_of(ctx: RunContext["RunDeps"]) -> str:
    """Which call of the run a tool answers: ids alone may come again, for some servers count anew in each answer."""
    return f"{ctx.run_step}/{ctx.tool_call_id}"


@dataclass
class RunDeps:
    """What the tools of a run kept is found by the calls that asked for it."""

    data: WorkspaceData
    schema: SchemaContext
    thread_dir: Path
    replay_log: ReplayLog = field(default_factory=EmptyReplayLog)
    _given: dict[str, Path] = field(default_factory=dict[str, Path])
    _kept: dict[str, ResultTable] = field(default_factory=dict[str, ResultTable])

    @property
    def last(self) -> ResultTable | None:
        """Of the results that were kept, the one that was asked for last: an answer rests on it."""
        return next((self._kept[key] for key in reversed(self._given) if key in self._kept), None)

    def new_file(self, folder: str, stem: str, asked_by: str) -> Path:
        """A file name in the thread's `analysis/` or `results/` that is not taken: `query_001.parquet`.

        A model may call several tools at once, so a name that was given is taken before there is a file. An attempt
        that begins again gets the names of the one before, by the call that asked for them.
        """
        place = self.thread_dir / folder
        if name := self.replay_log.file(asked_by):
            self._given[asked_by] = place / name
            return place / name
        number = len(list(place.glob(f"{stem}_*.parquet"))) + 1
        tables = {name.lower() for name in self.schema.tables}  # the result is to be a table under this name
        given = self._given.values()
        while (path := place / f"{stem}_{number:03}.parquet").exists() or path in given or path.stem in tables:
            number += 1
        self._given[asked_by] = path
        self.replay_log.keep_file(asked_by, path.name)
        return path

    def keep(self, result: ResultTable, asked_by: str) -> None:
        """Keeps the result of that call."""
        self._kept[asked_by] = result

    def kept_by(self, asked_by: str) -> ResultTable | None:
        """The result that this call has kept."""
        return self._kept.get(asked_by)

    def plan_of(self, sql: str) -> QueryPlan | None:
        """The plan of this run that gave this SQL: a table delivered with that SQL comes from the plan."""
        queries = (result.query for result in self._kept.values())
        return next(
            (QueryPlan.model_validate(q.plan) for q in queries if q.plan and q.sql.strip() == sql.strip()), None
        )

    def put_back(self, asked_by: str, result: ResultTable) -> None:
        """Keeps a result of an earlier attempt, in the place of the call that asked for it."""
        self._given[asked_by] = self.thread_dir / (result.file or "")
        self._kept[asked_by] = result

    @property
    def thread_tables(self) -> dict[str, Path]:
        """The thread's results so far, as tables: `result_001` is `results/result_001.parquet`.

        A name that a table of the workspace has is that table's.
        """
        taken = {name.lower() for name in self.schema.tables}
        found: dict[str, Path] = {}
        folders = (self.thread_dir / "results", self.thread_dir / "analysis")
        for path in (path for folder in folders for path in sorted(folder.glob("*.parquet"))):
            is_table = _TABLE.fullmatch(path.stem) and path.is_file() and not path.is_symlink()
            if is_table and path.stem.lower() not in taken:
                taken.add(path.stem.lower())
                found[path.stem] = path
        return found

    def result_file(self, name: str) -> Path:
        """The file that `results/x` or `analysis/x` names; raises `SheetInvalid` for any other."""
        folder, _, file = name.partition("/")
        path = self.thread_dir / folder / file
        if folder in ("results", "analysis") and "/" not in file and path.is_file():
            return path
        known = [f"{p.parent.name}/{p.name}" for f in ("results", "analysis") for p in (self.thread_dir / f).iterdir()]
        listed = ", ".join(sorted(known)[-20:]) or "none yet"
        raise SheetInvalid(f"There is no file {name[:80]!r} in this thread. There is: {listed}.")
