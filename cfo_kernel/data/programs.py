"""Python programs over the tables of a workspace: run confined, and what they leave brought into a thread's folder."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from cfo_kernel.errors import PythonDisabled, PythonFailed, QueryFailed
from cfo_kernel.executors import python_scratch
from cfo_kernel.executors.base import Executor, Limits, PythonCall, PythonResult, PythonTable
from cfo_kernel.executors.process import Worker
from cfo_kernel.replies import Query, ResultTable

_ADOPTED = 2  # times what a program may write: DuckDB packs a table less tightly than the program may have

P = ParamSpec("P")


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

        Raises `PythonDisabled`, `PythonUnavailable`, `PythonFailed`, `PythonTimeout` or `QueryFailed` (the disk), and
        then leaves nothing.
        """
        if self._executor is None:
            raise PythonDisabled("Python is turned off here (CFO_PYTHON_DISABLED). Ask with SQL or a query plan.")
        limits = Limits(seconds=self._seconds, rows=rows)
        kept: list[Path] = []
        try:
            with python_scratch.scratch_folder(folder) as scratch:
                call = PythonCall(code=code, tables=tables, scratch=scratch, limits=limits)
                result = await self._executor.run(call)
                await _to_its_end(_take, result, scratch, folder, stem, kept)
                table = await self._adopted(result.table, call, result, folder / f"{stem}.parquet")
        except BaseException as error:
            for path in kept:
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                message = f"The program's files could not be kept ({error.strerror}). Check the disk and the folder."
                raise QueryFailed(message, mendable=False) from error
            raise
        files = tuple(f"{folder.name}/{path.name}" for path in kept)
        return Ran(table, result.stdout, files, result.notes, result.elapsed_ms)

    async def _adopted(
        self, table: PythonTable | None, call: PythonCall, result: PythonResult, target: Path
    ) -> ResultTable | None:
        """The program's table with its rows written anew: the engine never opens a file that a program wrote."""
        if table is None:
            return None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as name:
            copy, anew = Path(name) / "result.parquet", Path(name) / "anew.parquet"
            written = python_scratch.WrittenFile(name=table.file.relative_to(call.scratch).as_posix(), size=0)
            await _to_its_end(python_scratch.take, call.scratch, written, copy)
            most = _ADOPTED * call.limits.disk_bytes
            held = await self._worker.ask("adopt", self._seconds, path=str(copy), target=str(anew), most_bytes=most)
            if held["row_count"] != table.row_count:
                raise PythonFailed("result_df does not hold the rows that it tells of. Leave a plain DataFrame in it.")
            anew.replace(target)
        return ResultTable(
            columns=table.columns,
            rows=table.rows,
            row_count=table.row_count,
            truncated=table.truncated,
            file=f"{target.parent.name}/{target.name}",
            elapsed_ms=result.elapsed_ms,
            query=Query(mode="python", python=call.code),
            notes=table.notes,
        )


async def _to_its_end(work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Does the work in a thread, to its end even where the caller is cancelled: the folders it works in go then."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait({task})


def _take(result: PythonResult, scratch: Path, folder: Path, stem: str, kept: list[Path]) -> None:
    """Copies the files a program wrote out of its scratch folder, each under a name of its own; tells them in `kept`.

    `a/b` and `a_b` would be one, and a file of an earlier program may have the name.
    """
    for written in result.files:
        wanted = folder / f"{stem}_{written.name.replace('/', '_')}"
        target, count = wanted, 2
        while target.exists():
            target, count = wanted.with_name(f"{wanted.stem}_{count}{wanted.suffix}"), count + 1
        kept.append(target)
        python_scratch.take(scratch, written, target)
