"""Python programs over the tables of a workspace: run confined, and what they leave brought into a thread's folder."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.errors import PythonDisabled
from cfo_kernel.executors import python_scratch
from cfo_kernel.executors.base import Executor, Limits, PythonCall, PythonResult, PythonTable
from cfo_kernel.executors.process import Worker
from cfo_kernel.replies import Query, ResultTable


@dataclass(frozen=True)
class Ran:
    """What a program gave: the table in `result_df`, if there was one, what it printed, and the files it wrote.

    `files` are names relative to the thread's folder.
    """

    table: ResultTable | None
    stdout: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    elapsed_ms: float


class Programs:
    """Runs programs for one workspace. `executor` is None where a setting turned Python off."""

    def __init__(self, executor: Executor | None, worker: Worker, *, seconds: float) -> None:
        self._executor = executor
        self._worker = worker
        self._seconds = seconds

    async def run(self, code: str, tables: dict[str, Path], folder: Path, stem: str, rows: int) -> Ran:
        """Runs `code`; files it wrote land in `folder` as `<stem>_<name>`, its `result_df` as `<stem>.parquet`.

        Raises `PythonDisabled`, `PythonUnavailable`, `PythonFailed` or `PythonTimeout`, and then leaves nothing.
        """
        if self._executor is None:
            raise PythonDisabled("Python is turned off here (CFO_PYTHON_DISABLED). Ask with SQL or a query plan.")
        limits = Limits(seconds=self._seconds, rows=rows)
        with python_scratch.scratch_folder(folder) as scratch:
            result = await self._executor.run(PythonCall(code=code, tables=tables, scratch=scratch, limits=limits))
            files = await asyncio.to_thread(_taken, result, scratch, folder, stem)
            table = await self._adopted(result.table, code, result, scratch, folder / f"{stem}.parquet")
        return Ran(table, result.stdout, files, result.notes, result.elapsed_ms)

    async def _adopted(
        self, table: PythonTable | None, code: str, result: PythonResult, scratch: Path, target: Path
    ) -> ResultTable | None:
        """The program's table with its rows written anew: the engine never opens a file that a program wrote."""
        if table is None:
            return None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as name:
            copy = Path(name) / "result.parquet"
            written = python_scratch.WrittenFile(name=table.file.relative_to(scratch).as_posix(), size=0)
            await asyncio.to_thread(python_scratch.take, scratch, written, copy)
            await self._worker.ask("adopt", self._seconds, path=str(copy), target=str(target))
        return ResultTable(
            columns=table.columns,
            rows=table.rows,
            row_count=table.row_count,
            truncated=table.truncated,
            file=f"{target.parent.name}/{target.name}",
            elapsed_ms=result.elapsed_ms,
            query=Query(mode="python", python=code),
            notes=table.notes,
        )


def _taken(result: PythonResult, scratch: Path, folder: Path, stem: str) -> tuple[str, ...]:
    """Copies the files a program wrote out of its scratch folder, each under a name of its own."""
    names: list[str] = []
    for written in result.files:
        target = folder / f"{stem}_{written.name.replace('/', '_')}"
        python_scratch.take(scratch, written, target)
        names.append(f"{folder.name}/{target.name}")
    return tuple(names)
