"""What an executor of untrusted Python is asked, what it answers, and the test double that stands in for one.

An executor runs a program that a model wrote over tables of one workspace. It either confines the program or refuses
with `PythonUnavailable`; there is none that runs it bare.
"""

from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from cfo_kernel.replies import ResultColumn
from cfo_kernel.values import Value

ANSWER_FOLDER = ".answer"
"""The folder inside of the scratch folder where the answer is written; it does not count as a file of the program."""


class PythonLimits(Value):
    """What one program may take. `disk_bytes` counts what it writes, where that is told also what is removed."""

    seconds: float = Field(default=30, gt=0)
    memory_bytes: int = Field(default=2 << 30, ge=256 << 20)
    disk_bytes: int = Field(default=100 << 20, ge=1)
    files: int = Field(default=50, ge=1)
    threads: int = Field(default=16, ge=1)
    rows: int = Field(default=100, ge=0)
    stdout_chars: int = Field(default=8000, ge=0)
    answer_bytes: int = Field(default=4 << 20, ge=1)


class PythonCall(Value):
    """A program, the tables it may read (name to Parquet file), and an empty folder of its own to write in."""

    code: str
    tables: dict[str, Path]
    scratch: Path
    limits: PythonLimits = PythonLimits()


class WrittenFile(Value):
    """A regular file that the program left in its scratch folder; `name` is relative to it, with `/`."""

    name: str
    size: int


class PythonTable(Value):
    """`result_df`: its first rows as in `ResultTable`, the count of all, and all of them in the Parquet `file`.

    The file was written by the untrusted process: nothing but another worker process should open it.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int = Field(ge=0)
    truncated: bool
    file: Path
    notes: tuple[str, ...] = ()


class PythonResult(Value):
    """What a program that ended well gave. Without `result_df` there is no table, and stdout may say it all."""

    table: PythonTable | None = None
    stdout: str = ""
    files: tuple[WrittenFile, ...] = ()
    notes: tuple[str, ...] = ()
    elapsed_ms: float = 0


class PythonExecutor(Protocol):
    """Runs untrusted Python, each program in a fresh process; several at once if asked to."""

    async def run(self, call: PythonCall) -> PythonResult:
        """Runs the program to its end; when the awaiting task is cancelled, the program is killed.

        Raises `PythonFailed` (its `details` hold `stdout` and the `line`), `PythonTimeout`, `WorkerLost` where the
        process went astray, or `PythonUnavailable` where programs cannot be confined.
        """
        ...

    async def close(self) -> None:
        """Ends every process that the executor started."""
        ...


class ScriptedPythonExecutor:
    """The test double: answers each program with what it was given, and remembers what it was asked."""

    def __init__(self, *answers: PythonResult | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[PythonCall] = []

    async def run(self, call: PythonCall) -> PythonResult:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None
