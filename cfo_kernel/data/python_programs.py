"""Python programs over the tables of a workspace: runs them confined, and stores their output in a thread."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cfo_kernel.cancellation import finish_in_thread
from cfo_kernel.errors import (
    PythonDisabled,
    PythonFailed,
    QueryOutOfMemory,
    QueryTimeout,
    SqlInvalid,
    StorageFailed,
    WorkerLost,
)
from cfo_kernel.executors import python_results, scratch_folder
from cfo_kernel.executors.python_executor import (
    PythonCall,
    PythonExecutor,
    PythonLimits,
    PythonResult,
    PythonTable,
    WrittenFile,
)
from cfo_kernel.executors.sql_advice import UNREADABLE_RESULT
from cfo_kernel.replies import Query, ResultTable

_STORED_SIZE = 2  # times what a program may write, because its table may be packed less tightly here
_MAX_NOTES = 50
_LEAST_FREE = 1 << 20  # bytes; an answer and the result of a small program take more


class AdoptTable(Protocol):
    """Reads a Parquet file that untrusted code wrote, in a separate process, and writes its rows to `target`.

    Returns the columns, the first `cap` rows, the total row count, and notes, all derived from the rows themselves.
    """

    async def __call__(
        self, file: Path, target: Path, seconds: float, *, cap: int, max_columns: int, max_bytes: int
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class ProgramResult:
    """The output of a program: the table in `result_df` if there was one, the printed text, and the files it wrote.

    `files` are names relative to the thread's folder.
    """

    table: ResultTable | None
    stdout: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    elapsed_ms: float


class PythonPrograms:
    """Runs programs for one workspace. `executor` is None if Python is turned off in the settings."""

    def __init__(self, executor: PythonExecutor | None, adopt: AdoptTable, *, seconds: float) -> None:
        self._executor = executor
        self._adopt = adopt
        self._seconds = seconds

    async def run(self, code: str, tables: dict[str, Path], folder: Path, stem: str, rows: int) -> ProgramResult:
        """Runs `code`. Its files are stored in `folder` as `<stem>_<name>`, and its `result_df` as `<stem>.parquet`.

        The time limit covers both running the program and storing its files. Raises `PythonDisabled`,
        `PythonUnavailable`, `PythonFailed`, `PythonTimeout`, `StorageFailed` or the errors of `AdoptTable`. In these
        cases, no files are kept.
        """
        if self._executor is None:
            raise PythonDisabled("Python is turned off here (CFO_PYTHON_DISABLED). Use SQL or a query plan instead.")
        limits = PythonLimits(seconds=self._seconds)
        stored: list[Path] = []
        try:
            with _storage_errors():
                async with _new_scratch_folder(folder) as scratch:
                    call = PythonCall(code=code, tables=tables, scratch=scratch, limits=limits)
                    with _disk_errors(scratch):
                        result = await self._executor.run(call)
                    budget = _Budget(call, result.elapsed_ms / 1000)
                    await finish_in_thread(_copy_files, result.files, budget, folder, stem, stored)
                    table = await self._store_table(result, budget, folder / f"{stem}.parquet", rows)
        except BaseException:
            for path in stored:
                path.unlink(missing_ok=True)
            raise
        files = tuple(f"{folder.name}/{path.name}" for path in stored)
        return ProgramResult(table, result.stdout, files, result.notes, result.elapsed_ms)

    async def _store_table(
        self, result: PythonResult, budget: "_Budget", target: Path, rows: int
    ) -> ResultTable | None:
        """The program's table as read from its file. Its rows are written to `target`."""
        call, table = budget.call, result.table
        if table is None:
            return None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as name:
            copy, adopted = Path(name) / "result.parquet", Path(name) / "adopted.parquet"
            file = table.file.relative_to(call.scratch).as_posix()
            await finish_in_thread(_copy_file, file, budget, copy)
            with _adoption_errors(call):
                found = await self._adopt(
                    copy,
                    adopted,
                    budget.seconds_left(),
                    cap=rows,
                    max_columns=python_results.MAX_COLUMNS,
                    max_bytes=_STORED_SIZE * call.limits.disk_bytes,
                )
            notes = [*_notes(table, [column["name"] for column in found["columns"]]), *found["notes"]][:_MAX_NOTES]
            adopted.replace(target)
        return ResultTable(
            columns=found["columns"],
            rows=found["rows"],
            row_count=found["row_count"],
            truncated=found["truncated"],
            file=f"{target.parent.name}/{target.name}",
            elapsed_ms=result.elapsed_ms,
            query=Query(mode="python", python=call.code),
            notes=tuple(notes),
        )


class _Budget:
    """The bytes and seconds left for storing a program's files. The seconds count towards the program's time limit."""

    def __init__(self, call: PythonCall, elapsed: float) -> None:
        self.call = call
        self._bytes = call.limits.disk_bytes
        self._deadline = time.monotonic() + call.limits.seconds - elapsed

    def spend(self, size: int) -> None:
        """Subtracts the size of a copied piece. Raises `PythonFailed` or `PythonTimeout` if a limit is exceeded."""
        self._bytes -= size
        if self._bytes < 0:
            raise python_results.limit_error(f"it wrote more than {self.call.limits.disk_bytes >> 20} MB of files")
        self.seconds_left()

    def seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise python_results.timeout_error(self.call)
        return left


@contextlib.contextmanager
def _disk_errors(scratch: Path) -> Generator[None]:
    """Raises `StorageFailed` if a program failed when the disk was full, because it may have failed for that reason."""
    try:
        yield
    except PythonFailed as error:
        if shutil.disk_usage(scratch).free >= _LEAST_FREE:
            raise
        message = "The disk is too full to run the program. Free some space, then try again."
        raise StorageFailed(message) from error


def _notes(table: PythonTable, names: list[str]) -> list[str]:
    """Notes on columns that the program's process says it changed. The sentences are always the engine's own."""
    said = {
        "values of mixed or unusual types are shown as text.": table.as_text,
        "NaN is shown as empty.": table.nan_as_null,
    }
    return [f"{names[i]}: {text}" for text, places in said.items() for i in dict.fromkeys(places) if i < len(names)]


@contextlib.contextmanager
def _adoption_errors(call: PythonCall) -> Generator[None]:
    """Reports an error in the program's file as an error of the program."""
    try:
        yield
    except QueryTimeout as error:
        raise python_results.timeout_error(call) from error
    except QueryOutOfMemory as error:
        message = "Reading result_df back needs more memory than is allowed. Return fewer rows, or aggregate first."
        raise PythonFailed(message) from error
    except (SqlInvalid, WorkerLost) as error:
        raise PythonFailed(UNREADABLE_RESULT) from error


@contextlib.asynccontextmanager
async def _new_scratch_folder(parent: Path) -> AsyncGenerator[Path]:
    """See `scratch_folder.new_scratch_folder`.

    The folder is removed in a thread, because a program may leave many or large files.
    """
    made = scratch_folder.new_scratch_folder(parent)
    folder = made.__enter__()
    try:
        yield folder
    finally:
        await finish_in_thread(made.__exit__, None, None, None)


def _copy_files(files: tuple[WrittenFile, ...], budget: _Budget, folder: Path, stem: str, stored: list[Path]) -> None:
    """Copies a program's files out of its scratch folder, each under an unused name, and adds them to `stored`."""
    taken = {path.name.lower() for path in folder.iterdir()}
    for written in files:
        plain = Path(f"{stem}_{written.name.replace('/', '_')}")
        target, count = folder / plain, 2
        while target.name.lower() in taken:  # a/b.csv and a_b.csv, or the file of an earlier program
            target, count = folder / f"{plain.stem}_{count}{plain.suffix}", count + 1
        taken.add(target.name.lower())
        stored.append(target)  # added before the copy, because half a file must be removed too
        _copy_file(written.name, budget, target)


def _copy_file(name: str, budget: _Budget, target: Path) -> None:
    """Copies one file. Raises `PythonFailed` if it is not a regular, readable file."""
    try:
        scratch_folder.copy_file(budget.call.scratch, name, target, budget.spend)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(target)):
            raise  # the copy failed, not the program
        message = f"{name} cannot be copied ({error.strerror or error}). Write regular files only."
        raise PythonFailed(message) from error


@contextlib.contextmanager
def _storage_errors() -> Generator[None]:
    """Converts an `OSError` from the disk to `StorageFailed`."""
    try:
        yield
    except OSError as error:
        reason = f"The files of the program cannot be stored ({error.strerror or error})"
        raise StorageFailed(f"{reason}. Check the disk, then try again.") from error
