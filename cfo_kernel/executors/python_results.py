"""Reads the files that a program left in its scratch folder, and trusts only what can be checked.

The answer is read after the process has ended, so that it cannot change in the meantime. It contains the output, and
either an error or the positions of some columns. Its size is limited, so that parsing takes milliseconds whatever it
contains. The Parquet file is not opened here, and nothing that the program says about its table is trusted. While the
program runs, the size of its folder is watched.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import Field, ValidationError

from cfo_kernel.cancellation import cancel_and_wait
from cfo_kernel.errors import PythonFailed, PythonTimeout
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult, PythonTable
from cfo_kernel.values import Value

T = TypeVar("T")
_CHECK_SECONDS = 0.05
_PARQUET_MAGIC = b"PAR1"
_MAX_LINE = 1_000_000
_MAX_MESSAGE, _MAX_SOURCE = 800, 200
MAX_COLUMNS = 1000
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""Characters in a program's output that could control a terminal, or could not be stored."""
_SIGNALS = {
    int(signal.SIGKILL): "It exceeded its limit of processor time or memory. Work on fewer rows, or aggregate first.",
    int(signal.SIGSEGV): "It crashed, perhaps because it recursed too deeply. Use a loop.",
}


class _Error(Value):
    message: str
    line: Annotated[int, Field(ge=0, le=_MAX_LINE)] | None = None


_Positions = Annotated[tuple[Annotated[int, Field(ge=0, lt=MAX_COLUMNS)], ...], Field(max_length=MAX_COLUMNS)]


class _Table(Value):
    as_text: _Positions
    nan_as_null: _Positions


class _Answer(Value):
    stdout: str
    error: _Error | None = None
    table: _Table | None = None


def program_request(call: PythonCall) -> dict[str, Any]:
    """The part of a call that is sent to the process."""
    tables = {name: str(path) for name, path in call.tables.items()}
    return {"code": call.code, "tables": tables, "stdout_chars": call.limits.stdout_chars}


async def read_result(call: PythonCall, status: int, elapsed_ms: float) -> PythonResult:
    """The result of a process that ended with this status. Raises `PythonFailed` if it left no result."""
    return await asyncio.to_thread(_read_result, call, status, elapsed_ms)  # the disk may be slow


def _read_result(call: PythonCall, status: int, elapsed_ms: float) -> PythonResult:
    if limit := scratch_folder.exceeded_limit(call.scratch, call.limits):
        raise limit_error(limit)
    if status:
        _raise_crash(status)
    answer = _read_answer(call)
    if answer.error:
        _raise_error(answer.error, answer.stdout, call)
    files, notes = scratch_folder.list_files(call.scratch, call.limits)
    return PythonResult(
        table=_table(answer.table, answer.stdout, call) if answer.table else None,
        stdout=answer.stdout.translate(_CONTROLS),
        files=files,
        notes=notes,
        elapsed_ms=elapsed_ms,
    )


async def watch(work: Coroutine[Any, Any, T], call: PythonCall, written: Callable[[], int] = lambda: 0) -> T:
    """The result of `work`, which ends when the program does. Until then, the scratch folder is checked repeatedly.

    The kernel limits the size of a file, but not that of a folder. `written` returns the total number of bytes that the
    program has written, if known. Raises `PythonFailed` when the program exceeds a limit.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_CHECK_SECONDS))[0]:
            if limit := scratch_folder.exceeded_limit(call.scratch, call.limits, written()):
                raise limit_error(limit)
        return task.result()
    finally:
        await cancel_and_wait(task)


def timeout_error(call: PythonCall) -> PythonTimeout:
    """The error for a program that was killed because its time was up."""
    message = f"The program took longer than {call.limits.seconds:g} s and was stopped. Work on fewer rows."
    return PythonTimeout(message)


def limit_error(limit: str) -> PythonFailed:
    """The error for a program that exceeded a limit on its scratch folder."""
    return _failure(f"The program was stopped: {limit}. Write smaller or fewer files.")


def _read_answer(call: PythonCall) -> _Answer:
    try:
        with os.fdopen(scratch_folder.open_regular_file(call.scratch, f"{ANSWER_FOLDER}/answer.json"), "rb") as file:
            body = file.read(call.limits.answer_bytes + 1)
        if len(body) > call.limits.answer_bytes:
            raise ValueError("too long")
        values = json.loads(body, parse_constant=_refuse_constant)
        # JSON can contain unpaired surrogates, which could not be stored or sent.
        json.dumps(values, ensure_ascii=False).encode()
        answer = _Answer.model_validate(values)
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        message = (
            "The program left no readable result. Assign it to result_df, and let the program run to its last line."
        )
        raise _failure(message) from error
    if len(answer.stdout) > call.limits.stdout_chars + 100:
        raise _failure("The program printed too much. Print less.")
    return answer


def _table(table: _Table, stdout: str, call: PythonCall) -> PythonTable:
    """The table in the answer. Raises `PythonFailed` if its file is missing."""
    if not _is_parquet(call):
        raise _failure("The program left a result without its file. Assign a DataFrame to result_df.", stdout)
    file = call.scratch / ANSWER_FOLDER / "result.parquet"
    return PythonTable(file=file, as_text=table.as_text, nan_as_null=table.nan_as_null)


def _is_parquet(call: PythonCall) -> bool:
    try:
        with os.fdopen(scratch_folder.open_regular_file(call.scratch, f"{ANSWER_FOLDER}/result.parquet"), "rb") as file:
            start = file.read(len(_PARQUET_MAGIC))
            file.seek(-len(_PARQUET_MAGIC), os.SEEK_END)
            return start == file.read() == _PARQUET_MAGIC
    except OSError:
        return False


def _refuse_constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python's JSON parser accepts by default."""
    raise ValueError(f"{name} is not JSON")


def _raise_crash(status: int) -> NoReturn:
    if status < 0:
        raise _failure(f"The program did not finish. {_SIGNALS.get(-status) or _signal_message(-status)}")
    advice = "Assign the result to result_df, and do not exit."
    raise _failure(f"The program ended with status {status} before its result was read. {advice}")


def _signal_message(number: int) -> str:
    """The message for a signal, with its name if it has one.

    Real-time signals have no name, and a container may return any number.
    """
    try:
        return f"It crashed ({signal.Signals(number).name})."
    except ValueError:
        return f"It crashed (signal {number})."


def _raise_error(error: _Error, stdout: str, call: PythonCall) -> NoReturn:
    message = error.message[:_MAX_MESSAGE]
    if message.startswith("MemoryError"):
        message = f"It needs more memory than its limit of {call.limits.memory_bytes >> 20} MB. Aggregate first."
    lines = call.code.splitlines()
    source = lines[error.line - 1].strip()[:_MAX_SOURCE] if error.line and error.line <= len(lines) else ""
    line = f" (line {error.line}: {source})" if error.line else ""
    raise _failure(f"{message}{line}", stdout, error.line)


def _failure(message: str, stdout: str = "", line: int | None = None) -> PythonFailed:
    return PythonFailed(message.translate(_CONTROLS), stdout=stdout.translate(_CONTROLS), line=line)
