"""The dependencies of one run: the objects that its tools use, and the results that they leave for later steps."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pydantic_ai import RunContext

from cfo_kernel.agent.replay_log import EmptyReplayLog, ReplayLog
from cfo_kernel.agent.table_descriptions import catalogue
from cfo_kernel.clean_text import clean_text
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.workspace_data import SchemaContext, WorkspaceData
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.replies import ResultTable

TOOL_ROWS = 50
"""How many rows of a result a tool shows the model. The total row count is always shown."""

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_WHOLE_TABLE = re.compile(r'(?:SELECT\s+\*\s+)?FROM\s+(?:"([^"]+)"|(\w+))\s*;?', re.IGNORECASE)
_FOLDERS = ("results", "analysis")


def call_key(ctx: RunContext["RunDeps"]) -> str:
    """The key of a tool call within its run.

    Ids alone are not unique, because some servers restart them in each answer.
    """
    return f"{ctx.run_step}/{ctx.tool_call_id}"


def _numbered(stem: str, name: str) -> re.Match[str] | None:
    return re.fullmatch(rf"{re.escape(stem)}_(\d{{1,9}})\.parquet", name)


def _stem(file: str) -> str:
    """The name of a result's table, in lower case."""
    return PurePosixPath(file).stem.lower()


@dataclass
class RunDeps:
    """The state that a run's tools share. Files and results are stored under the key of the call that produced them."""

    data: WorkspaceData
    schema: SchemaContext
    thread_dir: Path
    replay_log: ReplayLog = field(default_factory=EmptyReplayLog)
    secrets: tuple[str, ...] = ()
    """The model servers' API keys, set by `run_turn`. They are removed from all of the model's answers."""
    large_deliveries: set[str] = field(default_factory=set[str])
    """The SQL for tables that the model has already been asked to narrow."""
    _files: dict[str, Path] = field(default_factory=dict[str, Path])
    _results: dict[str, ResultTable] = field(default_factory=dict[str, ResultTable])

    @cached_property
    def catalogue(self) -> str | None:
        """The description of the tables that every request includes, if the workspace is small."""
        return catalogue(self.schema)

    @property
    def last_result(self) -> ResultTable | None:
        """The result of the latest call that produced one, which the answer is assumed to use.

        The latest call is the last one that was made, not the last one to finish, because the calls in an answer run in
        parallel.
        """
        return next((self._results[key] for key in reversed(self._files) if key in self._results), None)

    def new_file(self, folder: str, stem: str, key: str) -> Path:
        """Reserves an unused file name in the thread's `analysis/` or `results/`, such as `query_001.parquet`.

        A model may call several tools at once, so a name counts as taken once it is reserved, before the file exists. A
        later attempt at the run gets the same names, which are looked up by the keys of the calls.
        """
        parent = self.thread_dir / folder
        if name := self.replay_log.file(key):
            self._files[key] = parent / name
            return parent / name
        # Always the next number: the name of a table in the thread must never refer to another result later.
        reserved = [path.name for path in self._files.values() if path.parent == parent]
        names = [path.name for path in parent.glob(f"{stem}_*.parquet")] + reserved
        number = max((int(found[1]) for name in names if (found := _numbered(stem, name))), default=0) + 1
        # The result becomes a table named after its file, so the workspace must not have a table of that name.
        tables = {name.lower() for name in self.schema.tables}
        while (path := parent / f"{stem}_{number:03}.parquet").stem in tables:
            number += 1
        self._files[key] = path
        self.replay_log.keep_file(key, path.name)
        return path

    def keep_result(self, result: ResultTable, key: str) -> None:
        self._results[key] = result

    def result_of(self, key: str) -> ResultTable | None:
        """The result that this call produced."""
        return self._results.get(key)

    def restore_result(self, key: str, result: ResultTable) -> None:
        """Restores the result of a call from an earlier attempt."""
        self._files[key] = self.thread_dir / (result.file or "")
        self._results[key] = result

    def result_named(self, name: str) -> ResultTable | None:
        """The result of this run with this table name or file name."""
        wanted = name.strip().lower()
        return next((r for r in self._results.values() if r.file and wanted in (_stem(r.file), r.file.lower())), None)

    def delivered(self, sql: str) -> tuple[str, ResultTable | None]:
        """The SQL for a table that the model delivers, and the run's result with that table, if known.

        For `FROM query_001`, the SQL is the query behind that result, so that the reviewer sees the actual query.
        """
        whole = _WHOLE_TABLE.fullmatch(sql.strip())
        if whole and (found := self.result_named(whole[1] or whole[2])):
            return found.query.sql or sql, found
        text = sql.strip()
        return sql, next((r for r in self._results.values() if r.query.sql.strip() == text), None)

    def plan_of(self, sql: str) -> QueryPlan | None:
        """The plan of this run that compiled to this SQL, so that a table delivered as SQL is checked like its plan."""
        queries = (result.query for result in self._results.values() if result.query.plan)
        text = clean_text(sql).strip()  # the SQL in a reply has been cleaned
        return next((QueryPlan.model_validate(q.plan) for q in queries if clean_text(q.sql).strip() == text), None)

    @property
    def thread_tables(self) -> dict[str, Path]:
        """The thread's results so far, as tables: `result_001` is `results/result_001.parquet`.

        A table in the workspace hides a result with the same name.
        """
        taken = {name.lower() for name in self.schema.tables}
        found: dict[str, Path] = {}
        for path in (path for folder in _FOLDERS for path in sorted((self.thread_dir / folder).glob("*.parquet"))):
            # A query would follow a link, which could point to any file that the engine's user can read.
            is_table = _TABLE_NAME.fullmatch(path.stem) and path.is_file() and not path.is_symlink()
            if is_table and path.stem.lower() not in taken:
                taken.add(path.stem.lower())
                found[path.stem] = path
        return found

    def file_of(self, path: Path) -> str:
        """The name of a file as replies show it: relative to the thread's folder."""
        return path.relative_to(self.thread_dir).as_posix()

    def result_file(self, name: str) -> Path:
        """The file with a name like `results/x` or `analysis/x`. Raises `SheetInvalid` for any other name."""
        folder, _, file = name.partition("/")
        path = self.thread_dir / folder / file
        if folder in _FOLDERS and "/" not in file and path.is_file():
            return path
        known = [f"{p.parent.name}/{p.name}" for f in _FOLDERS for p in (self.thread_dir / f).iterdir()]
        listed = ", ".join(sorted(known)[-20:]) or "none yet"
        raise SheetInvalid(f"There is no file {name[:80]!r} in this thread. Available files: {listed}.")
