"""What a program left in its scratch folder, believed only as far as it can be checked.

While it runs it is watched for how much it leaves. The answer is read once its process has ended, so that nothing
changes meanwhile. A forged answer is at most a
wrong result of the program that forged it: its shape and size are checked, and its Parquet file is not opened here.
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
_LOOK_SECONDS = 0.05
_MAGIC = b"PAR1"
_NOTES, _NOTE_CHARS = 50, 300
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""What could drive a terminal, or could not be stored, in the words of a program."""
_CRASHES = {
    int(signal.SIGKILL): "It used more processor time or memory than it may. Work on fewer rows, or aggregate first.",
    int(signal.SIGSEGV): "It crashed, perhaps by too deep a recursion. Use a loop.",
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
    """What the process needs to know of the call."""
    limits = call.limits
    shown = {name: getattr(limits, name) for name in ("rows", "stdout_chars", "answer_bytes")}
    return {"code": call.code, "tables": {name: str(path) for name, path in call.tables.items()}, **shown}


def read_result(call: PythonCall, status: int, elapsed_ms: float) -> PythonResult:
    """The result of a process that ended with this status; raises `PythonFailed` where it gave none."""
    if over := scratch_folder.exceeded_limit(call.scratch, call.limits):
        raise limit_error(over)
    if status:
        _crashed(status)
    answer = _checked(call)
    if answer.error:
        _failed(answer.error, answer.stdout, call)
    files, notes = scratch_folder.list_files(call.scratch, call.limits)
    return PythonResult(
        table=_table(answer.table, answer.stdout, call) if answer.table else None,
        stdout=answer.stdout.translate(_CONTROLS),
        files=files,
        notes=notes,
        elapsed_ms=elapsed_ms,
    )


async def watch(end: Coroutine[Any, Any, T], call: PythonCall, written: Callable[[], int] = lambda: 0) -> T:
    """What `end` gives; the program is looked at from time to time until then: no kernel limits a folder, only a file.

    `written` is how much the program wrote in all, where that is known. Raises `PythonFailed` when it is over a limit.
    """
    ending = asyncio.ensure_future(end)
    try:
        while not (await asyncio.wait({ending}, timeout=_LOOK_SECONDS))[0]:
            if over := scratch_folder.exceeded_limit(call.scratch, call.limits, written()):
                raise limit_error(over)
        return ending.result()
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)  # the caller's own cancellation comes through


def timeout_error(call: PythonCall) -> PythonTimeout:
    """The error of a program that was killed because its time was over."""
    message = f"The program took longer than {call.limits.seconds:g} s and was stopped. Work on fewer rows."
    return PythonTimeout(message)


def limit_error(excess: str) -> PythonFailed:
    """The error of a program that was over a limit of its scratch folder."""
    return _failure(f"The program was stopped: {excess}. Write less.")


def _checked(call: PythonCall) -> _Answer:
    try:
        with os.fdopen(scratch_folder.open_regular_file(call.scratch, f"{ANSWER_FOLDER}/answer.json"), "rb") as file:
            body = file.read(call.limits.answer_bytes + 1)
        if len(body) > call.limits.answer_bytes:
            raise ValueError("too long")
        values = json.loads(body, parse_constant=_no_constant)
        # half a character could not be stored or sent, nor what 1e999 is read as
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
        answer = _Answer.model_validate(values)
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        message = "The program left no result that can be read. Leave it in result_df, and end by the last line."
        raise _failure(message) from error
    if len(answer.stdout) > call.limits.stdout_chars + 100:
        raise _failure("The program left more output than it may. Print less.")
    return answer


def _table(table: _Table, stdout: str, call: PythonCall) -> PythonTable:
    width, count = len(table.columns), len(table.rows)
    whole = table.row_count == count or (table.row_count > count == call.limits.rows)
    if not whole or any(len(row) != width for row in table.rows) or not _is_parquet(call):
        raise _failure("The program left a result that does not fit together. Leave it in result_df.", stdout)
    return PythonTable(
        columns=table.columns,
        rows=table.rows,
        row_count=table.row_count,
        truncated=table.row_count > count,
        file=call.scratch / ANSWER_FOLDER / "result.parquet",
        notes=tuple(note[:_NOTE_CHARS].translate(_CONTROLS) for note in table.notes[:_NOTES]),
    )


def _is_parquet(call: PythonCall) -> bool:
    try:
        with os.fdopen(scratch_folder.open_regular_file(call.scratch, f"{ANSWER_FOLDER}/result.parquet"), "rb") as file:
            begins = file.read(len(_MAGIC))
            file.seek(-len(_MAGIC), os.SEEK_END)
            return begins == file.read() == _MAGIC
    except OSError:
        return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _crashed(status: int) -> NoReturn:
    if status < 0:
        raise _failure(f"The program did not come to its end. {_CRASHES.get(-status) or _signalled(-status)}")
    message = (
        f"The program ended with status {status} before its result was taken. Leave it in result_df, and do not exit."
    )
    raise _failure(message)


def _signalled(number: int) -> str:
    """Words about a signal; real-time signals have no name, and a container may end with any number."""
    try:
        return f"It crashed ({signal.Signals(number).name})."
    except ValueError:
        return f"It crashed (signal {number})."


def _failed(error: _Error, stdout: str, call: PythonCall) -> NoReturn:
    message = error.message[:800]
    if message.startswith("MemoryError"):
        message = f"It needs more memory than the {call.limits.memory_bytes >> 20} MB it may use. Aggregate first."
    where = f" (line {error.line}: {error.source.strip()[:200]})" if error.line else ""
    raise _failure(f"{message}{where}", stdout, error.line)


def _failure(message: str, stdout: str = "", line: int | None = None) -> PythonFailed:
    return PythonFailed(message.translate(_CONTROLS), stdout=stdout.translate(_CONTROLS), line=line)
