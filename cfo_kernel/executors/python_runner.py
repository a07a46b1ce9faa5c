"""The code inside the confined process: runs one program, and writes its output to the scratch folder.

Once the program starts, this process belongs to it: nothing here is a defence, and the engine trusts none of it. The
defence is the confinement around the process (`confine`), and the checks that the engine makes when it reads the answer
(`python_results`).
"""

import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from cfo_kernel.executors import framing, python_frames
from cfo_kernel.executors.python_globals import ImportAdvice, ProgramGlobals

_PROGRAM = "<program>"
_MAX_ERROR_CHARS = 600


class CapturedOutput(io.TextIOBase):
    """Captures printed text: keeps the first characters and counts the rest."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._parts: list[str] = []
        self._kept = self._dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        part = text[: self._cap - self._kept]
        if part:
            self._parts.append(part)
            self._kept += len(part)
        self._dropped += len(text) - len(part)
        return len(text)

    def text(self) -> str:
        dropped = f"\n... {self._dropped} more characters were printed" if self._dropped else ""
        return "".join(self._parts) + dropped


def run(request: dict[str, Any], folder: Path) -> None:
    """Runs the program in `request`. Writes `answer.json` to `folder`, and `result.parquet` if there is a result."""
    stdout = CapturedOutput(request["stdout_chars"])
    os.environ.clear()
    os.environ.update({"TZ": "UTC", "HOME": str(Path.cwd()), "TMPDIR": str(Path.cwd())})
    tempfile.tempdir = None  # forget the folder that the zygote chose
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), stdout, stdout
    sys.argv, sys.path_importer_cache = [_PROGRAM], {}
    warnings.simplefilter("ignore")
    sys.modules["__main__"] = ModuleType("__main__")
    ImportAdvice().install()
    answer = _catch_errors(lambda: _answer(request, folder / "result.parquet"))
    answer["stdout"] = _encodable(stdout.text())
    (folder / "answer.json").write_text(json.dumps(answer, allow_nan=False))


def _answer(request: dict[str, Any], file: Path) -> dict[str, Any]:
    tables = {name: partial(python_frames.load, Path(path)) for name, path in request["tables"].items()}
    program_globals = ProgramGlobals(tables, {"__name__": "__main__", "pd": pd, "np": np})
    code = compile(request["code"], _PROGRAM, "exec", dont_inherit=True)
    _execute(code, program_globals)
    result = program_globals.get("result_df")
    return {"table": None if result is None else python_frames.store(result, file)}


def _execute(code: CodeType, program_globals: ProgramGlobals) -> None:
    """Runs the program. `sys.exit()` without an error counts as success."""
    try:
        exec(code, program_globals)  # noqa: S102 - the purpose of this process
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError(f"the program called sys.exit({end.code!r})") from None


def _catch_errors(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer, or the error that the program raised, with its line."""
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - the end of the program, whatever it raised
        return {"error": {"message": _error_message(error), "line": _line(error)}}


def _encodable(text: str) -> str:
    """The text without characters that UTF-8 cannot encode, such as unpaired surrogates."""
    return text.encode("utf-8", "replace").decode()


def _error_message(error: BaseException) -> str:
    """The last line of a traceback.

    The program may define the exception's class, so converting it to text may also raise.
    """
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - see above
        return kind
    return _encodable(f"{kind}: {text}"[:_MAX_ERROR_CHARS])


def _line(error: BaseException) -> int | None:
    """The number of the last line of the program in the error's traceback."""
    if isinstance(error, SyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        frame: FrameType = trace.tb_frame
        if frame.f_code.co_filename == _PROGRAM:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def main() -> None:
    """Runs the program on standard input, in a process that is confined from outside by a container."""
    if (request := framing.read(sys.stdin.buffer)) is not None:
        run(request["program"], Path(request["answer"]))
    os._exit(0)  # ends threads that the program left running
