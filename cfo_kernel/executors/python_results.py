"""Reads what a program left in its scratch folder, and trusts it only as far as it can be checked.

The answer is read after the process has ended, so that nothing changes meanwhile. A forged answer can do no more than
give a wrong result for the program that forged it: its shape and size are checked, and its Parquet file is not opened
here. While the program runs, the size of its folder is watched.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from cfo_kernel.errors import PythonFailed, PythonTimeout
from cfo_kernel.executors import scratch_folder
from cfo_kernel.executors.python_executor import ANSWER_FOLDER, PythonCall, PythonResult, PythonTable
from cfo_kernel.replies import ResultColumn
from cfo_kernel.values import Value

T = TypeVar("T")
_CHECK_SECONDS = 0.05
_PARQUET_MAGIC = b"PAR1"
_MAX_NOTES, _MAX_NOTE_CHARS = 50, 300
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""Characters in a program's output that could control a terminal, or could not be stored."""
_SIGNALS = {
    int(signal.SIGKILL): "It used more processor time or memory than it may. Work on fewer rows, or aggregate first.",
    int(signal.SIGSEGV): "It crashed, perhaps because a recursion went too deep. Use a loop.",
}


class _Error(Value):
    message: str
    line: int | None = None
    source: str = ""


class _Table(Value):
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    truncated: bool
    notes: tuple[str, ...]


class _Answer(Value):
    stdout: str
    error: _Error | None = None
    table: _Table | None = None


def program_request(call: PythonCall) -> dict[str, Any]:
    """The part of a call that the process itself needs."""
    limits = {name: getattr(call.limits, name) for name in ("rows", "stdout_chars", "answer_bytes")}
    return {"code": call.code, "tables": {name: str(path) for name, path in call.tables.items()}, **limits}


def read_result(call: PythonCall, status: int, elapsed_ms: float) -> PythonResult:
    """The result of a process that ended with this status. Raises `PythonFailed` if it left none."""
    if limit := scratch_folder.exceeded_limit(call.scratch, call.limits):
        raise limit_error(limit)
    if status:
        _raise_crash(status)
    answer = _read_answer(call)
    if answer.error:
        _raise_error(answer.error, answer.stdout, call)
    files, notes = scratch_folder.list_files(call.scratch, call.limits)
    return PythonResult(
        table=_checked_table(answer.table, answer.stdout, call) if answer.table else None,
        stdout=answer.stdout.translate(_CONTROLS),
        files=files,
        notes=notes,
        elapsed_ms=elapsed_ms,
    )


async def watch(work: Coroutine[Any, Any, T], call: PythonCall, written: Callable[[], int] = lambda: 0) -> T:
    """The result of `work`, which ends with the program. Meanwhile the scratch folder is checked again and again.

    The kernel limits the size of a file, but not of a folder. `written` is how much the program wrote in all, where
    that is known. Raises `PythonFailed` when the program exceeds a limit.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_CHECK_SECONDS))[0]:
            if limit := scratch_folder.exceeded_limit(call.scratch, call.limits, written()):
                raise limit_error(limit)
        return task.result()
    finally:
        task.cancel()
        # gather returns the task's cancellation as a value; one that is meant for the caller still raises.
        await asyncio.gather(task, return_exceptions=True)


def timeout_error(call: PythonCall) -> PythonTimeout:
    """The error of a program that was killed because its time was up."""
    message = f"The program took longer than {call.limits.seconds:g} s and was stopped. Work on fewer rows."
    return PythonTimeout(message)


def limit_error(limit: str) -> PythonFailed:
    """The error of a program that exceeded a limit of its scratch folder."""
    return _failure(f"The program was stopped: {limit}. Write less.")


def _read_answer(call: PythonCall) -> _Answer:
    try:
        with os.fdopen(scratch_folder.open_regular_file(call.scratch, f"{ANSWER_FOLDER}/answer.json"), "rb") as file:
            body = file.read(call.limits.answer_bytes + 1)
        if len(body) > call.limits.answer_bytes:
            raise ValueError("too long")
        values = json.loads(body, parse_constant=_refuse_constant)
        # JSON can name half of a surrogate pair, and 1e999 is read as infinity: neither could be stored or sent.
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
        answer = _Answer.model_validate(values)
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        message = (
            "The program left no readable result. Assign it to result_df, and let the program run to its last line."
        )
        raise _failure(message) from error
    if len(answer.stdout) > call.limits.stdout_chars + 100:
        raise _failure("The program printed more than it may. Print less.")
    return answer


def _checked_table(table: _Table, stdout: str, call: PythonCall) -> PythonTable:
    """The table of the answer. Raises `PythonFailed` if its parts contradict each other."""
    width, count = len(table.columns), len(table.rows)
    is_whole = table.row_count == count or (table.row_count > count == call.limits.rows)
    if not is_whole or any(len(row) != width for row in table.rows) or not _is_parquet(call):
        raise _failure("The program left a result whose parts do not match. Assign a DataFrame to result_df.", stdout)
    return PythonTable(
        columns=table.columns,
        rows=table.rows,
        row_count=table.row_count,
        truncated=table.row_count > count,
        file=call.scratch / ANSWER_FOLDER / "result.parquet",
        notes=tuple(note[:_MAX_NOTE_CHARS].translate(_CONTROLS) for note in table.notes[:_MAX_NOTES]),
    )


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
        raise _failure(f"The program did not run to its end. {_SIGNALS.get(-status) or _signal_message(-status)}")
    advice = "Assign the result to result_df, and do not exit."
    raise _failure(f"The program ended with status {status} before its result was read. {advice}")


def _signal_message(number: int) -> str:
    """The signal by name; real-time signals have none, and a container may end with any number."""
    try:
        return f"It crashed ({signal.Signals(number).name})."
    except ValueError:
        return f"It crashed (signal {number})."


def _raise_error(error: _Error, stdout: str, call: PythonCall) -> NoReturn:
    message = error.message[:800]
    if message.startswith("MemoryError"):
        message = f"It needs more memory than the {call.limits.memory_bytes >> 20} MB it may use. Aggregate first."
    line = f" (line {error.line}: {error.source.strip()[:200]})" if error.line else ""
    raise _failure(f"{message}{line}", stdout, error.line)


def _failure(message: str, stdout: str = "", line: int | None = None) -> PythonFailed:
    return PythonFailed(message.translate(_CONTROLS), stdout=stdout.translate(_CONTROLS), line=line)
