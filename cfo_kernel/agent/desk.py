"""The desk of one run: what its tools work with, and what they left on it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.room import DataRoom, Facts
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.replies import ResultTable

TOOL_ROWS = 50
"""How many rows of a result a tool shows the model; the count of all is always told."""


_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass
class Desk:
    """`last` is the result of the newest query of the run: the one its answer rests on.

    `plans` are the plans that were run, by the SQL they gave: a table delivered with that SQL comes from the plan.
    """

    room: DataRoom
    facts: Facts
    thread_dir: Path
    last: ResultTable | None = None
    plans: dict[str, QueryPlan] = field(default_factory=dict[str, QueryPlan])
    _given: list[Path] = field(default_factory=list[Path])
    _newest: int = -1

    def new_file(self, folder: str, stem: str) -> Path:
        """A file name in the thread's `analysis/` or `results/` that is not taken: `query_001.parquet`.

        A model may call several tools at once, so a name that was given is taken before there is a file.
        """
        place = self.thread_dir / folder
        number = len(list(place.glob(f"{stem}_*.parquet"))) + 1
        tables = {name.lower() for name in self.facts.tables}  # the result is to be a table under this name
        while (path := place / f"{stem}_{number:03}.parquet").exists() or path in self._given or path.stem in tables:
            number += 1
        self._given.append(path)
        return path

    def keep(self, result: ResultTable, file: Path) -> None:
        """Makes the result in `file` the last one, unless one that was asked for later is there already."""
        place = self._given.index(file)
        if place > self._newest:
            self.last, self._newest = result, place

    @property
    def earlier(self) -> dict[str, Path]:
        """The thread's results so far, as tables: `result_001` is `results/result_001.parquet`.

        A name that a table of the workspace has is that table's.
        """
        taken = {name.lower() for name in self.facts.tables}
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
