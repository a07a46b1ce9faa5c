"""The desk of one run: what its tools work with, and what they left on it."""

from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.data.room import DataRoom, Facts
from cfo_kernel.errors import SheetInvalid
from cfo_kernel.replies import ResultTable

TOOL_ROWS = 50
"""How many rows of a result a tool shows the model; the count of all is always told."""


@dataclass
class Desk:
    """`last` is the result of the newest query of the run: the one its answer rests on."""

    room: DataRoom
    facts: Facts
    thread_dir: Path
    last: ResultTable | None = None
    _given: set[Path] = field(default_factory=set[Path])

    def new_file(self, folder: str, stem: str) -> Path:
        """A file name in the thread's `analysis/` or `results/` that is not taken: `query_001.parquet`.

        A model may call several tools at once, so a name that was given is taken before there is a file.
        """
        place = self.thread_dir / folder
        number = len(list(place.glob(f"{stem}_*.parquet"))) + 1
        while (path := place / f"{stem}_{number:03}.parquet").exists() or path in self._given:
            number += 1
        self._given.add(path)
        return path

    def result_file(self, name: str) -> Path:
        """The file that `results/x` or `analysis/x` names; raises `SheetInvalid` for any other."""
        folder, _, file = name.partition("/")
        path = self.thread_dir / folder / file
        if folder in ("results", "analysis") and "/" not in file and path.is_file():
            return path
        known = [f"{p.parent.name}/{p.name}" for f in ("results", "analysis") for p in (self.thread_dir / f).iterdir()]
        listed = ", ".join(sorted(known)[-20:]) or "none yet"
        raise SheetInvalid(f"There is no file {name[:80]!r} in this thread. There is: {listed}.")
