"""The protocol of executors for untrusted Python, with their input and output, and a test double.

An executor runs a program that a model wrote over tables of one workspace. It either confines the program or refuses
with `PythonUnavailable`; no executor runs a program unconfined.
"""

from pathlib import Path
from typing import Protocol

from pydantic import Field

from cfo_kernel.values import Value

ANSWER_FOLDER = ".answer"
"""The folder for the answer, inside the scratch folder. It does not count as one of the program's files."""


class PythonLimits(Value):
    """The resources that a program may use. Deleted files also count towards `disk_bytes` if the executor can see them.

    `answer_bytes` is just enough for the output and an error, even if every character is a JSON escape.
    """

    seconds: float = Field(default=30, gt=0)
    memory_bytes: int = Field(default=2 << 30, ge=256 << 20)
    disk_bytes: int = Field(default=100 << 20, ge=1)
    files: int = Field(default=50, ge=1)
    threads: int = Field(default=16, ge=1)
    stdout_chars: int = Field(default=8000, ge=0)
    answer_bytes: int = Field(default=256 << 10, ge=1)


class PythonCall(Value):
    """A program, the tables that it may read (name to Parquet file), and an empty folder that it may write to."""

    code: str
    tables: dict[str, Path]
    scratch: Path
    limits: PythonLimits = PythonLimits()


class WrittenFile(Value):
    """A regular file that the program left in its scratch folder. `name` is relative to that folder, with `/`."""

    name: str
    size: int


class PythonTable(Value):
    """`result_df` as a Parquet `file`, and the positions of the columns that had to be converted for it.

    The file was written by an untrusted process. Only another worker process should open it, and only that process's
    findings may be trusted.
    """

    file: Path
    as_text: tuple[int, ...] = ()
    nan_as_null: tuple[int, ...] = ()


class PythonResult(Value):
    """The output of a program that succeeded.

    Without a `result_df` there is no table. In that case, the output may be the answer.
    """

    table: PythonTable | None = None
    stdout: str = ""
    files: tuple[WrittenFile, ...] = ()
    notes: tuple[str, ...] = ()
    elapsed_ms: float = 0


class PythonExecutor(Protocol):
    """Runs untrusted Python: each program in a new process, several of them at the same time if requested."""

    async def run(self, call: PythonCall) -> PythonResult:
        """Runs the program until it ends. If the awaiting task is cancelled, the program is killed.

        Raises `PythonFailed` (its `details` contain `stdout` and the `line`), `PythonTimeout`, `WorkerLost` if the
        process was lost, or `PythonUnavailable` if programs cannot be confined here.
        """
        ...

    async def close(self) -> None:
        """Ends every process that the executor started."""
        ...


class ScriptedPythonExecutor:
    """A test double that returns prepared results in order, and records the calls."""

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
