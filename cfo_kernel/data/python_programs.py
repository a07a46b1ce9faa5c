"""Python programs over the tables of a workspace: runs them confined, and stores what they produce in a thread."""

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

_REWRITTEN_SIZE = 2  # times what a program may write: DuckDB may pack a table less tightly than the program did

P = ParamSpec("P")


@dataclass(frozen=True)
class ProgramResult:
    """What a program produced: the table in `result_df`, if there was one, what it printed, and the files it wrote.

    `files` are names relative to the thread's folder.
    """

    table: ResultTable | None
    stdout: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    elapsed_ms: float


class PythonPrograms:
    """Runs programs for one workspace. `executor` is None if a setting turned Python off."""

    def __init__(self, executor: PythonExecutor | None, worker: Worker, *, seconds: float) -> None:
        self._executor = executor
        self._worker = worker
        self._seconds = seconds

    async def run(self, code: str, tables: dict[str, Path], folder: Path, stem: str, rows: int) -> ProgramResult:
        """Runs `code`; its files are stored in `folder` as `<stem>_<name>`, its `result_df` as `<stem>.parquet`.

        Raises `PythonDisabled`, `PythonUnavailable`, `PythonFailed`, `PythonTimeout`, what a `Worker` raises, or
        `StorageFailed`, and then leaves no files.
        """
        if self._executor is None:
            raise PythonDisabled("Python is turned off here (CFO_PYTHON_DISABLED). Use SQL or a query plan instead.")
        limits = PythonLimits(seconds=self._seconds, rows=rows)
        stored: list[Path] = []
        try:
            with _storage_errors(), scratch_folder.new_scratch_folder(folder) as scratch:
                call = PythonCall(code=code, tables=tables, scratch=scratch, limits=limits)
                result = await self._executor.run(call)
                await _run_to_completion(_copy_files, result.files, scratch, folder, stem, stored)
                table = await self._store_table(result.table, call, result, folder / f"{stem}.parquet")
        except BaseException:
            for path in stored:
                path.unlink(missing_ok=True)
            raise
        files = tuple(f"{folder.name}/{path.name}" for path in stored)
        return ProgramResult(table, result.stdout, files, result.notes, result.elapsed_ms)

    async def _store_table(
        self, table: PythonTable | None, call: PythonCall, result: PythonResult, target: Path
    ) -> ResultTable | None:
        """The program's table, rewritten as `target`: the engine never opens a Parquet file that a program wrote."""
        if table is None:
            return None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as name:
            copy, rewritten = Path(name) / "result.parquet", Path(name) / "rewritten.parquet"
            file = WrittenFile(name=table.file.relative_to(call.scratch).as_posix(), size=0)
            await _run_to_completion(_copy_file, call.scratch, file, copy)
            paths = {"path": str(copy), "target": str(rewritten)}
            max_bytes = _REWRITTEN_SIZE * call.limits.disk_bytes
            answer = await self._worker.ask("rewrite_parquet", self._seconds, **paths, max_bytes=max_bytes)
            if answer["row_count"] != table.row_count:
                message = "result_df does not have the number of rows that the program reported."
                raise PythonFailed(f"{message} Assign a plain DataFrame to result_df.")
            rewritten.replace(target)
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


async def _run_to_completion(work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Runs the work in a thread and waits for its end, even if the caller is cancelled.

    The caller then removes the folders in which the thread works, so the thread must not outlive it.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait({task})


def _copy_files(files: tuple[WrittenFile, ...], scratch: Path, folder: Path, stem: str, stored: list[Path]) -> None:
    """Copies the files of a program out of its scratch folder, each under an unused name; adds these to `stored`."""
    taken = {path.name.lower() for path in folder.iterdir()}
    for written in files:
        plain = Path(f"{stem}_{written.name.replace('/', '_')}")
        target, count = folder / plain, 2
        while target.name.lower() in taken:  # a/b.csv and a_b.csv, or a file of an earlier program
            target, count = folder / f"{plain.stem}_{count}{plain.suffix}", count + 1
        taken.add(target.name.lower())
        stored.append(target)  # before the copy: half a file must be removed too
        _copy_file(scratch, written, target)


def _copy_file(scratch: Path, file: WrittenFile, target: Path) -> None:
    """Copies one file. Raises `PythonFailed` if what the program left is not a regular, readable file."""
    try:
        scratch_folder.copy_file(scratch, file, target)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(target)):
            raise  # the copy failed, not the program
        message = f"{file.name} cannot be copied ({error.strerror or error}). Write regular files only."
        raise PythonFailed(message) from error


@contextlib.contextmanager
def _storage_errors() -> Generator[None]:
    """Raises an `OSError` of the disk as `StorageFailed`."""
    try:
        yield
    except OSError as error:
        reason = f"The files of the program cannot be stored ({error.strerror or error})"
        raise StorageFailed(f"{reason}. Check the disk, then try again.") from error
