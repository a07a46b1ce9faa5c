"""Python programs over the tables of a workspace: run confined, and what they leave brought into a thread's folder."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from cfo_kernel.errors import PythonDisabled, PythonFailed, StorageFailed
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.python_executor import (
    PythonCall,
    PythonExecutor,
    PythonLimits,
    PythonResult,
    PythonTable,
    WrittenFile,
)
from cfo_kernel.executors.worker_process import Worker
from cfo_kernel.replies import Query, ResultTable

_ADOPTED = 2  # times what a program may write: DuckDB packs a table less tightly than the program may have

P = ParamSpec("P")


@dataclass(frozen=True)
class ProgramResult:
    """What a program gave: the table in `result_df`, if there was one, what it printed, and the files it wrote.

    `files` are names relative to the thread's folder.
    """

    table: ResultTable | None
    stdout: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    elapsed_ms: float


class PythonPrograms:
    """Runs programs for one workspace. `executor` is None where a setting turned Python off."""

    def __init__(self, executor: PythonExecutor | None, worker: Worker, *, seconds: float) -> None:
        self._executor = executor
        self._worker = worker
        self._seconds = seconds

    async def run(self, code: str, tables: dict[str, Path], folder: Path, stem: str, rows: int) -> ProgramResult:
        """Runs `code`; files it wrote land in `folder` as `<stem>_<name>`, its `result_df` as `<stem>.parquet`.

        Raises `PythonDisabled`, `PythonUnavailable`, `PythonFailed`, `PythonTimeout`, what a `Worker` raises, or
        `StorageFailed`, and then leaves nothing.
        """
        if self._executor is None:
            raise PythonDisabled("Python is turned off here (CFO_PYTHON_DISABLED). Ask with SQL or a query plan.")
        limits = PythonLimits(seconds=self._seconds, rows=rows)
        kept: list[Path] = []
        try:
            with _storing(), scratch_folder.new_scratch_folder(folder) as scratch:
                call = PythonCall(code=code, tables=tables, scratch=scratch, limits=limits)
                result = await self._executor.run(call)
                await _to_its_end(_taken, result.files, scratch, folder, stem, kept)
                table = await self._adopted(result.table, call, result, folder / f"{stem}.parquet")
        except BaseException:
            for path in kept:
                path.unlink(missing_ok=True)
            raise
        files = tuple(f"{folder.name}/{path.name}" for path in kept)
        return ProgramResult(table, result.stdout, files, result.notes, result.elapsed_ms)

    async def _adopted(
        self, table: PythonTable | None, call: PythonCall, result: PythonResult, target: Path
    ) -> ResultTable | None:
        """The program's table with its rows written anew: the engine never opens a file that a program wrote."""
        if table is None:
            return None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as name:
            copy, anew = Path(name) / "result.parquet", Path(name) / "anew.parquet"
            written = WrittenFile(name=table.file.relative_to(call.scratch).as_posix(), size=0)
            await _to_its_end(_take, call.scratch, written, copy)
            most = _ADOPTED * call.limits.disk_bytes
            held = await self._worker.ask(
                "rewrite_parquet", self._seconds, path=str(copy), target=str(anew), most_bytes=most
            )
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


def _taken(files: tuple[WrittenFile, ...], scratch: Path, folder: Path, stem: str, kept: list[Path]) -> None:
    """Copies what a program wrote out of its scratch folder, each file under a name of its own, told in `kept`."""
    there = {path.name.lower() for path in folder.iterdir()}
    for written in files:
        plain = Path(f"{stem}_{written.name.replace('/', '_')}")
        target, count = folder / plain, 2
        while target.name.lower() in there:  # a/b.csv and a_b.csv, or a file of a program before this one
            target, count = folder / f"{plain.stem}_{count}{plain.suffix}", count + 1
        there.add(target.name.lower())
        kept.append(target)
        _take(scratch, written, target)


def _take(scratch: Path, file: WrittenFile, target: Path) -> None:
    """Copies one file; raises `PythonFailed` where the program left something that is none, or that nobody may read."""
    try:
        scratch_folder.copy_file(scratch, file, target)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(target)):
            raise  # it is the copy that failed
        message = f"{file.name} cannot be taken ({error.strerror or error}). Write plain files."
        raise PythonFailed(message) from error


@contextlib.contextmanager
def _storing() -> Generator[None]:
    try:
        yield
    except OSError as error:
        message = f"What the program wrote cannot be stored ({error.strerror or error}). Mend that, then ask again."
        raise StorageFailed(message) from error
